/* SPDX-License-Identifier: Apache-2.0 */
#include "script/headers.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/request_headers.h"
#include "core/snapshot.h"
#include "script/sandbox.h"

/* Headers of a request, of a response, and free ones. */
#define NAME_MAX_BYTES 256

/* What belongs to the connection or to the proxy (RFC 9110 7.6.1), and what would change whom is asked. */
static const char *refusal_of(struct slice name)
{
	static const struct slice refused[] = {
		SLICE_INIT("host"), SLICE_INIT("connection"), SLICE_INIT("content-length"),
		SLICE_INIT("transfer-encoding"), SLICE_INIT("keep-alive"), SLICE_INIT("te"),
		SLICE_INIT("proxy-connection"), SLICE_INIT("trailer"), SLICE_INIT("upgrade"),
	};

	if (name.len && name.ptr[0] == ':')
		return "is a pseudo-header, which cannot be set";
	if (!text_is_token(name) || name.len > NAME_MAX_BYTES)
		return "is not a header name";
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (slice_eq(name, refused[i]))
			return "belongs to the proxy and cannot be set";
	return NULL;
}

static struct slice lowered(uint8_t *room, struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		room[i] = ascii_lower(name.ptr[i]);
	return slice_of(room, name.len);
}

static struct header_name *name_slot(struct state *state, const void *key)
{
	uintptr_t at = (uintptr_t)key;
	size_t i = (at >> 4 ^ at >> 11) % NAME_SLOTS;

	while (unlikely(state->names[i].key != key) && state->names[i].key)
		i = (i + 1) % NAME_SLOTS;
	return &state->names[i];
}

/* Literals of a script come again with the same address: their names are checked once. */
static const struct header_name *remember_name(lua_State *L, int arg, struct slice key)
{
	struct state *state = state_of(L);
	struct header_name *name;
	int top = lua_gettop(L);

	if (state->name_count == NAME_CACHE || key.len > NAME_MAX_BYTES)
		return NULL;
	lua_rawgetp(L, LUA_REGISTRYINDEX, &registry.names);
	lua_pushvalue(L, arg);
	lua_rawseti(L, -2, (lua_Integer)state->name_count + 1);
	lua_settop(L, top);
	name = name_slot(state, lua_topointer(L, arg));
	name->key = lua_topointer(L, arg);
	name->name = lowered((uint8_t *)mem_dup(key), key);
	name->fault = refusal_of(name->name);
	state->name_count++;
	return name;
}

/* A name that is not remembered: it is, or lives as long as the request. */
static struct slice new_name(lua_State *L, struct task *task, int arg, const char **fault)
{
	const struct header_name *known;
	struct slice key;
	uint8_t *room;

	luaL_checktype(L, arg, LUA_TSTRING);
	key.ptr = (const uint8_t *)lua_tolstring(L, arg, &key.len);
	known = remember_name(L, arg, key);
	if (known) {
		*fault = known->fault;
		return known->name;
	}
	budget_charge(L, key.len / 16);
	room = arena_take(task->call->req->arena, key.len + 1);
	if (!room)
		task_no_memory(L);
	key = lowered(room, key);
	*fault = refusal_of(key);
	return key;
}

/* The lower-case name of an argument; *fault says why it may not be set. Lives as long as the request. */
static inline struct slice name_at(lua_State *L, struct task *task, int arg, const char **fault)
{
	const void *key = lua_topointer(L, arg);
	const struct header_name *known = name_slot(task->state, key);

	if (unlikely(!key || known->key != key))
		return new_name(L, task, arg, fault);
	*fault = known->fault;
	return known->name;
}

static struct slice settable_name(lua_State *L, struct task *task, int arg)
{
	const char *fault;
	struct slice name = name_at(L, task, arg, &fault);

	if (unlikely(fault))
		luaL_error(L, "\"%s\" %s", lua_tostring(L, arg), fault);
	return name;
}

static bool may_be_blank(uint8_t c)
{
	return c <= ' ';
}

