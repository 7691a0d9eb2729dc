/* SPDX-License-Identifier: Apache-2.0 */
#include "front/http_answer.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/text.h"
#include "core/request_headers.h"
#include "core/snapshot.h"
#include "front/pairs.h"

#define HEADER(name, value) { SLICE_INIT(name), SLICE_INIT(value) }
#define ID SLICE_LIT("x-mtls-id")
#define REASON SLICE_LIT("x-mtls-reason")
#define STATUS SLICE_LIT("x-mtls-status")
#define REMOVE SLICE_LIT("x-envoy-auth-headers-to-remove")

/* An answer being written. */
struct writing {
	const struct request *req;
	enum http_dialect dialect;
	struct http_header *headers;
	size_t count, head;
	struct http_lost *lost;
};

/* What no answer may hold but by our own hand: it frames the answer, or says how to read it. */
static bool is_reserved(struct slice name)
{
	static const struct slice names[] = {
		SLICE_INIT("connection"), SLICE_INIT("content-length"), SLICE_INIT("date"), SLICE_INIT("keep-alive"),
		SLICE_INIT("proxy-connection"), SLICE_INIT("te"), SLICE_INIT("trailer"), SLICE_INIT("transfer-encoding"),
		SLICE_INIT("upgrade"), SLICE_INIT("x-envoy-auth-headers-to-remove"),
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_eq_nocase(name, names[i]))
			return true;
	return false;
}

static bool can_carry(struct slice name, struct slice value)
{
	return text_is_token(name) && text_is_field_value(value);
}

static bool can_set(struct slice name, struct slice value)
{
	return can_carry(name, value) && !is_reserved(name);
}

/* Told by this front itself, whatever a worker says under these names. */
static bool is_told(struct slice name)
{
	return slice_eq_nocase(name, ID) || slice_eq_nocase(name, REASON) || slice_eq_nocase(name, STATUS);
}

/* A copy with a NUL behind it; tabs become blanks, which mean the same (RFC 9110 5.6.3). */
static struct slice copy(struct arena *arena, struct slice s)
{
	uint8_t *bytes = arena_take(arena, s.len + 1);

	if (!bytes)
		return SLICE_EMPTY;
	for (size_t i = 0; i < s.len; i++)
		bytes[i] = s.ptr[i] == '\t' ? ' ' : s.ptr[i];
	bytes[s.len] = '\0';
	return slice_of(bytes, s.len);
}

/* An empty value is no header: neither the server nor every proxy keeps it. */
static enum err put(struct writing *writing, struct slice name, struct slice value)
{
	struct http_header *header = &writing->headers[writing->count];

	if (value.len == 0)
		return ERR_OK;
	writing->head += name.len + value.len + sizeof(": \r\n") - 1;
	if (writing->count == HTTP_ANSWER_HEADERS || writing->head > HTTP_ANSWER_HEAD)
		return ERR_LIMIT;
	header->name = copy(writing->req->arena, name);
	header->value = copy(writing->req->arena, value);
	if (!header->name.ptr || !header->value.ptr)
		return ERR_MEMORY;
	writing->count++;
	return ERR_OK;
}

/* A header that keeps the client's own lines and has ours behind them: proxies set what we say in their place. */
static enum err behind_the_clients(const struct request *req, struct slice name, struct slice *value)
{
	struct slice separator = pairs_separator(name), sent, line, ours = *value;
	size_t size = ours.len, at = 0;
	uint8_t *bytes;
	struct buf b;

	while (request_header_next(req, &at, &sent, &line))
		if (slice_eq_nocase(sent, name))
			size += line.len + separator.len;
	if (size == ours.len)
		return ERR_OK;
	bytes = arena_take(req->arena, size);
	if (!bytes)
		return ERR_MEMORY;
	b = buf_fixed(bytes, size);
	for (at = 0; request_header_next(req, &at, &sent, &line);) {
		if (!slice_eq_nocase(sent, name))
			continue;
		buf_put(&b, line);
		buf_put(&b, separator);
	}
	buf_put(&b, ours);
	*value = buf_slice(&b);
	return can_carry(name, *value) ? buf_err(&b) : ERR_FORMAT;
}

