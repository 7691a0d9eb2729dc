/* SPDX-License-Identifier: Apache-2.0 */
#include "script/module_files.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/config_file.h"
#include "core/digest.h"
#include "script/config_lua_token.h"

/* A name with escapes is copied there. */
#define NAMES_MAX 65536

const char *module_file(struct slice name, char file[PATH_MAX])
{
	struct slice rest = slice_sub(name, 2, name.len), part;

	if (!slice_starts(name, SLICE_LIT("./")) || name.len > 200 || memchr(name.ptr, 0, name.len))
		return "require takes a name like \"./lib/roles\", beside the worker's script";
	snprintf(file, PATH_MAX, "%.*s%s", SLICE_FMT(rest),
		 slice_ends(rest, SLICE_LIT(".lua")) ? "" : ".lua");
	do {
		bool last = slice_find(rest, '/') == rest.len;

		part = slice_cut(&rest, '/');
		if (part.len == 0 || part.ptr[0] == '.' || (!last && rest.len == 0))
			return "a module stays in the folder of the worker's script";
	} while (rest.len);
	return NULL;
}

const struct worker_module *module_find(const struct worker_conf *worker, const char *file)
{
	for (size_t i = 0; i < worker->module_count; i++)
		if (!strcmp(worker->modules[i].file, file))
			return &worker->modules[i];
	return NULL;
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

static void read_module(const struct worker_conf *worker, struct worker_module *module)
{
	char *dir = config_file_dir(worker->script), *path = config_file_join(dir, module->file);
	char real[PATH_MAX], fault[256];
	const char *why = NULL;

	if (!stays_below(dir, path, real))
		module->fault = mem_dup(SLICE_LIT("there is no such file in the folder of the worker's script"));
	else if (config_file_read(real, MODULE_MAX, &module->source, &module->source_len, &why)) {
		snprintf(fault, sizeof(fault), "the file cannot be read: %s", why);
		module->source = NULL;
		module->fault = mem_dup(slice_str(fault));
	}
	free(dir);
	free(path);
}

static void add_module(struct worker_conf *worker, struct slice name)
{
	struct worker_module *module;
	char file[PATH_MAX];

	if (module_file(name, file) || module_find(worker, file) || worker->module_count == MODULES_MAX)
		return;
	worker->modules = mem_grow(worker->modules, (worker->module_count + 1) * sizeof(*worker->modules));
	module = &worker->modules[worker->module_count++];
	*module = (struct worker_module){ .file = mem_dup(slice_str(file)) };
	read_module(worker, module);
}

static bool is_require(const struct lua_token *token)
{
	return token->kind == LUA_TOKEN_NAME && slice_eq(token->text, SLICE_LIT("require"));
}

/* Behind `require` or `require (` stands the name. */
static void find_names(struct worker_conf *worker, struct slice text)
{
	struct lua_lexer lexer = { .source = text, .line = 1 };
	struct lua_token token, before = { 0 }, earlier = { 0 };
	struct arena arena;

	arena_init(&arena, NAMES_MAX);
	lexer.arena = &arena;
	while ((token = lua_lexer_next(&lexer)).kind != LUA_TOKEN_END) {
		bool bracket = before.kind == LUA_TOKEN_MARK && before.mark == '(';

		if (token.kind == LUA_TOKEN_TEXT && is_require(bracket ? &earlier : &before))
			add_module(worker, token.text);
		earlier = before;
		before = token;
	}
	arena_fini(&arena);
}

static void add_number(struct digest *sum, size_t number)
{
	uint64_t wide = htole64(number);

	digest_add(sum, slice_of(&wide, sizeof(wide)));
}

static void cover(struct config *config)
{
	struct buf text = buf_fixed(config->generation, 32);
	struct digest *sum = digest_new();
	uint8_t out[DIGEST_OCTETS];

	digest_add(sum, slice_of(config->generation, 32));
	for (size_t i = 0; i < config->worker_count; i++) {
		const struct worker_conf *worker = &config->workers[i];

		add_number(sum, worker->module_count);
		for (size_t j = 0; j < worker->module_count; j++) {
			digest_add(sum, slice_of(worker->modules[j].file, strlen(worker->modules[j].file) + 1));
			add_number(sum, worker->modules[j].source_len);
			digest_add(sum, slice_of(worker->modules[j].source, worker->modules[j].source_len));
		}
	}
	digest_finish(sum, out);
	text_hex(&text, slice_of(out, 16), false);
}

void module_files_read(struct config *config)
{
	size_t count = 0;

	for (size_t i = 0; i < config->worker_count; i++) {
		struct worker_conf *worker = &config->workers[i];

		if (!worker->script || !worker->source)
			continue;
		find_names(worker, slice_of(worker->source, worker->source_len));
		for (size_t j = 0; j < worker->module_count; j++)
			find_names(worker, slice_of(worker->modules[j].source, worker->modules[j].source_len));
		count += worker->module_count;
	}
	if (count)
		cover(config);
}
