/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/authz_rig.h"
#include "lib/certs.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct rig *rig;
static struct authz_rig *end;
static struct certs *ca, *middle, *leaf, *deep, *other;
static struct buf leaf_text, deep_text, other_text;

static void set_up(bool chain_xfcc)
{
	const struct rig_file files[] = { { "w.lua", "return {}\n" }, { "ca.pem", ca->pem }, { NULL, NULL } };

	rig = rig_new("return { limits = { message = 20000, frame = 16384 }, authorities = { ours = { certificates = \"ca.pem\" } },"
		      " headers = { managed_transform = true, client_cert = true, owned = { \"x-client-\" } },"
		      " hosts = { [\"api.example.com\"] = { authorities = { \"ours\" } },"
		      " [\"w.example.com\"] = { require = \"none\" },"
		      " [\"l4.example.com\"] = { authorities = { \"ours\" }, l4 = true }, [\"see.example.com\"] = { authorities = { \"ours\" }, enforce = \"observe\" } },"
		      " workers = { { name = \"w\", script = \"w.lua\", routes = { \"w.example.com/*\", \"l4.example.com/*\" } } } }",
		      files);
	end = authz_rig_new(rig, chain_xfcc);
}

static int start(void **state)
{
	(void)state;
	set_up(false);
	return 0;
}

static int start_xfcc(void **state)
{
	(void)state;
	set_up(true);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	authz_rig_free(end);
	rig_free(rig);
	return 0;
}

static int make_certificates(void **state)
{
	(void)state;
	ca = certs_ca("/CN=CA", NULL);
	middle = certs_ca("/CN=Middle", ca);
	leaf = certs_leaf("/CN=alice", ca);
	deep = certs_leaf("/CN=bob", middle);
	other = certs_leaf("/CN=mallory", NULL);
	check_certificate(&leaf_text, leaf->der);
	check_certificate(&deep_text, deep->der);
	check_certificate(&other_text, other->der);
	return 0;
}

static int free_certificates(void **state)
{
	(void)state;
	certs_free(ca);
	certs_free(middle);
	certs_free(leaf);
	certs_free(deep);
	certs_free(other);
	buf_fini(&leaf_text);
	buf_fini(&deep_text);
	buf_fini(&other_text);
	return 0;
}

static char *words_of(const struct h2_peer_call *call)
{
	if (!call->closed || call->grpc != 0)
		fail_msg("no answer: grpc-status %d (%s)", call->grpc, call->message);
	return authz_words(h2_peer_message(call));
}

static void assert_says(const struct h2_peer_call *call, const char *const *lines)
{
	char *words = words_of(call);

	for (; *lines; lines++)
		if (!strstr(words, *lines))
			fail_msg("no \"%s\" in:\n%s", *lines, words);
	free(words);
}

static void assert_silent_on(const struct h2_peer_call *call, const char *text)
{
	char *words = words_of(call);

	if (strstr(words, text))
		fail_msg("\"%s\" in:\n%s", text, words);
	free(words);
}

#define SAYS(call, ...) assert_says(call, (const char *const[]){ __VA_ARGS__, NULL })

static void assert_denied(const struct check *check, const char *reason, int status)
{
	struct h2_peer_call *call = authz_rig_ask(end, check);
	char meta[64], denied[32];

	snprintf(meta, sizeof(meta), "meta reason=%s\n", reason);
	snprintf(denied, sizeof(denied), "denied %d\n", status);
	SAYS(call, "code 7\n", denied, "meta verdict=deny\n", meta);
}

static void good_certificates_pass(void **state)
{
	static const struct check_pair forged[] = {
		{ "cf-cert-verified", "SUCCESS" }, { "cf_cert_verified", "SUCCESS" },
		{ "x-client-name", "root" }, { "client-cert-chain", ":AAAA:" }, { NULL, NULL }
	};
	struct check check = { CHECK_GET, .certificate = buf_slice(&leaf_text), .headers = forged };
	struct h2_peer_call *call = authz_rig_ask(end, &check);

	(void)state;
	SAYS(call, "code 0\nok\n", "set cf-cert-verified: true\n", "set cf-cert-presented: true\n",
	     "set client-cert: :", "remove cf_cert_verified\n", "remove x-client-name\n",
	     "remove client-cert-chain\n", "meta verdict=allow\n", "meta reason=allowed\n", "meta id=",
	     "meta fingerprint=");
	/* What is set is not removed: removals come last. */
	assert_silent_on(call, "remove cf-cert-verified\n");
	assert_silent_on(call, "remove client-cert\n");
}

