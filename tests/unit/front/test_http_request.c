/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "front/authz_request.h"
#include "lib/http_texts.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A binary argument: the octets that hex gives, or a start and an end of them. */
static void assert_octets(const struct http_ask *ask, enum arg arg, const char *first, const char *second)
{
	char *says = http_format("#%s%s", first, second);

	http_ask_says(ask, arg, says);
	free(says);
}

static void none_presented_is_said(void **state)
{
	static const char *const values[] = { NULL, "", "::" };
	struct http_ask *ask;

	(void)state;
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++)
		for (size_t i = 0; i < COUNT(values); i++) {
			ask = http_ask_new(d, PAIRS({ http_cert_names[d], values[i] }));
			http_ask_says(ask, ARG_CERT, "null");
			http_ask_says(ask, ARG_CHAIN, "-");
			http_ask_free(ask);
		}
	/* What Caddy before 2.7 leaves where it has nothing to put in. */
	ask = http_ask_new(HTTP_CADDY, PAIRS({ "Client-Cert", ":{http.request.tls.client.certificate_der_base64}:" }));
	http_ask_says(ask, ARG_CERT, "null");
	http_ask_free(ask);
}

static void certificates_are_read(void **state)
{
	struct http_ask *ask;

	(void)state;
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++) {
		ask = http_ask_new(d, PAIRS({ http_cert_names[d], texts->forms[d] }));
		assert_octets(ask, ARG_CERT, texts->leaf_hex, "");
		http_ask_says(ask, ARG_CHAIN, d == HTTP_TRAEFIK ? "#" : "-");
		http_ask_free(ask);
	}
	ask = http_ask_new(HTTP_ENVOY, PAIRS({ "X-Forwarded-Client-Cert", texts->xfcc_chain }));
	assert_octets(ask, ARG_CERT, texts->leaf_hex, "");
	assert_octets(ask, ARG_CHAIN, texts->ca_hex, "");
	http_ask_free(ask);
	ask = http_ask_new(HTTP_TRAEFIK, PAIRS({ "X-Forwarded-Tls-Client-Cert", texts->traefik_chain }));
	assert_octets(ask, ARG_CERT, texts->leaf_hex, "");
	assert_octets(ask, ARG_CHAIN, texts->ca_hex, "");
	http_ask_free(ask);
	ask = http_ask_new(HTTP_CADDY, PAIRS({ "Client-Cert", texts->forms[HTTP_CADDY] }, { "Client-Cert-Chain", texts->list_chain }));
	assert_octets(ask, ARG_CERT, texts->leaf_hex, "");
	assert_octets(ask, ARG_CHAIN, texts->ca_hex, texts->ca_hex);
	http_ask_free(ask);
	ask = http_ask_new(HTTP_HAPROXY, PAIRS({ "client-cert", texts->forms[HTTP_HAPROXY] }, { "client-cert-chain", "" }));
	http_ask_says(ask, ARG_CHAIN, "-");
	http_ask_free(ask);
}

/* The PEM of a client is decoded once, whichever of the two dialects that have one asks. */
static void certificates_are_decoded_once(void **state)
{
	static const enum http_dialect dialects[] = { HTTP_NGINX, HTTP_ENVOY };
	struct pemcache *pems = pemcache_new();
	struct pemcache_stats stats;

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(dialects); i++) {
		enum http_dialect d = dialects[i / 2];
		struct http_ask *ask = http_ask_new(d, PAIRS({ http_cert_names[d], d == HTTP_ENVOY ? texts->xfcc_chain : texts->forms[d] }));

		ask->req.args[ARG_CERT] = ask->req.args[ARG_CHAIN] = (struct value){ .kind = VALUE_NOT_SENT };
		assert_int_equal(http_request_fill(&ask->req, d, &ask->question, pems, &ask->why), REASON_ALLOWED);
		assert_octets(ask, ARG_CERT, texts->leaf_hex, "");
		if (d == HTTP_ENVOY)
			assert_octets(ask, ARG_CHAIN, texts->ca_hex, "");
		http_ask_free(ask);
	}
	pemcache_stats_get(pems, &stats);
	assert_int_equal(stats.misses, 2);
	assert_int_equal(stats.hits, 4);
	pemcache_free(pems);
}

static void old_traefiks_escape(void **state)
{
	struct buf escaped = buf_capped(0);
	struct http_ask *ask;

	(void)state;
	for (const char *c = texts->forms[HTTP_TRAEFIK]; *c; c++)
		buf_printf(&escaped, *c == '+' || *c == '/' || *c == '=' ? "%%%02X" : "%c", *c);
	buf_u8(&escaped, 0);
	ask = http_ask_new(HTTP_TRAEFIK, PAIRS({ "X-Forwarded-Tls-Client-Cert", (const char *)escaped.ptr }));
	assert_octets(ask, ARG_CERT, texts->leaf_hex, "");
	http_ask_free(ask);
	buf_fini(&escaped);
}

