/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/routes.h"

#define MAX 16

static struct worker_conf conf[MAX];
static struct route_conf confs[MAX];
static struct host_conf hosts[] = { { .pattern = (char *)(uintptr_t)"*.example" },
				    { .pattern = (char *)(uintptr_t)"a.example" },
				    { .pattern = (char *)(uintptr_t)"c.example" },
				    { .pattern = (char *)(uintptr_t)"a" },
				    { .pattern = (char *)(uintptr_t)"x.b.example" },
				    { .pattern = (char *)(uintptr_t)"*" } };
#define HOSTS (sizeof(hosts) / sizeof(hosts[0]))

static struct config config;

/* A worker for each "host path", named by its place; a "*" at the end as in the configuration. */
static struct route_table *table_of(const char *const (*routes)[2])
{
	static char paths[MAX][64];
	size_t n = 0;

	for (; routes[n][0]; n++) {
		size_t len = strlen(routes[n][1]);
		bool prefix = len && routes[n][1][len - 1] == '*';

		memset(paths[n], 0, sizeof(paths[n]));
		memcpy(paths[n], routes[n][1], len - prefix);
		confs[n] = (struct route_conf){ .host = (char *)(uintptr_t)routes[n][0],
						.path = paths[n], .prefix = prefix };
		conf[n] = (struct worker_conf){ .routes = &confs[n], .route_count = 1, .index = n };
	}
	config = (struct config){ .workers = conf, .worker_count = n, .hosts = hosts, .host_count = HOSTS };
	return route_table_new(&config);
}

static void finds(const struct route_table *table, const struct host_conf *entry, const char *host,
		  const char *path, int wanted)
{
	const struct worker_conf *worker = route_table_find(table, entry ? &entry->rule : NULL, slice_str(host), slice_str(path));
	int found = worker ? (int)worker->index : -1;

	if (found != wanted)
		fail_msg("%s%s as %s: %d, not %d", host, path, entry ? entry->pattern : "any", found, wanted);
}

/* Whether the host has an entry of its own, shares one or has none makes no difference. */
static void goes_to(const struct route_table *table, const char *host, const char *path, int wanted)
{
	finds(table, NULL, host, path, wanted);
	for (size_t i = 0; i < HOSTS; i++)
		if (hosts[i].pattern[0] == '*' || strcmp(hosts[i].pattern, host) == 0)
			finds(table, &hosts[i], host, path, wanted);
}

static void none(void **state)
{
	static const char *const routes[][2] = { { NULL, NULL } };
	struct route_table *table = table_of(routes);

	(void)state;
	goes_to(table, "a", "/", -1);
	assert_false(route_table_has(table, SLICE_LIT("a")));
	route_table_free(table);
	route_table_free(NULL);
}

static void no_match(void **state)
{
	static const char *const routes[][2] = { { "a", "/x" }, { "*.b", "/y*" }, { NULL, NULL } };
	struct route_table *table = table_of(routes);

	(void)state;
	goes_to(table, "a", "/", -1);
	goes_to(table, "a", "/x/", -1);
	goes_to(table, "a", "/X", -1);
	goes_to(table, "a", "/xy", -1);
	goes_to(table, "b", "/y", -1);
	goes_to(table, "c.b", "/", -1);
	goes_to(table, "c.a", "/x", -1);
	assert_true(route_table_has(table, SLICE_LIT("a")));
	assert_true(route_table_has(table, SLICE_LIT("c.b")));
	assert_false(route_table_has(table, SLICE_LIT("b")));
	route_table_free(table);
}

static void most_specific_wins(void **state)
{
	static const char *const routes[][2] = {
		{ "*", "/*" },		  /* 0 */
		{ "*.example", "/a" },	  /* 1 */
		{ "a.example", "/*" },	  /* 2 */
		{ "a.example", "/img*" },  /* 3 */
		{ "a.example", "/img/*" }, /* 4 */
		{ "a.example", "/img/" },  /* 5 */
		{ "*example", "/*" },	  /* 6 */
		{ "*.b.example", "/*" },	  /* 7 */
		{ "c.example", "/only" },  /* 8 */
		{ NULL, NULL },
	};
	struct route_table *table = table_of(routes);

	(void)state;
	/* Cloudflare's own example: a wildcard host with an exact path loses to the exact host. */
	goes_to(table, "a.example", "/a", 2);
	goes_to(table, "a.example", "/img", 3);
	goes_to(table, "a.example", "/images", 2);
	goes_to(table, "a.example", "/img1", 3);
	goes_to(table, "a.example", "/img/x", 4);
	goes_to(table, "a.example", "/img/", 5);
	goes_to(table, "x.example", "/a", 1);
	goes_to(table, "x.example", "/b", 6);
	goes_to(table, "example", "/", 6);
	goes_to(table, "x.b.example", "/a", 7);
	goes_to(table, "b.example", "/", 6);
	/* A host whose own routes don't match goes on to the wildcards. */
	goes_to(table, "c.example", "/only", 8);
	goes_to(table, "c.example", "/", 6);
	goes_to(table, "other", "/", 0);
	route_table_free(table);
}

/* OPTIONS "*" and raw paths must not slip past a worker that has the whole host. */
static void no_path(void **state)
{
	static const char *const routes[][2] = { { "a", "/x*" }, { "a", "/*" }, { "b", "/x*" },
						 { "c", "/" }, { NULL, NULL } };
	struct route_table *table = table_of(routes);

	(void)state;
	goes_to(table, "a", "*", 1);
	goes_to(table, "a", "", 1);
	goes_to(table, "a", "http://a/x", 1);
	goes_to(table, "b", "*", -1);
	goes_to(table, "c", "*", -1);
	route_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none), cmocka_unit_test(no_match),
		cmocka_unit_test(most_specific_wins), cmocka_unit_test(no_path),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