/* A text or a number, blanks at its ends taken off as Fetch does. */
static inline struct slice value_at(lua_State *L, int arg)
{
	struct slice value;

	value.ptr = (const uint8_t *)lua_tolstring(L, arg, &value.len);
	if (unlikely(!value.ptr))
		luaL_error(L, "a header's value must be a text, not %s", lua_isnoneornil(L, arg) ?
			   "nil" : luaL_typename(L, arg));
	else if (likely(value.len) && unlikely(may_be_blank(value.ptr[0]) || may_be_blank(value.ptr[value.len - 1])))
		value = slice_trim(value);
	budget_charge(L, value.len / 16);
	if (unlikely(text_has_control(value)))
		luaL_error(L, "a header's value must not hold control characters");
	return value;
}

static void check_edit(lua_State *L, const struct object *object)
{
	if (object->type == OBJECT_INCOMING)
		luaL_error(L, "the incoming request's headers are read-only; set them on a copy: "
			      "Request.new(request).headers:set(name, value)");
	if (object->sent)
		luaL_error(L, "this Request was given to fetch already; set its headers before");
}

static void check_done(lua_State *L, enum err err)
{
	if (err == ERR_LIMIT)
		luaL_error(L, "more than %d changes to one Headers", OBJECT_EDITS_MAX);
	if (err)
		task_no_memory(L);
}

static HOT int headers_set_call(lua_State *L)
{
	struct object *object = handle_check(L, 1, HANDLE_HEADERS);
	struct task *task = state_of(L)->current;
	struct slice name, value;

	check_edit(L, object);
	name = settable_name(L, task, 2);
	value = value_at(L, 3);
	check_done(L, object_set(object, task->call->req->arena, name, value));
	return 0;
}

static int headers_append(lua_State *L)
{
	struct object *object = handle_check(L, 1, HANDLE_HEADERS);
	struct task *task = state_of(L)->current;
	struct slice name, value;

	check_edit(L, object);
	name = settable_name(L, task, 2);
	value = value_at(L, 3);
	check_done(L, object_append(object, task->call->req->arena, name, value));
	return 0;
}

static int headers_delete(lua_State *L)
{
	struct object *object = handle_check(L, 1, HANDLE_HEADERS);
	struct task *task = state_of(L)->current;
	struct slice name;

	check_edit(L, object);
	name = settable_name(L, task, 2);
	check_done(L, object_delete(object, task->call->req->arena, name));
	return 0;
}

static bool shows_request(const struct object *object)
{
	return object->type == OBJECT_INCOMING || object->type == OBJECT_COPY;
}

static void check_read(lua_State *L, const struct object *object)
{
	if (object->type == OBJECT_ORIGIN)
		luaL_error(L, "the origin has not answered yet: headers of its response can be set and "
			      "deleted, not read");
}

static void add_value(luaL_Buffer *b, bool *any, struct slice value)
{
	if (*any)
		luaL_addstring(b, ", ");
	luaL_addlstring(b, (const char *)value.ptr, value.len);
	*any = true;
}

/* A client's copy of an owned header goes nowhere: where no front deleted it first, a worker sees none either. */
static bool is_owned(const struct request *req, struct slice name)
{
	return snapshot_owns(req->snapshot, name);
}

/* What the proxy sent under name, joined as Fetch does. */
static void add_sent(lua_State *L, luaL_Buffer *b, const struct request *req, struct slice name,
		     bool *any)
{
	struct slice found, value;
	size_t at = 0;

	if (is_owned(req, name))
		return;
	if (!request_sent(req, ARG_HEADERS)) {
		switch (request_header(req, name, &value)) {
		case HEADER_NOT_SENT:
			task_not_sent(L, "headers (or hdr_NAME), which is needed to read the header ", name);
		case HEADER_PRESENT:
			add_value(b, any, value);
			break;
		case HEADER_ABSENT:
			break;
		}
		return;
	}
	while (request_header_next(req, &at, &found, &value))
		if (found.len == name.len && slice_eq_nocase(found, name))
			add_value(b, any, value);
}