static bool is_set(const struct pairs *pairs, struct slice name)
{
	uint16_t number = pairs_find(pairs, name);

	return number && (pairs->items[number].value.len || pairs->items[number].next);
}

/* Envoy is told the names; behind the others the configuration removes ours, and nobody what else a worker wants gone. */
static enum err put_removals(struct writing *writing, struct pairs *pairs)
{
	const struct request *req = writing->req;
	const struct header_block *del = &req->verdict.req_del;
	size_t room = header_block_size(del) * 2 + 64;
	struct buf list = buf_fixed(arena_take(req->arena, room), room);
	struct header_cursor cursor = { 0 };
	struct slice name, ignored;

	if (!list.ptr)
		return ERR_MEMORY;
	while (header_block_next_name(del, &cursor, &name)) {
		uint16_t number = pairs_find(pairs, name);

		if (number)
			pairs->items[number].deleted = true;
		if (is_set(pairs, name))
			continue;
		if (writing->dialect == HTTP_ENVOY && !text_is_token(name))
			return ERR_FORMAT;
		buf_put(&list, list.len ? SLICE_LIT(", ") : SLICE_EMPTY);
		buf_put(&list, name);
		writing->lost->request_removals += !snapshot_owns(req->snapshot, name) &&
						   request_header(req, name, &ignored) == HEADER_PRESENT;
	}
	if (buf_err(&list))
		return ERR_MEMORY;
	if (writing->dialect != HTTP_ENVOY)
		return ERR_OK;
	writing->lost->request_removals = 0;
	return put(writing, REMOVE, buf_slice(&list));
}

static enum err collect(struct pairs *pairs, const struct request *req)
{
	const struct verdict *verdict = &req->verdict;
	struct header_cursor cursor = { 0 };
	struct slice name, value;
	enum err err = pairs_init(pairs, req->arena);

	while (!err && header_block_next_pair(&verdict->req_set, &cursor, &name, &value)) {
		if (!can_set(name, value))
			err = ERR_FORMAT;
		else if (!is_told(name))
			err = pairs_add(pairs, name, value);
	}
	if (!err && verdict->client_cert)
		err = pairs_add(pairs, SLICE_LIT("client-cert"), verdict->client_cert_value);
	return err;
}

/* Id and reason go with every answer: the origin's log may have them too. */
static enum err tell(struct pairs *pairs, const struct request *req)
{
	enum err err = pairs_add(pairs, ID, req->verdict.id);

	if (!err && snapshot_config(req->snapshot)->refusals_reason)
		err = pairs_add(pairs, REASON, slice_str(reason_name(req->verdict.reason)));
	return err;
}

static enum err put_request_headers(struct writing *writing, const struct pairs *pairs)
{
	enum err err = ERR_OK;

	for (unsigned i = 1; !err && i <= pairs->count; i++) {
		const struct pair *pair = &pairs->items[i];
		struct slice value;

		if (pair->further)
			continue;
		err = pairs_join(pairs, pair, writing->req->arena, &value);
		if (!err && !pair->deleted && value.len)
			err = behind_the_clients(writing->req, pair->name, &value);
		if (!err)
			err = put(writing, pair->name, value);
	}
	return err;
}

/* They stand among the request's: one of a name that matters there would be taken for it. */
static enum err put_response_headers(struct writing *writing, const struct pairs *pairs)
{
	const struct verdict *verdict = &writing->req->verdict;
	struct header_cursor cursor = { 0 };
	struct slice name, value;
	enum err err = ERR_OK;

	while (!err && header_block_next_pair(&verdict->res_set, &cursor, &name, &value)) {
		if (!can_carry(name, value))
			err = ERR_FORMAT;
		else if (writing->dialect == HTTP_TRAEFIK || is_reserved(name) || pairs_find(pairs, name) ||
			 snapshot_owns(writing->req->snapshot, name))
			writing->lost->response_headers++;
		else
			err = put(writing, name, value);
	}
	return err;
}

