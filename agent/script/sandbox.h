/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_SANDBOX_H
#define MTLSGUARD_SCRIPT_SANDBOX_H

#include "script/state.h"

/*
 * What a script sees. Globals are an allowlist; libraries are closed objects
 * in front of tables that no script can reach; nothing loads code, touches
 * files or reaches metatables of ours. May raise.
 */
void sandbox_open(lua_State *L);

/* Puts the table on top of the stack into the builtins as a library that cannot be changed; pops it. */
void sandbox_library(lua_State *L, const char *name);

/* Puts the value on top of the stack into the builtins; pops it. */
void sandbox_global(lua_State *L, const char *name);

/*
 * Replaces each function in the table on top of the stack by one that charges
 * the bytes of its text arguments before it runs.
 */
void sandbox_charge(lua_State *L);

/* The rooms' own libraries; each may raise. */
void base_open(lua_State *L);
void coroutine_open(lua_State *L);
void string_open(lua_State *L);
void table_open(lua_State *L);
void request_open(lua_State *L);
void headers_open(lua_State *L);
void response_open(lua_State *L);
void url_open(lua_State *L);
void console_open(lua_State *L);
void codec_open(lua_State *L);
void json_open(lua_State *L);

/* The table on top of the stack is a list in JSON, when it is empty too. */
void json_mark_list(lua_State *L);

/* Pushes json.encode, for those who answer in JSON. */
void json_push_encode(lua_State *L);
void msgpack_open(lua_State *L);
void crypto_open(lua_State *L);

#endif
