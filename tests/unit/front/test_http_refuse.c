/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/http_texts.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Every header that a dialect reads, but for x-forwarded-for, which may come in lines. */
static const char *const read_names[HTTP_DIALECT_COUNT][9] = {
	[HTTP_ENVOY] = { "x-forwarded-client-cert", "x-ssl-sni", "host", "x-forwarded-proto" },
	[HTTP_NGINX] = { "x-ssl-cert", "x-ssl-sni", "x-original-method", "x-original-uri", "x-original-host", "x-real-ip" },
	[HTTP_TRAEFIK] = { "x-forwarded-tls-client-cert", "x-forwarded-method", "x-forwarded-uri", "x-forwarded-host", "x-forwarded-proto" },
	[HTTP_CADDY] = { "client-cert", "client-cert-chain", "x-forwarded-method", "x-forwarded-uri", "x-forwarded-host", "x-forwarded-proto" },
	[HTTP_HAPROXY] = { "client-cert", "client-cert-chain", "x-forwarded-method", "x-forwarded-uri", "x-forwarded-host" },
};

/* Refused, in words that begin with name (any case) and hold what. Frees it. */
static void assert_refused(struct http_ask *ask, const char *name, const char *what)
{
	if (ask->filled != REASON_BAD_REQUEST)
		fail_msg("%s %s: taken", name, what);
	if (strncasecmp(ask->why, name, strlen(name)) || !strstr(ask->why, what))
		fail_msg("%s … %s: \"%s\"", name, what, ask->why);
	http_ask_free(ask);
}

static void other_paths_are_refused(void **state)
{
	static const char *const targets[] = {
		"", "/", "*", "/auth", "/auth/", "/auth/nginx/", "/auth/nginx?x", "/auth/nginx#x", "/auth/nginxx", "/auth/NGINX",
		"/auth/%6eginx", "//auth/nginx", "/auth//nginx", "/auth/./nginx", "/x/../auth/nginx", " /auth/nginx",
		"http://authz/auth/nginx", "/auth/traefik", "/auth/envoy/auth/nginx", "/auth\\nginx",
	};
	static const char *const prefixed[] = { "/auth/envoy", "/auth/envoy?b", "/auth/envoyx/a", "/auth/envoy%2fa", "/Auth/envoy/a", "/auth/envoy**" };

	(void)state;
	for (size_t i = 0; i < COUNT(targets); i++)
		assert_refused(http_ask_target(HTTP_NGINX, "GET", targets[i], NULL), "/auth/nginx", "another path");
	for (size_t i = 0; i < COUNT(prefixed); i++)
		assert_refused(http_ask_target(HTTP_ENVOY, "GET", prefixed[i], NULL), "/auth/envoy", "another path");
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++)
		if (d != HTTP_NGINX)
			assert_refused(http_ask_target(d, "GET", "/auth/nginx", NULL), "/auth/", "another path");
	assert_refused(http_ask_target(HTTP_CADDY, "GET", "/auth/caddy/?b", NULL), "/auth/caddy", "another path");
	assert_refused(http_ask_target(HTTP_TRAEFIK, "GET", "/auth/traefik?b", NULL), "/auth/traefik", "another path");
	assert_refused(http_ask_target(HTTP_ENVOY, "GET", "/auth/envoy/a\x01", NULL), "the request's target", "control");
	assert_refused(http_ask_target(HTTP_ENVOY, "GET", "/auth/envoy/a?\x7f", NULL), "the request's target", "control");
}

static void each_header_may_come_once(void **state)
{
	(void)state;
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++)
		for (const char *const *name = read_names[d]; *name; name++) {
			char *again = http_format("+%s", *name);

			assert_refused(http_ask_new(d, PAIRS({ again, "https" }, { again, "https" })), *name, "came twice");
			/* One that is empty is one, too. */
			assert_refused(http_ask_new(d, PAIRS({ *name, "https" }, { again, "" })), *name, "came twice");
			free(again);
		}
}

