/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_CONFIG_LUA_H
#define MTLSGUARD_SCRIPT_CONFIG_LUA_H

#include "base/diag.h"
#include "base/err.h"
#include "core/tree.h"

/*
 * Reads a configuration written in Lua 5.4: compiles the text, finds the lines
 * of its keys, runs it in a closed sandbox and copies the table that it
 * returns. The sandbox has string, table, math, utf8, a few base functions,
 * and env "NAME", secret "FILE", include "PATTERN"; relative names are
 * relative to the folder of the main file, in included files too.
 */
struct config_lua_limits {
	int64_t wall_ns; /* how long it may run; no pcall escapes */
	size_t memory;	 /* bytes of the Lua state */
};

/* What the product runs with: 5 s, 1 GiB. */
extern const struct config_lua_limits config_lua_limits;

/* The largest source that is read. */
#define CONFIG_LUA_SOURCE_MAX ((size_t)64 << 20)

/*
 * Reads the file at path. Faults go to diag, with path as it is given here;
 * ERR_CONFIG then, and *out is NULL. The caller frees *out (tree_doc_free).
 */
enum err config_lua_read(const char *path, struct diag_list *diag, struct tree_doc **out) MUST_USE;

/* The same from memory: path is only a name, and what relative names are relative to. */
enum err config_lua_run(struct slice source, const char *path,
			const struct config_lua_limits *limits, struct diag_list *diag,
			struct tree_doc **out) MUST_USE;

#endif
