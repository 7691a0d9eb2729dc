/* SPDX-License-Identifier: Apache-2.0 */
#include <glob.h>
#include <lauxlib.h>
#include <stdlib.h>

#include "base/buf.h"
#include "core/config_file.h"
#include "script/config_lua_state.h"

/* Registry keys: their addresses are what counts. */
static const char key_origins, table_origins;

/* Pushes the registry table at `where`, making it when it isn't there. */
static void push_registry(lua_State *lua, const char *where)
{
	if (lua_rawgetp(lua, LUA_REGISTRYINDEX, where) == LUA_TTABLE)
		return;
	lua_pop(lua, 1);
	lua_newtable(lua);
	lua_pushvalue(lua, -1);
	lua_rawsetp(lua, LUA_REGISTRYINDEX, where);
}

static const struct config_lua_origin *pop_origin(lua_State *lua, int extra)
{
	const struct config_lua_origin *origin = lua_touserdata(lua, -1);

	lua_pop(lua, 1 + extra);
	return origin;
}

const struct config_lua_origin *config_lua_key_origin(struct config_lua *run, int table, int key)
{
	lua_State *lua = run->lua;

	table = lua_absindex(lua, table);
	key = lua_absindex(lua, key);
	push_registry(lua, &key_origins);
	lua_pushvalue(lua, table);
	if (lua_rawget(lua, -2) != LUA_TTABLE) {
		lua_pop(lua, 2);
		return NULL;
	}
	lua_pushvalue(lua, key);
	lua_rawget(lua, -2);
	return pop_origin(lua, 2);
}

const struct config_lua_origin *config_lua_table_origin(struct config_lua *run, int table)
{
	lua_State *lua = run->lua;

	table = lua_absindex(lua, table);
	push_registry(lua, &table_origins);
	lua_pushvalue(lua, table);
	lua_rawget(lua, -2);
	return pop_origin(lua, 1);
}

void config_lua_note(struct config_lua *run, int merged, int key, int value,
		     const struct config_lua_origin *origin)
{
	lua_State *lua = run->lua;

	push_registry(lua, &key_origins);
	lua_pushvalue(lua, merged);
	if (lua_rawget(lua, -2) != LUA_TTABLE) {
		lua_pop(lua, 1);
		lua_newtable(lua);
		lua_pushvalue(lua, merged);
		lua_pushvalue(lua, -2);
		lua_rawset(lua, -4);
	}
	lua_pushvalue(lua, key);
	lua_pushlightuserdata(lua, (void *)(uintptr_t)origin);
	lua_rawset(lua, -3);
	lua_pop(lua, 2);
	if (!lua_istable(lua, value))
		return;
	push_registry(lua, &table_origins);
	lua_pushvalue(lua, value);
	lua_pushlightuserdata(lua, (void *)(uintptr_t)origin);
	lua_rawset(lua, -3);
	lua_pop(lua, 1);
}

static unsigned line_of(const struct config_lua_origin *origin)
{
	return origin->field ? origin->field->line : lua_lines_return(origin->source->lines);
}

static void fault_twice(struct config_lua *run, const char *key,
			const struct config_lua_origin *first,
			const struct config_lua_origin *again)
{
	diag_add(run->diag, DIAG_ERROR, again->source->name, line_of(again), NULL,
		 "the key \"%s\" is given twice, first in %s:%u", key, first->source->name,
		 line_of(first));
}

/* key and value are on top of the stack; both stay. */
static void merge_member(struct config_lua *run, const struct config_lua_source *source, int merged)
{
	lua_State *lua = run->lua;
	int key = lua_gettop(lua) - 1, value = lua_gettop(lua);
	const struct config_lua_origin *inner = config_lua_key_origin(run, value - 2, key), *first;
	struct config_lua_origin *origin = arena_zero(&run->origins, sizeof(*origin));
	struct slice name;

	if (!origin) {
		luaL_error(lua, "too many keys are included");
		return;
	}
	name.ptr = (const uint8_t *)lua_tolstring(lua, key, &name.len);
	origin->source = source;
	origin->field = lua_lines_key(lua_lines_root(source->lines), name);
	if (inner)
		*origin = *inner;
	first = config_lua_key_origin(run, merged, key);
	if (first) {
		fault_twice(run, (const char *)name.ptr, first, origin);
		return;
	}
	lua_pushvalue(lua, key);
	lua_pushvalue(lua, value);
	lua_rawset(lua, merged);
	config_lua_note(run, merged, key, value, origin);
}

