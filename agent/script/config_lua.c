/* SPDX-License-Identifier: Apache-2.0 */
#include "script/config_lua.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/config_file.h"
#include "script/config_lua_state.h"

/* Instructions between two looks at the clock: few, since a single one may compare long texts. */
#define HOOK_INSTRUCTIONS 100
/* The largest single piece of memory: what one instruction can copy or compare stays short. */
#define PIECE_MAX ((size_t)256 << 20)
/* Pieces from this size on are a reason to look at the clock. */
#define PIECE_SLOW ((size_t)64 << 10)
/* The values that a configuration may have, in bytes. */
#define TREE_MAX ((size_t)256 << 20)

const struct config_lua_limits config_lua_limits = {
	.wall_ns = 5 * INT64_C(1000000000),
	.memory = (size_t)1 << 30,
};

struct config_lua *config_lua_of(lua_State *lua)
{
	void *run;

	lua_getallocf(lua, &run);
	return run;
}

static bool late(struct config_lua *run)
{
	run->timed_out |= clock_mono_ns() > run->deadline_ns;
	return run->timed_out;
}

static void *allocate(void *arg, void *ptr, size_t old, size_t wanted)
{
	struct config_lua *run = arg;
	size_t held = ptr ? old : 0; /* without ptr, old is a type */
	void *got;

	if (wanted == 0) {
		run->used -= held;
		free(ptr);
		return NULL;
	}
	if (wanted > held) {
		if (wanted > PIECE_MAX || wanted - held > run->limits.memory - run->used ||
		    (wanted >= PIECE_SLOW && late(run)))
			return NULL;
	}
	got = realloc(ptr, wanted);
	if (got)
		run->used = run->used - held + wanted;
	return got;
}

static void on_count(lua_State *lua, lua_Debug *debug)
{
	(void)debug;
	config_lua_check_time(config_lua_of(lua));
}

void config_lua_check_time(struct config_lua *run)
{
	if (!late(run))
		return;
	/* From now on at every instruction: whoever catches this error gets no further. */
	lua_sethook(run->lua, on_count, LUA_MASKCOUNT, 1);
	luaL_error(run->lua, "out of time");
}

/* "#N:LINE: words" to source and line; false when the message has no such front. */
static bool locate(const struct config_lua *run, const char *message, const char **file,
		   unsigned *line, const char **words)
{
	unsigned number, at;
	int used = 0;

	if (sscanf(message, "#%9u:%9u: %n", &number, &at, &used) < 2 || used == 0 ||
	    number >= run->source_count)
		return false;
	*file = run->sources[number]->name;
	*line = at;
	*words = message + used;
	return true;
}

void config_lua_fault(struct config_lua *run, const char *message)
{
	const char *file = run->path;
	unsigned line = 0;

	locate(run, message, &file, &line, &message);
	if (run->timed_out)
		diag_add(run->diag, DIAG_ERROR, file, line,
			 "a configuration is read in one go: look for a loop that doesn't end",
			 "it ran for more than %g s", (double)run->limits.wall_ns / 1e9);
	else if (strstr(message, "not enough memory"))
		diag_add(run->diag, DIAG_ERROR, file, line, NULL,
			 "it needed more memory than the %zu MiB that a configuration has",
			 run->limits.memory >> 20);
	else
		diag_add(run->diag, DIAG_ERROR, file, line, NULL, "%s", message);
}

const struct config_lua_source *config_lua_compile(struct config_lua *run, const char *name,
						   char *text, size_t len)
{
	struct config_lua_source *source = mem_new(sizeof(*source));
	struct slice copy = arena_copy(&run->doc->arena, slice_str(name));
	char chunk[32];

	*source = (struct config_lua_source){ copy.ptr ? (const char *)copy.ptr : "", text, len, NULL };
	run->sources = mem_grow(run->sources, (run->source_count + 1) * sizeof(*run->sources));
	run->sources[run->source_count] = source;
	snprintf(chunk, sizeof(chunk), "=#%zu", run->source_count++);
	if (luaL_loadbufferx(run->lua, text, len, chunk, "t")) {
		const char *message = lua_tostring(run->lua, -1);

		if (len && text[0] == LUA_SIGNATURE[0])
			message = "it is compiled Lua; only text is read";
		config_lua_fault(run, message ? message : "it could not be compiled");
		lua_pop(run->lua, 1);
		return NULL;
	}
	source->lines = lua_lines_new(slice_of(text, len), source->name, run->diag);
	return source;
}

/* All of a run that can raise Lua errors. */
static int run_protected(lua_State *lua)
{
	struct config_lua *run = config_lua_of(lua);
	const struct config_lua_source *source;

	luaL_checkstack(lua, 100, NULL);
	config_lua_open(run);
	source = config_lua_compile(run, run->path, mem_dup(run->main), run->main.len);
	if (!source)
		return 0;
	lua_call(lua, 0, 1);
	if (!lua_istable(lua, -1)) {
		diag_add(run->diag, DIAG_ERROR, source->name, lua_lines_return(source->lines),
			 "end it with return { … }", "it must return a table, not %s",
			 lua_isnil(lua, -1) ? "nothing" : luaL_typename(lua, -1));
		return 0;
	}
	config_lua_copy(run, source);
	return 0;
}

static void run_state(struct config_lua *run)
{
	run->lua = lua_newstate(allocate, run);
	if (!run->lua) {
		config_lua_fault(run, "Lua could not start");
		return;
	}
	lua_sethook(run->lua, on_count, LUA_MASKCOUNT, HOOK_INSTRUCTIONS);
	lua_pushcfunction(run->lua, run_protected);
	if (lua_pcall(run->lua, 0, 0, 0)) {
		char other[80];
		const char *message = lua_type(run->lua, -1) == LUA_TSTRING ?
					      lua_tostring(run->lua, -1) : NULL;

		snprintf(other, sizeof(other), "it raised %s as an error",
			 luaL_typename(run->lua, -1));
		config_lua_fault(run, message ? message : other);
	}
	lua_close(run->lua);
}

static void free_sources(struct config_lua *run)
{
	for (size_t i = 0; i < run->source_count; i++) {
		struct config_lua_source *source = run->sources[i];

		lua_lines_free(source->lines);
		free(source->text);
		free(source);
	}
	free(run->sources);
}

enum err config_lua_run(struct slice source, const char *path,
			const struct config_lua_limits *limits, struct diag_list *diag,
			struct tree_doc **out)
{
	size_t errors = diag->errors;
	struct config_lua run = {
		.limits = *limits,
		.deadline_ns = clock_mono_ns() + limits->wall_ns,
		.diag = diag,
		.path = path,
		.main = source,
		.dir = config_file_dir(path),
		.doc = tree_doc_new(TREE_MAX),
	};

	arena_init(&run.origins, TREE_MAX);
	run_state(&run);
	free_sources(&run);
	arena_fini(&run.origins);
	free(run.dir);
	*out = run.doc;
	if (diag->errors == errors)
		return ERR_OK;
	tree_doc_free(run.doc);
	*out = NULL;
	return ERR_CONFIG;
}

enum err config_lua_read(const char *path, struct diag_list *diag, struct tree_doc **out)
{
	const char *why;
	char *text;
	size_t len;
	enum err err;

	*out = NULL;
	if (config_file_read(path, CONFIG_LUA_SOURCE_MAX, &text, &len, &why)) {
		diag_add(diag, DIAG_ERROR, path, 0, NULL, "the configuration cannot be read: %s", why);
		return ERR_CONFIG;
	}
	err = config_lua_run(slice_of(text, len), path, &config_lua_limits, diag, out);
	free(text);
	return err;
}
