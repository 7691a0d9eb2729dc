/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/text.h"
#include "script/handle.h"
#include "script/heap.h"
#include "script/sandbox.h"

/*
 * json.encode(value), json.decode(text), json.null. A table whose keys are 1
 * to n is a list; an empty one is an object, unless it came from a JSON list
 * or from json.array(t), or is one of request.tls. What pairs goes through is an
 * object too. Keys are sorted. What cannot be told in JSON is an error.
 */
#define DEPTH_MAX 64
#define TEXT_MAX (256 * 1024)

static const char array_key; /* registry: the metatable of lists */

static json_t *encode_value(lua_State *L, int index, int depth);

/* Gives the value to its parent at once, so that nothing is lost when Lua raises. */
static void give(lua_State *L, int failed)
{
	if (failed)
		luaL_error(L, "json.encode: out of memory, or a text that is not UTF-8");
}

static bool is_marked_list(lua_State *L, int index)
{
	bool marked;

	if (!lua_getmetatable(L, index))
		return false;
	lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key);
	marked = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return marked;
}

static void fill_list(lua_State *L, int index, json_t *list, int depth);
static void fill_object(lua_State *L, int index, json_t *object, int depth);
static void fill_pairs(lua_State *L, int index, json_t *object, int depth);

/* A container is put into its parent while it is empty, then filled. */
static bool is_list(lua_State *L, int index)
{
	return lua_rawlen(L, index) > 0 || is_marked_list(L, index);
}

static json_t *encode_number(lua_State *L, int index)
{
	double number = lua_tonumber(L, index);

	if (lua_isinteger(L, index))
		return json_integer(lua_tointeger(L, index));
	if (!isfinite(number))
		luaL_error(L, "json.encode: a number is not finite");
	return json_real(number);
}

/* Of all userdata only a URL has a form in JSON: its text (URL standard, toJSON). */
static json_t *encode_userdata(lua_State *L, int index)
{
	struct slice text;
	json_t *json;

	if (!luaL_testudata(L, index, "URL"))
		luaL_error(L, "json.encode: a %s has no form in JSON", luaL_typename(L, index));
	text.ptr = (const uint8_t *)luaL_tolstring(L, index, &text.len);
	budget_charge(L, text.len / 4);
	json = json_stringn((const char *)text.ptr, text.len);
	lua_pop(L, 1);
	return json;
}

static json_t *encode_value(lua_State *L, int index, int depth)
{
	struct slice text;

	budget_charge(L, 16);
	if (depth > DEPTH_MAX)
		luaL_error(L, "json.encode: tables are nested too deep, or hold themselves");
	switch (lua_type(L, index)) {
	case LUA_TNIL:
		return json_null();
	case LUA_TBOOLEAN:
		return json_boolean(lua_toboolean(L, index));
	case LUA_TNUMBER:
		return encode_number(L, index);
	case LUA_TSTRING:
		text.ptr = (const uint8_t *)lua_tolstring(L, index, &text.len);
		budget_charge(L, text.len / 4);
		return json_stringn((const char *)text.ptr, text.len);
	case LUA_TTABLE:
		return is_list(L, index) ? json_array() : json_object();
	case LUA_TUSERDATA:
		return encode_userdata(L, index);
	case LUA_TLIGHTUSERDATA:
		if (!lua_touserdata(L, index))
			return json_null();
		if (handle_has_pairs(handle_kind(L, index)))
			return json_object();
		luaL_error(L, "json.encode: a %s has no form in JSON", handle_name(handle_kind(L, index)));
		break;
	default:
		luaL_error(L, "json.encode: a %s has no form in JSON", luaL_typename(L, index));
	}
	return NULL;
}

static void fill(lua_State *L, int index, json_t *json, int depth)
{
	if (json_is_array(json) && lua_istable(L, index))
		fill_list(L, lua_absindex(L, index), json, depth);
	else if (json_is_object(json) && lua_istable(L, index))
		fill_object(L, lua_absindex(L, index), json, depth);
	else if (json_is_object(json))
		fill_pairs(L, lua_absindex(L, index), json, depth);
}

static void fill_list(lua_State *L, int index, json_t *list, int depth)
{
	lua_Integer size = (lua_Integer)lua_rawlen(L, index), count = 0;

	luaL_checkstack(L, 4, NULL);
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		budget_charge(L, 4);
		if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) < 1 || lua_tointeger(L, -2) > size)
			luaL_error(L, "json.encode: a list has holes, or other keys beside its items");
		count++;
	}
	if (count != size)
		luaL_error(L, "json.encode: a list has holes, or other keys beside its items");
	for (lua_Integer i = 1; i <= size; i++) {
		lua_rawgeti(L, index, i);
		give(L, json_array_append_new(list, encode_value(L, -1, depth + 1)));
		fill(L, -1, json_array_get(list, (size_t)i - 1), depth + 1);
		lua_pop(L, 1);
	}
}

