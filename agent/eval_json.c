/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli.h"
#include "core/certcache.h"
#include "core/facts.h"
#include "eval.h"
#include "front/spoe.h"
#include "front/spoe_ack.h"
#include "wire/spop.h"

static void set_text(json_t *object, const char *key, struct slice text)
{
	json_object_set_new(object, key, cli_json_text(text));
}

/* What a worker reads as nil is null here. */
static void set_text_if(json_t *object, const char *key, struct slice text)
{
	json_object_set_new(object, key, text.len ? cli_json_text(text) : json_null());
}

static void set_number_if(json_t *object, const char *key, bool is, int64_t number)
{
	json_object_set_new(object, key, is ? json_integer(number) : json_null());
}

static json_t *texts(const struct slice_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(array, cli_json_text(list->items[i]));
	return array;
}

static json_t *tls_client_auth(const struct request *req)
{
	json_t *object = json_object();

	for (enum fact fact = 0; fact < FACT_COUNT; fact++) {
		const struct fact_info *info = fact_info(fact);

		if (info->boolean)
			json_object_set_new(object, info->property, json_boolean(fact_true(req, fact)));
		else
			set_text(object, info->property, fact_text(req, fact));
	}
	return object;
}

static json_t *cf(const struct request *req)
{
	json_t *object = json_object();

	json_object_set_new(object, "tlsClientAuth", tls_client_auth(req));
	set_text(object, "tlsVersion", request_bytes(req, ARG_TLS_VERSION));
	set_text(object, "tlsCipher", request_bytes(req, ARG_TLS_CIPHER));
	if (!req->connection)
		set_text(object, "httpProtocol", SLICE_LIT("HTTP/1.1"));
	return object;
}

static json_t *revocation(const struct tls_facts *facts)
{
	json_t *object = json_object();

	set_text(object, "status", slice_str(revocation_status_name(facts->revocation)));
	set_text_if(object, "source", slice_str(facts->revocation_source));
	if (facts->revocation_reason[0])
		set_text(object, "reason", slice_str(facts->revocation_reason));
	if (facts->revocation_age >= 0)
		json_object_set_new(object, "age", json_integer(facts->revocation_age));
	if (facts->revocation_this_update)
		json_object_set_new(object, "this_update", json_integer(facts->revocation_this_update));
	if (facts->revocation_next_update)
		json_object_set_new(object, "next_update", json_integer(facts->revocation_next_update));
	return object;
}

static json_t *tls(const struct request *req)
{
	json_t *object = json_object(), *san = json_object();
	struct tls_facts facts;

	tls_facts_get(req, &facts);
	for (enum san_kind kind = 0; kind < SAN_KIND_COUNT; kind++)
		json_object_set_new(san, san_kind_name(kind), texts(&facts.san[kind]));
	json_object_set_new(object, "san", san);
	set_text_if(object, "spiffe_id", facts.spiffe_id);
	json_object_set_new(object, "eku", texts(&facts.eku));
	set_text_if(object, "spki_sha256", facts.spki_sha256);
	set_text_if(object, "key_type", slice_str(facts.key_type));
	set_number_if(object, "key_bits", req->cert, facts.key_bits);
	set_number_if(object, "not_before", req->cert, facts.not_before);
	set_number_if(object, "not_after", req->cert, facts.not_after);
	json_object_set_new(object, "verify_error", json_integer(facts.verify_error));
	set_text(object, "reason", slice_str(reason_name(facts.reason)));
	set_text_if(object, "authority", facts.authority);
	json_object_set_new(object, "revocation", revocation(&facts));
	return object;
}

static bool contains(const json_t *array, const json_t *item)
{
	for (size_t i = 0; i < json_array_size(array); i++)
		if (json_equal(json_array_get(array, i), item))
			return true;
	return false;
}

/* Names may come from several parts of the block; each is told once. */
static json_t *names(const struct header_block *block)
{
	struct header_cursor cursor = { 0 };
	json_t *array = json_array();
	struct slice name;

	while (header_block_next_name(block, &cursor, &name)) {
		json_t *item = cli_json_text(name);

		if (contains(array, item))
			json_decref(item);
		else
			json_array_append_new(array, item);
	}
	return array;
}

static void add_pair(json_t *array, struct slice name, struct slice value)
{
	json_t *pair = json_array();

	json_array_append_new(pair, cli_json_text(name));
	json_array_append_new(pair, cli_json_text(value));
	json_array_append_new(array, pair);
}