static void bad_certificates_are_denied(void **state)
{
	struct check none = { CHECK_GET }, foreign = { CHECK_GET, .certificate = buf_slice(&other_text) };
	struct check cut = { CHECK_GET, .certificate = slice_sub(buf_slice(&leaf_text), 0, leaf_text.len - 40) };
	struct check two = { CHECK_GET };
	struct check junk = { CHECK_GET, .certificate = SLICE_INIT("-----BEGIN%20CERTIFICATE-----%0AMAAx%0A-----END%20CERTIFICATE-----%0A") };
	struct buf both = buf_capped(0);

	(void)state;
	buf_put(&both, buf_slice(&leaf_text));
	buf_put(&both, buf_slice(&other_text));
	two.certificate = buf_slice(&both);
	assert_denied(&none, "certificate_required", 403);
	assert_denied(&foreign, "certificate_invalid", 403);
	assert_denied(&cut, "bad_request", 400);
	assert_denied(&two, "bad_request", 400);
	assert_denied(&junk, "bad_request", 400);
	buf_fini(&both);
}

static void denials_have_headers_and_a_body(void **state)
{
	struct check check = { CHECK_GET };

	(void)state;
	SAYS(authz_rig_ask(end, &check), "set content-type: application/problem+json\n",
	     "set cache-control: no-store\n", "body {\"type\":", "\"reason\":\"certificate_required\"");
}

