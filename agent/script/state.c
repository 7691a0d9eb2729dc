/* SPDX-License-Identifier: Apache-2.0 */
#include "script/state.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "script/modules.h"
#include "script/result.h"
#include "script/sandbox.h"
#include "script/task.h"

const struct registry_keys registry;

/* The part of the cap that one piece may have: what one instruction can copy, compare or clear stays short. */
#define BLOCK_PART 4

static void *allocate(void *arg, void *ptr, size_t old, size_t wanted)
{
	struct state *state = arg;
	size_t held = ptr ? old : 0; /* without ptr, old is a type */
	void *got;

	if (wanted == 0) {
		state->memory -= held;
		free(ptr);
		return NULL;
	}
	if (wanted > held &&
	    (wanted > state->block_max || wanted - held > state->memory_max - state->memory)) {
		/* Lua now collects everything and asks again, which takes time. */
		budget_hurry(state);
		return NULL;
	}
	got = realloc(ptr, wanted);
	if (!got)
		return NULL;
	state->memory = state->memory - held + wanted;
	state->budget.bytes -= (int64_t)wanted;
	if (state->budget.bytes < 0)
		budget_hurry(state);
	return got;
}

void state_place(lua_State *L, char place[PLACE_MAX])
{
	lua_Debug at;

	place[0] = '\0';
	for (int level = 0; lua_getstack(L, level, &at); level++) {
		lua_getinfo(L, "Sl", &at);
		if (at.currentline > 0) {
			snprintf(place, PLACE_MAX, "%s:%d", at.short_src, at.currentline);
			return;
		}
	}
}

static int on_error(lua_State *L)
{
	struct state *state = state_of(L);

	if (!state->budget.fault)
		result_describe(L, LUA_ERRRUN, state->fault_place, state->fault_text);
	return 1;
}

int state_enter(struct state *state, lua_CFunction fn, void *arg)
{
	lua_State *L = state->L;
	int status;

	lua_settop(L, 0);
	lua_pushcfunction(L, on_error);
	lua_pushcfunction(L, fn);
	lua_pushlightuserdata(L, arg);
	status = lua_pcall(L, 1, 0, 1);
	if (status == LUA_ERRMEM && !state->budget.fault) {
		state->fault_place[0] = '\0';
		snprintf(state->fault_text, sizeof(state->fault_text),
			 "the worker's memory is used up (%zu bytes)", state->memory_max);
	}
	return status;
}

static int open_sandbox(lua_State *L)
{
	struct state *state = state_of(L);

	atoms_init(&state->atoms, L);
	lua_newtable(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &registry.names);
	lua_newtable(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &registry.tasks);
	sandbox_open(L);
	/* Little garbage is made for each request, so that collecting seldom costs least. */
	lua_gc(L, LUA_GCINC, 400, 200, 13);
	return 0;
}

/* Runs the script's top level and keeps the function that it is about. */
static int load_worker(lua_State *L)
{
	struct state *state = state_of(L);

	module_load(L, slice_of(state->worker->source, state->worker->source_len), state->chunk);
	lua_call(L, 0, 1);
	if (lua_type(L, -1) != LUA_TTABLE)
		return luaL_error(L, "a worker must return a table with a function fetch, not %s",
				  lua_isnil(L, -1) ? "nothing" : luaL_typename(L, -1));
	lua_pushliteral(L, "scheduled");
	if (lua_rawget(L, -2) != LUA_TNIL && lua_type(L, -1) != LUA_TFUNCTION)
		return luaL_error(L, "scheduled is a %s, not a function", luaL_typename(L, -1));
	lua_pushliteral(L, "fetch");
	if (lua_rawget(L, -3) != LUA_TFUNCTION)
		return luaL_error(L, "the table that a worker returns must have a function fetch");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &registry.fetch);
	return 0;
}

/* Names in messages are relative to the configuration, as they are written there. */
static void name_chunk(struct state *state)
{
	const char *file = state->config->file, *script = state->worker->script;
	const char *slash = file ? strrchr(file, '/') : NULL;
	size_t folder = slash ? (size_t)(slash - file) + 1 : 0, len;

	if (folder && !strncmp(file, script, folder))
		script += folder;
	len = strlen(script);
	if (len > CHUNK_NAME_MAX)
		snprintf(state->chunk, sizeof(state->chunk), "...%s",
			 script + len - (CHUNK_NAME_MAX - 3));
	else
		memcpy(state->chunk, script, len + 1);
}

static void report(const struct state *state, struct diag_list *diag)
{
	const char *script = state->worker->script;
	const char *colon = strrchr(state->fault_place, ':');
	size_t whole = strlen(script), part = strlen(state->chunk);
	struct slice name = slice_of(state->fault_place, colon ? (size_t)(colon - state->fault_place) : 0);
	size_t folder = part <= whole && !strcmp(script + whole - part, state->chunk) ? whole - part : 0;
	char file[4096];

	if (name.len == 0 || name.ptr[0] == '.')
		snprintf(file, sizeof(file), "%s", script);
	else
		snprintf(file, sizeof(file), "%.*s%.*s", (int)folder, script, SLICE_FMT(name));
	diag_add(diag, DIAG_ERROR, file, colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0, NULL,
		 "worker %s: %s", state->worker->name, state->fault_text);
}

static bool load(struct state *state, int64_t load_ns)
{
	int status;

	if (state_enter(state, open_sandbox, NULL))
		return false;
	state->loading = true;
	state->budget = (struct budget){ .cpu_limit_ns = load_ns };
	budget_start(state, state->L);
	status = state_enter(state, load_worker, NULL);
	lua_sethook(state->L, NULL, 0, 0);
	state->running = NULL;
	state->loading = false;
	lua_settop(state->L, 0);
	return status == LUA_OK;
}

struct state *state_open(const struct config *config, const struct worker_conf *worker,
			 int64_t load_ns, struct diag_list *diag)
{
	struct state *state = mem_new(sizeof(*state));

	state->config = config;
	state->worker = worker;
	state->memory_max = config->limits.worker_memory;
	state->block_max = state->memory_max / BLOCK_PART;
	state->ready_tail = &state->ready;
	state->tag = TAG_NONE;
	name_chunk(state);
	state->L = lua_newstate(allocate, state);
	if (!state->L) {
		diag_add(diag, DIAG_ERROR, worker->script, 0, "raise limits.worker_memory",
			 "worker %s: %zu bytes of memory are not enough to start", worker->name,
			 state->memory_max);
		state_close(state);
		return NULL;
	}
	*(struct state **)lua_getextraspace(state->L) = state;
	if (!load(state, load_ns)) {
		report(state, diag);
		state_close(state);
		return NULL;
	}
	return state;
}

void state_close(struct state *state)
{
	if (!state)
		return;
	if (state->L)
		lua_close(state->L);
	for (size_t i = 0; i < NAME_SLOTS; i++)
		free((void *)(uintptr_t)state->names[i].name.ptr);
	tasks_free(state);
	free(state);
}
