/* SPDX-License-Identifier: Apache-2.0 */
#include "script/sandbox.h"
#include "script/task.h"

/*
 * A script's own coroutines. Ours differ from Lua's in that a fault passes
 * through resume and wrap, that what runs inside is charged to the call, and
 * that a slice which ends inside goes up to the host, resume by resume.
 */
static lua_State *checked_thread(lua_State *L)
{
	lua_State *co = lua_tothread(L, 1);

	luaL_argexpected(L, co, 1, "coroutine");
	return co;
}

static int go_on(lua_State *L, lua_State *co, int argc, lua_CFunction wrap);

static int finish_resume(lua_State *L, int status, lua_KContext context)
{
	bool wrap = context & 1;

	(void)status;
	return go_on(L, lua_tothread(L, wrap ? lua_upvalueindex(1) : 1), 0, wrap ? lua_error : NULL);
}

/* Moves what the coroutine gave to L; returns how many values that are. */
static int take_values(lua_State *L, lua_State *co, int count)
{
	if (!lua_checkstack(L, count + 1)) {
		lua_pop(co, count);
		luaL_error(L, "too many results to resume");
	}
	lua_xmove(co, L, count);
	return count;
}

/* Runs co; its arguments are on its stack. Returns with true and values, or false and an error; for wrap, raises it. */
static int go_on(lua_State *L, lua_State *co, int argc, lua_CFunction wrap)
{
	struct state *state = state_of(L);
	bool blocks = state->current && !lua_isyieldable(L);
	int count, status;

	state->unyieldable += blocks;
	budget_switch(state, co);
	status = lua_resume(co, L, argc, &count);
	budget_switch(state, L);
	state->unyieldable -= blocks;
	if (status == LUA_YIELD && state->slicing)
		return lua_yieldk(L, 0, wrap != NULL, finish_resume);
	if (status == LUA_OK || status == LUA_YIELD) {
		if (!wrap)
			lua_pushboolean(L, true);
		return take_values(L, co, count) + !wrap;
	}
	if (!wrap)
		lua_pushboolean(L, false);
	lua_xmove(co, L, 1);
	budget_rethrow(L, status);
	if (wrap)
		return wrap(L);
	return 2;
}

static int co_resume(lua_State *L)
{
	lua_State *co = checked_thread(L);
	int argc = lua_gettop(L) - 1;

	budget_charge(L, 16);
	if (!lua_checkstack(co, argc))
		return luaL_error(L, "too many arguments to resume");
	lua_xmove(L, co, argc);
	return go_on(L, co, argc, NULL);
}

static int wrapped(lua_State *L)
{
	lua_State *co = lua_tothread(L, lua_upvalueindex(1));
	int argc = lua_gettop(L);

	budget_charge(L, 16);
	if (!lua_checkstack(co, argc))
		return luaL_error(L, "too many arguments to resume");
	lua_xmove(L, co, argc);
	return go_on(L, co, argc, lua_error);
}

static int co_create(lua_State *L)
{
	lua_State *co;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	budget_charge(L, 64);
	co = lua_newthread(L);
	lua_pushvalue(L, 1);
	lua_xmove(L, co, 1);
	return 1;
}

static int co_wrap(lua_State *L)
{
	co_create(L);
	lua_pushcclosure(L, wrapped, 1);
	return 1;
}

/* True for the thread that a request runs on, or that loads the script. */
static bool is_outermost(lua_State *L)
{
	struct state *state = state_of(L);

	return L == state->L || (state->current && L == state->current->co);
}

static int co_yield(lua_State *L)
{
	if (is_outermost(L))
		return luaL_error(L, "coroutine.yield outside a coroutine; nothing here waits for the worker");
	return lua_yield(L, lua_gettop(L));
}

static int co_isyieldable(lua_State *L)
{
	lua_State *co = lua_gettop(L) ? checked_thread(L) : L;

	lua_pushboolean(L, !is_outermost(co) && lua_isyieldable(co));
	return 1;
}

static int co_running(lua_State *L)
{
	if (is_outermost(L)) {
		/* The pool's thread is not a script's to resume or keep. */
		lua_pushnil(L);
		lua_pushboolean(L, true);
		return 2;
	}
	lua_pushthread(L);
	lua_pushboolean(L, false);
	return 2;
}

static const char *status_of(lua_State *L, lua_State *co)
{
	lua_Debug at;

	if (L == co)
		return "running";
	switch (lua_status(co)) {
	case LUA_YIELD:
		return "suspended";
	case LUA_OK:
		if (lua_getstack(co, 0, &at))
			return "normal";
		return lua_gettop(co) ? "suspended" : "dead";
	default:
		return "dead";
	}
}

static int co_status(lua_State *L)
{
	lua_pushstring(L, status_of(L, checked_thread(L)));
	return 1;
}

static int co_close(lua_State *L)
{
	lua_State *co = checked_thread(L);
	const char *status = status_of(L, co);
	struct state *state = state_of(L);
	int result;

	if (status[0] != 's' && status[0] != 'd')
		return luaL_error(L, "cannot close a %s coroutine", status);
	/* lua_resetthread of 5.4.4 does not count C calls: nesting would end in the guard page. */
	if (state->closing)
		return luaL_error(L, "coroutine.close inside another one");
	state->closing = true;
	state->unyieldable++;
	budget_switch(state, co);
	result = lua_resetthread(co);
	budget_switch(state, L);
	state->unyieldable--;
	state->closing = false;
	if (result == LUA_OK) {
		lua_pushboolean(L, true);
		return 1;
	}
	lua_pushboolean(L, false);
	lua_xmove(co, L, 1);
	budget_rethrow(L, result);
	return 2;
}

void coroutine_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "create", co_create }, { "resume", co_resume }, { "wrap", co_wrap },
		{ "yield", co_yield }, { "status", co_status }, { "running", co_running },
		{ "isyieldable", co_isyieldable }, { "close", co_close }, { NULL, NULL },
	};

	luaL_newlib(L, functions);
	sandbox_library(L, "coroutine");
}