/* The table that the file returned is on top of the stack. */
static void merge(struct config_lua *run, const struct config_lua_source *source, int merged)
{
	lua_State *lua = run->lua;
	int table = lua_gettop(lua);

	for (lua_pushnil(lua); lua_next(lua, table); lua_pop(lua, 1)) {
		if (lua_type(lua, -2) != LUA_TSTRING) {
			diag_add(run->diag, DIAG_ERROR, source->name,
				 lua_lines_return(source->lines), NULL,
				 "an included file must return named members, not a list");
			lua_pop(lua, 2);
			return;
		}
		merge_member(run, source, merged);
	}
}

static void include_file(struct config_lua *run, const char *path, int merged)
{
	lua_State *lua = run->lua;
	const struct config_lua_source *source;
	const char *why;
	char *text;
	size_t len;

	if (config_file_read(path, CONFIG_LUA_SOURCE_MAX, &text, &len, &why)) {
		diag_add(run->diag, DIAG_ERROR, path, 0, NULL, "it cannot be read: %s", why);
		return;
	}
	source = config_lua_compile(run, path, text, len);
	if (!source)
		return;
	lua_call(lua, 0, 1);
	if (lua_istable(lua, -1))
		merge(run, source, merged);
	else
		diag_add(run->diag, DIAG_ERROR, source->name, lua_lines_return(source->lines),
			 "end it with return { … }", "an included file must return a table, not %s",
			 lua_isnil(lua, -1) ? "nothing" : luaL_typename(lua, -1));
	lua_pop(lua, 1);
}

/* The pattern with the folder put before it, whose own characters stand for themselves. */
static char *glob_pattern(const struct config_lua *run, const char *pattern)
{
	struct buf b = buf_capped(0);
	char *joined;

	for (const char *p = run->dir; *p; p++) {
		if (strchr("*?[\\", *p))
			buf_u8(&b, '\\');
		buf_u8(&b, (uint8_t)*p);
	}
	buf_u8(&b, 0);
	joined = config_file_join((const char *)b.ptr, pattern);
	buf_fini(&b);
	return joined;
}

/* A list of the matching paths as a Lua table on the stack, sorted; returns how many. */
static int list_paths(lua_State *lua)
{
	const glob_t *found = lua_touserdata(lua, 1);

	lua_createtable(lua, 0, 0);
	for (size_t i = 0; i < found->gl_pathc; i++) {
		lua_pushstring(lua, found->gl_pathv[i]);
		lua_rawseti(lua, -2, (lua_Integer)i + 1);
	}
	return 1;
}

static void push_paths(struct config_lua *run, const char *pattern)
{
	lua_State *lua = run->lua;
	char *full = glob_pattern(run, pattern);
	glob_t found = { 0 };
	int failed = glob(full, 0, NULL, &found);

	free(full);
	if (failed && failed != GLOB_NOMATCH)
		luaL_error(lua, "include \"%s\": the folder cannot be read", pattern);
	lua_pushcfunction(lua, list_paths);
	lua_pushlightuserdata(lua, &found);
	failed = lua_pcall(lua, 1, 1, 0);
	globfree(&found);
	if (failed)
		lua_error(lua);
}

int config_lua_include(lua_State *lua)
{
	struct config_lua *run = config_lua_of(lua);
	const char *pattern = luaL_checkstring(lua, 1);
	const char *name = strrchr(pattern, '/') ? strrchr(pattern, '/') + 1 : pattern;
	int merged, paths;

	lua_settop(lua, 1);
	if (strcspn(pattern, "*?[\\") < (size_t)(name - pattern))
		return luaL_error(lua, "include \"%s\": only the file name may hold * and ?", pattern);
	if (++run->include_depth > CONFIG_LUA_INCLUDE_DEPTH)
		return luaL_error(lua, "include \"%s\": files include each other too deeply", pattern);
	luaL_checkstack(lua, 40, NULL);
	lua_newtable(lua);
	merged = lua_gettop(lua);
	push_paths(run, pattern);
	paths = lua_gettop(lua);
	if (lua_rawlen(lua, paths) == 0 && !strpbrk(name, "*?["))
		return luaL_error(lua, "include \"%s\": there is no such file", pattern);
	for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(lua, paths); i++) {
		config_lua_check_time(run);
		lua_rawgeti(lua, paths, i);
		include_file(run, lua_tostring(lua, -1), merged);
		lua_settop(lua, paths);
	}
	run->include_depth--;
	lua_settop(lua, merged);
	return 1;
}
