/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_CONFIG_LUA_STATE_H
#define MTLSGUARD_SCRIPT_CONFIG_LUA_STATE_H

#include <lua.h>

#include "script/config_lua.h"
#include "script/config_lua_lines.h"

/* Inside the reader of Lua configurations: one run of it, and what its files share. */
#define CONFIG_LUA_INCLUDE_DEPTH 8

/* One source. Lua sees it as the chunk "#N", which messages are translated back from. */
struct config_lua_source {
	const char *name; /* in the document's arena, where values point to it too */
	char *text;
	size_t len;
	struct lua_lines *lines;
};

/* Where a key came from whose table has no constructor: another file. */
struct config_lua_origin {
	const struct config_lua_source *source;
	const struct lua_field *field; /* NULL: the file computes it */
};

struct config_lua {
	lua_State *lua;
	struct config_lua_limits limits;
	int64_t deadline_ns;
	size_t used;
	bool timed_out;
	bool full; /* doc has taken all that it may */
	struct diag_list *diag;
	char *dir; /* what relative names are relative to */
	struct config_lua_source **sources;
	size_t source_count;
	unsigned include_depth;
	struct arena origins;
	struct tree_doc *doc;
	struct slice main; /* the first source */
	const char *path;
};

/* Raises the Lua error of a passed deadline when it has passed. */
void config_lua_check_time(struct config_lua *run);

/* Opens the sandbox's names as globals. Inside a protected call. */
void config_lua_open(struct config_lua *run);

/*
 * Compiles text (taken over, malloc'd) as file `name`, pushes its function.
 * A syntax fault or a repeated key is put into diag; on a syntax fault nothing is pushed: NULL.
 */
const struct config_lua_source *config_lua_compile(struct config_lua *run, const char *name,
						   char *text, size_t len);

/* Puts a Lua error message into diag, "#N:LINE:" at its front translated. */
void config_lua_fault(struct config_lua *run, const char *message);

/* include "pattern": config_lua_include.c. */
int config_lua_include(lua_State *lua);

/* Notes where members of an included table come from; the tables are on the stack. */
void config_lua_note(struct config_lua *run, int merged, int key, int value,
		     const struct config_lua_origin *origin);

/* The origin of a key of an included table, or of a table that came from one; or NULL. */
const struct config_lua_origin *config_lua_key_origin(struct config_lua *run, int table, int key);
const struct config_lua_origin *config_lua_table_origin(struct config_lua *run, int table);

/* Copies the value on top of the stack, what `source` returned, to run->doc. Faults go to diag. */
void config_lua_copy(struct config_lua *run, const struct config_lua_source *source);

/* The run that a state belongs to. */
struct config_lua *config_lua_of(lua_State *lua);

#endif
