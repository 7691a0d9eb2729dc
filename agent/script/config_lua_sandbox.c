/* SPDX-License-Identifier: Apache-2.0 */
#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>

#include "core/config_file.h"
#include "script/config_lua_state.h"

#define SECRET_MAX 65536
#define SORT_MAX 1000000
/* What a pattern may cost at worst, in steps of the matcher: about a second. */
#define PATTERN_STEPS_MAX 1e8

/* There are no metatables, no coroutines and no way to load code: nothing runs but what is written. */
static const char *const base_names[] = { "assert", "error", "ipairs", "next", "pairs", "pcall",
					  "select", "tonumber", "tostring", "type", NULL };
static const char *const string_names[] = { "byte", "char", "format", "len", "lower", "reverse",
					    "sub", "upper", NULL };
static const char *const table_names[] = { "concat", "insert", "pack", "remove", "unpack", NULL };

static int l_env(lua_State *lua)
{
	const char *name = luaL_checkstring(lua, 1);
	const char *value = getenv(name);

	if (!value)
		return luaL_error(lua, "the environment variable \"%s\" is not set", name);
	lua_pushstring(lua, value);
	return 1;
}

/* Moves a malloc'd text into Lua without losing it when Lua has no memory left. */
static int push_text(lua_State *lua)
{
	const struct slice *text = lua_touserdata(lua, 1);

	lua_pushlstring(lua, (const char *)text->ptr, text->len);
	return 1;
}

static int l_secret(lua_State *lua)
{
	struct config_lua *run = config_lua_of(lua);
	const char *name = luaL_checkstring(lua, 1), *why;
	char *path = config_file_join(run->dir, name), *text;
	struct slice content;
	size_t len;
	enum err err = config_file_read(path, SECRET_MAX, &text, &len, &why);
	int failed;

	free(path);
	if (err)
		return luaL_error(lua, "the secret \"%s\" cannot be read: %s", name, why);
	len -= len && text[len - 1] == '\n';
	len -= len && text[len] == '\n' && text[len - 1] == '\r';
	content = slice_of(text, len);
	lua_pushcfunction(lua, push_text);
	lua_pushlightuserdata(lua, &content);
	failed = lua_pcall(lua, 1, 1, 0);
	explicit_bzero(text, len);
	free(text);
	return failed ? lua_error(lua) : 1;
}

static int l_unknown(lua_State *lua)
{
	return luaL_error(lua, "there is no \"%s\" here: a configuration has env, secret, include, "
			  "string, table, math and utf8", lua_tostring(lua, 2));
}

/*
 * The matcher backtracks, and no hook sees it: each quantifier may multiply its
 * work by the length. In plain text only the comparing counts.
 */
static void check_pattern(lua_State *lua, bool plain)
{
	size_t subject_len, len;
	const char *pattern;
	double steps;

	luaL_checklstring(lua, 1, &subject_len);
	pattern = luaL_checklstring(lua, 2, &len);
	steps = ((double)subject_len + 1) * ((double)len + 1);
	for (size_t i = 0; i < len && !plain; i++) {
		if (memchr("*+-", pattern[i], 3))
			steps *= (double)subject_len + 1;
		else if (pattern[i] == '?')
			steps *= 2;
	}
	if (steps > PATTERN_STEPS_MAX)
		luaL_error(lua, "this pattern could take too long on a text of %d bytes",
			   (int)subject_len);
}

/* The wrapped function is the first upvalue. */
static int call_wrapped(lua_State *lua)
{
	lua_pushvalue(lua, lua_upvalueindex(1));
	lua_insert(lua, 1);
	lua_call(lua, lua_gettop(lua) - 1, LUA_MULTRET);
	return lua_gettop(lua);
}

static int l_matching(lua_State *lua)
{
	check_pattern(lua, false);
	return call_wrapped(lua);
}

