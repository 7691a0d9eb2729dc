/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/text.h"
#include "core/facts.h"
#include "script/handle.h"
#include "script/sandbox.h"

#define COLUMN(fact) lua_upvalueindex(1 + (int)(fact))

/* The incoming request as scripts see it, request.cf, request.args, and ctx. */

static const struct request *request_of(const struct task *task)
{
	return task->call->req;
}

void push_slice(lua_State *L, struct slice s)
{
	lua_pushlstring(L, s.len ? (const char *)s.ptr : "", s.len);
}

static struct slice needed(lua_State *L, const struct task *task, enum arg arg)
{
	if (!request_sent(request_of(task), arg))
		task_not_sent(L, "", slice_str(arg_name(arg)));
	return request_bytes(request_of(task), arg);
}

static struct slice scheme_of(const struct task *task)
{
	struct slice scheme = request_bytes(request_of(task), ARG_SCHEME);

	return scheme.len ? scheme : SLICE_LIT("https");
}

/* As every stage sees it: canonical host and path, the query as it came. */
static int push_url(lua_State *L, const struct task *task)
{
	const struct request *req = request_of(task);
	struct slice query = needed(L, task, ARG_QUERY);
	struct slice path = slice_eq(req->path, SLICE_LIT("*")) ? SLICE_LIT("/") : req->path;
	luaL_Buffer b;

	luaL_buffinit(L, &b);
	luaL_addlstring(&b, (const char *)scheme_of(task).ptr, scheme_of(task).len);
	luaL_addstring(&b, "://");
	luaL_addlstring(&b, (const char *)req->host.ptr, req->host.len);
	luaL_addlstring(&b, (const char *)path.ptr, path.len);
	if (query.len) {
		luaL_addchar(&b, '?');
		luaL_addlstring(&b, (const char *)query.ptr, query.len);
	}
	luaL_pushresult(&b);
	return 1;
}

HOT int request_index(lua_State *L, struct task *task, unsigned object, enum atom key)
{
	switch (key) {
	case ATOM_cf:
		handle_push(L, task, HANDLE_CF, 0);
		return 1;
	case ATOM_headers:
		handle_push(L, task, HANDLE_HEADERS, object);
		return 1;
	case ATOM_tls:
		handle_push(L, task, HANDLE_TLS, 0);
		return 1;
	case ATOM_args:
		handle_push(L, task, HANDLE_ARGS, 0);
		return 1;
	case ATOM_method:
		push_slice(L, needed(L, task, ARG_METHOD));
		return 1;
	case ATOM_url:
		return push_url(L, task);
	case ATOM_body:
		return luaL_error(L, "a request's body does not reach the worker");
	default:
		lua_pushnil(L);
		return 1;
	}
}

/* "1.1" and "2.0" as HAProxy says it, "HTTP/2" as Envoy does. */
static int push_protocol(lua_State *L, const struct task *task)
{
	struct slice version = needed(L, task, ARG_VERSION);

	if (slice_starts(version, SLICE_LIT("HTTP/")))
		version = slice_sub(version, 5, version.len);
	if (slice_ends(version, SLICE_LIT(".0")) && !slice_eq(version, SLICE_LIT("1.0")))
		version.len -= 2;
	lua_pushfstring(L, "HTTP/%s", lua_pushlstring(L, (const char *)version.ptr, version.len));
	return 1;
}

HOT int cf_index(lua_State *L, struct task *task, unsigned object, enum atom key)
{
	(void)object;
	switch (key) {
	case ATOM_tlsClientAuth:
		handle_push(L, task, HANDLE_CLIENT_AUTH, 0);
		return 1;
	case ATOM_tlsVersion:
		push_slice(L, needed(L, task, ARG_TLS_VERSION));
		return 1;
	case ATOM_tlsCipher:
		push_slice(L, needed(L, task, ARG_TLS_CIPHER));
		return 1;
	case ATOM_httpProtocol:
		return push_protocol(L, task);
	default:
		lua_pushnil(L);
		return 1;
	}
}

/* What the proxy didn't send is left out: to read it would be a fault. */
int cf_pairs(lua_State *L, struct task *task)
{
	const struct request *req = request_of(task);
	const char *names[] = { "tlsClientAuth", NULL, NULL, NULL, NULL };
	size_t count = 1;

	if (request_sent(req, ARG_TLS_VERSION))
		names[count++] = "tlsVersion";
	if (request_sent(req, ARG_TLS_CIPHER))
		names[count++] = "tlsCipher";
	if (request_sent(req, ARG_VERSION))
		names[count++] = "httpProtocol";
	return pairs_of_names(L, names);
}