static void rubbish_is_denied_in_band(void **state)
{
	static const struct slice cases[] = {
		SLICE_INIT(""), SLICE_INIT("\x12\x00"), SLICE_INIT("\x0b"), SLICE_INIT("\x0a\x05"),
		SLICE_INIT("\x0a\x00\x0a\x00"), SLICE_INIT("\x0a\x05\x62\x03\x0a\x01\xff"), SLICE_INIT("\x0a\x00"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct h2_peer_call *call = h2_peer_ask(end->peer, AUTHZ_PATH, cases[i]);

		authz_rig_talk(end);
		SAYS(call, "code 7\ndenied 400\n", "meta reason=bad_request\n");
	}
	assert_int_equal(end->stats.checks, COUNT(cases));
}

/* As Envoy's network filter asks. */
#define CONNECT .address = "192.0.2.7", .port = 4711, .no_request = true

static void connections_are_decided_by_their_sni(void **state)
{
	struct check good = { CONNECT, .sni = "API.example.com", .service = "api.example.com",
			      .certificate = buf_slice(&leaf_text) };
	struct check without_session = { CONNECT, .service = "api.example.com", .certificate = buf_slice(&leaf_text) };
	struct check l4 = { CONNECT, .sni = "l4.example.com", .certificate = buf_slice(&leaf_text) };
	struct check observed = { CONNECT, .sni = "see.example.com" };
	struct check *allowed[] = { &good, &without_session, &l4, &observed };

	(void)state;
	for (size_t i = 0; i < COUNT(allowed); i++) {
		struct h2_peer_call *call = authz_rig_ask(end, allowed[i]);

		SAYS(call, "code 0\nok\n", "meta verdict=allow\n", "meta id=");
		assert_silent_on(call, "set ");
		assert_silent_on(call, "remove ");
	}
	SAYS(authz_rig_ask(end, &observed), "meta observed=certificate_required\n");
	assert_int_equal(rig->started, 0);
}

static void bad_connections_are_denied(void **state)
{
	struct check none = { CONNECT, .sni = "api.example.com" };
	struct check foreign = { CONNECT, .sni = "api.example.com", .certificate = buf_slice(&other_text) };
	struct check deeper = { CONNECT, .sni = "api.example.com", .certificate = buf_slice(&deep_text) };
	struct check host = { CONNECT, .sni = "x.example.com", .certificate = buf_slice(&leaf_text) };
	struct check nameless = { CONNECT, .sni = "", .certificate = buf_slice(&leaf_text) };
	struct check plain = { CONNECT };
	struct check worker = { CONNECT, .sni = "w.example.com" };
	struct check two = { CONNECT, .sni = "api.example.com", .service = "w.example.com" };
	struct check name = { CONNECT, .sni = "api.example.com,x" };
	struct check cut = { CONNECT, .sni = "api.example.com",
			     .certificate = slice_sub(buf_slice(&leaf_text), 0, leaf_text.len - 40) };

	(void)state;
	assert_denied(&none, "certificate_required", 403);
	assert_denied(&foreign, "certificate_invalid", 403);
	/* Its intermediate does not come along, and the authority does not know it. */
	assert_denied(&deeper, "certificate_invalid", 403);
	assert_denied(&host, "host_unknown", 403);
	assert_denied(&nameless, "host_unknown", 403);
	assert_denied(&plain, "host_unknown", 403);
	assert_denied(&worker, "policy_error", 503);
	assert_denied(&two, "bad_request", 400);
	assert_denied(&name, "bad_request", 400);
	assert_denied(&cut, "bad_request", 400);
	assert_silent_on(authz_rig_ask(end, &none), "body ");
	assert_int_equal(rig->started, 0);
}

static void odd_requests_are_denied(void **state)
{
	static const struct check_pair nameless[] = { { "", "x" }, { NULL, NULL } };
	struct check l4 = { .address = "192.0.2.1", .sni = "api.example.com", .no_http = true };
	struct check hosts = { CHECK_GET, .headers = (const struct check_pair[]){ { "host", "b" }, { NULL, NULL } } };
	struct check name = { CHECK_GET, .headers = nameless };
	struct check address = { CHECK_GET }, port = { CHECK_GET }, path = { CHECK_GET }, host = { CHECK_GET };

	(void)state;
	address.address = "192.0.2.300";
	port.port = 65536;
	path.path = "";
	host.host = "a.example.com,api.example.com";
	assert_denied(&l4, "bad_request", 400);
	assert_denied(&hosts, "bad_request", 400);
	assert_denied(&name, "bad_request", 400);
	assert_denied(&address, "bad_request", 400);
	assert_denied(&port, "bad_request", 400);
	assert_denied(&path, "bad_request", 400);
	assert_denied(&host, "bad_request", 400);
}

static void other_calls_are_errors(void **state)
{
	static const struct h2_peer_header none[] = { { NULL, NULL } };
	struct h2_peer_call *path = h2_peer_ask(end->peer, "/x.Y/Check", SLICE_EMPTY);
	struct h2_peer_call *cut = h2_peer_request(end->peer, "POST", AUTHZ_PATH, "application/grpc", none, SLICE_LIT("\0\0\0\0\7x"), false);
	struct h2_peer_call *squeezed = h2_peer_request(end->peer, "POST", AUTHZ_PATH, "application/grpc", none, SLICE_LIT("\1\0\0\0\1x"), false);

	(void)state;
	authz_rig_talk(end);
	assert_int_equal(path->grpc, GRPC_UNIMPLEMENTED);
	assert_int_equal(cut->grpc, GRPC_INTERNAL);
	assert_int_equal(squeezed->grpc, GRPC_UNIMPLEMENTED);
	assert_int_equal(end->stats.errors, 3);
}

static void large_messages_are_denied_in_band(void **state)
{
	static uint8_t bytes[20001];
	struct h2_peer_call *call = h2_peer_ask(end->peer, AUTHZ_PATH, slice_of(bytes, sizeof(bytes)));

	(void)state;
	authz_rig_talk(end);
	SAYS(call, "code 7\ndenied 400\n", "meta reason=bad_request\n");
}

static struct check to_worker(const struct check_pair *headers)
{
	struct check check = { CHECK_GET, .headers = headers };

	check.host = check.sni = "w.example.com";
	return check;
}

static struct slice block(struct buf *b, const char *const *texts)
{
	for (; *texts; texts++)
		buf_varstr(b, slice_str(*texts));
	return buf_slice(b);
}

#define BLOCK(b, ...) block(b, (const char *const[]){ __VA_ARGS__, NULL })

static void edits_reach_envoy(void **state)
{
	static const struct check_pair sent[] = { { "x-list", "client" }, { NULL, NULL } };
	struct check check = to_worker(sent);
	struct buf del = buf_capped(0), set = buf_capped(0), res_del = buf_capped(0), res_set = buf_capped(0);

	(void)state;
	rig->result = (struct policy_result){
		.outcome = POLICY_PASSED,
		.req_del = BLOCK(&del, "x-gone", "x-name"),
		.req_set = BLOCK(&set, "x-name", "a", "x-list", "1", "x-list", "2", "x-new", "n", "x-name", "b", "cookie", "a=1", "cookie", "b=2"),
		.res_del = BLOCK(&res_del, "x-set", "server"),
		.res_set = BLOCK(&res_set, "x-set", "1", "set-cookie", "a", "set-cookie", "b"),
	};
	SAYS(authz_rig_ask(end, &check), "remove x-gone\n", "set x-name: a, b\n", "append x-list: 1, 2\n",
	     "set x-new: n\n", "set cookie: a=1; b=2\n", "response set x-set: 1\n",
	     "response append set-cookie: a\n", "response append set-cookie: b\n");
	assert_int_equal(end->complaints, 1);
	buf_fini(&del);
	buf_fini(&set);
	buf_fini(&res_del);
	buf_fini(&res_set);
}

static void workers_answer_in_band(void **state)
{
	struct check check = to_worker(NULL);
	struct buf set = buf_capped(0);
	struct h2_peer_call *call;

	(void)state;
	rig->result = (struct policy_result){
		.outcome = POLICY_RESPONDED, .status = 302, .body = SLICE_INIT("go"),
		.res_set = BLOCK(&set, "location", "/login", "set-cookie", "a", "set-cookie", "b"),
	};
	SAYS(authz_rig_ask(end, &check), "code 7\ndenied 302\n", "set location: /login\n",
	     "set set-cookie: a\n", "set set-cookie: b\n", "body go\n", "meta verdict=respond\n");
	rig->result.status = 401;
	SAYS(authz_rig_ask(end, &check), "code 16\ndenied 401\n");
	rig->result.status = 200;
	SAYS(authz_rig_ask(end, &check), "code 7\ndenied 200\n");
	/* What protobuf cannot carry is a fault of the policy, not an error of the call. */
	rig->result.body = SLICE_LIT("\xff");
	call = authz_rig_ask(end, &check);
	SAYS(call, "code 7\ndenied 503\n", "meta reason=policy_error\n");
	buf_fini(&set);
}

static void many_headers_are_too_many(void **state)
{
	struct check check = to_worker(NULL);
	struct buf set = buf_capped(0);

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		buf_varstr(&set, SLICE_LIT("x"));
		buf_varstr(&set, SLICE_LIT("y"));
	}
	rig->result = (struct policy_result){ .outcome = POLICY_PASSED, .req_set = buf_slice(&set) };
	SAYS(authz_rig_ask(end, &check), "code 7\ndenied 503\n", "meta reason=answer_too_large\n");
	buf_fini(&set);
}

