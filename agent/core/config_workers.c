/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/canon.h"
#include "core/config_read.h"
#include "core/hosts.h"

#define SCRIPT_MAX ((size_t)1 << 20)
#define LUA_BINARY 0x1b

static void load_script(struct config_build *build, const struct config_at *at,
			struct worker_conf *worker)
{
	struct config_at script = config_member(at, "script");

	if (!worker->script ||
	    !config_load_file(build, &script, worker->script, SCRIPT_MAX, &worker->source,
			      &worker->source_len))
		return;
	if (worker->source_len && worker->source[0] == LUA_BINARY)
		config_fault(build, &script, NULL, "%s is compiled Lua; only text is run",
			     worker->script);
}

static void check_name(struct config_build *build, const struct config_at *at,
		       const struct worker_conf *worker)
{
	const struct config *config = build->config;
	struct config_at name = config_member(at, "name");

	if (!worker->name)
		return;
	if (!text_is_token(slice_str(worker->name)))
		config_fault(build, &name, NULL,
			     "\"%s\" is no name: letters, digits, - and _ without blanks",
			     worker->name);
	for (size_t i = 0; i < worker->index; i++)
		if (config->workers[i].name && strcmp(config->workers[i].name, worker->name) == 0)
			config_fault(build, &name, NULL, "a worker is called \"%s\" already, in %s:%u",
				     worker->name, config->workers[i].file, config->workers[i].line);
}

void config_read_workers(struct config_build *build, const struct config_at *at, size_t offset,
			 void *target)
{
	struct config *config = target;
	size_t count;

	(void)offset;
	if (!at->value || !config_is_list(build, at))
		return;
	count = at->value->table->item_count;
	config->workers = mem_array(count, sizeof(*config->workers));
	for (size_t i = 0; i < count; i++) {
		struct worker_conf *worker = &config->workers[i];
		struct config_at item = { .up = at, .item = i + 1,
					  .value = &at->value->table->items[i] };

		worker->index = i;
		worker->line = config_line_of(&item);
		worker->file = config_file_of(build, &item);
		config->worker_count = i + 1;
		config_read_section(build, &item, "workers[]", worker);
		if (item.value->kind != TREE_TABLE)
			continue;
		check_name(build, &item, worker);
		load_script(build, &item, worker);
	}
}

/* Requests' paths are canonical, so another form of one is never met. */
static bool read_path(struct config_build *build, const struct config_at *at,
		      struct route_conf *route, struct slice path)
{
	struct arena arena;
	struct slice canonical = SLICE_EMPTY;
	char hint[256];
	bool good;

	route->prefix = path.len && path.ptr[path.len - 1] == '*';
	path.len -= route->prefix;
	route->path = mem_dup(path.len ? path : SLICE_LIT("/"));
	if (slice_find(path, '*') < path.len || slice_find(path, '?') < path.len ||
	    slice_find(path, '#') < path.len) {
		config_fault(build, at, NULL,
			     "a path has * only at its end, and neither ? nor #");
		return false;
	}
	arena_init(&arena, 65536);
	good = canon_path(&arena, slice_str(route->path), &canonical) == ERR_OK;
	snprintf(hint, sizeof(hint), "write \"%.*s\", or say paths = \"raw\" for its host",
		 SLICE_FMT(canonical));
	if (!good)
		config_note(build, at, DIAG_LINT, "its host would need paths = \"raw\"",
			    "no request has such a path: it would be refused");
	else if (!slice_eq(canonical, slice_str(route->path)))
		config_note(build, at, DIAG_LINT, hint, "no request has such a path: it is normalised");
	arena_fini(&arena);
	return true;
}

static bool is_met(const struct config_build *build, struct slice pattern)
{
	const struct config *config = build->config;
	struct host_walk walk = { .host = pattern };

	if (pattern.ptr[0] != '*')
		return host_index_next(build->hosts, &walk) != NULL;
	for (size_t i = 0; i < config->host_count; i++)
		if (config->hosts[i].pattern &&
		    host_patterns_meet(pattern, slice_str(config->hosts[i].pattern)))
			return true;
	return false;
}

static void check_route_twice(struct config_build *build, const struct config_at *at,
			      const struct route_conf *route)
{
	const struct config *config = build->config;

	for (size_t i = 0; i < config->worker_count; i++)
		for (size_t j = 0; j < config->workers[i].route_count; j++) {
			const struct route_conf *other = &config->workers[i].routes[j];

			if (other == route || !other->host || other->prefix != route->prefix ||
			    strcmp(other->host, route->host) || strcmp(other->path, route->path))
				continue;
			config_fault(build, at, NULL, "this route is given twice, first in %s:%u",
				     other->file, other->line);
			return;
		}
}