/* Pushes the values of name joined by ", ", or nil. */
static void push_values(lua_State *L, const struct task *task, const struct object *object,
			struct slice name)
{
	luaL_Buffer b;
	bool any = false;

	luaL_buffinit(L, &b);
	if (shows_request(object) && !object_removes(object, name))
		add_sent(L, &b, task->call->req, name, &any);
	for (const struct edit *edit = object->edits; edit; edit = edit->next)
		if (edit->adds && slice_eq(edit->name, name))
			add_value(&b, &any, edit->value);
	luaL_pushresult(&b);
	if (any)
		return;
	lua_pop(L, 1);
	lua_pushnil(L);
}

static int headers_get(lua_State *L)
{
	struct object *object = handle_check(L, 1, HANDLE_HEADERS);
	struct task *task = state_of(L)->current;
	const char *fault;
	struct slice name;

	check_read(L, object);
	name = name_at(L, task, 2, &fault);
	budget_charge(L, 64);
	push_values(L, task, object, name);
	return 1;
}

static int headers_has(lua_State *L)
{
	headers_get(L);
	lua_pushboolean(L, !lua_isnil(L, -1));
	return 1;
}

/* Steps through the pairs that the object shows, in their order. Start with {0}. */
struct pair_walk {
	size_t at;
	bool sent_done;
	const struct edit *edit;
};

static bool next_sent(const struct request *req, const struct object *object, struct pair_walk *walk,
		      struct slice *name, struct slice *value)
{
	while (shows_request(object) && request_header_next(req, &walk->at, name, value))
		if (!is_owned(req, *name))
			return true;
	walk->sent_done = true;
	walk->edit = object->edits;
	return false;
}

static bool next_pair(const struct request *req, const struct object *object, struct pair_walk *walk,
		      struct slice *name, struct slice *value)
{
	if (!walk->sent_done && next_sent(req, object, walk, name, value))
		return true;
	while (walk->edit && !walk->edit->adds)
		walk->edit = walk->edit->next;
	if (!walk->edit)
		return false;
	*name = walk->edit->name;
	*value = walk->edit->value;
	walk->edit = walk->edit->next;
	return true;
}

struct shown {
	struct slice name, value;
	size_t order;
	bool sent;
};

static int by_name(const void *a, const void *b)
{
	const struct shown *x = a, *y = b;
	int order = slice_cmp(x->name, y->name);

	return order ? order : x->order < y->order ? -1 : x->order > y->order;
}

/* Pushes what holds them, with names in lower case, sorted; returns how many. */
static size_t sorted_pairs(lua_State *L, const struct request *req, const struct object *object,
			   struct shown **out)
{
	struct pair_walk walk = { 0 };
	struct slice name, value;
	size_t count = 0, bytes = 0;
	uint8_t *room;

	for (; next_pair(req, object, &walk, &name, &value); count++)
		bytes += name.len;
	budget_charge(L, 64 * count + bytes);
	*out = lua_newuserdatauv(L, count * sizeof(**out) + bytes, 0);
	room = (uint8_t *)(*out + count);
	walk = (struct pair_walk){ 0 };
	for (size_t i = 0; next_pair(req, object, &walk, &name, &value); i++) {
		(*out)[i] = (struct shown){ lowered(room, name), value, i, !walk.sent_done };
		room += name.len;
	}
	qsort(*out, count, sizeof(**out), by_name);
	return count;
}

/* Those that the client sent go where the object has removed their name. Returns how many are left. */
static size_t without_removed(lua_State *L, const struct object *object, struct shown *pairs, size_t count)
{
	bool removed = false;
	size_t left = 0;

	for (size_t i = 0; i < count; i++) {
		if (i == 0 || !slice_eq(pairs[i].name, pairs[i - 1].name)) {
			budget_charge(L, 1 + object->edit_count);
			removed = object_removes(object, pairs[i].name);
		}
		if (!removed || !pairs[i].sent)
			pairs[left++] = pairs[i];
	}
	return left;
}