static int l_find(lua_State *lua)
{
	check_pattern(lua, lua_toboolean(lua, 4));
	return call_wrapped(lua);
}

static int l_sort(lua_State *lua)
{
	luaL_checktype(lua, 1, LUA_TTABLE);
	if (lua_rawlen(lua, 1) > SORT_MAX)
		return luaL_error(lua, "a list of more than %d items is not sorted here", SORT_MAX);
	return call_wrapped(lua);
}

/* Repeating nothing is a loop that no memory limit ends. */
static int l_rep(lua_State *lua)
{
	size_t len, separator_len = 0;

	luaL_checklstring(lua, 1, &len);
	luaL_optlstring(lua, 3, "", &separator_len);
	if (len + separator_len == 0) {
		lua_pushliteral(lua, "");
		return 1;
	}
	return call_wrapped(lua);
}

/* From the library on top of the stack to the table below it. */
static void copy_names(lua_State *lua, const char *const *names)
{
	for (; *names; names++) {
		lua_getfield(lua, -1, *names);
		lua_setfield(lua, -3, *names);
	}
}

static void wrap(lua_State *lua, const char *name, lua_CFunction function)
{
	lua_getfield(lua, -1, name);
	lua_pushcclosure(lua, function, 1);
	lua_setfield(lua, -3, name);
}

static void open_string(lua_State *lua)
{
	lua_newtable(lua);
	luaL_requiref(lua, LUA_STRLIBNAME, luaopen_string, 0);
	copy_names(lua, string_names);
	wrap(lua, "rep", l_rep);
	wrap(lua, "find", l_find);
	wrap(lua, "match", l_matching);
	wrap(lua, "gmatch", l_matching);
	wrap(lua, "gsub", l_matching);
	lua_pop(lua, 1);
	/* ("x"):upper() goes through the metatable of all texts. */
	lua_pushliteral(lua, "");
	lua_getmetatable(lua, -1);
	lua_pushvalue(lua, -3);
	lua_setfield(lua, -2, "__index");
	lua_pop(lua, 2);
	lua_setfield(lua, -2, LUA_STRLIBNAME);
}

static void open_rest(lua_State *lua)
{
	lua_newtable(lua);
	luaL_requiref(lua, LUA_TABLIBNAME, luaopen_table, 0);
	copy_names(lua, table_names);
	wrap(lua, "sort", l_sort);
	lua_pop(lua, 1);
	lua_setfield(lua, -2, LUA_TABLIBNAME);
	luaL_requiref(lua, LUA_MATHLIBNAME, luaopen_math, 0);
	/* What is read must be the same each time. */
	lua_pushnil(lua);
	lua_setfield(lua, -2, "random");
	lua_pushnil(lua);
	lua_setfield(lua, -2, "randomseed");
	lua_setfield(lua, -2, LUA_MATHLIBNAME);
	luaL_requiref(lua, LUA_UTF8LIBNAME, luaopen_utf8, 0);
	lua_setfield(lua, -2, LUA_UTF8LIBNAME);
}

void config_lua_open(struct config_lua *run)
{
	lua_State *lua = run->lua;

	lua_newtable(lua); /* what the chunks see as globals */
	luaL_requiref(lua, LUA_GNAME, luaopen_base, 0);
	copy_names(lua, base_names);
	lua_pop(lua, 1);
	open_string(lua);
	open_rest(lua);
	lua_pushcfunction(lua, l_env);
	lua_setfield(lua, -2, "env");
	lua_pushcfunction(lua, l_secret);
	lua_setfield(lua, -2, "secret");
	lua_pushcfunction(lua, config_lua_include);
	lua_setfield(lua, -2, "include");
	lua_newtable(lua);
	lua_pushcfunction(lua, l_unknown);
	lua_setfield(lua, -2, "__index");
	lua_setmetatable(lua, -2);
	/* Chunks get this table as _ENV when they are compiled. */
	lua_rawseti(lua, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
}