static void arguments_are_named(void **state)
{
	(void)state;
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++) {
		struct http_ask *ask = http_ask_new(d, NULL);

		http_ask_says(ask, ARG_METHOD, "=GET");
		http_ask_says(ask, ARG_HOST, "=api.example.com");
		http_ask_says(ask, ARG_PATH, "=/a");
		http_ask_says(ask, ARG_QUERY, "=b");
		http_ask_says(ask, ARG_SRC, "#c0000201");
		http_ask_says(ask, ARG_SRC_PORT, "-");
		http_ask_says(ask, ARG_SNI, d == HTTP_ENVOY || d == HTTP_NGINX ? "=api.example.com" : "-");
		http_ask_says(ask, ARG_SCHEME, d == HTTP_NGINX || d == HTTP_HAPROXY ? "-" : "=https");
		http_ask_says(ask, ARG_VERSION, "-");
		http_ask_says(ask, ARG_TLS_VERSION, "-");
		http_ask_says(ask, ARG_USED, "-");
		http_ask_says(ask, ARG_ID, "-");
		http_ask_free(ask);
	}
}

/* The client's target is taken as it stands: the stages judge it. */
static void targets_are_not_touched(void **state)
{
	static const struct {
		const char *sent, *path, *query;
	} cases[] = {
		{ "/", "=/", "=" }, { "/?", "=/", "=" }, { "/a/../b?c?d", "=/a/../b", "=c?d" }, { "/%2e%2e/auth/envoy", "=/%2e%2e/auth/envoy", "=" },
		{ "*", "=*", "=" }, { "//x", "=//x", "=" }, { "/a#b", "=/a#b", "=" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *target = http_format("/auth/envoy%s", cases[i].sent);
		struct http_ask *asks[] = {
			http_ask_target(HTTP_ENVOY, "PURGE", target, NULL),
			http_ask_new(HTTP_NGINX, PAIRS({ "x-original-uri", cases[i].sent }, { "x-original-method", "PURGE" })),
			http_ask_target(HTTP_CADDY, "GET", "/auth/caddy?left=over", PAIRS({ "x-forwarded-uri", cases[i].sent }, { "x-forwarded-method", "PURGE" })),
		};

		for (size_t k = 0; k < COUNT(asks); k++) {
			http_ask_says(asks[k], ARG_PATH, cases[i].path);
			http_ask_says(asks[k], ARG_QUERY, cases[i].query);
			http_ask_says(asks[k], ARG_METHOD, "=PURGE");
			http_ask_free(asks[k]);
		}
		free(target);
	}
}

static void the_last_hop_is_the_client(void **state)
{
	struct http_ask *ask = http_ask_new(HTTP_ENVOY, PAIRS({ "x-forwarded-for", "6.6.6.6, 7.7.7.7 ,2001:db8::1" }));

	(void)state;
	http_ask_says(ask, ARG_SRC, "#20010db8000000000000000000000001");
	http_ask_free(ask);
	/* HAProxy's "option forwardfor" adds a line behind the client's own. */
	ask = http_ask_new(HTTP_HAPROXY, PAIRS({ "x-forwarded-for", "rubbish" }, { "+x-forwarded-for", "192.0.2.9" }));
	http_ask_says(ask, ARG_SRC, "#c0000209");
	http_ask_free(ask);
	ask = http_ask_new(HTTP_TRAEFIK, PAIRS({ "x-forwarded-for", "6.6.6.6, fe80::1%eth0" }));
	http_ask_says(ask, ARG_SRC, "#fe800000000000000000000000000001");
	http_ask_free(ask);
	ask = http_ask_new(HTTP_TRAEFIK, PAIRS({ "x-forwarded-for", NULL }));
	http_ask_says(ask, ARG_SRC, "-");
	http_ask_free(ask);
	ask = http_ask_new(HTTP_NGINX, PAIRS({ "x-real-ip", "unix:" }));
	http_ask_says(ask, ARG_SRC, "null");
	http_ask_free(ask);
}

static void names_of_connections_and_schemes_are_read(void **state)
{
	static const char *const none[] = { NULL, "", "-" };
	struct http_ask *ask;

	(void)state;
	for (size_t i = 0; i < COUNT(none); i++) {
		ask = http_ask_new(HTTP_ENVOY, PAIRS({ "x-ssl-sni", none[i] }));
		http_ask_says(ask, ARG_SNI, "null");
		http_ask_free(ask);
	}
	ask = http_ask_new(HTTP_TRAEFIK, PAIRS({ "x-forwarded-proto", "wss" }));
	http_ask_says(ask, ARG_SCHEME, "=https");
	http_ask_free(ask);
	ask = http_ask_new(HTTP_TRAEFIK, PAIRS({ "x-forwarded-proto", "ws" }));
	http_ask_says(ask, ARG_SCHEME, "=http");
	http_ask_free(ask);
	/* Where nobody writes it unasked, it is the client's word. */
	ask = http_ask_new(HTTP_NGINX, PAIRS({ "x-forwarded-proto", "gopher" }));
	http_ask_says(ask, ARG_SCHEME, "-");
	http_ask_free(ask);
}

static char *rows_of(const struct http_ask *ask)
{
	struct header_block block = { .parts = { request_bytes(&ask->req, ARG_HEADERS) }, .count = 1 };

	block.parts[0].len -= 2;
	return rig_headers(NULL, &block);
}

/* Workers see the client's request: its host, and nothing that was said to us alone. */
static void workers_see_the_clients_headers(void **state)
{
	static const char *const says[HTTP_DIALECT_COUNT] = {
		[HTTP_ENVOY] = "host: api.example.com\nx-forwarded-for: 192.0.2.1\nx-forwarded-proto: https\nCookie: a\nx-request-id: r\nCookie: b\n",
		[HTTP_NGINX] = "host: api.example.com\nCookie: a\nx-request-id: r\nCookie: b\n",
		[HTTP_TRAEFIK] = "host: api.example.com\nX-Forwarded-Host: api.example.com\nX-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: https\n"
				 "Cookie: a\nx-request-id: r\nCookie: b\n",
		[HTTP_CADDY] = "host: api.example.com\nX-Forwarded-Host: api.example.com\nX-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: https\n"
			       "Cookie: a\nx-request-id: r\nCookie: b\n",
		[HTTP_HAPROXY] = "host: api.example.com\nx-forwarded-host: api.example.com\nx-forwarded-for: 192.0.2.1\nCookie: a\nx-request-id: r\nCookie: b\n",
	};

	(void)state;
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++) {
		struct http_ask *ask = http_ask_new(d, PAIRS({ "Cookie", "a" }, { "x-request-id", "r" }, { "+Cookie", "b" }));
		char *rows = rows_of(ask);

		assert_string_equal(rows, says[d]);
		http_ask_says(ask, ARG_ID, "=r");
		free(rows);
		http_ask_free(ask);
	}
}

