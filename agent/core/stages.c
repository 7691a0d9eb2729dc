/* SPDX-License-Identifier: Apache-2.0 */
#include "core/stages.h"

#include "base/text.h"
#include "core/canon.h"
#include "core/request_headers.h"

#define DETAIL_MAX 200

void request_explain(struct request *req, const char *what, struct slice detail)
{
	struct slice text = slice_str(what);
	uint8_t *p;

	detail = slice_sub(detail, 0, DETAIL_MAX);
	p = arena_take(req->arena, text.len + detail.len + 1);
	if (!p) {
		req->error = text;
		return;
	}
	memcpy(p, text.ptr, text.len);
	for (size_t i = 0; i < detail.len; i++)
		p[text.len + i] = detail.ptr[i] < 0x20 || detail.ptr[i] >= 0x7f ? '?' : detail.ptr[i];
	req->error = slice_of(p, text.len + detail.len);
}

static COLD enum reason bad(struct request *req, const char *what, struct slice detail)
{
	request_explain(req, what, detail);
	return REASON_BAD_REQUEST;
}

static COLD void blame(struct request *req, const char *what, enum arg arg)
{
	request_explain(req, what, slice_str(arg_name(arg)));
}

/* A stage that needs an argument which was never sent must not read it as "empty". */
static bool lacks_argument(struct request *req, const enum arg *needed, size_t count)
{
#pragma GCC unroll 4
	for (size_t i = 0; i < count; i++)
		if (!request_sent(req, needed[i])) {
			blame(req, "the proxy did not send the argument ", needed[i]);
			return true;
		}
	return false;
}

/* What an argument may be: its kinds of value, a bit each, stand in right_kinds. */
enum arg_class { CLASS_TEXT, CLASS_FLAG, CLASS_ADDRESS, CLASS_NUMBER, CLASS_COUNT };

static const uint8_t classes[ARG_COUNT] = {
	[ARG_CERT] = CLASS_TEXT, [ARG_USED] = CLASS_FLAG, [ARG_CHAIN] = CLASS_TEXT, [ARG_SNI] = CLASS_TEXT,
	[ARG_TLS_VERSION] = CLASS_TEXT, [ARG_TLS_CIPHER] = CLASS_TEXT, [ARG_RESUMED] = CLASS_FLAG,
	[ARG_EARLY] = CLASS_FLAG, [ARG_SRC] = CLASS_ADDRESS, [ARG_SRC_PORT] = CLASS_NUMBER,
	[ARG_METHOD] = CLASS_TEXT, [ARG_SCHEME] = CLASS_TEXT, [ARG_HOST] = CLASS_TEXT, [ARG_PATH] = CLASS_TEXT,
	[ARG_QUERY] = CLASS_TEXT, [ARG_VERSION] = CLASS_TEXT, [ARG_HEADERS] = CLASS_TEXT, [ARG_ID] = CLASS_TEXT,
};

#define KIND(kind) (1u << VALUE_##kind)
#define UNSENT_OR(kinds) (KIND(NOT_SENT) | KIND(NULL) | (kinds))

static const unsigned right_kinds[CLASS_COUNT] = {
	[CLASS_TEXT] = UNSENT_OR(KIND(TEXT) | KIND(BINARY)),
	[CLASS_FLAG] = UNSENT_OR(KIND(BOOL) | KIND(INT) | KIND(UINT)),
	[CLASS_ADDRESS] = UNSENT_OR(KIND(IP) | KIND(TEXT)),
	[CLASS_NUMBER] = UNSENT_OR(KIND(INT) | KIND(UINT)),
};

static COLD void explain_wrong_type(struct request *req)
{
	for (enum arg arg = 0; arg < ARG_COUNT; arg++)
		if (!(right_kinds[classes[arg]] >> req->args[arg].kind & 1))
			blame(req, "an argument of the wrong type: ", arg);
}

static bool has_wrong_type(const struct request *req)
{
	unsigned sent[CLASS_COUNT] = { 0 }, wrong = 0;

#pragma GCC unroll 18
	for (enum arg arg = 0; arg < ARG_COUNT; arg++)
		sent[classes[arg]] |= 1u << req->args[arg].kind;
#pragma GCC unroll 4
	for (enum arg_class class = 0; class < CLASS_COUNT; class++)
		wrong |= sent[class] & ~right_kinds[class];
	return wrong != 0;
}

/* The arguments are there and are of their types; else says what is wrong. */
static inline bool arguments_fit(struct request *req, const enum arg *needed, size_t count)
{
	if (lacks_argument(req, needed, count))
		return false;
	if (!has_wrong_type(req))
		return true;
	explain_wrong_type(req);
	return false;
}