/* The key is below the value on top of the stack. */
static void put_member(lua_State *L, json_t *object, int depth)
{
	const char *key;
	size_t len;

	if (lua_type(L, -2) != LUA_TSTRING)
		luaL_error(L, "json.encode: an object's key is a %s", luaL_typename(L, -2));
	key = lua_tolstring(L, -2, &len);
	if (memchr(key, 0, len))
		luaL_error(L, "json.encode: a key holds a NUL byte");
	give(L, json_object_set_new(object, key, encode_value(L, -1, depth + 1)));
	fill(L, -1, json_object_get(object, key), depth + 1);
}

static void fill_object(lua_State *L, int index, json_t *object, int depth)
{
	luaL_checkstack(L, 4, NULL);
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
		put_member(L, object, depth);
}

/* An object of the agent: its members are what pairs tells. */
static void fill_pairs(lua_State *L, int index, json_t *object, int depth)
{
	luaL_checkstack(L, 6, NULL);
	luaL_callmeta(L, index, "__pairs");
	for (;;) {
		lua_pushvalue(L, -1);
		lua_call(L, 0, 2);
		if (lua_isnil(L, -2))
			break;
		put_member(L, object, depth);
		lua_pop(L, 2);
	}
	lua_pop(L, 3);
}

static int put_text(const char *text, size_t len, void *arg)
{
	struct buf *b = arg;

	buf_put(b, slice_of(text, len));
	return buf_err(b) ? -1 : 0;
}

static int encode(lua_State *L)
{
	struct heap *heap = lua_touserdata(L, 2);

	heap->json = encode_value(L, 1, 0);
	give(L, !heap->json);
	fill(L, 1, heap->json, 0);
	if (json_dump_callback(heap->json, put_text, &heap->buf, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS))
		return luaL_error(L, "json.encode: the text is over %d bytes", TEXT_MAX);
	push_slice(L, buf_slice(&heap->buf));
	return 1;
}

static int json_encode(lua_State *L)
{
	struct heap heap = { .buf = buf_capped(TEXT_MAX) };

	luaL_checkany(L, 1);
	lua_settop(L, 1);
	return heap_call(L, encode, &heap);
}

static void push_json(lua_State *L, json_t *json);

static void push_list(lua_State *L, json_t *json)
{
	lua_createtable(L, (int)json_array_size(json), 0);
	for (size_t i = 0; i < json_array_size(json); i++) {
		push_json(L, json_array_get(json, i));
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	json_mark_list(L);
}

static void push_object(lua_State *L, json_t *json)
{
	const char *key;
	json_t *value;

	lua_newtable(L);
	json_object_foreach(json, key, value) {
		push_json(L, value);
		lua_setfield(L, -2, key);
	}
}

/* jansson bounds the depth of what it reads (2048), the stack is asked for. */
static void push_json(lua_State *L, json_t *json)
{
	budget_charge(L, 8);
	luaL_checkstack(L, 6, NULL);
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		push_object(L, json);
		break;
	case JSON_ARRAY:
		push_list(L, json);
		break;
	case JSON_STRING:
		lua_pushlstring(L, json_string_value(json), json_string_length(json));
		break;
	case JSON_INTEGER:
		lua_pushinteger(L, json_integer_value(json));
		break;
	case JSON_REAL:
		lua_pushnumber(L, json_real_value(json));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		lua_pushboolean(L, json_is_true(json));
		break;
	case JSON_NULL:
		lua_pushlightuserdata(L, NULL);
		break;
	}
}

static int decode(lua_State *L)
{
	struct heap *heap = lua_touserdata(L, 2);
	json_error_t error;
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);

	if (len > TEXT_MAX)
		return luaL_error(L, "json.decode: the text is over %d bytes", TEXT_MAX);
	budget_charge(L, len);
	heap->json = json_loadb(text, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
				&error);
	if (!heap->json)
		return luaL_error(L, "json.decode: line %d: %s", error.line, error.text);
	push_json(L, heap->json);
	return 1;
}

static int json_decode(lua_State *L)
{
	struct heap heap = { 0 };

	luaL_checktype(L, 1, LUA_TSTRING);
	lua_settop(L, 1);
	return heap_call(L, decode, &heap);
}

static int json_array_mark(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	if (lua_getmetatable(L, 1) && !is_marked_list(L, 1))
		return luaL_error(L, "json.array: the table has a metatable of its own");
	lua_settop(L, 1);
	json_mark_list(L);
	return 1;
}

void json_mark_list(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key);
	lua_setmetatable(L, -2);
}

void json_push_encode(lua_State *L)
{
	lua_pushcfunction(L, json_encode);
}

void json_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "encode", json_encode }, { "decode", json_decode }, { "array", json_array_mark },
		{ NULL, NULL },
	};

	lua_createtable(L, 0, 1);
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &array_key);
	luaL_newlib(L, functions);
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "null");
	sandbox_library(L, "json");
}