/* A name that is set on the response is not lost: it is added, which is all that proxies do here. */
static unsigned count_response_removals(const struct verdict *verdict)
{
	struct header_cursor cursor = { 0 };
	struct slice name;
	unsigned count = 0;

	while (header_block_next_name(&verdict->res_del, &cursor, &name)) {
		struct header_cursor pairs = { 0 };
		struct slice set, ignored;
		bool found = false;

		while (!found && header_block_next_pair(&verdict->res_set, &pairs, &set, &ignored))
			found = slice_eq_nocase(set, name);
		count += !found;
	}
	return count;
}

static enum err write_allow(struct writing *writing)
{
	struct pairs pairs;
	enum err err = collect(&pairs, writing->req);

	if (!err)
		err = tell(&pairs, writing->req);
	if (!err)
		err = put_removals(writing, &pairs);
	if (!err)
		err = put_request_headers(writing, &pairs);
	if (!err)
		err = put_response_headers(writing, &pairs);
	writing->lost->response_removals = count_response_removals(&writing->req->verdict);
	return err;
}

/* What the proxy takes for a refusal: nginx knows two; Envoy may be told to let a 5xx pass; a 2xx is an allow. */
static int refusal_status(enum http_dialect dialect, int status)
{
	if (status < 300 || status > 599)
		return 403;
	if (dialect == HTTP_NGINX && status != 401)
		return 403;
	return dialect == HTTP_ENVOY && status >= 500 ? 403 : status;
}

static enum err put_status(struct writing *writing, int status)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", status);
	return put(writing, STATUS, slice_str(text));
}

static enum err write_refusal(struct writing *writing, int status)
{
	const struct verdict *verdict = &writing->req->verdict;
	struct header_cursor cursor = { 0 };
	struct slice name, value;
	enum err err = put(writing, ID, verdict->id);

	if (!err && snapshot_config(writing->req->snapshot)->refusals_reason)
		err = put(writing, REASON, slice_str(reason_name(verdict->reason)));
	if (!err && status != verdict->status)
		err = put_status(writing, verdict->status);
	while (!err && header_block_next_pair(&verdict->res_set, &cursor, &name, &value)) {
		if (!can_carry(name, value))
			err = ERR_FORMAT;
		else if (!is_reserved(name) && !is_told(name))
			err = put(writing, name, value);
	}
	return err;
}

void http_answer_refuse(struct http_answer *out, enum http_dialect dialect)
{
	static const struct http_header headers[] = { HEADER("cache-control", "no-store"), HEADER("x-mtls-status", "503") };

	*out = (struct http_answer){
		.status = refusal_status(dialect, 503),
		.headers = headers,
		.header_count = refusal_status(dialect, 503) == 503 ? 1 : 2,
	};
}

enum err http_answer_fill(struct http_answer *out, enum http_dialect dialect, const struct request *req,
			  struct http_lost *lost)
{
	const struct verdict *verdict = &req->verdict;
	bool allowed = verdict->kind == VERDICT_ALLOW && verdict->reason == REASON_ALLOWED;
	int status = allowed ? 200 : refusal_status(dialect, verdict->status);
	struct writing writing = { .req = req, .dialect = dialect, .lost = lost };
	enum err err;

	http_answer_refuse(out, dialect);
	*lost = (struct http_lost){ 0 };
	if (!allowed && verdict->body.len > HTTP_ANSWER_BODY)
		return ERR_LIMIT;
	writing.headers = arena_take(req->arena, HTTP_ANSWER_HEADERS * sizeof(*writing.headers));
	if (!writing.headers)
		return ERR_MEMORY;
	err = allowed ? write_allow(&writing) : write_refusal(&writing, status);
	if (err)
		return err;
	*out = (struct http_answer){
		.status = status,
		.headers = writing.headers,
		.header_count = writing.count,
		.body = allowed ? SLICE_EMPTY : verdict->body,
	};
	return ERR_OK;
}
