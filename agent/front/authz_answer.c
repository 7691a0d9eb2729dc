/* SPDX-License-Identifier: Apache-2.0 */
#include "front/authz_answer.h"

#include "base/mem.h"
#include "base/reader.h"
#include "base/text.h"
#include "core/request_headers.h"
#include "core/snapshot.h"
#include "front/pairs.h"
#include "wire/authz.h"

/* From the cursor to the end. Protobuf's strings are UTF-8. */
static enum err collect(struct pairs *pairs, const struct header_block *set, struct header_cursor cursor)
{
	struct slice name, value;
	enum err err = ERR_OK;

	pairs_init(pairs);
	while (!err && header_block_next_pair(set, &cursor, &name, &value))
		err = utf8_valid(value) && utf8_valid(name) ? pairs_add(pairs, name, value) : ERR_FORMAT;
	return err;
}

/* Marks what is set in the place of the client's own, and tells Envoy to remove the rest. */
static void put_removals(struct buf *out, struct pairs *pairs, const struct header_block *del,
			 struct header_cursor cursor)
{
	struct slice name;

	while (header_block_next_name(del, &cursor, &name)) {
		uint16_t number = pairs_find(pairs, name);

		if (number)
			pairs->items[number].deleted = true;
		else
			authz_put_removal(out, name);
	}
}

static enum err add_client_cert(struct pairs *pairs, const struct verdict *verdict)
{
	return verdict->client_cert ? pairs_add(pairs, SLICE_LIT("client-cert"), verdict->client_cert_value) : ERR_OK;
}

/*
 * Keeps what is the same for all requests with a certificate: how long the removals are, they, and its
 * headers. All of these stand in the place of the client's own, so that no request matters. Client-Cert
 * is the longest and comes last, behind a worker's headers: it is not kept.
 */
static void encode_kept(const struct verdict *verdict)
{
	const struct header_block del = { 1, { verdict->req_del.parts[0] } };
	struct header_block set = verdict->req_set;
	struct header_cursor begin = { 0 };
	struct buf b = buf_capped(0);
	struct pairs pairs;
	bool replaces = true;

	set.count = verdict->kept_parts;
	if (collect(&pairs, &set, begin) || add_client_cert(&pairs, verdict))
		return;
	buf_u32(&b, 0);
	put_removals(&b, &pairs, &del, begin);
	buf_patch_u32(&b, 0, (uint32_t)(b.len - sizeof(uint32_t)));
	for (unsigned i = 1; i <= pairs.count; i++) {
		const struct pair *pair = &pairs.items[i];

		replaces = replaces && pair->deleted;
		if (i < pairs.count || !verdict->client_cert)
			authz_put_header(&b, AUTHZ_HEADERS, pair->name, pair->value, false);
	}
	if (replaces)
		*verdict->encoded_edits = slice_of(mem_dup(buf_slice(&b)), b.len);
	buf_fini(&b);
}

/* Whether no other edit of the verdict has to do with one that is kept. */
static bool stand_apart(const struct request *req, const struct pairs *others)
{
	struct header_cursor del = { .part = 1 };
	struct slice name;

	if (others->count > PAIRS_MAX / 2)
		return false;
	for (unsigned i = 1; i <= others->count; i++)
		if (snapshot_lists(req->snapshot, others->items[i].name))
			return false;
	while (header_block_next_name(&req->verdict.req_del, &del, &name))
		if (snapshot_lists(req->snapshot, name))
			return false;
	return true;
}

/* Collects what is not kept. False: it has to do with what is, so that everything is put together anew. */
static bool collect_others(struct pairs *pairs, const struct request *req)
{
	const struct verdict *verdict = &req->verdict;

	if (!verdict->encoded_edits)
		return false;
	if (verdict->encoded_edits->len == 0)
		encode_kept(verdict);
	return verdict->encoded_edits->len &&
	       !collect(pairs, &verdict->req_set, (struct header_cursor){ .part = verdict->kept_parts }) &&
	       stand_apart(req, pairs);
}

static enum err put_request_headers(struct buf *out, const struct request *req)
{
	const struct verdict *verdict = &req->verdict;
	struct reader kept = reader_of(SLICE_EMPTY);
	struct pairs pairs;
	bool others = collect_others(&pairs, req);
	enum err err = others ? ERR_OK : collect(&pairs, &verdict->req_set, (struct header_cursor){ 0 });

	if (!err)
		err = add_client_cert(&pairs, verdict);
	if (err)
		return err;
	if (others) {
		kept = reader_of(*verdict->encoded_edits);
		buf_put(out, reader_bytes(&kept, reader_u32(&kept)));
		pairs.items[pairs.count].deleted = verdict->client_cert;
	}
	put_removals(out, &pairs, &verdict->req_del, (struct header_cursor){ .part = others });
	buf_put(out, reader_rest(&kept));
	for (unsigned i = 1; i <= pairs.count; i++) {
		const struct pair *pair = &pairs.items[i];
		struct slice value, ignored;

		if (pair->further)
			continue;
		err = pairs_join(&pairs, pair, req->arena, &value);
		if (err)
			return err;
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
	struct header_cursor cursor = { 0 };
	struct pairs pairs;
	struct slice name;
	enum err err;

	*undeletable = 0;
	if (verdict->res_set.count + verdict->res_del.count == 0)
		return ERR_OK;
	err = collect(&pairs, &verdict->res_set, cursor);
	if (err)
		return err;
	while (header_block_next_name(&verdict->res_del, &cursor, &name)) {
		uint16_t number = pairs_find(&pairs, name);

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
	if (verdict->log && verdict->log->fingerprint.len)
		authz_put_metadata(out, SLICE_LIT("fingerprint"), verdict->log->fingerprint);
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
