/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/log.h"
#include "script/sandbox.h"

/* console.log and the like: lines in the agent's log, so many a second and worker. */
#define LINES_A_SECOND 100
#define LINE_BYTES 2048

static bool may_log(struct state *state)
{
	int64_t now = clock_mono_ns();

	if (now - state->log_window_ns >= 1000000000) {
		if (state->log_dropped)
			log_warning("worker %s: %u console lines were dropped; at most %d a second are kept",
				    state->worker->name, state->log_dropped, LINES_A_SECOND);
		state->log_window_ns = now;
		state->log_lines = state->log_dropped = 0;
	}
	if (state->log_lines < LINES_A_SECOND) {
		state->log_lines++;
		return true;
	}
	state->log_dropped++;
	return false;
}

static void write_line(enum log_level level, const char *worker, struct slice line)
{
	line = slice_sub(line, 0, LINE_BYTES);
	switch (level) {
	case LOG_LEVEL_ERROR:
		log_error("worker %s: %.*s", worker, SLICE_FMT(line));
		break;
	case LOG_LEVEL_WARNING:
		log_warning("worker %s: %.*s", worker, SLICE_FMT(line));
		break;
	case LOG_LEVEL_INFO:
		log_info("worker %s: %.*s", worker, SLICE_FMT(line));
		break;
	case LOG_LEVEL_DEBUG:
		log_debug("worker %s: %.*s", worker, SLICE_FMT(line));
		break;
	}
}

/* Upvalue 1: the level. */
static int console_write(lua_State *L)
{
	enum log_level level = (enum log_level)lua_tointeger(L, lua_upvalueindex(1));
	int count = lua_gettop(L);
	struct slice line;
	luaL_Buffer b;

	/* A line costs a system call. */
	budget_charge(L, BUDGET_STEPS / 4);
	if (!may_log(state_of(L)))
		return 0;
	luaL_buffinit(L, &b);
	for (int i = 1; i <= count; i++) {
		if (i > 1)
			luaL_addchar(&b, ' ');
		luaL_tolstring(L, i, NULL);
		luaL_addvalue(&b);
	}
	luaL_pushresult(&b);
	line.ptr = (const uint8_t *)lua_tolstring(L, -1, &line.len);
	write_line(level, state_of(L)->worker->name, line);
	return 0;
}

void console_open(lua_State *L)
{
	static const struct {
		const char *name;
		enum log_level level;
	} functions[] = {
		{ "log", LOG_LEVEL_INFO },	{ "info", LOG_LEVEL_INFO },
		{ "warn", LOG_LEVEL_WARNING },	{ "error", LOG_LEVEL_ERROR },
		{ "debug", LOG_LEVEL_DEBUG },
	};

	lua_createtable(L, 0, 5);
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		lua_pushinteger(L, functions[i].level);
		lua_pushcclosure(L, console_write, 1);
		lua_setfield(L, -2, functions[i].name);
	}
	lua_getfield(L, -1, "log");
	sandbox_global(L, "print");
	sandbox_library(L, "console");
}
