/* SPDX-License-Identifier: Apache-2.0 */
#include "front/authz_answer.h"

#include "base/text.h"
#include "core/request_headers.h"
#include "wire/authz.h"

#define PAIRS_MAX 400u
#define SLOTS 1024u

/* A header to set, with all values that it is set to. */
struct pair {
	struct slice name, value;
	uint16_t next;	/* a further value of this name, 0: none */
	uint16_t tail;	/* the last of them */
	bool further;	/* it is one */
	bool deleted;	/* the client's own is to go */
};

/* Headers to set, found by name; number 0 is nobody's. */
struct pairs {
	struct pair *items;
	unsigned count;
	uint16_t slots[SLOTS];
};

/* Names are a worker's or ours: nobody gains by making them collide. */
static unsigned slot_of(struct slice name)
{
	unsigned h = (unsigned)name.len;

	for (size_t i = 0; i < name.len; i++)
		h = h * 31 + ascii_lower(name.ptr[i]);
	return h % SLOTS;
}

/* Where a name's number stands, or would. */
static uint16_t *find(struct pairs *pairs, struct slice name)
{
	unsigned at = slot_of(name);

	while (pairs->slots[at] && !slice_eq_nocase(pairs->items[pairs->slots[at]].name, name))
		at = (at + 1) % SLOTS;
	return &pairs->slots[at];
}

static enum err add(struct pairs *pairs, struct slice name, struct slice value)
{
	uint16_t *slot = find(pairs, name);
	struct pair *first;

	if (pairs->count == PAIRS_MAX)
		return ERR_LIMIT;
	if (!utf8_valid(value) || !utf8_valid(name))
		return ERR_FORMAT;
	pairs->items[++pairs->count] = (struct pair){ .name = name, .value = value, .further = *slot != 0 };
	if (!*slot) {
		*slot = (uint16_t)pairs->count;
		pairs->items[pairs->count].tail = *slot;
		return ERR_OK;
	}
	first = &pairs->items[*slot];
	pairs->items[first->tail].next = (uint16_t)pairs->count;
	first->tail = (uint16_t)pairs->count;
	return ERR_OK;
}

static enum err collect(struct pairs *pairs, struct arena *arena, const struct header_block *set)
{
	struct header_cursor cursor = { 0 };
	struct slice name, value;
	enum err err = ERR_OK;

	pairs->items = arena_take(arena, (PAIRS_MAX + 1) * sizeof(*pairs->items));
	if (!pairs->items)
		return ERR_MEMORY;
	while (!err && header_block_next_pair(set, &cursor, &name, &value))
		err = add(pairs, name, value);
	return err;
}

/* All values of one name as one; Cookie has a separator of its own (RFC 9113 8.2.3). */
static struct slice joined(const struct pairs *pairs, const struct pair *first, struct arena *arena)
{
	struct slice separator = slice_eq_nocase(first->name, SLICE_LIT("cookie")) ? SLICE_LIT("; ") : SLICE_LIT(", ");
	const struct pair *pair = first;
	size_t size = first->value.len;
	uint8_t *bytes;
	struct buf b;

	if (!first->next)
		return first->value;
	while (pair->next) {
		pair = &pairs->items[pair->next];
		size += separator.len + pair->value.len;
	}
	bytes = arena_take(arena, size);
	if (!bytes)
		return SLICE_EMPTY;
	b = buf_fixed(bytes, size);
	for (pair = first;; pair = &pairs->items[pair->next]) {
		buf_put(&b, pair->value);
		if (!pair->next)
			return buf_slice(&b);
		buf_put(&b, separator);
	}
}

/* Marks what is set in the place of the client's own, and tells Envoy to remove the rest. */
static void put_removals(struct buf *out, struct pairs *pairs, const struct header_block *del)
{
	struct header_cursor cursor = { 0 };
	struct slice name;

	while (header_block_next_name(del, &cursor, &name)) {
		uint16_t number = *find(pairs, name);

		if (number)
			pairs->items[number].deleted = true;
		else
			authz_put_removal(out, name);
	}
}

static enum err put_request_headers(struct buf *out, const struct request *req)
{
	const struct verdict *verdict = &req->verdict;
	struct pairs pairs = { .count = 0 };
	enum err err = collect(&pairs, req->arena, &verdict->req_set);

