/* SPDX-License-Identifier: Apache-2.0 */
#include "front/authz_request.h"

#include <arpa/inet.h>

#include "base/buf.h"
#include "core/dialect.h"

#define XFCC SLICE_LIT("x-forwarded-client-cert")

struct filling {
	struct request *req;
	const struct authz_request *check;
	struct pemcache *pems;
	const char **why;
};

static enum reason bad(const struct filling *filling, const char *why)
{
	*filling->why = why;
	return REASON_BAD_REQUEST;
}

static enum reason no_memory(const struct filling *filling)
{
	*filling->why = "the arguments need too much memory";
	return REASON_OVERLOADED;
}

static void set_text(struct request *req, enum arg arg, struct slice s)
{
	req->args[arg] = (struct value){ .kind = VALUE_TEXT, .bytes = s };
}

/* "Looked for, and there was none." */
static void set_text_or_null(struct request *req, enum arg arg, struct slice s)
{
	if (s.len)
		set_text(req, arg, s);
	else
		req->args[arg] = (struct value){ .kind = VALUE_NULL };
}

static enum reason read_pem(const struct filling *filling, struct slice text, size_t max,
			    struct dialect_chain *out, const char *why)
{
	switch (pemcache_get(filling->pems, filling->req->arena, text, max, out)) {
	case ERR_OK:
		return REASON_ALLOWED;
	case ERR_MEMORY:
		return no_memory(filling);
	default:
		return bad(filling, why);
	}
}

static enum reason fill_certificate(const struct filling *filling)
{
	struct slice text = filling->check->source.certificate;
	struct value *place = &filling->req->args[ARG_CERT];
	struct dialect_chain chain;
	enum reason reason;

	*place = (struct value){ .kind = VALUE_NULL };
	if (text.len == 0)
		return REASON_ALLOWED;
	reason = read_pem(filling, text, 1, &chain, "attributes.source.certificate is no percent-encoded PEM certificate");
	if (reason == REASON_ALLOWED)
		*place = (struct value){ .kind = VALUE_BINARY, .bytes = chain.der };
	return reason;
}

/* The chain as presented, the leaf first: it must be the one that Envoy told us itself. */
static enum reason fill_chain_from(const struct filling *filling, struct slice header)
{
	struct slice leaf = request_bytes(filling->req, ARG_CERT);
	struct dialect_xfcc xfcc;
	struct dialect_chain chain;
	enum reason reason;

	if (leaf.len == 0)
		return bad(filling, "x-forwarded-client-cert without a certificate: Envoy needs include_peer_certificate and SANITIZE_SET");
	if (dialect_xfcc(header, &xfcc))
		return bad(filling, "x-forwarded-client-cert is not the one element that Envoy writes under SANITIZE_SET");
	if (xfcc.chain.len == 0)
		return bad(filling, "x-forwarded-client-cert without Chain: Envoy needs set_current_client_cert_details.chain");
	reason = read_pem(filling, xfcc.chain, DIALECT_CHAIN_MAX, &chain,
			  "Chain of x-forwarded-client-cert is no percent-encoded PEM");
	if (reason != REASON_ALLOWED)
		return reason;
	if (!slice_eq(slice_sub(chain.der, 0, chain.first), leaf))
		return bad(filling, "Chain of x-forwarded-client-cert does not begin with the client's certificate");
	filling->req->args[ARG_CHAIN] = (struct value){
		.kind = VALUE_BINARY, .bytes = slice_sub(chain.der, chain.first, chain.der.len),
	};
	return REASON_ALLOWED;
}

static enum reason fill_chain(const struct filling *filling)
{
	struct authz_cursor cursor = { 0 };
	struct slice name, value, found = SLICE_EMPTY;
	unsigned count = 0;

	while (authz_header_next(filling->check, &cursor, &name, &value)) {
		if (!slice_eq_nocase(name, XFCC))
			continue;
		found = value;
		count++;
	}
	if (count > 1)
		return bad(filling, "x-forwarded-client-cert came twice");
	return count ? fill_chain_from(filling, found) : REASON_ALLOWED;
}

static enum reason fill_source(const struct filling *filling)
{
	const struct authz_peer *source = &filling->check->source;
	char text[INET6_ADDRSTRLEN];
	uint8_t *octets;
	int family;

	if (source->address.len == 0)
		return REASON_ALLOWED;
	if (source->address.len >= sizeof(text) || source->port > UINT16_MAX)
		return bad(filling, "attributes.source.address is no IP address");
	memcpy(text, source->address.ptr, source->address.len);
	text[source->address.len] = '\0';
	family = strchr(text, ':') ? AF_INET6 : AF_INET;
	octets = arena_take(filling->req->arena, sizeof(struct in6_addr));
	if (!octets)
		return no_memory(filling);
	if (strlen(text) != source->address.len || inet_pton(family, text, octets) != 1)
		return bad(filling, "attributes.source.address is no IP address");
	filling->req->args[ARG_SRC] = (struct value){
		.kind = VALUE_IP, .bytes = slice_of(octets, family == AF_INET ? 4 : 16),
	};
	filling->req->args[ARG_SRC_PORT] = (struct value){ .kind = VALUE_UINT, .integer = source->port };
	return REASON_ALLOWED;
}