static void read_route(struct config_build *build, const struct config_at *at,
		       struct route_conf *route)
{
	struct slice text, path, host;
	const char *why;

	if (!config_is_text(build, at, &text))
		return;
	route->text = mem_dup(text);
	if (slice_starts(text, SLICE_LIT("https://")) || slice_starts(text, SLICE_LIT("http://"))) {
		config_fault(build, at, "leave the scheme out", "a route is \"host/path*\"");
		return;
	}
	host = slice_sub(text, 0, slice_find(text, '/'));
	path = slice_sub(text, host.len, text.len);
	if (host_pattern_read(host, true, &route->host, &why)) {
		config_fault(build, at, "a route is \"host/path*\"", "\"%.*s\": %s", SLICE_FMT(host), why);
		return;
	}
	if (!read_path(build, at, route, path))
		return;
	check_route_twice(build, at, route);
	if (build->hosts && !is_met(build, slice_str(route->host)))
		config_note(build, at, DIAG_LINT, "add it to hosts, or take the route away",
			    "no host of the configuration matches this route");
}

void config_read_routes(struct config_build *build, const struct config_at *at, size_t offset,
			void *target)
{
	struct worker_conf *worker = target;
	size_t count;

	(void)offset;
	if (!at->value || !config_is_list(build, at) || !config_is_filled(build, at))
		return;
	count = at->value->table->item_count;
	worker->routes = mem_array(count, sizeof(*worker->routes));
	for (size_t i = 0; i < count; i++) {
		struct config_at item = { .up = at, .item = i + 1,
					  .value = &at->value->table->items[i] };

		worker->routes[i].line = config_line_of(&item);
		worker->routes[i].file = config_file_of(build, &item);
		worker->route_count = i + 1;
		read_route(build, &item, &worker->routes[i]);
	}
}

static void read_var(struct config_build *build, const struct config_at *at,
		     struct worker_var *var)
{
	const struct tree *value = at->value;

	var->name = mem_dup(slice_str(at->key));
	var->value = mem_dup(value->kind == TREE_TEXT ? value->text : SLICE_EMPTY);
	if (value->kind == TREE_TABLE) {
		config_fault(build, at, NULL, "a var is a text, a number, true or false");
	} else if (value->kind == TREE_BOOL) {
		var->type = VAR_BOOL;
		var->number = value->boolean;
	} else if (value->kind == TREE_NUMBER) {
		var->type = VAR_NUMBER;
		var->number = value->number;
	}
}

void config_read_vars(struct config_build *build, const struct config_at *at, size_t offset,
		      void *target)
{
	struct worker_conf *worker = target;
	const struct tree_table *table;

	(void)offset;
	if (!at->value || !config_is_map(build, at))
		return;
	table = at->value->table;
	worker->vars = mem_array(table->member_count, sizeof(*worker->vars));
	worker->var_count = table->member_count;
	for (size_t i = 0; i < table->member_count; i++) {
		struct config_at member = { .up = at, .key = table->members[i].key,
					    .value = &table->members[i].value };

		if (!member.key[0])
			config_fault(build, &member, NULL, "a var needs a name");
		read_var(build, &member, &worker->vars[i]);
	}
}

/* Without these no request would be understood. */
static bool is_vital(const char *name)
{
	static const char *const vital[] = { "host", "content-length", "transfer-encoding",
					     "connection", "upgrade", "te", "trailer" };

	for (size_t i = 0; i < sizeof(vital) / sizeof(vital[0]); i++)
		if (strcmp(name, vital[i]) == 0)
			return true;
	return false;
}

void config_read_owned(struct config_build *build, const struct config_at *at, size_t offset,
		       void *target)
{
	struct headers_conf *headers = &((struct config *)target)->headers;
	size_t count;

	(void)offset;
	if (!at->value || !config_is_list(build, at))
		return;
	count = at->value->table->item_count;
	headers->owned = mem_array(count, sizeof(*headers->owned));
	for (size_t i = 0; i < count; i++) {
		struct config_at item = { .up = at, .item = i + 1,
					  .value = &at->value->table->items[i] };
		struct slice text;
		char *name;

		if (!config_is_text(build, &item, &text))
			continue;
		name = mem_dup(text);
		for (char *p = name; *p; p++)
			*p = *p == '_' ? '-' : (char)ascii_lower((uint8_t)*p);
		headers->owned[headers->owned_count++] = name;
		if (!text_is_token(text) || slice_find(text, '*') < text.len || strcmp(name, "-") == 0)
			config_fault(build, &item, "a prefix ends in -",
				     "\"%.*s\" is no header name", SLICE_FMT(text));
		else if (is_vital(name))
			config_fault(build, &item, NULL,
				     "\"%s\" cannot be taken away: no request works without it", name);
	}
}
