/* SPDX-License-Identifier: Apache-2.0 */
#include "front/authz_request.h"

#include "base/buf.h"
#include "core/dialect.h"
#include "front/fill.h"

#define XFCC SLICE_LIT("x-forwarded-client-cert")

/* A CheckRequest being read. */
struct checking {
	struct filling filling;
	const struct authz_request *check;
	struct pemcache *pems;
};

static enum reason read_pem(const struct checking *checking, struct slice text, size_t max,
			    struct dialect_chain *out, const char *why)
{
	switch (pemcache_get(checking->pems, checking->filling.req->arena, text, max, out)) {
	case ERR_OK:
		return REASON_ALLOWED;
	case ERR_MEMORY:
		return fill_no_memory(&checking->filling);
	default:
		return fill_bad(&checking->filling, why);
	}
}

static enum reason fill_certificate(const struct checking *checking)
{
	struct slice text = checking->check->source.certificate;
	struct value *place = &checking->filling.req->args[ARG_CERT];
	struct dialect_chain chain;
	enum reason reason;

	*place = (struct value){ .kind = VALUE_NULL };
	if (text.len == 0)
		return REASON_ALLOWED;
	reason = read_pem(checking, text, 1, &chain, "attributes.source.certificate is no percent-encoded PEM certificate");
	if (reason == REASON_ALLOWED)
		*place = (struct value){ .kind = VALUE_BINARY, .bytes = chain.der };
	return reason;
}

/* The chain as presented, the leaf first: it must be the one that Envoy told us itself. */
static enum reason fill_chain_from(const struct checking *checking, struct slice header)
{
	struct slice leaf = request_bytes(checking->filling.req, ARG_CERT);
	struct dialect_xfcc xfcc;
	struct dialect_chain chain;
	enum reason reason;

	if (leaf.len == 0)
		return fill_bad(&checking->filling, "x-forwarded-client-cert without a certificate: Envoy needs include_peer_certificate and SANITIZE_SET");
	if (dialect_xfcc(header, &xfcc))
		return fill_bad(&checking->filling, "x-forwarded-client-cert is not the one element that Envoy writes under SANITIZE_SET");
	if (xfcc.chain.len == 0)
		return fill_bad(&checking->filling, "x-forwarded-client-cert without Chain: Envoy needs set_current_client_cert_details.chain");
	reason = read_pem(checking, xfcc.chain, DIALECT_CHAIN_MAX, &chain,
			  "Chain of x-forwarded-client-cert is no percent-encoded PEM");
	if (reason != REASON_ALLOWED)
		return reason;
	if (!slice_eq(slice_sub(chain.der, 0, chain.first), leaf))
		return fill_bad(&checking->filling, "Chain of x-forwarded-client-cert does not begin with the client's certificate");
	checking->filling.req->args[ARG_CHAIN] = (struct value){
		.kind = VALUE_BINARY, .bytes = slice_sub(chain.der, chain.first, chain.der.len),
	};
	return REASON_ALLOWED;
}

static enum reason fill_chain(const struct checking *checking)
{
	const struct authz_request *check = checking->check;
	struct slice found = SLICE_EMPTY;
	unsigned count = 0;

	for (unsigned i = 0; i < check->header_count; i++) {
		if (!slice_eq_nocase(check->headers[i].name, XFCC))
			continue;
		found = check->headers[i].value;
		count++;
	}
	if (count > 1)
		return fill_bad(&checking->filling, "x-forwarded-client-cert came twice");
	return count ? fill_chain_from(checking, found) : REASON_ALLOWED;
}

static enum reason fill_peer(const struct checking *checking)
{
	const struct authz_peer *source = &checking->check->source;

	if (source->address.len == 0)
		return REASON_ALLOWED;
	if (source->port > UINT16_MAX)
		return fill_bad(&checking->filling, "attributes.source.address has no port that can be one");
	switch (fill_source(&checking->filling, source->address)) {
	case ERR_OK:
		break;
	case ERR_MEMORY:
		return fill_no_memory(&checking->filling);
	default:
		return fill_bad(&checking->filling, "attributes.source.address is no IP address");
	}
	checking->filling.req->args[ARG_SRC_PORT] = (struct value){ .kind = VALUE_UINT, .integer = source->port };
	return REASON_ALLOWED;
}

/* What they take as rows, at most. */
static size_t headers_size(const struct authz_request *check)
{
	size_t size = 2;

	for (unsigned i = 0; i < check->header_count; i++)
		size += check->headers[i].name.len + check->headers[i].value.len + 2 * VARINT_ROOM;
	return size;
}

