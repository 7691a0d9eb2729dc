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

static struct slice copy(struct arena *arena, struct slice s)
{
	uint8_t *bytes = arena_take(arena, s.len + 1);

	if (!bytes)
		return SLICE_EMPTY;
	memcpy(bytes, s.ptr, s.len);
	bytes[s.len] = '\0';
	return slice_of(bytes, s.len);
}

static enum err put(struct writing *writing, struct slice name, struct slice value)
{
	size_t most = writing->dialect == HTTP_ENVOY ? HTTP_ANSWER_HEADERS_ENVOY : HTTP_ANSWER_HEADERS;
	struct http_header *header = &writing->headers[writing->count];

	if (value.len == 0)
		value = SLICE_LIT(" ");
	writing->head += name.len + value.len + sizeof(": \r\n") - 1;
	if (writing->count == most || writing->head > HTTP_ANSWER_HEAD)
		return ERR_LIMIT;
	header->name = copy(writing->req->arena, name);
	header->value = copy(writing->req->arena, value);
	if (!header->name.ptr || !header->value.ptr)
		return ERR_MEMORY;
	writing->count++;
	return ERR_OK;
}

/* Id and reason go with every answer. */
static enum err tell(struct writing *writing)
{
	const struct verdict *verdict = &writing->req->verdict;
	enum err err = put(writing, ID, verdict->id);

	if (!err && snapshot_config(writing->req->snapshot)->refusals_reason)
		err = put(writing, REASON, slice_str(reason_name(verdict->reason)));
	return err;
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

/* One of the client's headers that is to go, if nothing is set in its place. */
static enum err remove_one(struct writing *writing, struct pairs *pairs, struct slice name, struct buf *list)
{
	uint16_t number = pairs_find(pairs, name);
	struct slice ignored;
	enum err err;

	if (number) {
		pairs->items[number].deleted = true;
		return ERR_OK;
	}
	if (writing->dialect == HTTP_ENVOY) {
		buf_put(list, list->len ? SLICE_LIT(", ") : SLICE_EMPTY);
		buf_put(list, name);
		return text_is_token(name) ? buf_err(list) : ERR_FORMAT;
	}
	/* Behind the others the configuration removes what is ours, and nobody what else a worker wants gone. */
	if (!snapshot_owns(writing->req->snapshot, name) &&
	    request_header(writing->req, name, &ignored) == HEADER_PRESENT)
		writing->lost->request_removals++;
	if (writing->dialect != HTTP_CADDY)
		return ERR_OK;
	/* Of a header that was not answered, copy_headers leaves the client's, or sets the words of its placeholder. */
	err = can_set(name, SLICE_EMPTY) ? pairs_add(pairs, name, SLICE_EMPTY) : ERR_FORMAT;
	if (!err)
		pairs->items[pairs->count].deleted = true;
	return err;
}

/* To be done before what is set: a name in both lists is gone behind Envoy. */
static enum err put_removals(struct writing *writing, struct pairs *pairs)
{
	const struct header_block *del = &writing->req->verdict.req_del;
	size_t room = header_block_size(del) * 2 + 64;
	struct buf list = buf_fixed(arena_take(writing->req->arena, room), room);
	struct header_cursor cursor = { 0 };
	struct slice name;
	enum err err = list.ptr ? ERR_OK : ERR_MEMORY;

	while (!err && header_block_next_name(del, &cursor, &name))
		err = is_told(name) ? ERR_OK : remove_one(writing, pairs, name, &list);
	if (err || writing->dialect != HTTP_ENVOY)
		return err;
	/* Ours are for the proxy, and a client's own must not pass for them: gone whatever the configuration lets through. */
	buf_put(&list, list.len ? SLICE_LIT(", ") : SLICE_EMPTY);
	buf_put(&list, SLICE_LIT("x-mtls-id, x-mtls-reason, x-mtls-status"));
	return buf_err(&list) ? ERR_MEMORY : put(writing, REMOVE, buf_slice(&list));
}

static enum err collect(struct pairs *pairs, const struct request *req)
{
	const struct verdict *verdict = &req->verdict;
	struct header_cursor cursor = { 0 };
	struct slice name, value;
	enum err err = ERR_OK;

	pairs_init(pairs);
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

static enum err put_request_headers(struct writing *writing, const struct pairs *pairs)
{
	enum err err = ERR_OK;

	for (unsigned i = 1; !err && i <= pairs->count; i++) {
		const struct pair *pair = &pairs->items[i];
		struct slice value;

		if (pair->further)
			continue;
		err = pairs_join(pairs, pair, writing->req->arena, &value);
		if (!err && !pair->deleted)
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
		else if (writing->dialect == HTTP_TRAEFIK || is_reserved(name) || pairs_find(pairs, name) || is_told(name) ||
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
		err = tell(writing);
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
	enum err err = tell(writing);

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
