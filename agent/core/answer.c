/* SPDX-License-Identifier: Apache-2.0 */
#include "core/answer.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/reader.h"
#include "core/cert_entry.h"
#include "core/problem.h"
#include "core/request_headers.h"

/* How long an allow may be reused by a once-per-connection front, in seconds. Where the certificate can be
 * revoked that must show within two seconds, of which a large list takes some to be loaded. */
#define UNTIL_MAX 30
#define UNTIL_REVOCABLE 1

static void fill_log_values(struct request *req)
{
	static const struct log_values none = { .verified = SLICE_INIT("NONE") };
	struct verdict *verdict = &req->verdict;

	/* Only pointed to: most fronts have them encoded, and a certificate is not in the processor's caches. */
	verdict->log = req->cert ? &req->cert->log : &none;
	verdict->encoded = req->cert ? &req->cert->encoded : NULL;
}

/* What was begun before could not be said as a whole. */
static void start_again(struct verdict *verdict)
{
	struct slice id = verdict->id;

	verdict_clear(verdict);
	verdict->id = id;
}

static void start(struct request *req, enum verdict_kind kind, enum reason reason, int status)
{
	if (unlikely(req->verdict.reason != REASON_INTERNAL_UNSET))
		start_again(&req->verdict);
	req->verdict.kind = kind;
	req->verdict.reason = reason;
	req->verdict.status = status;
	fill_log_values(req);
}

void answer_deny(struct request *req, enum reason reason)
{
	start(req, VERDICT_DENY, reason, reason_status(reason));
	if (!req->connection)
		problem_write(req, snapshot_config(req->snapshot)->refusals_reason);
}

enum err answer_respond(struct request *req, const struct policy_result *result)
{
	start(req, VERDICT_RESPOND, REASON_WORKER_RESPONSE, result->status);
	req->verdict.body = result->body;
	req->verdict.content_type = result->content_type;
	req->verdict.location = result->location;
	return header_block_add(&req->verdict.res_set, result->res_set);
}

/* Client headers under a name that is ours, in whatever spelling the proxy will find them. */
static enum err owned_names_sent(const struct request *req, struct slice *out)
{
	struct slice name, value;
	uint8_t *room;
	struct buf b;
	size_t at = 0;

	*out = SLICE_EMPTY;
	if (request_bytes(req, ARG_HEADERS).len == 0)
		return ERR_OK;
	room = arena_take(req->arena, request_bytes(req, ARG_HEADERS).len);
	if (!room)
		return ERR_MEMORY;
	b = buf_fixed(room, request_bytes(req, ARG_HEADERS).len);
	while (request_header_next(req, &at, &name, &value))
		if (snapshot_owns(req->snapshot, name))
			buf_varstr(&b, name);
	*out = buf_slice(&b);
	return buf_err(&b);
}

/* A lower-case name; '_' counts as '-', as it does where origins read it. */
static bool begins(struct slice name, struct slice prefix)
{
	if (name.len < prefix.len)
		return false;
	for (size_t i = 0; i < prefix.len; i++)
		if (name.ptr[i] != prefix.ptr[i] && !(name.ptr[i] == '_' && prefix.ptr[i] == '-'))
			return false;
	return true;
}

static bool is(struct slice name, struct slice ours)
{
	return name.len == ours.len && begins(name, ours);
}

HOT bool answer_sets(const struct headers_conf *conf, struct slice name)
{
	/* They all begin with a "c"; few of a worker's do. */
	if (likely(name.len == 0 || name.ptr[0] != 'c'))
		return false;
	return (conf->managed_transform && begins(name, SLICE_LIT("cf-cert-"))) ||
	       (conf->client_cert && (is(name, SLICE_LIT("client-cert")) || is(name, SLICE_LIT("client-cert-chain")))) ||
	       (conf->forward_certificate && begins(name, SLICE_LIT("cf-client-cert-")));
}