/* named: the rule of the very name that was sent, which is canonical then, or NULL. */
static enum reason canonical_host(struct request *req, const struct host_rule *named,
				  const struct headers_seen *seen)
{
	struct slice raw = request_bytes(req, ARG_HOST);
	enum err err = ERR_OK;

	if (likely(named))
		req->host = raw;
	else
		err = canon_host(req->arena, raw, &req->host);
	if (err == ERR_MEMORY)
		return REASON_OVERLOADED;
	if (likely(!err && seen->hosts <= 1))
		return REASON_ALLOWED;
	req->host = SLICE_EMPTY;
	return bad(req, seen->hosts > 1 ? "more than one Host header: " : "not a host: ", raw);
}

/* err: what canon_path() said of it. */
static enum reason canonical_path(struct request *req, enum err err)
{
	struct slice raw = request_bytes(req, ARG_PATH);

	if (unlikely(req->rule->raw_paths) && raw.len) {
		req->path = raw;
		return REASON_ALLOWED;
	}
	/* "OPTIONS *" has no path (RFC 9110 9.3.7); HAProxy then sends none. */
	if (unlikely(slice_eq(request_bytes(req, ARG_METHOD), SLICE_LIT("OPTIONS"))) &&
	    (raw.len == 0 || slice_eq(raw, SLICE_LIT("*")))) {
		req->path = SLICE_LIT("*");
		return REASON_ALLOWED;
	}
	if (likely(!err))
		return REASON_ALLOWED;
	return err == ERR_MEMORY ? REASON_OVERLOADED : bad(req, "not a path that can be decided on: ", raw);
}

/* The host that a client connects to is the one that it names in its handshake; it may name none. */
static NOINLINE enum reason canonical_server_name(struct request *req)
{
	struct slice sni = request_bytes(req, ARG_SNI);
	enum err err = sni.len ? canon_host(req->arena, sni, &req->host) : ERR_OK;

	if (!err)
		return REASON_ALLOWED;
	req->host = SLICE_EMPTY;
	return err == ERR_MEMORY ? REASON_OVERLOADED : bad(req, "not a server name (SNI): ", sni);
}

static enum reason check_certificate_sent(struct request *req)
{
	if (unlikely(req->args[ARG_CERT].kind == VALUE_NULL) && request_true(req, ARG_USED))
		return bad(req, "the session has a client certificate, but none was sent", SLICE_EMPTY);
	return REASON_ALLOWED;
}

static enum reason check_arguments(struct request *req, struct headers_seen *seen)
{
	static const enum arg needed[] = { ARG_CERT, ARG_HOST, ARG_METHOD, ARG_PATH };

	if (!arguments_fit(req, needed, sizeof(needed) / sizeof(needed[0])))
		return REASON_BAD_REQUEST;
	if (request_headers_check(req, seen))
		return bad(req, "the argument headers is malformed", SLICE_EMPTY);
	if (!text_is_token(request_bytes(req, ARG_METHOD)))
		return bad(req, "not a method: ", request_bytes(req, ARG_METHOD));
	return check_certificate_sent(req);
}

static enum reason check_connection_arguments(struct request *req)
{
	static const enum arg needed[] = { ARG_CERT, ARG_SNI };

	if (!arguments_fit(req, needed, sizeof(needed) / sizeof(needed[0])))
		return REASON_BAD_REQUEST;
	return check_certificate_sent(req);
}

static enum reason find_host(struct request *req, const struct host_rule *named)
{
	req->rule = named ? named : snapshot_host(req->snapshot, req->host);
	if (likely(req->rule))
		return REASON_ALLOWED;
	if (req->host.len)
		request_explain(req, "no host of the configuration matches ", req->host);
	else
		request_explain(req, "the client names no server (SNI), and the configuration has no host \"*\"",
				SLICE_EMPTY);
	return REASON_HOST_UNKNOWN;
}

/* Told by the proxy that ended TLS, or by one before it in the header of RFC 8470 5.1: whoever said that, it only denies. */
static bool is_early(const struct request *req, const struct headers_seen *seen)
{
	struct slice ignored;

	/* An argument hdr_early_data would speak for it. */
	return request_true(req, ARG_EARLY) ||
	       (request_sent(req, ARG_HEADERS) && (seen->early_data || req->extra) &&
		request_header(req, SLICE_LIT("early-data"), &ignored) == HEADER_PRESENT);
}