/* Pushes the value of the first, joined with those of the same name behind it; returns how many they are. */
static size_t push_joined(lua_State *L, const struct shown *first, const struct shown *end)
{
	/* Joined, cookies could not be told apart (Fetch, "sort and combine"). */
	bool alone = slice_eq(first->name, SLICE_LIT("set-cookie"));
	const struct shown *at = first;
	bool any = false;
	luaL_Buffer b;

	luaL_buffinit(L, &b);
	do
		add_value(&b, &any, at++->value);
	while (at < end && !alone && slice_eq(at->name, first->name));
	luaL_pushresult(&b);
	return (size_t)(at - first);
}

int headers_pairs(lua_State *L, struct task *task, unsigned number)
{
	const struct object *object = task->objects[number];
	lua_Integer at = 0;
	struct shown *pairs;
	size_t count;

	check_read(L, object);
	if (shows_request(object) && !request_sent(task->call->req, ARG_HEADERS))
		task_not_sent(L, "", SLICE_LIT("headers"));
	count = sorted_pairs(L, task->call->req, object, &pairs);
	count = without_removed(L, object, pairs, count);
	lua_newtable(L);
	for (size_t i = 0; i < count;) {
		push_slice(L, pairs[i].name);
		lua_rawseti(L, -2, ++at);
		i += push_joined(L, &pairs[i], pairs + count);
		lua_rawseti(L, -2, ++at);
	}
	return pairs_of_list(L);
}

HOT int headers_index(lua_State *L, struct task *task, unsigned object, enum atom key)
{
	(void)task;
	(void)object;
	switch (key) {
	case ATOM_get:
		lua_pushcfunction(L, headers_get);
		break;
	case ATOM_set:
		lua_pushcfunction(L, headers_set_call);
		break;
	case ATOM_append:
		lua_pushcfunction(L, headers_append);
		break;
	case ATOM_delete:
		lua_pushcfunction(L, headers_delete);
		break;
	case ATOM_has:
		lua_pushcfunction(L, headers_has);
		break;
	default:
		return luaL_error(L, "Headers has no \"%s\"; read a header with headers:get(name)",
				  luaL_tolstring(L, 2, NULL));
	}
	return 1;
}

void headers_set(lua_State *L, struct task *task, struct object *object, struct slice name,
		 struct slice value)
{
	check_done(L, object_set(object, task->call->req->arena, name, value));
}

static void copy_edits(lua_State *L, int arg, struct task *task, struct object *object)
{
	struct object *from = handle_check(L, arg, HANDLE_HEADERS);

	check_read(L, from);
	if (shows_request(from))
		luaL_error(L, "a request's headers cannot become a response's");
	check_done(L, object_take_edits(object, from, task->call->req->arena));
}

void headers_fill(lua_State *L, int arg, struct task *task, struct object *object)
{
	if (handle_kind(L, arg) == HANDLE_HEADERS) {
		copy_edits(L, arg, task, object);
		return;
	}
	if (lua_type(L, arg) != LUA_TTABLE)
		luaL_error(L, "headers must be a table of names and texts, or a Headers, not %s",
			   luaL_typename(L, arg));
	arg = lua_absindex(L, arg);
	for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
		struct slice name, value;

		if (lua_type(L, -2) != LUA_TSTRING)
			luaL_error(L, "headers must be a table of names and texts; a name is a %s",
				   luaL_typename(L, -2));
		/* The key must stay as it is for lua_next, so it is not converted. */
		name = settable_name(L, task, lua_gettop(L) - 1);
		value = value_at(L, lua_gettop(L));
		check_done(L, object_set(object, task->call->req->arena, name, value));
	}
}

static int headers_new(lua_State *L)
{
	struct task *task = task_current(L, "Headers.new");
	struct object *object;
	unsigned number;

	object = task_object(L, task, OBJECT_HEADERS, &number);
	if (!lua_isnoneornil(L, 1))
		headers_fill(L, 1, task, object);
	handle_push(L, task, HANDLE_HEADERS, number);
	return 1;
}

void headers_open(lua_State *L)
{
	static const luaL_Reg functions[] = { { "new", headers_new }, { NULL, NULL } };

	luaL_newlib(L, functions);
	sandbox_library(L, "Headers");
}
