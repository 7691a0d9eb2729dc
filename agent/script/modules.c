/* SPDX-License-Identifier: Apache-2.0 */
#include "script/modules.h"

#include <stdio.h>

#include "script/chunk.h"
#include "script/module_files.h"
#include "script/sandbox.h"

/*
 * Stands in front of each chunk, on its first line: what a script reads most
 * are locals for it then, which is a fifth of the work of looking in its
 * environment and then behind it. They hold what the globals hold for as long
 * as the state lives, since neither can be assigned to.
 */
static const char locals[] =
	"local fetch<const>,Request<const>,Response<const>,Headers<const>,URL<const>,console<const>,"
	"string<const>,table<const>,json<const>,type<const>,tostring<const>,pairs<const>,ipairs<const> ="
	"fetch,Request,Response,Headers,URL,console,string,table,json,type,tostring,pairs,ipairs;";

struct source {
	const char *front;
	const char *text;
	size_t len;
};

static const char *read_all(lua_State *L, void *arg, size_t *len)
{
	struct source *source = arg;
	const char *text = source->text, *front = source->front;

	(void)L;
	if (front) {
		source->front = NULL;
		*len = strlen(front);
		return front;
	}
	*len = source->len;
	source->len = 0;
	return text;
}

/* Pushes the compiled text. What the locals in front of it would change the meaning of goes without: another
 * _ENV, and whatever does not compile with them, which then says what is wrong with the text itself. */
static int compile(lua_State *L, struct slice source, const char *name)
{
	struct source whole = { locals, (const char *)source.ptr, source.len };

	if (!memmem(source.ptr, source.len, "_ENV", 4)) {
		if (lua_load(L, read_all, &whole, name, "t") == LUA_OK)
			return LUA_OK;
		lua_pop(L, 1);
	}
	whole = (struct source){ NULL, (const char *)source.ptr, source.len };
	return lua_load(L, read_all, &whole, name, "t");
}

void module_load(lua_State *L, struct slice source, const char *chunk)
{
	char name[CHUNK_NAME_MAX + 2];
	unsigned line;

	if (source.len && source.ptr[0] == LUA_SIGNATURE[0])
		luaL_error(L, "%s is compiled Lua; only text is run", chunk);
	snprintf(name, sizeof(name), "=%s", chunk);
	if (compile(L, source, name))
		lua_error(L);
	line = chunk_closes(source);
	if (line) {
		lua_pushfstring(L, "%s:%d: variables with <close> are not available to workers", chunk,
				(int)line);
		lua_error(L);
	}
	lua_rawgetp(L, LUA_REGISTRYINDEX, &registry.env);
	if (!lua_setupvalue(L, -2, 1))
		lua_pop(L, 1);
}

static void chunk_name(const struct state *state, const char *file, char chunk[CHUNK_NAME_MAX + 1])
{
	const char *slash = strrchr(state->chunk, '/');
	size_t folder = slash ? (size_t)(slash - state->chunk) + 1 : 0, len = strlen(file);

	if (folder + len <= CHUNK_NAME_MAX) {
		memcpy(chunk, state->chunk, folder);
		memcpy(chunk + folder, file, len + 1);
		return;
	}
	if (len > CHUNK_NAME_MAX - 3) {
		file += len - (CHUNK_NAME_MAX - 3);
		len = CHUNK_NAME_MAX - 3;
	}
	memcpy(chunk, "...", 3);
	memcpy(chunk + 3, file, len + 1);
}

static int run_module(lua_State *L, const char *name, const char *file)
{
	struct state *state = state_of(L);
	const struct worker_module *module = module_find(state->worker, file);
	char chunk[CHUNK_NAME_MAX + 1];

	if (!module)
		return luaL_error(L, "require \"%s\": modules are read with the configuration, which finds them where "
			      "the name stands as it is: require \"./lib/x\"", name);
	if (!module->source)
		return luaL_error(L, "require \"%s\": %s", name, module->fault);
	chunk_name(state, file, chunk);
	module_load(L, slice_of(module->source, module->source_len), chunk);
	lua_call(L, 0, 1);
	return 1;
}

/* Upvalue 1: modules by file name; `false` while one is being loaded. */
static int require(lua_State *L)
{
	struct slice name;
	char file[PATH_MAX];
	const char *fault;

	name.ptr = (const uint8_t *)luaL_checklstring(L, 1, &name.len);
	fault = module_file(name, file);
	if (fault)
		return luaL_error(L, "require \"%s\": %s", (const char *)name.ptr, fault);
	lua_settop(L, 1);
	lua_getfield(L, lua_upvalueindex(1), file);
	if (lua_toboolean(L, -1))
		return 1;
	if (lua_isboolean(L, -1))
		return luaL_error(L, "require \"%s\": it is being loaded already; modules require each "
				  "other in a circle", lua_tostring(L, 1));
	if (!state_of(L)->loading)
		return luaL_error(L, "require \"%s\": modules are loaded with the script; require it at "
				  "the top", lua_tostring(L, 1));
	lua_pushboolean(L, false);
	lua_setfield(L, lua_upvalueindex(1), file);
	run_module(L, lua_tostring(L, 1), file);
	if (!lua_toboolean(L, -1)) {
		lua_pop(L, 1);
		lua_pushboolean(L, true);
	}
	lua_pushvalue(L, -1);
	lua_setfield(L, lua_upvalueindex(1), file);
	return 1;
}

void modules_open(lua_State *L)
{
	lua_newtable(L);
	lua_pushcclosure(L, require, 1);
	sandbox_global(L, "require");
}
