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
 */
enum handle_kind {
	HANDLE_NULL = 0, /* json.null */
	HANDLE_REQUEST, HANDLE_CF, HANDLE_CLIENT_AUTH, HANDLE_TLS, HANDLE_ARGS, HANDLE_HEADERS,
	HANDLE_RESPONSE, HANDLE_CTX, HANDLE_COUNT
};

_Static_assert(sizeof(void *) == 8, "a handle needs the 64 bits of a pointer");
_Static_assert(TASK_OBJECTS == 1 << 6 && TASK_SLOTS == 1 << 12, "widths of a handle's fields");

static inline void handle_push(lua_State *L, const struct task *task, enum handle_kind kind,
			       unsigned object)
{
	uint64_t bits = task->generation << 22 | (uint64_t)task->slot << 10 |
			(uint64_t)object << 4 | kind;

	lua_pushlightuserdata(L, (void *)(uintptr_t)bits);
}

/* The metatable of all handles; may raise. */
void handle_init(lua_State *L);

/* The kind of the value at index, HANDLE_NULL when it is no handle. */
enum handle_kind handle_kind(lua_State *L, int index);

/* "Request", "Headers", … */
const char *handle_name(enum handle_kind kind);

/* The object of an argument that must be a handle of that kind, of this very
 * request. Raises. task may be NULL. */
struct object *handle_check(lua_State *L, int arg, enum handle_kind kind, struct task **task);

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

/* Pushes the bytes as a Lua string. */
void push_slice(lua_State *L, struct slice s);

/* Pushes an iterator over the list of name, value, name, value … on top of the stack; returns 1. */
int pairs_of_list(lua_State *L);

#endif