static void extensions_are_arguments_of_their_own(void **state)
{
	static const struct check_pair extensions[] = { { "cert", "x" }, { "proxy_verdict", "verified" }, { NULL, NULL } };
	struct check check = to_worker(NULL);
	const struct extra_arg *extra;

	(void)state;
	check.extensions = extensions;
	rig->state = POLICY_PENDING;
	authz_rig_ask(end, &check);
	assert_int_equal(rig->pending_count, 1);
	extra = rig->pending[0]->req->extra;
	assert_true(slice_eq(extra->name, SLICE_LIT("cert")));
	assert_true(slice_eq(extra->next->value.bytes, SLICE_LIT("verified")));
	assert_int_equal(rig->pending[0]->req->args[ARG_CERT].kind, VALUE_NULL);
}

static void arguments_are_named(void **state)
{
	static const struct check_pair headers[] = { { "x-request-id", "r-1" }, { "accept", "text/html" }, { NULL, NULL } };
	static const struct h2_peer_header meta[] = { { "x-tls-version", "TLSv1.3" }, { NULL, NULL } };
	struct check check = to_worker(headers);
	struct buf body = buf_capped(0);
	const struct request *req;

	(void)state;
	check.path = "/a/b?c=d?e";
	rig->state = POLICY_PENDING;
	buf_put(&body, SLICE_LIT("\0\0\0\0\0"));
	check_write(&body, &check);
	buf_patch_u32(&body, 1, (uint32_t)body.len - 5);
	h2_peer_request(end->peer, "POST", AUTHZ_PATH, "application/grpc", meta, buf_slice(&body), false);
	authz_rig_talk(end);
	assert_int_equal(rig->pending_count, 1);
	req = rig->pending[0]->req;
	assert_true(slice_eq(request_bytes(req, ARG_PATH), SLICE_LIT("/a/b")));
	assert_true(slice_eq(request_bytes(req, ARG_QUERY), SLICE_LIT("c=d?e")));
	assert_true(slice_eq(request_bytes(req, ARG_TLS_VERSION), SLICE_LIT("TLSv1.3")));
	assert_true(slice_eq(request_bytes(req, ARG_ID), SLICE_LIT("r-1")));
	assert_true(slice_eq(request_bytes(req, ARG_SNI), SLICE_LIT("w.example.com")));
	assert_int_equal(req->args[ARG_SRC].kind, VALUE_IP);
	assert_memory_equal(req->args[ARG_SRC].bytes.ptr, "\xc0\x00\x02\x07", 4);
	assert_int_equal(req->args[ARG_SRC_PORT].integer, 4711);
	assert_true(slice_eq(request_bytes(req, ARG_HEADERS),
			     SLICE_LIT("\4host\15w.example.com\14x-request-id\3r-1\6accept\11text/html\0\0")));
	buf_fini(&body);
}

