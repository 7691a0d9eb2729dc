/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd.h"

#include <time.h>

#include "cli.h"
#include "cmd_control.h"

#define PATIENCE_SECONDS 10

struct options {
	struct control_target target;
	bool json, lists;
};

static int parse(struct options *o, int argc, char **argv)
{
	const struct cli_option rows[] = {
		CONTROL_TARGET_OPTIONS(&o->target),
		{ "lists", 0, NULL, "also each source of revocation", &o->lists, NULL, NULL },
		{ "json", 0, NULL, "print one JSON object", &o->json, NULL, NULL },
		{ 0 },
	};
	const struct cli_command command = {
		"status", "",
		"Tells what the running agent says of itself: configuration in use, listeners with\n"
		"their real ports, connections, decisions, reloads, what expires first.",
		rows,
	};

	return cli_parse(&command, argc, argv, NULL);
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

static long long number(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

static void print_time(const char *label, long long epoch)
{
	time_t seconds = (time_t)epoch;
	struct tm tm;
	char stamp[32];

	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &tm);
	printf("%-14s%s\n", label, stamp);
}

static void print_lists(const json_t *status)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(status, "listeners"), i, item)
		printf("%-14s%s %s%s\n", i ? "" : "listeners", text(item, "kind"), text(item, "address"),
		       json_is_true(json_object_get(item, "tls")) ? " (TLS)" : "");
	json_array_foreach(json_object_get(status, "warnings"), i, item) {
		printf("%-14s%s:", i ? "" : "warnings", text(item, "file"));
		if (number(item, "line"))
			printf("%lld:", number(item, "line"));
		printf(" %s\n", text(item, "message"));
	}
}

static const char *stamp(const json_t *object, const char *key, char *storage, size_t size)
{
	time_t seconds = (time_t)number(object, key);
	struct tm tm;

	if (!seconds || !gmtime_r(&seconds, &tm) || !strftime(storage, size, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return "-";
	return storage;
}

static void print_expiry(const json_t *status)
{
	const json_t *expiry = json_object_get(status, "expiry"), *item, *leafs, *leaf;
	size_t i;
	char date[32];

	item = json_object_get(expiry, "authority");
	if (json_is_object(item))
		printf("%-14sauthority %s, %s\n", "expires first", text(item, "authority"),
		       stamp(item, "expires", date, sizeof(date)));
	item = json_object_get(expiry, "list");
	if (json_is_object(item))
		printf("%-14slist %s of %s, %s\n", "", text(item, "source"), text(item, "authority"),
		       stamp(item, "expires", date, sizeof(date)));
	leafs = json_object_get(expiry, "certificates");
	for (void *at = json_object_iter((json_t *)(uintptr_t)leafs); at;
	     at = json_object_iter_next((json_t *)(uintptr_t)leafs, at)) {
		json_array_foreach(json_object_iter_value(at), i, leaf)
			printf("%-14s%s of %s (%s), %s\n", "", text(leaf, "serial"), json_object_iter_key(at),
			       text(leaf, "subject"), stamp(leaf, "expires", date, sizeof(date)));
	}
}

static void print_sources(const json_t *status)
{
	const json_t *item;
	char date[32];
	size_t i;

	json_array_foreach(json_object_get(status, "lists"), i, item) {
		printf("\n%s %s of %s\n", text(item, "kind"), text(item, "source"), text(item, "authority"));
		printf("  %-12s%lld%s%s\n", "entries", number(item, "entries"),
		       number(item, "lists") && !json_is_true(json_object_get(item, "verified")) ?
			       ", not verified" : "",
		       json_is_true(json_object_get(item, "stale")) ? ", out of date" : "");
		printf("  %-12s%s\n", "number", text(item, "number")[0] ? text(item, "number") : "-");
		printf("  %-12s%s\n", "this update", stamp(item, "this_update", date, sizeof(date)));
		printf("  %-12s%s\n", "next update", stamp(item, "next_update", date, sizeof(date)));
		printf("  %-12s%s\n", "last try", stamp(item, "last_try", date, sizeof(date)));
		printf("  %-12s%s\n", "last good", stamp(item, "last_good", date, sizeof(date)));
		if (json_is_integer(json_object_get(item, "age")))
			printf("  %-12s%lld s\n", "age", number(item, "age"));
		if (text(item, "error")[0])
			printf("  %-12s%s\n", "last error", text(item, "error"));
	}
}

static void print_status(const json_t *status)
{
	const json_t *decisions = json_object_get(status, "decisions");
	const json_t *reloads = json_object_get(status, "reloads");

	printf("%-14s%s, pid %lld%s\n", "mtlsguard", text(status, "version"), number(status, "pid"),
	       json_is_true(json_object_get(status, "draining")) ? ", draining" : "");
	printf("%-14s%s\n%-14s%s\n", "config", text(status, "config"), "generation",
	       text(status, "generation"));
	print_time("started", number(status, "started"));
	print_time("loaded", number(status, "loaded"));
	printf("%-14s%lld\n%-14s%lld%s\n", "threads", number(status, "threads"), "connections",
	       number(status, "connections"),
	       json_is_true(json_object_get(status, "accepting")) ? "" : ", accepting no more");
	printf("%-14s%lld\n", "pending", number(status, "pending"));
	printf("%-14s%lld allowed, %lld denied, %lld answered\n", "decisions", number(decisions, "allow"),
	       number(decisions, "deny"), number(decisions, "respond"));
	printf("%-14s%lld, and %lld refused\n", "reloads", number(reloads, "succeeded"),
	       number(reloads, "failed"));
	print_lists(status);
	print_expiry(status);
	print_sources(status);
}

int cmd_status(int argc, char **argv)
{
	struct options o = { 0 };
	int code = parse(&o, argc, argv);
	json_t *answer, *status;

	if (code != CLI_GO_ON)
		return code;
	answer = control_target_ask("status", &o.target, json_pack("{s:s, s:b}", "command", "status", "lists", o.lists),
				    PATIENCE_SECONDS);
	if (!answer)
		return EXIT_FAULT;
	status = json_object_get(answer, "status");
	code = control_fine("status", answer) && json_is_object(status) ? EXIT_FINE : EXIT_FAULT;
	if (code == EXIT_FINE && o.json)
		code = cli_print_json(json_incref(status));
	else if (code == EXIT_FINE)
		print_status(status);
	json_decref(answer);
	return code;
}