/* Rows of HAProxy's req.hdrs_bin, which is what every stage reads: pseudo headers out, :authority as host. */
static enum reason fill_headers(const struct checking *checking)
{
	const struct authz_request *check = checking->check;
	size_t room = headers_size(check);
	uint8_t *bytes = arena_take(checking->filling.req->arena, room);
	struct buf b = buf_fixed(bytes, room);

	if (!bytes)
		return fill_no_memory(&checking->filling);
	for (unsigned i = 0; i < check->header_count; i++) {
		struct slice name = check->headers[i].name, value = check->headers[i].value;

		if (name.len == 0)
			return fill_bad(&checking->filling, "a header without a name");
		if (name.ptr[0] == ':') {
			if (!slice_eq(name, SLICE_LIT(":authority")))
				continue;
			if (!slice_eq(value, check->host))
				return fill_bad(&checking->filling, "request.http.host is not what :authority says");
			name = SLICE_LIT("host");
		}
		fill_from_header(&checking->filling, name, value);
		buf_varstr(&b, name);
		buf_varstr(&b, value);
	}
	buf_put(&b, SLICE_LIT("\0\0"));
	if (buf_err(&b))
		return fill_no_memory(&checking->filling);
	checking->filling.req->args[ARG_HEADERS] = (struct value){ .kind = VALUE_BINARY, .bytes = buf_slice(&b) };
	return REASON_ALLOWED;
}

static enum reason fill_extensions(const struct checking *checking)
{
	const struct authz_request *check = checking->check;
	struct value *place;

	for (unsigned i = 0; i < check->extension_count; i++) {
		/* Always an argument by another name: the route's constants stand for nothing that Envoy saw. */
		if (request_extra(checking->filling.req, check->extensions[i].name, &place))
			return fill_no_memory(&checking->filling);
		*place = (struct value){ .kind = VALUE_TEXT, .bytes = check->extensions[i].value };
	}
	return REASON_ALLOWED;
}

/*
 * A connection's host is its SNI. Envoy tells it where it is asked to (include_tls_session), and always as
 * the service that the client wants.
 */
static enum reason fill_server_name(const struct checking *checking)
{
	const struct authz_request *check = checking->check;
	struct slice service = check->destination.service;

	if (check->has_tls && service.len && !slice_eq_nocase(check->sni, service))
		return fill_bad(&checking->filling, "attributes.destination.service is not what tls_session.sni says");
	fill_text_or_null(&checking->filling, ARG_SNI, check->has_tls ? check->sni : service);
	return REASON_ALLOWED;
}

static enum reason fill_connection(const struct checking *checking)
{
	enum reason reason;

	if (!checking->check->source.sent)
		return fill_bad(&checking->filling, "neither attributes.request nor attributes.source: this asks about nothing");
	checking->filling.req->connection = true;
	reason = fill_server_name(checking);
	if (reason == REASON_ALLOWED)
		reason = fill_certificate(checking);
	return reason == REASON_ALLOWED ? fill_peer(checking) : reason;
}

static void fill_http(const struct checking *checking)
{
	const struct authz_request *check = checking->check;
	struct slice query = check->path, path = slice_cut(&query, '?');

	fill_text(&checking->filling, ARG_METHOD, check->method);
	fill_text(&checking->filling, ARG_SCHEME, check->scheme);
	fill_text(&checking->filling, ARG_HOST, check->host);
	fill_text(&checking->filling, ARG_PATH, path);
	fill_text(&checking->filling, ARG_QUERY, query);
	fill_text(&checking->filling, ARG_VERSION, check->protocol);
}

static enum reason fill_request(const struct checking *checking, const struct authz_manner *manner)
{
	static enum reason (*const steps[])(const struct checking *) = {
		fill_certificate, fill_peer, fill_headers, fill_extensions,
	};
	enum reason reason = REASON_ALLOWED;

	fill_http(checking);
	if (checking->check->has_tls)
		fill_text_or_null(&checking->filling, ARG_SNI, checking->check->sni);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && reason == REASON_ALLOWED; i++)
		reason = steps[i](checking);
	if (reason == REASON_ALLOWED && manner->chain_xfcc)
		reason = fill_chain(checking);
	return reason;
}

enum reason authz_request_fill(struct request *req, const struct authz_request *check,
			       const struct authz_manner *manner, const char **why)
{
	const struct checking checking = { .filling = { req, why }, .check = check, .pems = manner->pems };

	/* Envoy writes "-" where a formatter has no value. */
	fill_text_or_null(&checking.filling, ARG_TLS_VERSION,
			  slice_eq(manner->tls_version, SLICE_LIT("-")) ? SLICE_EMPTY : manner->tls_version);
	if (!check->has_request)
		return fill_connection(&checking);
	if (!check->has_http)
		return fill_bad(&checking.filling, "attributes.request is there, but not its http");
	return fill_request(&checking, manner);
}
