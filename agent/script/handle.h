/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_HANDLE_H
#define MTLSGUARD_SCRIPT_HANDLE_H

#include "script/task.h"

/*
 * What a script holds of a request is a number in a light userdata: which kind
 * of object, which one, of which task in which generation. Making one costs
 * nothing, and one that was kept from another request is known by its
 * generation. All share one metatable, which asks the kind.
 *
 *   generation:42 | slot:12 | object:6 | kind:4
 *
 * Generation and slot are the tag of a call. The kind is in the lowest bits,
 * where addresses of userdata are 0 or 8, which no object's kind is: none
 * passes for a handle.
 */
enum handle_kind {
	HANDLE_NULL = 0, /* json.null */
	HANDLE_REQUEST, HANDLE_CF, HANDLE_CLIENT_AUTH, HANDLE_TLS, HANDLE_ARGS, HANDLE_HEADERS,
	HANDLE_RESPONSE, HANDLE_CTX = 9, HANDLE_COUNT
};

#define HANDLE_OBJECT_BITS (UINT64_C(63) << 4)

_Static_assert(sizeof(void *) == 8, "a handle needs the 64 bits of a pointer");
_Static_assert(TASK_OBJECTS == 1 << 6 && TASK_SLOTS == 1 << 12, "widths of a handle's fields");

static inline void handle_push(lua_State *L, const struct task *task, enum handle_kind kind,
			       unsigned object)
{
	uint64_t bits = task->tag | (uint64_t)object << 4 | kind;

	lua_pushlightuserdata(L, (void *)(uintptr_t)bits);
}

/* The object of the value at index when that is a handle of that kind and of that call, else NULL. */
static inline struct object *handle_of(lua_State *L, int index, const struct task *task,
				       enum handle_kind kind)
{
	uint64_t bits = (uintptr_t)lua_touserdata(L, index);

	if ((bits & ~HANDLE_OBJECT_BITS) != (task->tag | kind))
		return NULL;
	return task->objects[(bits & HANDLE_OBJECT_BITS) >> 4];
}

/* The same of the running call. */
static inline struct object *handle_object(lua_State *L, int index, enum handle_kind kind)
{
	const struct task *task = state_of(L)->current;

	return task ? handle_of(L, index, task, kind) : NULL;
}

/* The metatable of all handles; may raise. */
void handle_init(lua_State *L);

/* The kind of the value at index, HANDLE_NULL when it is no handle. */
enum handle_kind handle_kind(lua_State *L, int index);

/* "Request", "Headers", … */
const char *handle_name(enum handle_kind kind);

/* Says why handle_object found nothing. */
_Noreturn void handle_refuse(lua_State *L, int arg, enum handle_kind kind);

/* The object of an argument that must be a handle of that kind, of this very request. Raises. */
static inline struct object *handle_check(lua_State *L, int arg, enum handle_kind kind)
{
	struct object *object = handle_object(L, arg, kind);

	if (unlikely(!object))
		handle_refuse(L, arg, kind);
	return object;
}

/* __index of each kind: pushes one value. key is at index 2. */
int request_index(lua_State *L, struct task *task, unsigned object, enum atom key);
int cf_index(lua_State *L, struct task *task, unsigned object, enum atom key);
int client_auth_index(lua_State *L, struct task *task, unsigned object, enum atom key);
int tls_index(lua_State *L, struct task *task, unsigned object, enum atom key);
int args_index(lua_State *L, struct task *task, unsigned object, enum atom key);
int headers_index(lua_State *L, struct task *task, unsigned object, enum atom key);
int response_index(lua_State *L, struct task *task, unsigned object, enum atom key);
int ctx_index(lua_State *L, struct task *task, unsigned object, enum atom key);

/* __pairs of the kinds that have it. */
int args_pairs(lua_State *L, struct task *task);
int headers_pairs(lua_State *L, struct task *task, unsigned object);
int client_auth_pairs(lua_State *L, struct task *task);
int cf_pairs(lua_State *L, struct task *task);
int tls_pairs(lua_State *L, struct task *task);

/* pairs works on it. */
static inline bool handle_has_pairs(enum handle_kind kind)
{
	return kind >= HANDLE_CF && kind <= HANDLE_HEADERS;
}

/* Pushes the bytes as a Lua string. */
void push_slice(lua_State *L, struct slice s);

/* Pushes an iterator over the list of name, value, name, value … on top of the stack; returns 1. */
int pairs_of_list(lua_State *L);

/* The same over the named properties of the handle at index 1, without those that are nil. */
int pairs_of_names(lua_State *L, const char *const *names);

#endif
