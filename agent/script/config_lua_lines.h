/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_CONFIG_LUA_LINES_H
#define MTLSGUARD_SCRIPT_CONFIG_LUA_LINES_H

#include "base/diag.h"
#include "base/slice.h"

/*
 * Where the keys of a Lua source stand. A running Lua keeps no lines for table
 * keys, so the source text is read a second time for its table constructors:
 * the one that is returned, what its fields hold, and constructors that were
 * given a name first. What is computed has no line here.
 */
struct lua_lines;
struct lua_ctor; /* one "{ … }" */

struct lua_field {
	bool indexed;	   /* a list item or [1] = …; otherwise a text key */
	uint64_t index;	   /* from 1 */
	struct slice key;  /* without key: computed, not found by lua_lines_key */
	unsigned line;
	const char *file;
	const struct lua_ctor *ctor; /* its value, when that is a constructor */
	struct slice name;	     /* or when it is a bare name */
};

/*
 * Reads a source that Lua has compiled; source and file must outlive the
 * result. Keys that stand twice in one constructor go to diag as errors.
 */
struct lua_lines *lua_lines_new(struct slice source, const char *file, struct diag_list *diag);
void lua_lines_free(struct lua_lines *lines);

/* The constructor that the chunk returns, or NULL. */
const struct lua_ctor *lua_lines_root(const struct lua_lines *lines);

/* The line of the chunk's last top-level "return", 0 when there is none. */
unsigned lua_lines_return(const struct lua_lines *lines);

/* The field of a key or of item `index` (from 1), or NULL. ctor may be NULL. */
const struct lua_field *lua_lines_key(const struct lua_ctor *ctor, struct slice key);
const struct lua_field *lua_lines_item(const struct lua_ctor *ctor, uint64_t index);

/* The constructor behind a field, names looked up. field may be NULL. */
const struct lua_ctor *lua_lines_value(const struct lua_lines *lines, const struct lua_field *field);

#endif
