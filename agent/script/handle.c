/* SPDX-License-Identifier: Apache-2.0 */
#include "script/handle.h"

static const char *const kind_names[HANDLE_COUNT] = {
	[HANDLE_NULL] = "json.null",   [HANDLE_REQUEST] = "Request",
	[HANDLE_CF] = "request.cf",    [HANDLE_CLIENT_AUTH] = "request.cf.tlsClientAuth",
	[HANDLE_TLS] = "request.tls",  [HANDLE_ARGS] = "request.args",
	[HANDLE_HEADERS] = "Headers",  [HANDLE_RESPONSE] = "Response",
	[HANDLE_CTX] = "ctx",
};

const char *handle_name(enum handle_kind kind)
{
	return kind < HANDLE_COUNT && kind_names[kind] ? kind_names[kind] : "object";
}

static uint64_t bits_at(lua_State *L, int index)
{
	return (uintptr_t)lua_touserdata(L, index);
}

enum handle_kind handle_kind(lua_State *L, int index)
{
	return lua_islightuserdata(L, index) ? (enum handle_kind)(bits_at(L, index) & 15) :
					       HANDLE_NULL;
}

static int refuse_other(lua_State *L, enum handle_kind kind)
{
	return luaL_error(L, "this %s belongs to another request; do not keep it beyond its own",
			  handle_name(kind));
}

/* The running task, which is the handle's. */
static struct task *task_of(lua_State *L, uint64_t bits)
{
	const struct state *state = state_of(L);

	if (unlikely((bits ^ state->tag) >> 10 != 0))
		refuse_other(L, (enum handle_kind)(bits & 15));
	return state->current;
}

_Noreturn void handle_refuse(lua_State *L, int arg, enum handle_kind kind)
{
	if (handle_kind(L, arg) != kind)
		luaL_typeerror(L, arg, handle_name(kind));
	refuse_other(L, kind);
	__builtin_unreachable();
}

typedef int index_function(lua_State *L, struct task *task, unsigned object, enum atom key);

static int refuse_index(lua_State *L)
{
	enum handle_kind kind = handle_kind(L, 1);

	if (kind == HANDLE_NULL)
		return luaL_error(L, "attempt to index json.null");
	return refuse_other(L, kind);
}

/* Its upvalues are the columns of l_request.c. */
static HOT int on_index(lua_State *L)
{
	static index_function *const indexes[16] = {
		[HANDLE_REQUEST] = request_index,   [HANDLE_CF] = cf_index,
		[HANDLE_CLIENT_AUTH] = client_auth_index, [HANDLE_TLS] = tls_index,
		[HANDLE_ARGS] = args_index,	    [HANDLE_HEADERS] = headers_index,
		[HANDLE_RESPONSE] = response_index, [HANDLE_CTX] = ctx_index,
	};
	const struct state *state = state_of(L);
	uint64_t bits = bits_at(L, 1);
	index_function *index = indexes[bits & 15];

	if (unlikely((bits ^ state->tag) >> 10 != 0 || !index))
		return refuse_index(L);
	return index(L, state->current, bits >> 4 & (TASK_OBJECTS - 1),
		     atom_of(&state->atoms, lua_topointer(L, 2)));
}

static int on_newindex(lua_State *L)
{
	enum handle_kind kind = handle_kind(L, 1);

	if (kind == HANDLE_REQUEST)
		return luaL_error(L, "a Request's method and url cannot be changed here, and its headers "
				     "only on a copy: Request.new(request).headers:set(name, value)");
	return luaL_error(L, "%s is read-only", handle_name(kind));
}

static int on_pairs(lua_State *L)
{
	enum handle_kind kind = handle_kind(L, 1);
	uint64_t bits = bits_at(L, 1);

	switch (kind) {
	case HANDLE_ARGS:
		return args_pairs(L, task_of(L, bits));
	case HANDLE_HEADERS:
		return headers_pairs(L, task_of(L, bits), bits >> 4 & (TASK_OBJECTS - 1));
	case HANDLE_CLIENT_AUTH:
		return client_auth_pairs(L, task_of(L, bits));
	case HANDLE_CF:
		return cf_pairs(L, task_of(L, bits));
	case HANDLE_TLS:
		return tls_pairs(L, task_of(L, bits));
	default:
		return luaL_error(L, "pairs does not work on %s", handle_name(kind));
	}
}

static int on_tostring(lua_State *L)
{
	lua_pushstring(L, handle_name(handle_kind(L, 1)));
	return 1;
}

static int next_pair(lua_State *L)
{
	lua_Integer at = lua_tointeger(L, lua_upvalueindex(2));

	lua_pushinteger(L, at + 2);
	lua_replace(L, lua_upvalueindex(2));
	lua_rawgeti(L, lua_upvalueindex(1), at + 1);
	lua_rawgeti(L, lua_upvalueindex(1), at + 2);
	return 2;
}

int pairs_of_list(lua_State *L)
{
	lua_pushinteger(L, 0);
	lua_pushcclosure(L, next_pair, 2);
	return 1;
}

int pairs_of_names(lua_State *L, const char *const *names)
{
	lua_Integer count = 0;
	int list;

	lua_newtable(L);
	list = lua_gettop(L);
	for (; *names; names++) {
		if (lua_getfield(L, 1, *names) != LUA_TNIL) {
			lua_pushstring(L, *names);
			lua_rawseti(L, list, ++count);
			lua_rawseti(L, list, ++count);
		}
		lua_settop(L, list);
	}
	return pairs_of_list(L);
}

void handle_init(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{ "__newindex", on_newindex }, { "__pairs", on_pairs },
		{ "__tostring", on_tostring }, { NULL, NULL },
	};

	lua_pushlightuserdata(L, NULL);
	luaL_newlib(L, methods);
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	for (enum fact fact = 0; fact < FACT_COUNT; fact++)
		lua_pushnil(L);
	lua_pushcclosure(L, on_index, FACT_COUNT);
	lua_setfield(L, -2, "__index");
	lua_pushliteral(L, "object of the agent");
	lua_setfield(L, -2, "__name");
	lua_setmetatable(L, -2);
	lua_pop(L, 1);
}