static void underscores_are_refused(void **state)
{
	(void)state;
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++) {
		for (const char *const *name = read_names[d]; *name; name++) {
			char *alias = http_format("%s", *name), *dash = strchr(alias, '-');

			if (dash) {
				*dash = '_';
				assert_refused(http_ask_new(d, PAIRS({ alias, "x" })), *name, "came with \"_\"");
			}
			free(alias);
		}
		/* Those of the other dialects as well, with or without a certificate of its own. */
		assert_refused(http_ask_new(d, PAIRS({ "X_SSL_Cert", "x" })), "x-ssl-cert", "came with \"_\"");
		assert_refused(http_ask_new(d, PAIRS({ "x-forwarded-client_cert", "x" })), "x-forwarded-client-cert", "\"_\"");
		assert_refused(http_ask_new(d, PAIRS({ http_cert_names[d], texts->forms[d] }, { "Client_Cert", "" })), "client-cert", "\"_\"");
	}
}

static void other_dialects_certificates_are_refused(void **state)
{
	(void)state;
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++)
		for (enum http_dialect foreign = 0; foreign < HTTP_DIALECT_COUNT; foreign++) {
			struct http_ask *ask;

			if (strcasecmp(http_cert_names[d], http_cert_names[foreign]) == 0)
				continue;
			assert_refused(http_ask_new(d, PAIRS({ http_cert_names[d], texts->forms[d] }, { http_cert_names[foreign], texts->forms[foreign] })),
				       http_cert_names[foreign], "is another dialect's certificate header");
			assert_refused(http_ask_new(d, PAIRS({ http_cert_names[d], "" }, { http_cert_names[foreign], "" })),
				       http_cert_names[foreign], "is another dialect's certificate header");
			/* Alone it is only one of the client's headers, and no certificate. */
			ask = http_ask_new(d, PAIRS({ http_cert_names[d], NULL }, { http_cert_names[foreign], texts->forms[foreign] }));
			http_ask_says(ask, ARG_CERT, "null");
			http_ask_free(ask);
		}
	assert_refused(http_ask_new(HTTP_NGINX, PAIRS({ "X-SSL-Cert", texts->forms[HTTP_NGINX] }, { "Client-Cert-Chain", texts->list_chain })),
		       "client-cert-chain", "is another dialect's certificate header");
}

static void what_is_needed_must_be_sent(void **state)
{
	static const struct {
		enum http_dialect dialect;
		const char *name;
	} cases[] = {
		{ HTTP_ENVOY, "host" },
		{ HTTP_NGINX, "x-original-method" }, { HTTP_NGINX, "x-original-uri" }, { HTTP_NGINX, "x-original-host" },
		{ HTTP_TRAEFIK, "x-forwarded-method" }, { HTTP_TRAEFIK, "x-forwarded-uri" }, { HTTP_TRAEFIK, "x-forwarded-host" },
		{ HTTP_CADDY, "x-forwarded-method" }, { HTTP_CADDY, "x-forwarded-uri" }, { HTTP_CADDY, "x-forwarded-host" },
		{ HTTP_HAPROXY, "x-forwarded-method" }, { HTTP_HAPROXY, "x-forwarded-uri" }, { HTTP_HAPROXY, "x-forwarded-host" },
	};
	struct http_ask *empty;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_refused(http_ask_new(cases[i].dialect, PAIRS({ cases[i].name, NULL })), cases[i].name, "was not sent");
	/* An empty one was sent, and is for the stages to judge. */
	empty = http_ask_new(HTTP_NGINX, PAIRS({ "X-Original-URI", "" }));
	http_ask_says(empty, ARG_PATH, "=");
	http_ask_free(empty);
}

static void names_and_values_are_text(void **state)
{
	static const char *const names[] = { "", "x y", "x:", "x\x01", "x\xe9", "(x)" };
	static const char *const values[] = { "a\x01", "\x1b", "a\r\nx: y", "a\nb", "\x7f" };

	(void)state;
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++) {
		for (size_t i = 0; i < COUNT(names); i++)
			assert_refused(http_ask_new(d, PAIRS({ names[i], "x" })), "a header's name", "no token");
		for (size_t i = 0; i < COUNT(values); i++) {
			assert_refused(http_ask_new(d, PAIRS({ "x-any", values[i] })), "a header's value", "control");
			assert_refused(http_ask_new(d, PAIRS({ http_cert_names[d], values[i] })), "a header's value", "control");
		}
	}
}