/* Beside the whole: the same with raw headers gives the same request. */
static void raw_headers_read_the_same(void **state)
{
	static const struct check_pair headers[] = { { "x-a", "1" }, { "x-a", "2" }, { NULL, NULL } };
	struct check check = to_worker(headers);

	(void)state;
	check.header_map = true;
	rig->state = POLICY_PENDING;
	authz_rig_ask(end, &check);
	assert_int_equal(rig->pending_count, 1);
	assert_true(slice_eq(request_bytes(rig->pending[0]->req, ARG_HEADERS),
			     SLICE_LIT("\4host\15w.example.com\3x-a\0011\3x-a\0012\0\0")));
}

static void observed_hosts_say_so(void **state)
{
	struct check check = { CHECK_GET };

	(void)state;
	check.host = check.sni = "see.example.com";
	SAYS(authz_rig_ask(end, &check), "code 0\nok\n", "meta observed=certificate_required\n");
}

static void write_xfcc(struct buf *b, const struct certs *const *chain, const char *more)
{
	buf_str(b, "Hash=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef;Chain=\"");
	for (; *chain; chain++)
		check_certificate(b, (*chain)->der);
	buf_printf(b, "\"%s", more);
	buf_u8(b, 0);
}

static void chains_come_with_xfcc(void **state)
{
	const struct certs *const good[] = { deep, middle, NULL }, *const foreign[] = { leaf, middle, NULL };
	struct check_pair header[2] = { { "x-forwarded-client-cert", NULL }, { NULL, NULL } };
	struct check check = { CHECK_GET, .certificate = buf_slice(&deep_text) };
	struct buf one = buf_capped(0), two = buf_capped(0), three = buf_capped(0);

	(void)state;
	assert_denied(&check, "certificate_invalid", 403);
	check.headers = header;
	write_xfcc(&two, foreign, "");
	header[0].value = (const char *)two.ptr;
	assert_denied(&check, "bad_request", 400);
	write_xfcc(&three, good, ",By=x");
	header[0].value = (const char *)three.ptr;
	assert_denied(&check, "bad_request", 400);
	header[0].value = "By=x";
	assert_denied(&check, "bad_request", 400);
	write_xfcc(&one, good, ";Subject=\"CN=bob\"");
	header[0].value = (const char *)one.ptr;
	SAYS(authz_rig_ask(end, &check), "code 0\nok\n");
	check.certificate = SLICE_EMPTY;
	assert_denied(&check, "bad_request", 400);
	buf_fini(&one);
	buf_fini(&two);
	buf_fini(&three);
}

/* Without chain = "xfcc" nobody reads it: a client may send what it likes. */
static void xfcc_is_nothing_elsewhere(void **state)
{
	static const struct check_pair header[] = { { "x-forwarded-client-cert", "[]" }, { NULL, NULL } };
	struct check check = { CHECK_GET, .certificate = buf_slice(&leaf_text), .headers = header };

	(void)state;
	SAYS(authz_rig_ask(end, &check), "code 0\nok\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bad_certificates_are_denied), TEST(rubbish_is_denied_in_band), TEST(odd_requests_are_denied),
		TEST(bad_connections_are_denied), TEST(connections_are_decided_by_their_sni),
		TEST(other_calls_are_errors), TEST(large_messages_are_denied_in_band), TEST(many_headers_are_too_many),
		TEST(good_certificates_pass), TEST(denials_have_headers_and_a_body), TEST(edits_reach_envoy),
		TEST(workers_answer_in_band), TEST(extensions_are_arguments_of_their_own), TEST(arguments_are_named),
		TEST(raw_headers_read_the_same), TEST(observed_hosts_say_so),
		TEST(xfcc_is_nothing_elsewhere),
		cmocka_unit_test_setup_teardown(chains_come_with_xfcc, start_xfcc, stop),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_certificates, free_certificates);
}
