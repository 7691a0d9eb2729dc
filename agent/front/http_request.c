/* SPDX-License-Identifier: Apache-2.0 */
#include "front/http_request.h"

#include "base/buf.h"
#include "base/text.h"
#include "front/fill.h"

/* What a dialect's headers say. */
enum place { PLACE_CERT, PLACE_CHAIN, PLACE_SNI, PLACE_METHOD, PLACE_TARGET, PLACE_HOST, PLACE_CLIENT, PLACE_SCHEME, PLACE_COUNT };

#define BIT(place) (1u << PLACE_##place)

struct form {
	struct slice path;
	bool is_prefix;			 /* the client's target stands behind it */
	bool keeps_query;		 /* the client's query may stand behind it, and is not read */
	struct slice names[PLACE_COUNT]; /* lower case; empty: not said */
	unsigned ours;			 /* a bit a place: its header is for us alone, and nothing that a worker sees */
	struct slice placeholder;	 /* what the certificate header holds where the proxy had nothing to put in */
};

/* The rows of design 5. x-forwarded-proto is read where the proxy writes it without being told to. */
static const struct form forms[HTTP_DIALECT_COUNT] = {
	[HTTP_ENVOY] = {
		.path = SLICE_INIT("/auth/envoy"),
		.is_prefix = true,
		.names = {
			[PLACE_CERT] = SLICE_INIT("x-forwarded-client-cert"), [PLACE_SNI] = SLICE_INIT("x-ssl-sni"),
			[PLACE_HOST] = SLICE_INIT("host"), [PLACE_CLIENT] = SLICE_INIT("x-forwarded-for"),
			[PLACE_SCHEME] = SLICE_INIT("x-forwarded-proto"),
		},
		.ours = BIT(SNI),
	},
	[HTTP_NGINX] = {
		.path = SLICE_INIT("/auth/nginx"),
		.names = {
			[PLACE_CERT] = SLICE_INIT("x-ssl-cert"), [PLACE_SNI] = SLICE_INIT("x-ssl-sni"),
			[PLACE_METHOD] = SLICE_INIT("x-original-method"), [PLACE_TARGET] = SLICE_INIT("x-original-uri"),
			[PLACE_HOST] = SLICE_INIT("x-original-host"), [PLACE_CLIENT] = SLICE_INIT("x-real-ip"),
		},
		.ours = BIT(CERT) | BIT(SNI) | BIT(METHOD) | BIT(TARGET) | BIT(HOST) | BIT(CLIENT),
	},
	[HTTP_TRAEFIK] = {
		.path = SLICE_INIT("/auth/traefik"),
		.names = {
			[PLACE_CERT] = SLICE_INIT("x-forwarded-tls-client-cert"),
			[PLACE_METHOD] = SLICE_INIT("x-forwarded-method"), [PLACE_TARGET] = SLICE_INIT("x-forwarded-uri"),
			[PLACE_HOST] = SLICE_INIT("x-forwarded-host"), [PLACE_CLIENT] = SLICE_INIT("x-forwarded-for"),
			[PLACE_SCHEME] = SLICE_INIT("x-forwarded-proto"),
		},
		.ours = BIT(CERT) | BIT(METHOD) | BIT(TARGET),
	},
	[HTTP_CADDY] = {
		.path = SLICE_INIT("/auth/caddy"),
		.keeps_query = true,
		.names = {
			[PLACE_CERT] = SLICE_INIT("client-cert"), [PLACE_CHAIN] = SLICE_INIT("client-cert-chain"),
			[PLACE_METHOD] = SLICE_INIT("x-forwarded-method"), [PLACE_TARGET] = SLICE_INIT("x-forwarded-uri"),
			[PLACE_HOST] = SLICE_INIT("x-forwarded-host"), [PLACE_CLIENT] = SLICE_INIT("x-forwarded-for"),
			[PLACE_SCHEME] = SLICE_INIT("x-forwarded-proto"),
		},
		.ours = BIT(CERT) | BIT(CHAIN) | BIT(METHOD) | BIT(TARGET),
		.placeholder = SLICE_INIT(":{http.request.tls.client.certificate_der_base64}:"),
	},
	[HTTP_HAPROXY] = {
		.path = SLICE_INIT("/auth/haproxy"),
		.names = {
			[PLACE_CERT] = SLICE_INIT("client-cert"), [PLACE_CHAIN] = SLICE_INIT("client-cert-chain"),
			[PLACE_METHOD] = SLICE_INIT("x-forwarded-method"), [PLACE_TARGET] = SLICE_INIT("x-forwarded-uri"),
			[PLACE_HOST] = SLICE_INIT("x-forwarded-host"), [PLACE_CLIENT] = SLICE_INIT("x-forwarded-for"),
		},
		.ours = BIT(CERT) | BIT(CHAIN) | BIT(METHOD) | BIT(TARGET),
	},
};