static json_t *pairs(const struct header_block *block)
{
	struct header_cursor cursor = { 0 };
	json_t *array = json_array();
	struct slice name, value;

	while (header_block_next_pair(block, &cursor, &name, &value))
		add_pair(array, name, value);
	return array;
}

static json_t *edits(const struct header_block *del, const struct header_block *set)
{
	json_t *object = json_object();

	json_object_set_new(object, "remove", names(del));
	json_object_set_new(object, "set", pairs(set));
	return object;
}

/* As the origin gets it: client-cert stands here whether we or the proxy write it. */
static json_t *request_headers(const struct verdict *verdict)
{
	json_t *object = edits(&verdict->req_del, &verdict->req_set);

	if (verdict->kind == VERDICT_ALLOW && verdict->client_cert)
		add_pair(json_object_get(object, "set"), SLICE_LIT("client-cert"),
			 verdict->client_cert_value);
	return object;
}

static json_t *response(const struct verdict *verdict)
{
	json_t *object;

	if (verdict->kind == VERDICT_ALLOW)
		return json_null();
	object = json_object();
	json_object_set_new(object, "status", json_integer(verdict->status));
	json_object_set_new(object, "headers", pairs(&verdict->res_set));
	if (utf8_valid(verdict->body)) {
		set_text(object, "body", verdict->body);
	} else {
		struct buf b = buf_capped(0);

		text_base64(&b, verdict->body);
		set_text(object, "body_base64", buf_slice(&b));
		buf_fini(&b);
	}
	return object;
}

static json_t *response_headers(const struct verdict *verdict)
{
	static const struct header_block none;

	/* Of an answer of our own they stand in "response". */
	return verdict->kind == VERDICT_ALLOW ? edits(&verdict->res_del, &verdict->res_set) :
						edits(&none, &none);
}

/* A worker's fault is told with the place that it happened at. */
static json_t *error_text(const struct request *req)
{
	struct buf text = buf_capped(0);
	json_t *json;

	if (req->error.len == 0)
		return json_null();
	if (req->worker_place.len) {
		buf_put(&text, req->worker_place);
		buf_str(&text, ": ");
	}
	buf_put(&text, req->error);
	json = cli_json_text(buf_slice(&text));
	buf_fini(&text);
	return json;
}

/* What the largest frame is that HAProxy takes with tune.bufsize as it is without being set. */
#define HAPROXY_FRAME (16384u - SPOP_PREFIX)

/* SPOP alone has a bound for answers: one that HAProxy's frames don't hold is denied there. */
static void tell_too_large(json_t *object, const struct request *req)
{
	size_t limit = snapshot_config(req->snapshot)->limits.frame;
	size_t most = (limit < HAPROXY_FRAME ? limit : HAPROXY_FRAME) - SPOE_ACK_MARGIN;
	const struct spoe_ids ids = { 0, 0 };
	struct buf frame = buf_capped(0);

	if (spoe_ack_encode(&frame, &ids, &req->verdict, most) && !spoe_ack_encode(&frame, &ids, &req->verdict, SIZE_MAX))
		json_object_set_new(object, "too_large", json_pack("{s:I,s:I}", "bytes", (json_int_t)frame.len, "most",
								   (json_int_t)most));
	buf_fini(&frame);
}

json_t *eval_json(const struct request *req, bool trace)
{
	const struct verdict *verdict = &req->verdict;
	json_t *object = json_object();

	set_text(object, "verdict", slice_str(verdict_name(verdict->kind)));
	json_object_set_new(object, "status", json_integer(verdict->status));
	set_text(object, "reason", slice_str(reason_name(verdict->reason)));
	if (req->observed)
		set_text(object, "observed", slice_str(reason_name(req->observed)));
	if (req->connection)
		json_object_set_new(object, "connection", json_true());
	set_text(object, "stage", slice_str(req->stage));
	json_object_set_new(object, "decided_by", eval_decided_by(req));
	set_text(object, "id", verdict->id);
	set_text(object, "generation", slice_str(snapshot_config(req->snapshot)->generation));
	json_object_set_new(object, "cf", cf(req));
	json_object_set_new(object, "tls", tls(req));
	json_object_set_new(object, "error", error_text(req));
	json_object_set_new(object, "request_headers", request_headers(verdict));
	json_object_set_new(object, "response", response(verdict));
	json_object_set_new(object, "response_headers", response_headers(verdict));
	tell_too_large(object, req);
	if (trace)
		json_object_set_new(object, "trace", eval_trace(req));
	return object;
}