/*
 * Texts of one certificate are kept as Lua strings under its key; another one
 * in its line takes them away. The tables of texts, one a fact that was ever
 * read, are upvalues of the handles' __index, which alone comes here.
 */
static void find_line(lua_State *L, struct state *state, struct task *task)
{
	uint64_t key = facts_key(request_of(task));
	unsigned line = (unsigned)(key % FACT_LINES);

	task->fact_line = line + 1;
	if (likely(state->fact_keys[line] == key))
		return;
	for (enum fact fact = 0; fact < FACT_COUNT; fact++) {
		if (!(state->fact_columns >> fact & 1))
			continue;
		/* false: a nil would give the place back to the table. */
		lua_pushboolean(L, false);
		lua_rawseti(L, COLUMN(fact), (lua_Integer)line + 1);
	}
	state->fact_keys[line] = key;
}

static void make_column(lua_State *L, struct state *state, enum fact fact)
{
	lua_createtable(L, FACT_LINES, 0);
	lua_replace(L, COLUMN(fact));
	state->fact_columns |= UINT32_C(1) << fact;
}

static void push_new_fact(lua_State *L, const struct task *task, enum fact fact)
{
	if (fact_info(fact)->boolean)
		lua_pushboolean(L, fact_true(request_of(task), fact));
	else
		push_slice(L, fact_text(request_of(task), fact));
}

/* The first read of a fact in a call, or of one certificate. */
static NOINLINE HOT int keep_fact(lua_State *L, struct task *task, enum fact fact)
{
	struct state *state = task->state;

	if (fact_info(fact)->boolean || !request_of(task)->cert) {
		push_new_fact(L, task, fact);
		return 1;
	}
	if (!(state->fact_columns >> fact & 1))
		make_column(L, state, fact);
	if (!task->fact_line)
		find_line(L, state, task);
	if (lua_rawgeti(L, COLUMN(fact), task->fact_line) == LUA_TSTRING)
		return 1;
	push_new_fact(L, task, fact);
	lua_pushvalue(L, -1);
	lua_rawseti(L, COLUMN(fact), task->fact_line);
	return 1;
}

static int push_fact(lua_State *L, struct task *task, enum fact fact)
{
	/* A call that has a line has a certificate; booleans have no column. */
	if (likely(task->fact_line && task->state->fact_columns >> fact & 1) &&
	    lua_rawgeti(L, COLUMN(fact), task->fact_line) == LUA_TSTRING)
		return 1;
	return keep_fact(L, task, fact);
}

static COLD int unknown_property(lua_State *L)
{
	const char *names[FACT_COUNT + 1] = { NULL };
	const char *word, *nearest;

	for (enum fact fact = 0; fact < FACT_COUNT; fact++)
		names[fact] = fact_info(fact)->property;
	word = luaL_tolstring(L, 2, NULL);
	nearest = text_nearest(slice_str(word), names);
	if (nearest)
		return luaL_error(L, "tlsClientAuth has no property \"%s\"; did you mean \"%s\"?", word,
				  nearest);
	return luaL_error(L, "tlsClientAuth has no property \"%s\"", word);
}

HOT int client_auth_index(lua_State *L, struct task *task, unsigned object, enum atom key)
{
	(void)object;
	return key >= ATOM_FACT ? push_fact(L, task, (enum fact)(key - ATOM_FACT)) : unknown_property(L);
}

int client_auth_pairs(lua_State *L, struct task *task)
{
	lua_createtable(L, FACT_COUNT * 2, 0);
	for (enum fact fact = 0; fact < FACT_COUNT; fact++) {
		int list = lua_gettop(L);

		lua_pushstring(L, fact_info(fact)->property);
		lua_rawseti(L, list, 2 * (lua_Integer)fact + 1);
		push_new_fact(L, task, fact);
		lua_rawseti(L, list, 2 * (lua_Integer)fact + 2);
		lua_settop(L, list);
	}
	return pairs_of_list(L);
}

static void push_ip(lua_State *L, struct slice ip)
{
	luaL_Buffer b;
	char part[8];

	luaL_buffinit(L, &b);
	for (size_t i = 0; i < ip.len; i += ip.len == 4 ? 1 : 2) {
		if (i)
			luaL_addchar(&b, ip.len == 4 ? '.' : ':');
		if (ip.len == 4)
			snprintf(part, sizeof(part), "%u", ip.ptr[i]);
		else
			snprintf(part, sizeof(part), "%x", ip.ptr[i] << 8 | ip.ptr[i + 1]);
		luaL_addstring(&b, part);
	}
	luaL_pushresult(&b);
}

