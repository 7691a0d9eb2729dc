/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli.h"
#include "eval.h"

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

/* Certificates and bodies are a client's: their control characters are not for a terminal. */
static void print_safe(const char *value)
{
	for (; *value; value++)
		putchar((unsigned char)*value < 0x20 || *value == 0x7f ? '?' : *value);
}

static void print_value(const json_t *value)
{
	char *dumped;

	if (json_is_string(value)) {
		print_safe(json_string_value(value));
		return;
	}
	if (json_is_null(value))
		return;
	dumped = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	if (dumped)
		print_safe(dumped);
	free(dumped);
}

static void print_verdict(const json_t *object)
{
	static const char *const colours[] = { "\033[1;31m", "\033[1;32m" };
	const char *verdict = text(object, "verdict");
	bool colour = cli_colour(stdout);

	printf("%s%s%s %d %s", colour ? colours[strcmp(verdict, "allow") == 0] : "", verdict,
	       colour ? "\033[0m" : "", (int)json_integer_value(json_object_get(object, "status")),
	       text(object, "reason"));
	if (json_object_get(object, "observed"))
		printf(" (observed: %s)", text(object, "observed"));
	printf("\n");
}

static void print_too_large(const json_t *too_large)
{
	if (too_large)
		printf("  too large    the answer has %d bytes, HAProxy takes %d with tune.bufsize 16384: there it is denied "
		       "(answer_too_large)\n", (int)json_integer_value(json_object_get(too_large, "bytes")),
		       (int)json_integer_value(json_object_get(too_large, "most")));
}

static void print_why(const json_t *object)
{
	const json_t *by = json_object_get(object, "decided_by");

	printf("  stage        %s\n", text(object, "stage"));
	if (json_is_object(by)) {
		printf("  decided by   %s ", text(by, "kind"));
		print_safe(text(by, "name"));
		printf(", line %d\n", (int)json_integer_value(json_object_get(by, "line")));
	}
	if (json_is_string(json_object_get(object, "error"))) {
		printf("  why          ");
		print_safe(text(object, "error"));
		printf("\n");
	}
	print_too_large(json_object_get(object, "too_large"));
	printf("  id           %s\n  generation   %s\n", text(object, "id"), text(object, "generation"));
}

static void print_properties(const char *title, json_t *object)
{
	const char *key;
	json_t *value;

	printf("%s\n", title);
	json_object_foreach(object, key, value) {
		if (json_is_object(value))
			continue;
		printf("  %-26s ", key);
		print_value(value);
		printf("\n");
	}
}

static void print_pairs(const char *title, const json_t *pairs)
{
	size_t i;
	json_t *pair;

	if (json_array_size(pairs) == 0)
		return;
	printf("%s\n", title);
	json_array_foreach(pairs, i, pair) {
		printf("  ");
		print_safe(json_string_value(json_array_get(pair, 0)));
		printf(": ");
		print_safe(json_string_value(json_array_get(pair, 1)));
		printf("\n");
	}
}

static void print_names(const char *title, const json_t *names)
{
	size_t i;
	json_t *name;

	if (json_array_size(names) == 0)
		return;
	printf("%s\n ", title);
	json_array_foreach(names, i, name) {
		printf(" ");
		print_safe(json_string_value(name));
	}
	printf("\n");
}

static void print_response(const json_t *response)
{
	if (!json_is_object(response))
		return;
	print_pairs("answer headers", json_object_get(response, "headers"));
	printf("answer body%s\n  ", json_object_get(response, "body") ? "" : " (base64)");
	print_safe(json_object_get(response, "body") ? text(response, "body") :
						       text(response, "body_base64"));
	printf("\n");
}

static void print_trace(json_t *trace)
{
	size_t i;
	json_t *step, *value;
	const char *key;

	if (!trace)
		return;
	printf("trace\n");
	json_array_foreach(trace, i, step) {
		printf("  %-12s %s", text(step, "stage"), text(step, "result"));
		json_object_foreach(step, key, value) {
			if (strcmp(key, "stage") == 0 || strcmp(key, "result") == 0)
				continue;
			printf("  %s=", key);
			print_value(value);
		}
		printf("\n");
	}
}

void eval_print(const json_t *object)
{
	const json_t *request = json_object_get(object, "request_headers");
	const json_t *response = json_object_get(object, "response_headers");
	json_t *cf = json_object_get(object, "cf"), *tls = json_object_get(object, "tls");

	print_verdict(object);
	print_why(object);
	print_trace(json_object_get(object, "trace"));
	print_properties("request.cf.tlsClientAuth", json_object_get(cf, "tlsClientAuth"));
	print_properties("request.cf", cf);
	print_properties("request.tls", tls);
	print_properties("request.tls.san", json_object_get(tls, "san"));
	print_properties("request.tls.revocation", json_object_get(tls, "revocation"));
	print_names("removed from the request", json_object_get(request, "remove"));
	print_pairs("set on the request", json_object_get(request, "set"));
	print_response(json_object_get(object, "response"));
	print_names("removed from the response", json_object_get(response, "remove"));
	print_pairs("set on the response", json_object_get(response, "set"));
}
