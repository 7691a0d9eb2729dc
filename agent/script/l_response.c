/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "script/headers.h"
#include "script/sandbox.h"

/* Response, and fetch(request), which stands for going on to the origin. */
#define STATUS_MIN 200
#define STATUS_MAX 599

static int checked_status(lua_State *L, int index, int otherwise)
{
	lua_Integer status;

	if (lua_isnoneornil(L, index))
		return otherwise;
	if (!lua_isinteger(L, index))
		luaL_error(L, "a Response's status must be a whole number from %d to %d, not %s",
			   STATUS_MIN, STATUS_MAX, luaL_tolstring(L, index, NULL));
	status = lua_tointeger(L, index);
	if (status < STATUS_MIN || status > STATUS_MAX)
		luaL_error(L, "a Response's status must be from %d to %d, not %I", STATUS_MIN, STATUS_MAX,
			   (LUAI_UACINT)status);
	return (int)status;
}

static void set_body(lua_State *L, struct task *task, struct object *object, struct slice body)
{
	object->has_body = true;
	object->body = arena_copy(task->call->req->arena, body);
	if (!object->body.ptr)
		task_no_memory(L);
}

static void read_body(lua_State *L, int arg, struct task *task, struct object *object)
{
	struct slice body;

	if (lua_isnoneornil(L, arg))
		return;
	if (lua_type(L, arg) != LUA_TSTRING && lua_type(L, arg) != LUA_TNUMBER)
		luaL_error(L, "a Response's body must be a text or nil, not %s", luaL_typename(L, arg));
	body.ptr = (const uint8_t *)lua_tolstring(L, arg, &body.len);
	set_body(L, task, object, body);
}

static void refuse_unknown(lua_State *L, int arg)
{
	for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
		const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";

		if (strcmp(key, "status") && strcmp(key, "headers") && strcmp(key, "statusText"))
			luaL_error(L, "a Response's second argument has status and headers, not \"%s\"",
				   luaL_tolstring(L, -2, NULL));
	}
}

/* { status =, headers = } at index 2. */
static void read_init(lua_State *L, struct task *task, struct object *object)
{
	object->status = STATUS_MIN;
	if (lua_isnoneornil(L, 2))
		return;
	luaL_checktype(L, 2, LUA_TTABLE);
	refuse_unknown(L, 2);
	lua_getfield(L, 2, "status");
	object->status = checked_status(L, -1, STATUS_MIN);
	lua_getfield(L, 2, "headers");
	if (!lua_isnil(L, -1))
		headers_fill(L, -1, task, object);
	lua_settop(L, 2);
}

static void default_type(lua_State *L, struct task *task, struct object *object, struct slice type)
{
	if (!object_value(object, SLICE_LIT("content-type")).ptr)
		headers_set(L, task, object, SLICE_LIT("content-type"), type);
}

/* RFC 9110 15.3.5, 15.3.6, 15.4.5. */
static bool is_bodiless(int status)
{
	return status == 204 || status == 205 || status == 304;
}

static int response_new(lua_State *L)
{
	struct task *task = task_current(L, "Response.new");
	struct object *object;
	unsigned number;

	lua_settop(L, 2);
	object = task_object(L, task, OBJECT_RESPONSE, &number);
	read_init(L, task, object);
	read_body(L, 1, task, object);
	if (object->has_body && is_bodiless(object->status))
		return luaL_error(L, "a Response with status %d has no body", object->status);
	if (object->has_body)
		default_type(L, task, object, SLICE_LIT("text/plain;charset=UTF-8"));
	handle_push(L, task, HANDLE_RESPONSE, number);
	return 1;
}

/* Upvalue 1: json.encode. */
static int response_json(lua_State *L)
{
	struct task *task = task_current(L, "Response.json");
	struct object *object;
	unsigned number;

	lua_settop(L, 2);
	object = task_object(L, task, OBJECT_RESPONSE, &number);
	read_init(L, task, object);
	if (is_bodiless(object->status))
		return luaL_error(L, "a Response with status %d has no body", object->status);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_pushvalue(L, 1);
	lua_call(L, 1, 1);
	read_body(L, 3, task, object);
	default_type(L, task, object, SLICE_LIT("application/json"));
	handle_push(L, task, HANDLE_RESPONSE, number);
	return 1;
}

static int response_redirect(lua_State *L)
{
	struct task *task = task_current(L, "Response.redirect");
	struct object *object;
	struct slice url;
	unsigned number;
	int status;

	if (luaL_testudata(L, 1, "URL")) {
		(void)luaL_tolstring(L, 1, NULL);
		lua_replace(L, 1);
	}
	url.ptr = (const uint8_t *)luaL_checklstring(L, 1, &url.len);
	status = checked_status(L, 2, 302);
	if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308)
		return luaL_error(L, "a redirect's status is 301, 302, 303, 307 or 308, not %d", status);
	if (url.len == 0 || !text_is_field_value(url) || memchr(url.ptr, ' ', url.len))
		return luaL_error(L, "Response.redirect takes a URL");
	object = task_object(L, task, OBJECT_RESPONSE, &number);
	object->status = status;
	headers_set(L, task, object, SLICE_LIT("location"), url);
	handle_push(L, task, HANDLE_RESPONSE, number);
	return 1;
}

int response_index(lua_State *L, struct task *task, unsigned number, enum atom key)
{
	const struct object *object = task->objects[number];

	if (key == ATOM_headers) {
		handle_push(L, task, HANDLE_HEADERS, number);
		return 1;
	}
	if (object->type == OBJECT_ORIGIN)
		return luaL_error(L, "the origin has not answered yet: of its response only headers can be "
				  "set and deleted; \"%s\" cannot be read", luaL_tolstring(L, 2, NULL));
	switch (key) {
	case ATOM_status:
		lua_pushinteger(L, object->status);
		break;
	case ATOM_ok:
		lua_pushboolean(L, object->status < 300);
		break;
	case ATOM_body:
		if (object->has_body)
			push_slice(L, object->body);
		else
			lua_pushnil(L);
		break;
	default:
		lua_pushnil(L);
	}
	return 1;
}

static HOT int fetch(lua_State *L)
{
	struct task *task = task_current(L, "fetch");
	struct object *request = handle_object(L, 1, HANDLE_REQUEST), *response;
	unsigned number;

	if (!request && handle_kind(L, 1) != HANDLE_REQUEST)
		return luaL_error(L, "fetch takes the incoming request or a copy of it, not %s; requests to "
				  "other URLs are not available", lua_isstring(L, 1) ? "a URL" :
				  luaL_typename(L, 1));
	if (lua_gettop(L) > 1 && !lua_isnil(L, 2))
		return luaL_error(L, "fetch takes no second argument here: set headers on a copy, "
				  "Request.new(request)");
	if (!request)
		handle_refuse(L, 1, HANDLE_REQUEST);
	if (task->asked_origin)
		return luaL_error(L, "the request went on to the origin already; it goes there once");
	response = task_object(L, task, OBJECT_ORIGIN, &number);
	response->request = request;
	request->sent = task->asked_origin = true;
	handle_push(L, task, HANDLE_RESPONSE, number);
	return 1;
}

void response_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "new", response_new }, { "redirect", response_redirect }, { NULL, NULL },
	};

	luaL_newlib(L, functions);
	json_push_encode(L);
	lua_pushcclosure(L, response_json, 1);
	lua_setfield(L, -2, "json");
	sandbox_library(L, "Response");
	lua_pushcfunction(L, fetch);
	sandbox_global(L, "fetch");
}
