/* SPDX-License-Identifier: Apache-2.0 */
#include "script/modules.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "script/chunk.h"
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

/* "./lib/x" to "lib/x.lua"; raises for what leaves the folder, in words at least. */
static void file_of(lua_State *L, struct slice name, char file[PATH_MAX])
{
	struct slice rest = slice_sub(name, 2, name.len), part;

	if (!slice_starts(name, SLICE_LIT("./")) || name.len > 200 || memchr(name.ptr, 0, name.len))
		luaL_error(L, "require takes a name like \"./lib/roles\", beside the worker's script");
	snprintf(file, PATH_MAX, "%.*s%s", SLICE_FMT(rest),
		 slice_ends(rest, SLICE_LIT(".lua")) ? "" : ".lua");
	do {
		bool last = slice_find(rest, '/') == rest.len;

		part = slice_cut(&rest, '/');
		if (part.len == 0 || part.ptr[0] == '.' || (!last && rest.len == 0))
			luaL_error(L, "require \"%s\": a module stays in the folder of the worker's script",
				   (const char *)name.ptr);
	} while (rest.len);
}

/* The real path of dir/file when it lies below the real dir. */
static bool stays_below(const char *dir, const char *path, char real[PATH_MAX])
{
	char folder[PATH_MAX];
	size_t len;

	if (!realpath(*dir ? dir : ".", folder) || !realpath(path, real))
		return false;
	len = strlen(folder);
	return !strncmp(folder, real, len) && (real[len] == '/' || len == 1);
}

/* A regular file of at most MODULE_MAX bytes, opened; raises otherwise. */
static int open_file(lua_State *L, const char *name, const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat about = { 0 };

	if (fd < 0 || fstat(fd, &about) || !S_ISREG(about.st_mode)) {
		if (fd >= 0)
			close(fd);
		luaL_error(L, "require \"%s\": the file cannot be read", name);
	}
	if (about.st_size > MODULE_MAX) {
		close(fd);
		luaL_error(L, "require \"%s\": the file is over %d bytes", name, MODULE_MAX);
	}
	*size = (size_t)about.st_size;
	return fd;
}

/* Pushes its text. No call that can raise comes between the descriptor and its close. */
static void push_file(lua_State *L, const char *name, const char *path)
{
	size_t size, len = 0;
	ssize_t got = 0;
	char *room;
	int fd;

	close(open_file(L, name, path, &size));
	room = lua_newuserdatauv(L, size + 1, 0);
	fd = open_file(L, name, path, &size);
	size = lua_rawlen(L, -1);
	while (len < size && (got = read(fd, room + len, size - len)) > 0)
		len += (size_t)got;
	close(fd);
	if (got < 0 || len == size)
		luaL_error(L, "require \"%s\": the file cannot be read, or changed meanwhile", name);
	lua_pushlstring(L, room, len);
	lua_remove(L, -2);
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

static void run_module(lua_State *L, const char *name, const char *file)
{
	struct state *state = state_of(L);
	char path[PATH_MAX], real[PATH_MAX], chunk[CHUNK_NAME_MAX + 1];
	struct slice source;

	if (snprintf(path, sizeof(path), "%s%s", state->dir, file) >= (int)sizeof(path) ||
	    !stays_below(state->dir, path, real))
		luaL_error(L, "require \"%s\": there is no such file in the folder of the worker's script",
			   name);
	push_file(L, name, real);
	source.ptr = (const uint8_t *)lua_tolstring(L, -1, &source.len);
	chunk_name(state, file, chunk);
	module_load(L, source, chunk);
	lua_call(L, 0, 1);
	lua_remove(L, -2);
}

/* Upvalue 1: modules by file name; `false` while one is being loaded. */
static int require(lua_State *L)
{
	struct slice name;
	char file[PATH_MAX];

	name.ptr = (const uint8_t *)luaL_checklstring(L, 1, &name.len);
	file_of(L, name, file);
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