	if (!err && verdict->client_cert)
		err = add(&pairs, SLICE_LIT("client-cert"), verdict->client_cert_value);
	if (err)
		return err;
	put_removals(out, &pairs, &verdict->req_del);
	for (unsigned i = 1; i <= pairs.count; i++) {
		const struct pair *pair = &pairs.items[i];
		struct slice value, ignored;

		if (pair->further)
			continue;
		value = joined(&pairs, pair, req->arena);
		if (!value.ptr && pair->next)
			return ERR_MEMORY;
		/* Appending to a header that isn't there adds nothing. */
		authz_put_header(out, AUTHZ_HEADERS, pair->name, value,
				 !pair->deleted && request_header(req, pair->name, &ignored) == HEADER_PRESENT);
	}
	return ERR_OK;
}

/* The first value of a name that is set overwrites, each further one is a line of its own. */
static enum err put_response_headers(struct buf *out, const struct request *req, unsigned *undeletable)
{
	const struct verdict *verdict = &req->verdict;
	struct pairs pairs = { .count = 0 };
	struct header_cursor cursor = { 0 };
	struct slice name;
	enum err err;

	*undeletable = 0;
	if (verdict->res_set.count + verdict->res_del.count == 0)
		return ERR_OK;
	err = collect(&pairs, req->arena, &verdict->res_set);
	if (err)
		return err;
	while (header_block_next_name(&verdict->res_del, &cursor, &name)) {
		uint16_t number = *find(&pairs, name);

		if (number)
			pairs.items[number].deleted = true;
		else
			++*undeletable;
	}
	for (unsigned i = 1; i <= pairs.count; i++)
		authz_put_header(out, AUTHZ_RESPONSE_HEADERS, pairs.items[i].name, pairs.items[i].value,
				 !pairs.items[i].deleted);
	return ERR_OK;
}

static enum err put_ok(struct buf *out, const struct request *req, unsigned *undeletable)
{
	size_t begun;
	enum err err;

	authz_put_status(out, AUTHZ_OK);
	begun = authz_begin_ok(out);
	err = put_request_headers(out, req);
	if (!err)
		err = put_response_headers(out, req, undeletable);
	authz_end(out, begun);
	return err;
}

/* Envoy sends what it is told, 42 too. */
static int denied_status(int status)
{
	return status >= 200 && status <= 599 ? status : 403;
}

static enum err put_denied(struct buf *out, const struct verdict *verdict)
{
	struct header_cursor cursor = { 0 };
	struct slice name, value;
	size_t begun;

	if (!utf8_valid(verdict->body))
		return ERR_FORMAT;
	authz_put_status(out, verdict->status == 401 ? AUTHZ_UNAUTHENTICATED : AUTHZ_PERMISSION_DENIED);
	begun = authz_begin_denied(out, denied_status(verdict->status));
	while (header_block_next_pair(&verdict->res_set, &cursor, &name, &value)) {
		if (!utf8_valid(value) || !utf8_valid(name))
			return ERR_FORMAT;
		/* One that appends is dropped here; of one name all are kept. */
		authz_put_header(out, AUTHZ_HEADERS, name, value, false);
	}
	authz_put_body(out, verdict->body);
	authz_end(out, begun);
	return ERR_OK;
}

static void put_metadata(struct buf *out, const struct request *req)
{
	const struct verdict *verdict = &req->verdict;
	size_t begun = authz_begin_metadata(out);

	authz_put_metadata(out, SLICE_LIT("verdict"), slice_str(verdict_name(verdict->kind)));
	authz_put_metadata(out, SLICE_LIT("reason"), slice_str(reason_name(verdict->reason)));
	authz_put_metadata(out, SLICE_LIT("id"), verdict->id);
	if (verdict->fingerprint.len)
		authz_put_metadata(out, SLICE_LIT("fingerprint"), verdict->fingerprint);
	if (req->observed)
		authz_put_metadata(out, SLICE_LIT("observed"), slice_str(reason_name(req->observed)));
	authz_end(out, begun);
}

enum err authz_answer_encode(struct buf *out, const struct request *req, unsigned *undeletable)
{
	const struct verdict *verdict = &req->verdict;
	size_t begun = out->len;
	enum err err;

	*undeletable = 0;
	if (verdict->kind == VERDICT_ALLOW && verdict->reason == REASON_ALLOWED)
		err = put_ok(out, req, undeletable);
	else
		err = put_denied(out, verdict);
	if (!err) {
		put_metadata(out, req);
		err = buf_err(out);
	}
	if (!err && out->len - begun > AUTHZ_ANSWER_MAX)
		err = ERR_LIMIT;
	if (err) {
		out->len = begun;
		out->err = ERR_OK;
	}
	return err;
}