static void rubbish_is_no_certificate(void **state)
{
	static const char *const cases[] = {
		"-", "(null)", ":", ":::", "::,::", "MAA", "=", "%", "%2", "[{\"cert\":\"x\"}]", "{x}", "-----BEGIN CERTIFICATE-----",
		":AAAA", "AAAA:", ":AAA:", ":AA A:", ":AAAA:;a=1", ": AAAA:", ":AAAA:,:AAAA:", ":AAAA:,", "AAAA,", ",AAAA", "AAAA,,AAAA", "AAAA, AAAA",
		"A===", "AAB=", "AA==AAAA", "AAAA%2CAAAA", "AAAA%", "AA-_", "Cert=\"\"", "Cert=\"x\"", "Hash=x", "By=x",
		":{http.request.tls.client.certificate_der_base64}: ", "{http.request.tls.client.certificate_der_base64}",
	};

	(void)state;
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++)
		for (size_t i = 0; i < COUNT(cases); i++)
			assert_refused(http_ask_new(d, PAIRS({ http_cert_names[d], cases[i] })), http_cert_names[d], "");
	/* A form that is right elsewhere is rubbish here. */
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++)
		for (enum http_dialect form = 0; form < HTTP_DIALECT_COUNT; form++)
			if (strcmp(texts->forms[d], texts->forms[form]))
				assert_refused(http_ask_new(d, PAIRS({ http_cert_names[d], texts->forms[form] })), http_cert_names[d], "");
	assert_refused(http_ask_new(HTTP_NGINX, PAIRS({ "X-SSL-Cert", ":{http.request.tls.client.certificate_der_base64}:" })),
		       "x-ssl-cert", "does not decode");
	assert_refused(http_ask_new(HTTP_HAPROXY, PAIRS({ "client-cert", ":{http.request.tls.client.certificate_der_base64}:" })),
		       "client-cert", "does not decode");
}

