/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http_ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"

#define ARENA_MAX (1024 * 1024)

static const struct check_pair usual[HTTP_DIALECT_COUNT][10] = {
	[HTTP_ENVOY] = {
		{ "host", "api.example.com" }, { "x-forwarded-for", "192.0.2.1" }, { "x-forwarded-proto", "https" },
		{ "x-ssl-sni", "api.example.com" }, { "content-length", "0" }, { "x-envoy-internal", "true" },
		{ "x-envoy-expected-rq-timeout-ms", "1000" },
	},
	[HTTP_NGINX] = {
		{ "X-Original-Method", "GET" }, { "X-Original-URI", "/a?b" }, { "X-Original-Host", "api.example.com" },
		{ "X-Real-IP", "192.0.2.1" }, { "X-SSL-SNI", "api.example.com" }, { "Host", "authz" },
		{ "Connection", "close" },
	},
	[HTTP_TRAEFIK] = {
		{ "Host", "127.0.0.1:9642" }, { "X-Forwarded-Method", "GET" }, { "X-Forwarded-Uri", "/a?b" },
		{ "X-Forwarded-Host", "api.example.com" }, { "X-Forwarded-For", "192.0.2.1" },
		{ "X-Forwarded-Proto", "https" },
	},
	[HTTP_CADDY] = {
		{ "Host", "api.example.com" }, { "X-Forwarded-Method", "GET" }, { "X-Forwarded-Uri", "/a?b" },
		{ "X-Forwarded-Host", "api.example.com" }, { "X-Forwarded-For", "192.0.2.1" },
		{ "X-Forwarded-Proto", "https" }, { "Client-Cert", "::" },
	},
	[HTTP_HAPROXY] = {
		{ "host", "api.example.com" }, { "x-forwarded-method", "GET" }, { "x-forwarded-uri", "/a?b" },
		{ "x-forwarded-host", "api.example.com" }, { "x-forwarded-for", "192.0.2.1" }, { "client-cert", "::" },
	},
};

static const char *const targets[] = { "/auth/envoy/a?b", "/auth/nginx", "/auth/traefik", "/auth/caddy", "/auth/haproxy" };

static void put(struct http_ask *ask, size_t at, const struct check_pair *pair)
{
	if (at == HTTP_ASK_HEADERS)
		abort();
	ask->headers[at] = (struct http_header){ slice_str(pair->name), slice_str(pair->value) };
	if (at == ask->question.header_count)
		ask->question.header_count++;
}

static void take_away(struct http_ask *ask, size_t at)
{
	ask->question.header_count--;
	for (; at < ask->question.header_count; at++)
		ask->headers[at] = ask->headers[at + 1];
}

static void put_over(struct http_ask *ask, struct check_pair pair)
{
	size_t at = 0;

	if (*pair.name == '+') {
		pair.name++;
		at = ask->question.header_count;
	}
	while (at < ask->question.header_count && !slice_eq_nocase(ask->headers[at].name, slice_str(pair.name)))
		at++;
	if (pair.value)
		put(ask, at, &pair);
	else if (at < ask->question.header_count)
		take_away(ask, at);
}

struct http_ask *http_ask_target(enum http_dialect dialect, const char *method, const char *target,
				 const struct check_pair *over)
{
	struct http_ask *ask = mem_new(sizeof(*ask));

	ask->question = (struct http_question){ slice_str(method), slice_str(target), ask->headers, 0 };
	for (const struct check_pair *pair = usual[dialect]; pair->name; pair++)
		put(ask, ask->question.header_count, pair);
	for (; over && over->name; over++)
		put_over(ask, *over);
	arena_init(&ask->arena, ARENA_MAX);
	request_init(&ask->req, &ask->arena);
	ask->filled = http_request_fill(&ask->req, dialect, &ask->question, NULL, &ask->why);
	return ask;
}

struct http_ask *http_ask_new(enum http_dialect dialect, const struct check_pair *over)
{
	return http_ask_target(dialect, dialect == HTTP_HAPROXY ? "HEAD" : "GET", targets[dialect], over);
}

static void on_done(struct ticket *ticket)
{
	(void)ticket;
}

void http_ask_decide(struct http_ask *ask, struct rig *rig)
{
	ask->rig = rig;
	ask->ticket = (struct ticket){ .req = &ask->req, .on_done = on_done };
	if (ask->filled != REASON_ALLOWED)
		engine_refuse(rig->engine, &ask->req, ask->filled, ask->why);
	else if (engine_submit(rig->engine, &ask->ticket) != ENGINE_DONE)
		abort();
}

void http_ask_free(struct http_ask *ask)
{
	if (ask->rig)
		engine_release(ask->rig->engine, &ask->req);
	arena_fini(&ask->arena);
	free(ask);
}

char *http_ask_arg(const struct http_ask *ask, enum arg arg)
{
	const struct value *value = &ask->req.args[arg];
	struct buf text = buf_capped(0);

	switch (value->kind) {
	case VALUE_NOT_SENT:
		buf_str(&text, "-");
		break;
	case VALUE_NULL:
		buf_str(&text, "null");
		break;
	case VALUE_TEXT:
		buf_printf(&text, "=%.*s", SLICE_FMT(value->bytes));
		break;
	case VALUE_BOOL:
		buf_str(&text, value->boolean ? "true" : "false");
		break;
	default:
		buf_str(&text, "#");
		text_hex(&text, value->bytes, false);
	}
	buf_u8(&text, 0);
	return (char *)text.ptr;
}

void http_ask_says(const struct http_ask *ask, enum arg arg, const char *says)
{
	char *text = http_ask_arg(ask, arg);

	if (ask->filled != REASON_ALLOWED)
		fail_msg("refused: %s", ask->why);
	if (strcmp(text, says))
		fail_msg("%s is \"%s\", not \"%s\"", arg_name(arg), text, says);
	free(text);
}

char *http_ask_words(const struct http_answer *answer)
{
	struct buf text = buf_capped(0);

	buf_printf(&text, "%d\n", answer->status);
	for (size_t i = 0; i < answer->header_count; i++) {
		struct slice name = answer->headers[i].name, value = answer->headers[i].value;

		if (name.ptr[name.len] || value.ptr[value.len])
			abort();
		buf_printf(&text, "%.*s: %.*s\n", SLICE_FMT(name), SLICE_FMT(value));
	}
	buf_printf(&text, "\n%.*s", SLICE_FMT(answer->body));
	buf_u8(&text, 0);
	return (char *)text.ptr;
}
