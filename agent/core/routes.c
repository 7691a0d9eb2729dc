/* SPDX-License-Identifier: Apache-2.0 */
#include "core/routes.h"

#include <stdlib.h>

#include "base/mem.h"
#include "core/hosts.h"

struct route {
	struct slice host, path;
	bool prefix;
	const struct worker_conf *worker;
};

/* The routes of one host pattern: a run in route_table.routes. */
struct group {
	size_t from, count;
};

struct route_table {
	struct route *routes;
	size_t count;
	struct group *groups;
	size_t group_count;
	struct host_index *hosts; /* to numbers of groups */
};

static int compare_routes(const void *a, const void *b)
{
	const struct route *x = a, *y = b;
	int order = slice_cmp(x->host, y->host);

	if (order)
		return order;
	if (x->path.len != y->path.len)
		return x->path.len > y->path.len ? -1 : 1;
	if (x->prefix != y->prefix)
		return x->prefix ? 1 : -1;
	return slice_cmp(x->path, y->path);
}

static void collect(struct route_table *table, const struct config *config)
{
	size_t total = 0;

	for (size_t i = 0; i < config->worker_count; i++)
		total += config->workers[i].route_count;
	table->routes = mem_array(total, sizeof(*table->routes));
	table->groups = mem_array(total, sizeof(*table->groups));
	for (size_t i = 0; i < config->worker_count; i++)
		for (size_t j = 0; j < config->workers[i].route_count; j++) {
			const struct route_conf *conf = &config->workers[i].routes[j];

			table->routes[table->count++] = (struct route){
				slice_str(conf->host), slice_str(conf->path), conf->prefix,
				&config->workers[i] };
		}
	qsort(table->routes, table->count, sizeof(*table->routes), compare_routes);
}

/*
 * Most requests are for a host that the configuration names: its best group is looked for once.
 * Noted is the group's number plus 1, or 0 where there is none or the entry has hosts of several names.
 */
static void note_best(const struct route_table *table, struct config *config)
{
	for (size_t i = 0; i < config->host_count; i++) {
		struct host_walk walk = { .host = slice_str(config->hosts[i].pattern) };
		const struct host_rule *best = walk.host.ptr[0] == '*' ? NULL : host_index_next(table->hosts, &walk);

		config->hosts[i].rule.routes = best ? best->number + 1 : 0;
	}
}

struct route_table *route_table_new(struct config *config)
{
	struct route_table *table = mem_new(sizeof(*table));

	collect(table, config);
	table->hosts = host_index_new(table->count);
	for (size_t i = 0; i < table->count; i++) {
		struct host_rule rule = { .number = (uint32_t)table->group_count };

		/* Routes of one host stand together: a pattern that is there already is the last group. */
		if (host_index_put(table->hosts, table->routes[i].host, &rule) == ERR_OK) {
			table->groups[rule.number].from = i;
			table->group_count++;
		}
		table->groups[rule.number].count++;
	}
	note_best(table, config);
	return table;
}

void route_table_free(struct route_table *table)
{
	if (!table)
		return;
	host_index_free(table->hosts);
	free(table->routes);
	free(table->groups);
	free(table);
}

static bool matches(const struct route *route, struct slice path)
{
	/* "/" and all behind it: what is no path belongs to it, too. */
	if (route->prefix && route->path.len == 1)
		return true;
	if (path.len == 0 || path.ptr[0] != '/')
		return false;
	return route->prefix ? slice_starts(path, route->path) : slice_eq(path, route->path);
}

static inline const struct worker_conf *find_in(const struct route_table *table, size_t number,
						struct slice path)
{
	const struct group *group = &table->groups[number];

	for (size_t i = group->from; i < group->from + group->count; i++)
		if (matches(&table->routes[i], path))
			return table->routes[i].worker;
	return NULL;
}

const struct worker_conf *route_table_find(const struct route_table *table, const struct host_rule *rule,
					   struct slice host, struct slice path)
{
	const struct worker_conf *worker = likely(rule) && rule->routes ? find_in(table, rule->routes - 1, path) : NULL;
	struct host_walk walk = { .host = host };
	const struct host_rule *group;

	while (!worker && (group = host_index_next(table->hosts, &walk)))
		worker = find_in(table, group->number, path);
	return worker;
}

bool route_table_has(const struct route_table *table, struct slice host)
{
	struct host_walk walk = { .host = host };

	return host_index_next(table->hosts, &walk) != NULL;
}
