/* SPDX-License-Identifier: Apache-2.0 */
#include "script/sandbox.h"

/*
 * The table library, over the tables themselves: no metamethod says how long
 * one is or what it holds, so that no loop is longer than memory, and each is
 * charged. Sorting is a heap sort, which ends whatever the order function says.
 */
static lua_Integer length(lua_State *L, int arg)
{
	luaL_checktype(L, arg, LUA_TTABLE);
	return (lua_Integer)lua_rawlen(L, arg);
}

static int table_insert(lua_State *L)
{
	lua_Integer end = length(L, 1) + 1, at = end;

	switch (lua_gettop(L)) {
	case 2:
		break;
	case 3:
		at = luaL_checkinteger(L, 2);
		luaL_argcheck(L, at >= 1 && at <= end, 2, "position out of bounds");
		budget_charge(L, (size_t)(end - at));
		for (lua_Integer i = end; i > at; i--) {
			lua_rawgeti(L, 1, i - 1);
			lua_rawseti(L, 1, i);
		}
		break;
	default:
		return luaL_error(L, "wrong number of arguments to 'insert'");
	}
	lua_rawseti(L, 1, at);
	return 0;
}

static int table_remove(lua_State *L)
{
	lua_Integer size = length(L, 1), at = luaL_optinteger(L, 2, size);

	if (lua_gettop(L) > 1)
		luaL_argcheck(L, at == size || (at >= 1 && at <= size + 1), 2,
			      "position out of bounds");
	lua_rawgeti(L, 1, at);
	budget_charge(L, at < size ? (size_t)(size - at) : 0);
	for (; at < size; at++) {
		lua_rawgeti(L, 1, at + 1);
		lua_rawseti(L, 1, at);
	}
	lua_pushnil(L);
	lua_rawseti(L, 1, at);
	return 1;
}

/* How many items from..to are; raises when no table could hold them. */
static lua_Integer span(lua_State *L, lua_Integer from, lua_Integer to)
{
	lua_Integer most = (lua_Integer)state_of(L)->memory_max;

	if (from > to)
		return 0;
	if (from < -most || to > most || to - from >= most)
		luaL_error(L, "too many items");
	return to - from + 1;
}

static int table_move(lua_State *L)
{
	lua_Integer from = luaL_checkinteger(L, 2), to = luaL_checkinteger(L, 3);
	lua_Integer at = luaL_checkinteger(L, 4), count = span(L, from, to);
	int target = lua_isnoneornil(L, 5) ? 1 : 5;

	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_checktype(L, target, LUA_TTABLE);
	for (lua_Integer i = 0; i < count; i++) {
		bool backwards = target == 1 && at > from && at <= to;
		lua_Integer item = backwards ? count - 1 - i : i;

		budget_charge(L, 1);
		lua_rawgeti(L, 1, from + item);
		lua_rawseti(L, target, (lua_Integer)((lua_Unsigned)at + (lua_Unsigned)item));
	}
	lua_pushvalue(L, target);
	return 1;
}

static int table_concat(lua_State *L)
{
	lua_Integer size = length(L, 1), from = luaL_optinteger(L, 3, 1);
	lua_Integer to = luaL_optinteger(L, 4, size);
	size_t len;
	const char *separator = luaL_optlstring(L, 2, "", &len);
	luaL_Buffer b;

	span(L, from, to);
	luaL_buffinit(L, &b);
	for (; from <= to; from++) {
		budget_charge(L, 1 + len / 16);
		if (lua_rawgeti(L, 1, from) != LUA_TSTRING && lua_type(L, -1) != LUA_TNUMBER)
			return luaL_error(L, "invalid value (at index %I) in table for 'concat'",
					  (LUAI_UACINT)from);
		luaL_addvalue(&b);
		if (from < to)
			luaL_addlstring(&b, separator, len);
	}
	luaL_pushresult(&b);
	return 1;
}

static int table_pack(lua_State *L)
{
	int count = lua_gettop(L);

	budget_charge(L, (size_t)count);
	lua_createtable(L, count, 1);
	lua_insert(L, 1);
	for (int i = count; i > 0; i--)
		lua_rawseti(L, 1, i);
	lua_pushinteger(L, count);
	lua_setfield(L, 1, "n");
	return 1;
}

static int table_unpack(lua_State *L)
{
	lua_Integer from = luaL_optinteger(L, 2, 1), count;

	luaL_checktype(L, 1, LUA_TTABLE);
	count = span(L, from, luaL_optinteger(L, 3, (lua_Integer)lua_rawlen(L, 1)));
	budget_charge(L, (size_t)count);
	if (count > INT32_MAX / 2 || !lua_checkstack(L, (int)count))
		return luaL_error(L, "too many results to unpack");
	for (lua_Integer i = 0; i < count; i++)
		lua_rawgeti(L, 1, from + i);
	return (int)count;
}

/* a < b for the two values on top, which are popped. */
static bool is_less(lua_State *L)
{
	bool less;

	budget_charge(L, 2);
	if (lua_type(L, -1) == LUA_TSTRING)
		budget_charge(L, lua_rawlen(L, -1) / 16);
	if (lua_isnil(L, 2)) {
		less = lua_compare(L, -2, -1, LUA_OPLT);
		lua_pop(L, 2);
		return less;
	}
	lua_pushvalue(L, 2);
	lua_insert(L, -3);
	lua_call(L, 2, 1);
	less = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return less;
}

static bool item_less(lua_State *L, lua_Integer a, lua_Integer b)
{
	lua_rawgeti(L, 1, a);
	lua_rawgeti(L, 1, b);
	return is_less(L);
}

static void swap(lua_State *L, lua_Integer a, lua_Integer b)
{
	lua_rawgeti(L, 1, a);
	lua_rawgeti(L, 1, b);
	lua_rawseti(L, 1, a);
	lua_rawseti(L, 1, b);
}

/* Lets item `at` sink in the heap 1..size. */
static void sink(lua_State *L, lua_Integer at, lua_Integer size)
{
	while (at * 2 <= size) {
		lua_Integer child = at * 2;

		if (child < size && item_less(L, child, child + 1))
			child++;
		if (!item_less(L, at, child))
			return;
		swap(L, at, child);
		at = child;
	}
}

static int table_sort(lua_State *L)
{
	lua_Integer size = length(L, 1);

	if (!lua_isnoneornil(L, 2))
		luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_settop(L, 2);
	for (lua_Integer at = size / 2; at > 0; at--)
		sink(L, at, size);
	for (; size > 1; size--) {
		swap(L, 1, size);
		sink(L, 1, size - 1);
	}
	return 0;
}

void table_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "insert", table_insert }, { "remove", table_remove }, { "move", table_move },
		{ "concat", table_concat }, { "pack", table_pack }, { "unpack", table_unpack },
		{ "sort", table_sort }, { NULL, NULL },
	};

	luaL_newlib(L, functions);
	sandbox_library(L, "table");
}