static void tricks_in_xfcc_are_refused(void **state)
{
	static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
	const struct {
		char *value;
		const char *what;
	} cases[] = {
		{ http_format("Hash=%s;Cert=\"%s\"", zeros, texts->leaf_pem), "of another certificate" },
		{ http_format("Hash=%s;Cert=\"%s\"", texts->hash, texts->other_pem), "of another certificate" },
		{ http_format("Hash=%s;Cert=\"%s\";Chain=\"%s\"", texts->hash, texts->leaf_pem, texts->other_pem), "of another certificate" },
		{ http_format("Hash=%s;Cert=\"%s\";Chain=\"%s%s\"", texts->hash, texts->leaf_pem, texts->other_pem, texts->leaf_pem), "of another certificate" },
		{ http_format("Hash=%s;Cert=\"%s\";Chain=\"x\"", texts->hash, texts->leaf_pem), "does not decode" },
		{ http_format("Hash=%s;Cert=\"%s%s\"", texts->hash, texts->leaf_pem, texts->leaf_pem), "too many" },
		{ http_format("Hash=%s;Cert=\"%s\",Hash=%s;Cert=\"%s\"", texts->hash, texts->leaf_pem, texts->hash, texts->leaf_pem), "one element" },
		{ http_format("Hash=%s;Cert=\"%s\",", texts->hash, texts->leaf_pem), "one element" },
		{ http_format("Hash=%s;Subject=\"CN=alice\"", texts->hash), "has no Cert" },
		{ http_format("Hash=%s;Chain=\"%s\"", texts->hash, texts->leaf_pem), "has no Cert" },
		/* Names out of a certificate, with quotes and semicolons of its own. */
		{ http_format("Hash=%s;URI=spiffe://x/a;Cert=\"%s\"", texts->hash, texts->other_pem), "of another certificate" },
		{ http_format("Hash=%s;Cert=\"%s\";URI=x;Cert=\"%s\"", texts->hash, texts->leaf_pem, texts->other_pem), "one element" },
		{ http_format("Hash=%s;Cert=\"%s\";URI=x;Hash=%s", texts->hash, texts->leaf_pem, zeros), "one element" },
		{ http_format("Hash=%s;Cert=\"%s\";URI=x\";Cert=\"%s\"", texts->hash, texts->leaf_pem, texts->other_pem), "does not decode" },
		{ http_format("Hash=%s;Cert=\"%s\";Subject=\"CN=\\\";Cert=\\\"%s", texts->hash, texts->leaf_pem, texts->other_pem), "does not decode" },
		{ http_format("[{\"hash\":\"%s\",\"cert\":\"x\"}]", texts->hash), "does not decode" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_refused(http_ask_new(HTTP_ENVOY, PAIRS({ "x-forwarded-client-cert", cases[i].value })),
			       "x-forwarded-client-cert", cases[i].what);
		free(cases[i].value);
	}
}

static void doubtful_chains_are_refused(void **state)
{
	static const char *const cases[] = { ":AAAA:,", ",:AAAA:", ":AAAA: :AAAA:", "AAAA", "::", ":AAAA:;x", "x=:AAAA:", ":AAAA:,,:AAAA:" };
	struct buf many = buf_capped(0);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_refused(http_ask_new(HTTP_CADDY, PAIRS({ "Client-Cert", texts->forms[HTTP_CADDY] }, { "Client-Cert-Chain", cases[i] })),
			       "client-cert-chain", "does not decode");
	assert_refused(http_ask_new(HTTP_CADDY, PAIRS({ "Client-Cert-Chain", texts->list_chain })), "client-cert-chain", "without a certificate");
	assert_refused(http_ask_new(HTTP_HAPROXY, PAIRS({ "client-cert", NULL }, { "client-cert-chain", texts->list_chain })),
		       "client-cert-chain", "without a certificate");
	for (unsigned i = 0; i <= DIALECT_CHAIN_MAX; i++)
		buf_str(&many, i ? ",AAAA" : "AAAA");
	buf_u8(&many, 0);
	assert_refused(http_ask_new(HTTP_TRAEFIK, PAIRS({ "X-Forwarded-Tls-Client-Cert", (const char *)many.ptr })),
		       "x-forwarded-tls-client-cert", "too many");
	buf_fini(&many);
}

static void odd_clients_and_schemes_are_refused(void **state)
{
	static const char *const addresses[] = { "x", "unknown", "192.0.2.1:80", "[2001:db8::1]", "192.0.2", "192.0.2.1,", "192.0.2.1 192.0.2.2",
						 "192.0.2.1%eth0", "%fe80::1", "0xc0000201" };

	(void)state;
	for (size_t i = 0; i < COUNT(addresses); i++) {
		assert_refused(http_ask_new(HTTP_ENVOY, PAIRS({ "x-forwarded-for", addresses[i] })), "x-forwarded-for", "an IP address");
		assert_refused(http_ask_new(HTTP_NGINX, PAIRS({ "X-Real-IP", addresses[i] })), "x-real-ip", "an IP address");
	}
	assert_refused(http_ask_new(HTTP_ENVOY, PAIRS({ "x-forwarded-proto", "https,http" })), "x-forwarded-proto", "neither");
	assert_refused(http_ask_new(HTTP_CADDY, PAIRS({ "x-forwarded-proto", "HTTPS" })), "x-forwarded-proto", "neither");
	assert_refused(http_ask_new(HTTP_TRAEFIK, PAIRS({ "x-forwarded-proto", "" })), "x-forwarded-proto", "neither");
}

static void memory_is_bounded(void **state)
{
	struct http_ask *ask = http_ask_new(HTTP_ENVOY, PAIRS({ "x-forwarded-client-cert", texts->xfcc_chain }));

	(void)state;
	assert_int_equal(ask->filled, REASON_ALLOWED);
	for (size_t cap = 0; cap < 64; cap++) {
		struct arena arena;
		struct request req;
		const char *why = NULL;

		arena_init(&arena, cap * 64);
		request_init(&req, &arena);
		assert_int_equal(http_request_fill(&req, HTTP_ENVOY, &ask->question, NULL, &why), REASON_OVERLOADED);
		assert_non_null(strstr(why, "memory"));
		arena_fini(&arena);
	}
	http_ask_free(ask);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_paths_are_refused),
		cmocka_unit_test(each_header_may_come_once),
		cmocka_unit_test(underscores_are_refused),
		cmocka_unit_test(other_dialects_certificates_are_refused),
		cmocka_unit_test(what_is_needed_must_be_sent),
		cmocka_unit_test(names_and_values_are_text),
		cmocka_unit_test(rubbish_is_no_certificate),
		cmocka_unit_test(tricks_in_xfcc_are_refused),
		cmocka_unit_test(doubtful_chains_are_refused),
		cmocka_unit_test(odd_clients_and_schemes_are_refused),
		cmocka_unit_test(memory_is_bounded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, http_texts_set_up, http_texts_tear_down);
}