/* Rows of HAProxy's req.hdrs_bin, which is what every stage reads: pseudo headers out, :authority as host. */
static enum reason fill_headers(const struct filling *filling)
{
	const struct authz_request *check = filling->check;
	struct slice source = check->has_header_map ? check->header_map : check->http, name, value;
	/* A name or a value takes two bytes of length at least in the one form, and three at most over it in the other. */
	size_t room = source.len + 8 * (size_t)check->header_count + 2;
	uint8_t *bytes = arena_take(filling->req->arena, room);
	struct authz_cursor cursor = { 0 };
	struct buf b = buf_fixed(bytes, room);

	if (!bytes)
		return no_memory(filling);
	while (authz_header_next(check, &cursor, &name, &value)) {
		if (name.len == 0)
			return bad(filling, "a header without a name");
		if (name.ptr[0] == ':') {
			if (!slice_eq(name, SLICE_LIT(":authority")))
				continue;
			if (!slice_eq(value, check->host))
				return bad(filling, "request.http.host is not what :authority says");
			name = SLICE_LIT("host");
		} else if (slice_eq_nocase(name, SLICE_LIT("x-request-id"))) {
			set_text(filling->req, ARG_ID, value);
		}
		buf_varstr(&b, name);
		buf_varstr(&b, value);
	}
	buf_put(&b, SLICE_LIT("\0\0"));
	if (buf_err(&b))
		return no_memory(filling);
	filling->req->args[ARG_HEADERS] = (struct value){ .kind = VALUE_BINARY, .bytes = buf_slice(&b) };
	return REASON_ALLOWED;
}

static enum reason fill_extensions(const struct filling *filling)
{
	struct authz_cursor cursor = { 0 };
	struct slice name, value;
	struct value *place;

	while (authz_extension_next(filling->check, &cursor, &name, &value)) {
		/* Always an argument by another name: the route's constants stand for nothing that Envoy saw. */
		if (request_extra(filling->req, name, &place))
			return no_memory(filling);
		*place = (struct value){ .kind = VALUE_TEXT, .bytes = value };
	}
	return REASON_ALLOWED;
}

/*
 * A connection's host is its SNI. Envoy tells it where it is asked to (include_tls_session), and always as
 * the service that the client wants.
 */
static enum reason fill_server_name(const struct filling *filling)
{
	const struct authz_request *check = filling->check;
	struct slice service = check->destination.service;

	if (check->has_tls && service.len && !slice_eq_nocase(check->sni, service))
		return bad(filling, "attributes.destination.service is not what tls_session.sni says");
	set_text_or_null(filling->req, ARG_SNI, check->has_tls ? check->sni : service);
	return REASON_ALLOWED;
}

static enum reason fill_connection(const struct filling *filling)
{
	enum reason reason;

	if (!filling->check->source.sent)
		return bad(filling, "neither attributes.request nor attributes.source: this asks about nothing");
	filling->req->connection = true;
	reason = fill_server_name(filling);
	if (reason == REASON_ALLOWED)
		reason = fill_certificate(filling);
	return reason == REASON_ALLOWED ? fill_source(filling) : reason;
}

static void fill_http(struct request *req, const struct authz_request *check)
{
	struct slice query = check->path, path = slice_cut(&query, '?');

	set_text(req, ARG_METHOD, check->method);
	set_text(req, ARG_SCHEME, check->scheme);
	set_text(req, ARG_HOST, check->host);
	set_text(req, ARG_PATH, path);
	set_text(req, ARG_QUERY, query);
	set_text(req, ARG_VERSION, check->protocol);
}

static enum reason fill_request(const struct filling *filling, const struct authz_manner *manner)
{
	static enum reason (*const steps[])(const struct filling *) = {
		fill_certificate, fill_source, fill_headers, fill_extensions,
	};
	enum reason reason = REASON_ALLOWED;

	fill_http(filling->req, filling->check);
	if (filling->check->has_tls)
		set_text_or_null(filling->req, ARG_SNI, filling->check->sni);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && reason == REASON_ALLOWED; i++)
		reason = steps[i](filling);
	if (reason == REASON_ALLOWED && manner->chain_xfcc)
		reason = fill_chain(filling);
	return reason;
}

enum reason authz_request_fill(struct request *req, const struct authz_request *check,
			       const struct authz_manner *manner, const char **why)
{
	const struct filling filling = { req, check, manner->pems, why };

	/* Envoy writes "-" where a formatter has no value. */
	set_text_or_null(req, ARG_TLS_VERSION,
			 slice_eq(manner->tls_version, SLICE_LIT("-")) ? SLICE_EMPTY : manner->tls_version);
	if (!check->has_request)
		return fill_connection(&filling);
	if (!check->has_http)
		return bad(&filling, "attributes.request is there, but not its http");
	return fill_request(&filling, manner);
}