static void push_value(lua_State *L, const struct value *value)
{
	switch (value->kind) {
	case VALUE_BOOL:
		lua_pushboolean(L, value->boolean);
		return;
	case VALUE_INT:
	case VALUE_UINT:
		lua_pushinteger(L, value->integer);
		return;
	case VALUE_IP:
		push_ip(L, value->bytes);
		return;
	case VALUE_TEXT:
	case VALUE_BINARY:
		push_slice(L, value->bytes);
		return;
	case VALUE_NOT_SENT:
	case VALUE_NULL:
		break;
	}
	lua_pushnil(L);
}

static const struct value *find_arg(const struct request *req, struct slice name)
{
	enum arg arg = arg_find(name);

	if (arg < ARG_COUNT)
		return request_sent(req, arg) ? &req->args[arg] : NULL;
	for (const struct extra_arg *extra = req->extra; extra; extra = extra->next)
		if (slice_eq(extra->name, name))
			return &extra->value;
	return NULL;
}

int args_index(lua_State *L, struct task *task, unsigned object, enum atom key)
{
	const struct value *value;
	struct slice name;

	(void)object;
	(void)key;
	if (lua_type(L, 2) != LUA_TSTRING)
		return luaL_error(L, "request.args is read by name");
	name.ptr = (const uint8_t *)lua_tolstring(L, 2, &name.len);
	value = find_arg(request_of(task), name);
	if (!value)
		task_not_sent(L, "", name);
	push_value(L, value);
	return 1;
}

static void add_pair(lua_State *L, int list, lua_Integer *count, struct slice name,
		     const struct value *value)
{
	if (value->kind <= VALUE_NULL)
		return;
	push_slice(L, name);
	lua_rawseti(L, list, ++*count);
	push_value(L, value);
	lua_rawseti(L, list, ++*count);
}

int args_pairs(lua_State *L, struct task *task)
{
	const struct request *req = request_of(task);
	lua_Integer count = 0;
	int list;

	lua_newtable(L);
	list = lua_gettop(L);
	for (enum arg arg = 0; arg < ARG_COUNT; arg++)
		add_pair(L, list, &count, slice_str(arg_name(arg)), &req->args[arg]);
	for (const struct extra_arg *extra = req->extra; extra; extra = extra->next) {
		budget_charge(L, 1);
		add_pair(L, list, &count, extra->name, &extra->value);
	}
	return pairs_of_list(L);
}

static int ctx_wait_until(lua_State *L)
{
	handle_check(L, 1, HANDLE_CTX);
	return luaL_error(L, "ctx:waitUntil has nothing to wait for: no call of a worker outlives its answer");
}

static int ctx_pass_through(lua_State *L)
{
	struct task *task = state_of(L)->current;

	handle_check(L, 1, HANDLE_CTX);
	if (!task->state->worker->allow_pass_through)
		return luaL_error(L, "ctx:passThroughOnException is not allowed; the configuration must say "
				  "allow_pass_through = true for this worker");
	task->passes_on_error = true;
	return 0;
}

int ctx_index(lua_State *L, struct task *task, unsigned object, enum atom key)
{
	(void)task;
	(void)object;
	if (key == ATOM_waitUntil)
		lua_pushcfunction(L, ctx_wait_until);
	else if (key == ATOM_passThroughOnException)
		lua_pushcfunction(L, ctx_pass_through);
	else
		lua_pushnil(L);
	return 1;
}

/* Request.new(request): a copy whose headers can be set. */
static HOT int request_new(lua_State *L)
{
	struct task *task = task_current(L, "Request.new");
	struct object *from = handle_object(L, 1, HANDLE_REQUEST), *copy;
	unsigned number;

	if (!from && handle_kind(L, 1) != HANDLE_REQUEST)
		return luaL_error(L, "Request.new takes the incoming request or a copy of it, not %s; real "
				  "subrequests are not available", lua_isstring(L, 1) ? "a URL" :
				  luaL_typename(L, 1));
	if (lua_gettop(L) > 1 && !lua_isnil(L, 2))
		return luaL_error(L, "Request.new takes no second argument here: set headers on the copy, "
				  "method and url cannot be changed");
	if (!from)
		handle_refuse(L, 1, HANDLE_REQUEST);
	copy = task_object(L, task, OBJECT_COPY, &number);
	if (from->edits && object_take_edits(copy, from, task->call->req->arena))
		task_no_memory(L);
	handle_push(L, task, HANDLE_REQUEST, number);
	return 1;
}

void request_open(lua_State *L)
{
	static const luaL_Reg functions[] = { { "new", request_new }, { NULL, NULL } };

	luaL_newlib(L, functions);
	sandbox_library(L, "Request");
}
