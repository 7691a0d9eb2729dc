/* SPDX-License-Identifier: Apache-2.0 */
#include "script/sandbox.h"

#include <lualib.h>

#include "script/handle.h"
#include "script/modules.h"

static int refuse_write(lua_State *L)
{
	return luaL_error(L, "%s is read-only", lua_tostring(L, lua_upvalueindex(1)));
}

static int library_pairs(lua_State *L)
{
	lua_getglobal(L, "next");
	lua_getmetatable(L, 1);
	lua_getfield(L, -1, "names");
	lua_remove(L, -2);
	/* A copy: what next() walks is in the script's hands. */
	lua_newtable(L);
	for (lua_pushnil(L); lua_next(L, -3);) {
		lua_pushvalue(L, -2);
		lua_insert(L, -2);
		lua_rawset(L, -4);
	}
	lua_remove(L, -2);
	return 2;
}

void sandbox_global(lua_State *L, const char *name)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &registry.builtins);
	lua_insert(L, -2);
	lua_setfield(L, -2, name);
	lua_pop(L, 1);
}

void sandbox_library(lua_State *L, const char *name)
{
	/* A userdata: rawset, next and the functions of table want tables. */
	lua_newuserdatauv(L, 0, 0);
	lua_createtable(L, 0, 6);
	lua_pushvalue(L, -3);
	lua_setfield(L, -2, "__index");
	lua_pushvalue(L, -3);
	lua_setfield(L, -2, "names");
	lua_pushstring(L, name);
	lua_pushcclosure(L, refuse_write, 1);
	lua_setfield(L, -2, "__newindex");
	lua_pushcfunction(L, library_pairs);
	lua_setfield(L, -2, "__pairs");
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	lua_pushstring(L, name);
	lua_setfield(L, -2, "__name");
	lua_setmetatable(L, -2);
	sandbox_global(L, name);
	lua_pop(L, 1);
}

static int charged(lua_State *L)
{
	size_t bytes = 0;

	for (int i = lua_gettop(L); i > 0; i--)
		if (lua_type(L, i) == LUA_TSTRING)
			bytes += lua_rawlen(L, i);
	budget_charge(L, 1 + bytes / 16);
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

void sandbox_charge(lua_State *L)
{
	int top = lua_gettop(L) + 3; /* with key, key and value */

	for (lua_pushnil(L); lua_next(L, -2);) {
		lua_pushvalue(L, -2);
		lua_insert(L, -2);
		/* One with upvalues would look for them in the wrong function. */
		if (lua_iscfunction(L, -1) && !lua_getupvalue(L, -1, 1))
			lua_pushcclosure(L, charged, 1);
		else if (lua_gettop(L) > top)
			lua_pop(L, 1);
		lua_rawset(L, -4);
	}
}

/* A global's first assignment; later ones don't come here. */
static int new_global(lua_State *L)
{
	if (lua_type(L, 2) == LUA_TSTRING) {
		lua_pushvalue(L, 2);
		if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
			return luaL_error(L, "%s is read-only", lua_tostring(L, 2));
		lua_pop(L, 1);
	}
	lua_rawset(L, 1);
	return 0;
}

static void make_environment(lua_State *L)
{
	lua_newtable(L);
	lua_createtable(L, 0, 3);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &registry.builtins);
	lua_pushvalue(L, -1);
	lua_setfield(L, -3, "__index");
	lua_pushcclosure(L, new_global, 1);
	lua_setfield(L, -2, "__newindex");
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	lua_pushvalue(L, -1);
	sandbox_global(L, "_G");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &registry.env);
}

/* env: the worker's vars, as a closed object. */
static void make_bindings(lua_State *L, const struct worker_conf *worker)
{
	lua_createtable(L, 0, (int)worker->var_count);
	for (size_t i = 0; i < worker->var_count; i++) {
		const struct worker_var *var = &worker->vars[i];

		if (var->type == VAR_TEXT)
			lua_pushstring(L, var->value);
		else if (var->type == VAR_BOOL)
			lua_pushboolean(L, var->number != 0);
		else if (var->number >= -0x1p53 && var->number <= 0x1p53 &&
			 var->number == (double)(int64_t)var->number)
			lua_pushinteger(L, (lua_Integer)var->number);
		else
			lua_pushnumber(L, var->number);
		lua_setfield(L, -2, var->name);
	}
	sandbox_library(L, "env");
	/* It is an argument of fetch, not a global. */
	lua_rawgetp(L, LUA_REGISTRYINDEX, &registry.builtins);
	lua_getfield(L, -1, "env");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &registry.bindings);
	lua_pushnil(L);
	lua_setfield(L, -2, "env");
	lua_pop(L, 1);
}

static void open_numbers(lua_State *L)
{
	luaL_requiref(L, "math", luaopen_math, 0);
	sandbox_charge(L);
	sandbox_library(L, "math");
	luaL_requiref(L, "utf8", luaopen_utf8, 0);
	sandbox_charge(L);
	sandbox_library(L, "utf8");
}

void sandbox_open(lua_State *L)
{
	lua_newtable(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &registry.builtins);
	base_open(L);
	coroutine_open(L);
	string_open(L);
	table_open(L);
	open_numbers(L);
	handle_init(L);
	request_open(L);
	headers_open(L);
	response_open(L);
	url_open(L);
	console_open(L);
	codec_open(L);
	json_open(L);
	msgpack_open(L);
	crypto_open(L);
	modules_open(L);
	make_bindings(L, state_of(L)->worker);
	make_environment(L);
}