/* What the worker set, without the names that the headers stage sets itself: those are not a worker's to forge. */
static enum err worker_headers(struct request *req, const struct policy_result *result,
			       struct slice *out)
{
	const struct headers_conf *conf = &snapshot_config(req->snapshot)->headers;
	struct reader r = reader_of(result->req_set);
	bool clean = true;
	uint8_t *room;
	struct buf b;

	*out = result->req_set;
	while (reader_left(&r)) {
		clean &= !answer_sets(conf, reader_varstr(&r));
		(void)reader_varstr(&r);
	}
	if (likely(clean))
		return ERR_OK;
	room = arena_take(req->arena, result->req_set.len);
	if (!room)
		return ERR_MEMORY;
	b = buf_fixed(room, result->req_set.len);
	r = reader_of(result->req_set);
	while (reader_left(&r)) {
		struct slice name = reader_varstr(&r), value = reader_varstr(&r);

		if (answer_sets(conf, name))
			continue;
		buf_varstr(&b, name);
		buf_varstr(&b, value);
	}
	*out = buf_slice(&b);
	return buf_err(&b);
}

static enum err add_certificate_headers(struct request *req)
{
	const struct headers_conf *conf = &snapshot_config(req->snapshot)->headers;
	struct verdict *verdict = &req->verdict;
	const struct cert_entry *entry = req->cert;
	enum err err;

	if (unlikely(!entry))
		return conf->managed_transform ?
			       header_block_add(&verdict->req_set, cert_headers_absent()) : ERR_OK;
	verdict->client_cert = entry->client_cert.len > 0;
	if (unlikely(verdict->client_cert))
		verdict->client_cert_value = entry->facts[FACT_RFC9440];
	err = header_block_add(&verdict->req_set, entry->headers);
	if (!err)
		err = header_block_add(&verdict->req_set, entry->der_headers);
	if (!err)
		err = header_block_add(&verdict->req_set, entry->chain_headers);
	verdict->encoded_edits = &req->cert->encoded_edits;
	verdict->kept_parts = verdict->req_set.count;
	return err;
}

static enum err add_worker_edits(struct request *req, const struct policy_result *result)
{
	struct verdict *verdict = &req->verdict;
	struct slice set;
	enum err err = worker_headers(req, result, &set);

	if (!err)
		err = header_block_add(&verdict->req_del, result->req_del);
	if (!err)
		err = header_block_add(&verdict->req_set, set);
	if (!err)
		err = header_block_add(&verdict->res_del, result->res_del);
	if (!err)
		err = header_block_add(&verdict->res_set, result->res_set);
	return err;
}

/* Only where nothing but host and certificate mattered may a front reuse the answer. */
static int64_t reusable_until(const struct request *req)
{
	int64_t until = req->now_s + UNTIL_MAX;

	if (req->observed || snapshot_routed(req->snapshot, req->host))
		return 0;
	if (req->cert && req->cert->revocation.status != REVOCATION_UNCHECKED)
		until = req->now_s + UNTIL_REVOCABLE;
	if (req->cert && req->cert->until < until)
		until = req->cert->until;
	return until;
}

HOT enum err answer_allow(struct request *req, const struct policy_result *result)
{
	struct slice sent;
	enum err err;

	start(req, VERDICT_ALLOW, REASON_ALLOWED, reason_status(REASON_ALLOWED));
	/* Nothing has headers then, and it was asked once for as long as the connection lasts. */
	if (unlikely(req->connection))
		return ERR_OK;
	err = header_block_add(&req->verdict.req_del, snapshot_owned_block(req->snapshot));
	if (!err)
		err = owned_names_sent(req, &sent);
	if (!err)
		err = header_block_add(&req->verdict.req_del, sent);
	if (!err)
		err = add_certificate_headers(req);
	if (!err && result)
		err = add_worker_edits(req, result);
	req->verdict.until = result ? 0 : reusable_until(req);
	return err;
}