/* Where any dialect has a certificate or a chain. */
static const struct slice certificate_headers[] = {
	SLICE_INIT("x-forwarded-client-cert"), SLICE_INIT("x-ssl-cert"), SLICE_INIT("x-forwarded-tls-client-cert"),
	SLICE_INIT("client-cert"), SLICE_INIT("client-cert-chain"),
};

/* Headers of the proxy's own request, about it and not about the client's. */
static const struct slice hop[] = {
	SLICE_INIT("host"), SLICE_INIT("connection"), SLICE_INIT("keep-alive"), SLICE_INIT("content-length"),
	SLICE_INIT("transfer-encoding"), SLICE_INIT("x-envoy-internal"), SLICE_INIT("x-envoy-expected-rq-timeout-ms"),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A question being read. */
struct reading {
	struct filling filling;
	const struct form *form;
	const struct http_question *question;
	struct pemcache *pems;
	bool sent[PLACE_COUNT];
	struct slice values[PLACE_COUNT];
	const char *foreign; /* a certificate header of another dialect that came, or NULL */
};

static const char *name_of(const struct reading *reading, enum place place)
{
	return (const char *)reading->form->names[place].ptr;
}

/* Equal when "_" counts as "-", as some servers have it. */
static bool is_alias(struct slice sent, struct slice name)
{
	if (sent.len != name.len)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if ((sent.ptr[i] == '_' ? '-' : ascii_lower(sent.ptr[i])) != name.ptr[i])
			return false;
	return true;
}

/* The place of a header, or PLACE_COUNT. */
static enum place place_of(const struct reading *reading, struct slice name)
{
	enum place place = 0;

	while (place < PLACE_COUNT && !is_alias(name, reading->form->names[place]))
		place++;
	return place;
}

/* A certificate in the form of another proxy: proof of nothing, and no accident beside ours. */
static enum reason look_for_foreign(struct reading *reading, struct slice name)
{
	for (size_t i = 0; i < COUNT(certificate_headers); i++) {
		if (!is_alias(name, certificate_headers[i]))
			continue;
		reading->foreign = (const char *)certificate_headers[i].ptr;
		if (!slice_eq_nocase(name, certificate_headers[i]))
			return fill_bad_name(&reading->filling, reading->foreign, "came with \"_\" for \"-\"");
	}
	return REASON_ALLOWED;
}

static enum reason take_header(struct reading *reading, const struct http_header *header)
{
	enum place place = place_of(reading, header->name);

	if (place == PLACE_COUNT)
		return look_for_foreign(reading, header->name);
	if (!slice_eq_nocase(header->name, reading->form->names[place]))
		return fill_bad_name(&reading->filling, name_of(reading, place), "came with \"_\" for \"-\"");
	/* Each hop may add a line to x-forwarded-for; the proxy's own is the last. */
	if (reading->sent[place] && !slice_eq(reading->form->names[place], SLICE_LIT("x-forwarded-for")))
		return fill_bad_name(&reading->filling, name_of(reading, place), "came twice");
	reading->sent[place] = true;
	reading->values[place] = header->value;
	return REASON_ALLOWED;
}

static enum reason read_headers(struct reading *reading)
{
	enum reason reason = REASON_ALLOWED;

	for (size_t i = 0; i < reading->question->header_count && reason == REASON_ALLOWED; i++) {
		const struct http_header *header = &reading->question->headers[i];

		if (!text_is_token(header->name))
			return fill_bad(&reading->filling, "a header's name is no token");
		if (text_has_control(header->value))
			return fill_bad(&reading->filling, "a header's value holds a control character");
		reason = take_header(reading, header);
	}
	return reason;
}

/* What was read belongs together and is all there. */
static enum reason check_headers(struct reading *reading)
{
	static const enum place needed[] = { PLACE_METHOD, PLACE_TARGET, PLACE_HOST };

	if (reading->foreign && (reading->sent[PLACE_CERT] || reading->sent[PLACE_CHAIN]))
		return fill_bad_name(&reading->filling, reading->foreign,
				     "is another dialect's certificate header, beside this one's own");
	for (size_t i = 0; i < COUNT(needed); i++)
		if (name_of(reading, needed[i]) && !reading->sent[needed[i]])
			return fill_bad_name(&reading->filling, name_of(reading, needed[i]),
					     "was not sent, and this dialect needs it");
	return REASON_ALLOWED;
}

static void set_der(const struct reading *reading, enum arg arg, struct slice der)
{
	reading->filling.req->args[arg] = (struct value){ .kind = VALUE_BINARY, .bytes = der };
}

/* The leaf alone, and the rest where the dialect has it in the same header. */
static void set_certificates(const struct reading *reading, const struct dialect_chain *chain, bool has_chain)
{
	set_der(reading, ARG_CERT, slice_sub(chain->der, 0, chain->first));
	if (has_chain)
		set_der(reading, ARG_CHAIN, slice_sub(chain->der, chain->first, chain->der.len));
}

static enum reason refuse_decoding(const struct reading *reading, enum place place, enum err err)
{
	switch (err) {
	case ERR_MEMORY:
		return fill_no_memory(&reading->filling);
	case ERR_LIMIT:
		return fill_bad_name(&reading->filling, name_of(reading, place), "holds too many certificates");
	case ERR_DUPLICATE:
		return fill_bad_name(&reading->filling, name_of(reading, place),
				     "is not the one element that Envoy writes under SANITIZE_SET");
	case ERR_NOT_FOUND:
		return fill_bad_name(&reading->filling, name_of(reading, place),
				     "has no Cert: Envoy needs set_current_client_cert_details.cert");
	case ERR_CRYPTO:
		return fill_bad_name(&reading->filling, name_of(reading, place),
				     "has a Hash or a Chain of another certificate than Cert");
	default:
		return fill_bad_name(&reading->filling, name_of(reading, place), "does not decode");
	}
}

static enum err decode(const struct reading *reading, struct slice text, struct dialect_chain *chain, bool *has_chain)
{
	struct arena *arena = reading->filling.req->arena;

	*has_chain = false;
	switch ((enum http_dialect)(reading->form - forms)) {
	case HTTP_ENVOY:
		return dialect_xfcc_chain(reading->pems, arena, text, chain, has_chain);
	case HTTP_NGINX:
		return pemcache_get(reading->pems, arena, text, 1, chain);
	case HTTP_TRAEFIK:
		*has_chain = true;
		return dialect_traefik(arena, text, DIALECT_CHAIN_MAX, chain);
	default:
		return dialect_client_cert(arena, text, chain);
	}
}

static bool says_none(const struct reading *reading, struct slice text)
{
	return text.len == 0 || slice_eq(text, SLICE_LIT("::")) ||
	       (reading->form->placeholder.len && slice_eq(text, reading->form->placeholder));
}

static enum reason fill_certificate(const struct reading *reading)
{
	struct slice text = reading->values[PLACE_CERT];
	struct dialect_chain chain;
	bool has_chain;
	enum err err;

	if (says_none(reading, text)) {
		reading->filling.req->args[ARG_CERT] = (struct value){ .kind = VALUE_NULL };
		return REASON_ALLOWED;
	}
	err = decode(reading, text, &chain, &has_chain);
	if (err)
		return refuse_decoding(reading, PLACE_CERT, err);
	set_certificates(reading, &chain, has_chain);
	return REASON_ALLOWED;
}

static enum reason fill_chain(const struct reading *reading)
{
	struct slice text = reading->values[PLACE_CHAIN];
	struct dialect_chain chain;
	enum err err;

	if (text.len == 0)
		return REASON_ALLOWED;
	if (reading->filling.req->args[ARG_CERT].kind == VALUE_NULL)
		return fill_bad_name(&reading->filling, name_of(reading, PLACE_CHAIN), "came without a certificate");
	err = dialect_client_cert_chain(reading->filling.req->arena, text, DIALECT_CHAIN_MAX, &chain);
	if (err)
		return refuse_decoding(reading, PLACE_CHAIN, err);
	set_der(reading, ARG_CHAIN, chain.der);
	return REASON_ALLOWED;
}

/* The last hop is who the proxy saw; those before it are hearsay. */
static enum reason fill_client(const struct reading *reading)
{
	struct slice text = reading->values[PLACE_CLIENT];

	if (!reading->sent[PLACE_CLIENT])
		return REASON_ALLOWED;
	/* nginx says "unix:" of a client that came through a socket file. */
	if (text.len == 0 || slice_eq(text, SLICE_LIT("unix:"))) {
		fill_text_or_null(&reading->filling, ARG_SRC, SLICE_EMPTY);
		return REASON_ALLOWED;
	}
	while (slice_find(text, ',') < text.len)
		slice_cut(&text, ',');
	text = slice_trim(text);
	/* Go's servers leave the zone of a link-local address (RFC 4007 11). */
	if (slice_find(text, ':') < slice_find(text, '%'))
		text = slice_sub(text, 0, slice_find(text, '%'));
	switch (fill_source(&reading->filling, text)) {
	case ERR_OK:
		return REASON_ALLOWED;
	case ERR_MEMORY:
		return fill_no_memory(&reading->filling);
	default:
		return fill_bad_name(&reading->filling, name_of(reading, PLACE_CLIENT), "does not end in an IP address");
	}
}

static enum reason fill_scheme(const struct reading *reading)
{
	struct slice text = reading->values[PLACE_SCHEME];

	if (!reading->sent[PLACE_SCHEME])
		return REASON_ALLOWED;
	/* Traefik says ws and wss of a request that asks for an upgrade. */
	if (slice_eq(text, SLICE_LIT("https")) || slice_eq(text, SLICE_LIT("wss")))
		fill_text(&reading->filling, ARG_SCHEME, SLICE_LIT("https"));
	else if (slice_eq(text, SLICE_LIT("http")) || slice_eq(text, SLICE_LIT("ws")))
		fill_text(&reading->filling, ARG_SCHEME, SLICE_LIT("http"));
	else
		return fill_bad_name(&reading->filling, name_of(reading, PLACE_SCHEME), "is neither http nor https");
	return REASON_ALLOWED;
}

/* Whether a header is the client's, or at least one that the origin gets. */
static bool is_for_workers(const struct reading *reading, struct slice name)
{
	enum place place = place_of(reading, name);

	if (place < PLACE_COUNT && reading->form->ours & 1u << place)
		return false;
	for (size_t i = 0; i < COUNT(hop); i++)
		if (slice_eq_nocase(name, hop[i]))
			return false;
	return true;
}

/* Rows of HAProxy's req.hdrs_bin, which is what every stage reads, the client's Host first. */
static enum reason fill_rows(const struct reading *reading)
{
	const struct http_question *question = reading->question;
	size_t room = 64 + reading->values[PLACE_HOST].len;
	uint8_t *bytes;
	struct buf b;

	for (size_t i = 0; i < question->header_count; i++)
		room += question->headers[i].name.len + question->headers[i].value.len + 16;
	bytes = arena_take(reading->filling.req->arena, room);
	if (!bytes)
		return fill_no_memory(&reading->filling);
	b = buf_fixed(bytes, room);
	buf_varstr(&b, SLICE_LIT("host"));
	buf_varstr(&b, reading->values[PLACE_HOST]);
	for (size_t i = 0; i < question->header_count; i++) {
		if (!is_for_workers(reading, question->headers[i].name))
			continue;
		buf_varstr(&b, question->headers[i].name);
		buf_varstr(&b, question->headers[i].value);
		fill_from_header(&reading->filling, question->headers[i].name, question->headers[i].value);
	}
	buf_put(&b, SLICE_LIT("\0\0"));
	if (buf_err(&b))
		return fill_no_memory(&reading->filling);
	set_der(reading, ARG_HEADERS, buf_slice(&b));
	return REASON_ALLOWED;
}

/* What stands behind the dialect's path, which nothing may have normalised; false: another path was asked. */
static bool match_path(const struct form *form, struct slice target, struct slice *rest)
{
	*rest = slice_sub(target, form->path.len, target.len);
	if (!slice_starts(target, form->path))
		return false;
	if (form->is_prefix)
		return (rest->len && rest->ptr[0] == '/') || slice_eq(*rest, SLICE_LIT("*"));
	return rest->len == 0 || (form->keeps_query && rest->ptr[0] == '?');
}

static void fill_target(const struct reading *reading, struct slice rest)
{
	struct slice query = reading->form->is_prefix ? rest : reading->values[PLACE_TARGET];
	struct slice path = slice_cut(&query, '?');

	fill_text(&reading->filling, ARG_METHOD,
		  reading->form->is_prefix ? reading->question->method : reading->values[PLACE_METHOD]);
	fill_text(&reading->filling, ARG_HOST, reading->values[PLACE_HOST]);
	fill_text(&reading->filling, ARG_PATH, path);
	fill_text(&reading->filling, ARG_QUERY, query);
	/* Envoy writes "-" where a formatter has no value. */
	if (name_of(reading, PLACE_SNI))
		fill_text_or_null(&reading->filling, ARG_SNI,
				  slice_eq(reading->values[PLACE_SNI], SLICE_LIT("-")) ? SLICE_EMPTY : reading->values[PLACE_SNI]);
}

enum reason http_request_fill(struct request *req, enum http_dialect dialect,
			      const struct http_question *question, struct pemcache *pems, const char **why)
{
	static enum reason (*const steps[])(const struct reading *) = {
		fill_certificate, fill_chain, fill_client, fill_scheme, fill_rows,
	};
	struct reading reading = { .filling = { req, why }, .form = &forms[dialect],
				   .question = question, .pems = pems };
	enum reason reason;
	struct slice rest;

	if (!match_path(reading.form, question->target, &rest))
		return fill_bad_name(&reading.filling, (const char *)reading.form->path.ptr,
				     "is what this listener is asked, and this was another path");
	if (text_has_control(rest))
		return fill_bad(&reading.filling, "the request's target holds a control character");
	reason = read_headers(&reading);
	if (reason == REASON_ALLOWED)
		reason = check_headers(&reading);
	if (reason == REASON_ALLOWED)
		fill_target(&reading, rest);
	for (size_t i = 0; i < COUNT(steps) && reason == REASON_ALLOWED; i++)
		reason = steps[i](&reading);
	return reason;
}