enum reason stage_admit(struct request *req)
{
	struct headers_seen seen = { 0 };
	enum reason reason = req->connection ? check_connection_arguments(req) : check_arguments(req, &seen);
	/* Before the rule that says whether it counts, which may have to come from far. */
	enum err path = canon_path(req->arena, request_bytes(req, ARG_PATH), &req->path);
	const struct host_rule *named = req->connection ? NULL : snapshot_named_host(req->snapshot, &req->host_name);

	if (reason == REASON_ALLOWED)
		reason = req->connection ? canonical_server_name(req) : canonical_host(req, named, &seen);
	if (reason == REASON_ALLOWED)
		reason = find_host(req, named);
	if (reason == REASON_ALLOWED && !req->connection)
		reason = canonical_path(req, path);
	if (reason == REASON_ALLOWED && unlikely(is_early(req, &seen))) {
		request_explain(req, "it came as TLS early data, which can be replayed", SLICE_EMPTY);
		return REASON_EARLY_DATA;
	}
	return reason;
}

HOT enum reason stage_certificate(struct request *req, struct certcache *cache)
{
	struct certcache_query query = {
		.snapshot = req->snapshot,
		.rule = req->rule,
		.leaf = request_bytes(req, ARG_CERT),
		.chain = request_bytes(req, ARG_CHAIN),
		.resumed = request_true(req, ARG_RESUMED),
		.now = req->now_s,
	};
	enum err err;

	if (unlikely(req->args[ARG_CERT].kind == VALUE_NULL))
		return REASON_ALLOWED;
	err = certcache_get(cache, &query, &req->cert);
	if (err == ERR_LIMIT)
		return bad(req, "the certificate or its chain is too large", SLICE_EMPTY);
	if (err)
		return bad(req, "cert and chain are not whole DER certificates", SLICE_EMPTY);
	return REASON_ALLOWED;
}

/* A connection made for another name never asked this host's certificate question (RFC 9110 7.4). */
static bool is_misdirected(struct request *req)
{
	struct slice sni = request_bytes(req, ARG_SNI), name;

	return sni.len && (canon_host(req->arena, sni, &name) || !slice_eq(name, req->host));
}

static COLD enum reason refuse_unverified(struct request *req)
{
	if (is_misdirected(req)) {
		request_explain(req, "no certificate verified for this host, and the connection names ",
				request_bytes(req, ARG_SNI));
		return REASON_MISDIRECTED_REQUEST;
	}
	if (!req->cert) {
		request_explain(req, "no client certificate was presented", SLICE_EMPTY);
		return REASON_CERTIFICATE_REQUIRED;
	}
	request_explain(req, "the certificate did not verify: ", req->cert->facts[FACT_VERIFIED]);
	return REASON_CERTIFICATE_INVALID;
}

static enum reason refuse_revocation(struct request *req)
{
	static const char *const revoked[] = {
		[REVOCATION_BY_NOTHING] = "revoked, authority ",
		[REVOCATION_BY_DENY] = "on the deny list of authority ",
		[REVOCATION_BY_CRL] = "on a revocation list of authority ",
		[REVOCATION_BY_OCSP] = "revoked, says the OCSP responder, authority ",
	};
	const struct revocation_answer *answer = &req->cert->revocation;
	enum reason reason = revocation_refusal(answer);
	bool above = answer->at > 0;

	if (reason == REASON_CERTIFICATE_REVOKED && above)
		request_explain(req, "a CA certificate of its path is revoked, authority ", req->cert->authority);
	else if (reason == REASON_CERTIFICATE_REVOKED)
		request_explain(req, revoked[answer->by], req->cert->authority);
	else if (reason == REASON_REVOCATION_STALE)
		request_explain(req, above ? "what is known of a CA certificate of its path is too old, authority " :
				"what is known of its revocation is too old, authority ", req->cert->authority);
	else if (reason == REASON_REVOCATION_UNKNOWN)
		request_explain(req, above ? "no source knows of a CA certificate of its path, authority " :
				"no source knows whether it is revoked, authority ", req->cert->authority);
	return reason;
}

HOT enum reason stage_requirement(struct request *req)
{
	if (req->rule->require == REQUIRE_NONE)
		return REASON_ALLOWED;
	if (!req->cert || req->cert->result.error)
		return refuse_unverified(req);
	return refuse_revocation(req);
}

enum reason stage_connection(struct request *req)
{
	if (req->rule->l4 || !snapshot_routed(req->snapshot, req->host))
		return REASON_ALLOWED;
	request_explain(req, "workers decide on requests of this host, and a connection has none: to let it past them "
			     "the host needs l4 = true", SLICE_EMPTY);
	return REASON_POLICY_ERROR;
}
