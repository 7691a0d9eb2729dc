/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_CONFIG_LUA_TOKEN_H
#define MTLSGUARD_SCRIPT_CONFIG_LUA_TOKEN_H

#include "base/arena.h"
#include "base/slice.h"

/*
 * Lua 5.4's tokens (manual 3.1), as far as finding table keys needs them. It
 * reads source that Lua has compiled already, so it has no faults to report:
 * what it doesn't know it steps over byte by byte.
 */
enum lua_token_kind { LUA_TOKEN_END, LUA_TOKEN_NAME, LUA_TOKEN_TEXT, LUA_TOKEN_NUMBER, LUA_TOKEN_MARK };

struct lua_token {
	enum lua_token_kind kind;
	unsigned line;
	uint8_t mark;	   /* MARK: its character; 0 for "==", "~=", "<=", ">=" and what is longer */
	struct slice text; /* NAME: itself; TEXT: its value; NUMBER: as written */
};

struct lua_lexer {
	struct slice source;
	size_t at;
	unsigned line;
	struct arena *arena; /* for texts with escapes */
};

/* The token at the front, which is taken. TEXT values with escapes are made in the arena; a full
 * arena gives an empty one. */
struct lua_token lua_lexer_next(struct lua_lexer *lexer);

/* The same without taking it. */
struct lua_token lua_lexer_peek(const struct lua_lexer *lexer);

#endif
