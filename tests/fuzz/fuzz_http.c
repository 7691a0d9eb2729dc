/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reaches http_request_fill, the engine behind it and http_answer_fill with any
 * question: a line of "dialect method target", then a line a header, "name: value".
 * Who holds "allow" gets 200, nobody else; what a proxy said to us alone reaches
 * no worker; an answer cannot be split, and Envoy removes nothing that is set for the origin.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/text.h"
#include "core/request_headers.h"
#include "front/http_answer.h"
#include "lib/rig.h"

#define HEADERS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rig *rig;

static void end(void)
{
	rig_free(rig);
}

static void begin(void)
{
	rig = rig_new("return { headers = { managed_transform = true, client_cert = true, owned = { \"x-client-\" } },"
		      " hosts = { [\"*\"] = { require = \"none\" }, [\"a.test\"] = { require = \"none\", enforce = \"observe\" } } }", NULL);
	atexit(end);
}

static size_t read_headers(struct slice text, struct http_header *headers)
{
	size_t n = 0;

	while (text.len && n < HEADERS_MAX) {
		struct slice line = slice_cut(&text, '\n'), name = slice_cut(&line, ':');

		headers[n++] = (struct http_header){ name, slice_trim(line) };
	}
	return n;
}

/* Whether the proxy writes this header for us, and for us alone. */
static bool is_ours(enum http_dialect dialect, struct slice name)
{
	switch (dialect) {
	case HTTP_ENVOY:
		return slice_eq_nocase(name, SLICE_LIT("x-ssl-sni"));
	case HTTP_NGINX:
		return slice_eq_nocase(name, SLICE_LIT("x-ssl-cert")) || slice_eq_nocase(name, SLICE_LIT("x-original-uri"));
	case HTTP_TRAEFIK:
		return slice_eq_nocase(name, SLICE_LIT("x-forwarded-tls-client-cert"));
	default:
		return slice_eq_nocase(name, SLICE_LIT("client-cert")) || slice_eq_nocase(name, SLICE_LIT("client-cert-chain"));
	}
}

static void check_request(const struct request *req, enum http_dialect dialect)
{
	struct headers_seen seen;
	struct slice name, value;
	unsigned hosts = 0;
	size_t at = 0;

	if (req->args[ARG_CERT].kind != VALUE_NULL && request_bytes(req, ARG_CERT).len == 0)
		abort();
	if (!request_sent(req, ARG_HOST) || !request_sent(req, ARG_METHOD) || !request_sent(req, ARG_PATH) ||
	    !request_sent(req, ARG_HEADERS) || request_headers_check(req, &seen))
		abort();
	while (request_header_next(req, &at, &name, &value)) {
		hosts += slice_eq_nocase(name, SLICE_LIT("host"));
		if (is_ours(dialect, name))
			abort();
	}
	if (hosts != 1 || seen.hosts != 1)
		abort();
}

static void check_removals(const struct http_answer *answer, struct slice list)
{
	while (list.len) {
		struct slice name = slice_trim(slice_cut(&list, ','));

		for (size_t i = 0; i < answer->header_count; i++)
			if (slice_eq_nocase(answer->headers[i].name, name) && !slice_starts(name, SLICE_LIT("x-mtls-")))
				abort();
	}
}

static void check_answer(const struct request *req, const struct http_answer *answer)
{
	bool allow = req->verdict.kind == VERDICT_ALLOW && req->verdict.reason == REASON_ALLOWED;

	if ((answer->status == 200) != allow || answer->status < 200 || answer->status > 599)
		abort();
	for (size_t i = 0; i < answer->header_count; i++) {
		struct slice name = answer->headers[i].name, value = answer->headers[i].value;

		if (!text_is_token(name) || value.len == 0 || memchr(value.ptr, '\n', value.len) || memchr(value.ptr, '\r', value.len) ||
		    memchr(value.ptr, 0, value.len) || name.ptr[name.len] || value.ptr[value.len])
			abort();
		if (slice_eq(name, SLICE_LIT("x-envoy-auth-headers-to-remove")))
			check_removals(answer, value);
	}
}

static void on_done(struct ticket *ticket)
{
	(void)ticket;
}

static void ask(enum http_dialect dialect, const struct http_question *question)
{
	struct arena arena;
	struct request req;
	struct ticket ticket = { .req = &req, .on_done = on_done };
	struct http_answer answer;
	struct http_lost lost;
	const char *why = NULL;
	enum reason reason;

	arena_init(&arena, 4 << 20);
	request_init(&req, &arena);
	reason = http_request_fill(&req, dialect, question, NULL, &why);
	if (reason == REASON_ALLOWED) {
		check_request(&req, dialect);
		if (engine_submit(rig->engine, &ticket) != ENGINE_DONE)
			abort();
	} else {
		if (!why || !*why)
			abort();
		engine_refuse(rig->engine, &req, reason, why);
	}
	if (!http_answer_fill(&answer, dialect, &req, &lost))
		check_answer(&req, &answer);
	else if (answer.status == 200)
		abort();
	engine_release(rig->engine, &req);
	arena_fini(&arena);
	buf_reset(&rig->records);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(data, size), line = slice_cut(&text, '\n');
	enum http_dialect dialect = http_dialect_find(slice_cut(&line, ' '));
	struct http_header headers[HEADERS_MAX];
	struct http_question question = { .headers = headers };

	if (!rig)
		begin();
	if (dialect == HTTP_DIALECT_COUNT)
		return 0;
	question.method = slice_cut(&line, ' ');
	question.target = line;
	question.header_count = read_headers(text, headers);
	ask(dialect, &question);
	return 0;
}
