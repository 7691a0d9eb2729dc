/* SPDX-License-Identifier: Apache-2.0 */
#include <lualib.h>

#include "script/sandbox.h"

/*
 * The base functions. pcall and xpcall are ours, since a call that is over
 * (time, memory) must not be caught; setmetatable is, since finalizers and
 * to-be-closed variables run where no hook looks.
 */
static int finish_pcall(lua_State *L, int status, lua_KContext extra)
{
	if (status != LUA_OK && status != LUA_YIELD) {
		budget_rethrow(L, status);
		lua_pushboolean(L, false);
		lua_insert(L, -2);
		return 2;
	}
	return lua_gettop(L) - (int)extra;
}

static int base_pcall(lua_State *L)
{
	luaL_checkany(L, 1);
	lua_pushboolean(L, true);
	lua_insert(L, 1);
	return finish_pcall(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish_pcall), 0);
}

/* Stands in front of a script's message handler: it is called from inside hooks too, where no
 * hook would stop it. */
static int guarded_handler(lua_State *L)
{
	if (state_of(L)->budget.fault)
		return 1;
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, 1);
	return 1;
}

static int base_xpcall(lua_State *L)
{
	int argc = lua_gettop(L) - 2;

	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_pushvalue(L, 2);
	lua_pushcclosure(L, guarded_handler, 1);
	lua_replace(L, 2);
	lua_pushboolean(L, true); /* handler at 2, then: true, f, arguments */
	lua_pushvalue(L, 1);
	lua_rotate(L, 3, 2);
	return finish_pcall(L, lua_pcallk(L, argc, LUA_MULTRET, 2, 2, finish_pcall), 2);
}

static void refuse_field(lua_State *L, const char *name)
{
	lua_pushstring(L, name);
	if (lua_rawget(L, 2) != LUA_TNIL)
		luaL_error(L, "%s is not available to workers", name);
	lua_pop(L, 1);
}

static int base_setmetatable(lua_State *L)
{
	int type = lua_type(L, 2);

	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
	if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
		return luaL_error(L, "this metatable cannot be changed");
	if (type == LUA_TTABLE) {
		refuse_field(L, "__gc");
		refuse_field(L, "__close");
	}
	lua_settop(L, 2);
	lua_setmetatable(L, 1);
	return 1;
}

/* The environment is the one table of a script that guards its names. */
static int base_rawset(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_checkany(L, 2);
	luaL_checkany(L, 3);
	lua_settop(L, 3);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &registry.env);
	if (lua_rawequal(L, 1, 4))
		return luaL_error(L, "rawset does not work on the environment");
	lua_settop(L, 3);
	lua_rawset(L, 1);
	return 1;
}

static void take_base(lua_State *L)
{
	static const char *const kept[] = { "assert", "error", "getmetatable", "ipairs", "next", "pairs",
					    "rawequal", "rawget", "rawlen", "select", "tostring", "type",
					    "_VERSION", NULL };

	for (const char *const *name = kept; *name; name++) {
		lua_getfield(L, -1, *name);
		sandbox_global(L, *name);
	}
}

static void take_tonumber(lua_State *L)
{
	lua_createtable(L, 0, 1);
	lua_getfield(L, -2, "tonumber");
	lua_setfield(L, -2, "tonumber");
	sandbox_charge(L);
	lua_getfield(L, -1, "tonumber");
	sandbox_global(L, "tonumber");
	lua_pop(L, 1);
}

void base_open(lua_State *L)
{
	static const luaL_Reg own[] = {
		{ "pcall", base_pcall }, { "xpcall", base_xpcall },
		{ "setmetatable", base_setmetatable }, { "rawset", base_rawset }, { NULL, NULL },
	};

	luaL_requiref(L, LUA_GNAME, luaopen_base, 0);
	take_base(L);
	take_tonumber(L);
	for (const luaL_Reg *reg = own; reg->name; reg++) {
		lua_pushcfunction(L, reg->func);
		sandbox_global(L, reg->name);
	}
	lua_pop(L, 1);
}