/* The same request through both of Envoy's forms. */
static void grpc_and_http_say_the_same(void **state)
{
	const struct check_pair headers[] = {
		{ "x-forwarded-for", "192.0.2.1" }, { "x-forwarded-proto", "https" }, { "cookie", "a=1" },
		{ "x-request-id", "r-1" }, { "early-data", "1" }, { "x-forwarded-client-cert", texts->xfcc_chain }, { NULL, NULL },
	};
	const struct check check = {
		.method = "GET", .path = "/p/%2e?q=1&r", .host = "api.example.com", .scheme = "https", .protocol = "HTTP/1.1",
		.certificate = slice_str(texts->leaf_pem), .address = "192.0.2.1", .port = 999, .sni = "api.example.com", .headers = headers,
	};
	static const enum arg same[] = { ARG_CERT, ARG_CHAIN, ARG_SNI, ARG_METHOD, ARG_SCHEME, ARG_HOST, ARG_PATH,
					 ARG_QUERY, ARG_SRC, ARG_HEADERS, ARG_ID, ARG_USED, ARG_RESUMED, ARG_EARLY };
	struct http_ask *ask = http_ask_target(HTTP_ENVOY, "GET", "/auth/envoy/p/%2e?q=1&r", headers);
	const struct authz_manner manner = { .chain_xfcc = true, .pems = pemcache_new() };
	struct http_ask grpc = { .filled = REASON_ALLOWED };
	struct buf message = buf_capped(0);
	struct authz_request decoded;

	(void)state;
	check_write(&message, &check);
	arena_init(&grpc.arena, 1 << 20);
	request_init(&grpc.req, &grpc.arena);
	assert_int_equal(authz_request_decode(buf_slice(&message), &decoded), ERR_OK);
	assert_int_equal(authz_request_fill(&grpc.req, &decoded, &manner, &grpc.why), REASON_ALLOWED);
	for (size_t i = 0; i < COUNT(same); i++) {
		char *text = http_ask_arg(&grpc, same[i]);

		http_ask_says(ask, same[i], text);
		free(text);
	}
	http_ask_free(ask);
	pemcache_free(manner.pems);
	arena_fini(&grpc.arena);
	buf_fini(&message);
}

static void dialects_have_words(void **state)
{
	(void)state;
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++)
		assert_int_equal(http_dialect_find(slice_str(http_dialect_words[d])), d);
	assert_int_equal(http_dialect_find(SLICE_LIT("Nginx")), HTTP_DIALECT_COUNT);
	assert_int_equal(http_dialect_find(SLICE_EMPTY), HTTP_DIALECT_COUNT);
	assert_null(http_dialect_words[HTTP_DIALECT_COUNT]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_presented_is_said),
		cmocka_unit_test(certificates_are_read),
		cmocka_unit_test(certificates_are_decoded_once),
		cmocka_unit_test(old_traefiks_escape),
		cmocka_unit_test(arguments_are_named),
		cmocka_unit_test(targets_are_not_touched),
		cmocka_unit_test(the_last_hop_is_the_client),
		cmocka_unit_test(names_of_connections_and_schemes_are_read),
		cmocka_unit_test(workers_see_the_clients_headers),
		cmocka_unit_test(grpc_and_http_say_the_same),
		cmocka_unit_test(dialects_have_words),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, http_texts_set_up, http_texts_tear_down);
}
