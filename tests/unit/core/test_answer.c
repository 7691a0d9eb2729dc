/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/certcache.h"
#include "lib/bytes.h"
#include "lib/certs.h"
#include "lib/rig.h"

/* What goes to the origin and to the client, over a whole engine. */
static struct certs *root, *middle, *alice, *mallory, *listed;
static struct rig *rig;
static char *middle_chain;

#define CONFIG(headers)                                                                              \
	"return { authorities = { ca = { certificates = \"ca.pem\", revocation = { deny = { \"0BAD\" } } }," \
	"  plain = { certificates = \"ca.pem\" } },"                                                 \
	" hosts = { [\"api.example.com\"] = { authorities = { \"ca\" } },"                            \
	"  [\"plain.example.com\"] = { authorities = { \"plain\" } },"                               \
	"  [\"open.example.com\"] = { authorities = { \"ca\" }, require = \"none\" },"                \
	"  [\"w.example.com\"] = { authorities = { \"ca\" }, require = \"none\" } },"                 \
	" workers = { { name = \"w\", script = \"w.lua\", routes = { \"w.example.com/*\" } } },"      \
	" headers = { " headers " } }"

static int start_all(void **state)
{
	struct certs_spec spec = { .subject = "/CN=listed", .serial = "0BAD" };
	struct rig_file files[] = { { "ca.pem", NULL }, { "w.lua", "return {}\n" }, { NULL, NULL } };

	(void)state;
	root = certs_ca("/CN=Root", NULL);
	middle = certs_ca("/CN=Middle", root);
	alice = certs_leaf("/O=Example/CN=alice", middle);
	mallory = certs_leaf("/CN=mallory", NULL);
	spec.issuer = root;
	listed = certs_make(&spec);
	files[0].text = root->pem;
	middle_chain = (char *)(uintptr_t)certs_chain((const struct certs *const[]){ middle }, 1).ptr;
	rig = rig_new(CONFIG(""), files);
	return 0;
}

static int stop_all(void **state)
{
	(void)state;
	rig_free(rig);
	free(middle_chain);
	certs_free(listed);
	certs_free(mallory);
	certs_free(alice);
	certs_free(middle);
	certs_free(root);
	return 0;
}

#define ALICE BINARY("cert", alice->der), BINARY("chain", middle->der)
#define ASK(...) rig_ask(rig, (struct named[]){ __VA_ARGS__, NAMED_END })

/* The value of a request header that goes to the origin, "" when it is not set; static storage. */
static const char *header(const struct rig_request *request, const char *name)
{
	static char text[4][40000];
	static unsigned next;
	char *all = rig_headers(NULL, &request->req.verdict.req_set), *out = text[next++ % 4];
	char line[80], *at;

	snprintf(line, sizeof(line), "%s: ", name);
	out[0] = '\0';
	for (at = all; at && *at; at = strchr(at, '\n') + 1)
		if (strncmp(at, line, strlen(line)) == 0) {
			at += strlen(line);
			snprintf(out, sizeof(text[0]), "%.*s", (int)strcspn(at, "\n"), at);
			break;
		}
	free(all);
	return out;
}

static bool removes(const struct rig_request *request, const char *name)
{
	char *all = rig_headers(&request->req.verdict.req_del, NULL), line[80];
	bool found;

	snprintf(line, sizeof(line), "-%s\n", name);
	found = strstr(all, line) != NULL;
	free(all);
	return found;
}

static void owned_headers_are_removed_whatever_is_on(void **state)
{
	static const char *const owned[] = { "client-cert", "client-cert-chain", "cf-client-cert-der-base64",
					     "cf-client-cert-sha256", "cf-access-jwt-assertion",
					     "cf-cert-presented", "cf-cert-not-after" };
	struct rig_request *request;

	(void)state;
	rig_reload(rig, CONFIG("owned = { \"x-client-\", \"x-user\" }"));
	request = ASK(ALICE);
	assert_int_equal(request->req.verdict.kind, VERDICT_ALLOW);
	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
		assert_true(removes(request, owned[i]));
	assert_true(removes(request, "x-user"));
	assert_int_equal(request->req.verdict.req_set.count, 0);
	assert_false(request->req.verdict.client_cert);
	rig_done(request);
}

static void what_the_client_sent_under_an_owned_name_is_removed_in_its_spelling(void **state)
{
	struct rig_request *request;

	(void)state;
	rig_reload(rig, CONFIG("owned = { \"x-client-\" }"));
	request = ASK(ALICE, BINARY("headers", SLICE_INIT(
		"\x04" "Host" "\x01" "a" "\x0d" "X_Client_Name" "\x01" "b" "\x0b" "Client_Cert" "\x01" "c"
		"\x0a" "x-mtls-foo" "\x01" "d" "\x08" "x-client" "\x01" "e" "\0\0")));
	assert_true(removes(request, "X_Client_Name"));
	assert_true(removes(request, "Client_Cert"));
	assert_true(removes(request, "x-mtls-foo"));
	assert_false(removes(request, "x-client"));
	assert_false(removes(request, "Host"));
	rig_done(request);
}

static void the_managed_transform(void **state)
{
	struct rig_request *request;

	(void)state;
	rig_reload(rig, CONFIG("managed_transform = true"));
	request = ASK(ALICE);
	assert_string_equal(header(request, "cf-cert-presented"), "true");
	assert_string_equal(header(request, "cf-cert-verified"), "true");
	assert_string_equal(header(request, "cf-cert-revoked"), "false");
	assert_string_equal(header(request, "cf-cert-subject-dn"), "CN=alice,O=Example");
	assert_string_equal(header(request, "cf-cert-subject-dn-legacy"), "/O=Example/CN=alice");
	assert_string_equal(header(request, "cf-cert-issuer-dn"), "CN=Middle");
	assert_int_equal(strlen(header(request, "cf-cert-fingerprint-sha256")), 64);
	assert_string_equal(header(request, "client-cert"), "");
	rig_done(request);
	request = ASK(TEXT("host", "open.example.com"));
	assert_string_equal(header(request, "cf-cert-presented"), "false");
	assert_string_equal(header(request, "cf-cert-verified"), "false");
	assert_string_equal(header(request, "cf-cert-revoked"), "false");
	assert_string_equal(header(request, "cf-cert-subject-dn"), "");
	rig_done(request);
	request = ASK(TEXT("host", "open.example.com"), BINARY("cert", mallory->der));
	assert_string_equal(header(request, "cf-cert-presented"), "true");
	assert_string_equal(header(request, "cf-cert-verified"), "false");
	rig_done(request);
	request = ASK(TEXT("host", "open.example.com"), BINARY("cert", listed->der));
	assert_string_equal(header(request, "cf-cert-verified"), "true");
	assert_string_equal(header(request, "cf-cert-revoked"), "true");
	rig_done(request);
}

/* RFC 9440, for what verified and is not revoked. */
static void client_cert_and_chain(void **state)
{
	struct rig_request *request;

	(void)state;
	rig_reload(rig, CONFIG("client_cert = true"));
	request = ASK(ALICE);
	assert_true(request->req.verdict.client_cert);
	assert_true(request->req.verdict.client_cert_value.len > 100);
	/* The pair itself is the front's: it would not fit an answer of SPOE. */
	assert_string_equal(header(request, "client-cert"), "");
	assert_int_equal(header(request, "client-cert-chain")[0], ':');
	rig_done(request);
	request = ASK(TEXT("host", "open.example.com"), BINARY("cert", mallory->der));
	assert_false(request->req.verdict.client_cert);
	assert_int_equal(request->req.verdict.client_cert_value.len, 0);
	assert_string_equal(header(request, "client-cert-chain"), "");
	rig_done(request);
	request = ASK(TEXT("host", "open.example.com"), BINARY("cert", listed->der));
	assert_false(request->req.verdict.client_cert);
	rig_done(request);
	request = ASK(TEXT("host", "open.example.com"));
	assert_false(request->req.verdict.client_cert);
	rig_done(request);
}

static void a_resumed_session_has_the_chain_that_it_came_with(void **state)
{
	struct rig_request *first, *resumed;

	(void)state;
	rig_reload(rig, CONFIG("client_cert = true"));
	first = ASK(ALICE);
	resumed = ASK(BINARY("cert", alice->der), NONE("chain"), BOOL("resumed", true));
	assert_int_equal(resumed->req.verdict.kind, VERDICT_ALLOW);
	assert_string_equal(header(resumed, "client-cert-chain"), header(first, "client-cert-chain"));
	rig_done(resumed);
	rig_done(first);
}

static void forwarding_of_the_certificate(void **state)
{
	struct rig_request *request;

	(void)state;
	rig_reload(rig, CONFIG("forward_certificate = true"));
	request = ASK(ALICE);
	assert_true(strncmp(header(request, "cf-client-cert-der-base64"), "MII", 3) == 0);
	assert_int_equal(strlen(header(request, "cf-client-cert-sha256")), 64);
	rig_done(request);
}

static void a_worker_edits_what_is_not_ours(void **state)
{
	struct rig_request *request;
	char *edits;

	(void)state;
	rig_reload(rig, CONFIG("managed_transform = true, client_cert = true, forward_certificate = true"));
	rig->result = (struct policy_result){
		.outcome = POLICY_PASSED,
		.req_del = SLICE_LIT("\x06" "cookie"),
		.req_set = SLICE_LIT("\x06" "x-name" "\x05" "alice" "\x10" "cf-cert-verified" "\x05" "false"
				     "\x10" "cf_cert_verified" "\x05" "false"
				     "\x0b" "client-cert" "\x04" ":AA:" "\x15" "cf-client-cert-sha256" "\x01" "x"
				     "\x11" "client_cert_chain" "\x04" ":BB:" "\x12" "client-certificate" "\x03" "own"
				     "\x03" "x-b" "\x01" "c"),
		.res_del = SLICE_LIT("\x06" "server"),
		.res_set = SLICE_LIT("\x03" "x-r" "\x01" "s"),
	};
	request = ASK(TEXT("host", "w.example.com"), ALICE);
	assert_true(removes(request, "cookie"));
	assert_string_equal(header(request, "x-name"), "alice");
	assert_string_equal(header(request, "x-b"), "c");
	/* The headers stage has the word about its own names. */
	edits = rig_headers(NULL, &request->req.verdict.req_set);
	assert_null(strstr(edits, "cf-cert-verified: false"));
	assert_null(strstr(edits, "cf_cert_verified"));
	assert_null(strstr(edits, "client-cert: :AA:"));
	assert_null(strstr(edits, "client_cert_chain"));
	assert_non_null(strstr(edits, "client-certificate: own\n"));
	assert_null(strstr(edits, "cf-client-cert-sha256: x\n"));
	free(edits);
	assert_string_equal(header(request, "cf-cert-verified"), "true");
	edits = rig_headers(&request->req.verdict.res_del, &request->req.verdict.res_set);
	assert_string_equal(edits, "-server\nx-r: s\n");
	free(edits);
	rig_done(request);
}

static void a_response_of_a_worker(void **state)
{
	struct rig_request *request;
	char *headers;

	(void)state;
	rig->result = (struct policy_result){
		.outcome = POLICY_RESPONDED, .status = 302, .body = SLICE_LIT("moved\n"),
		.content_type = SLICE_LIT("text/plain"), .location = SLICE_LIT("/login"),
		.res_set = SLICE_LIT("\x08" "location" "\x06" "/login"),
	};
	request = ASK(TEXT("host", "w.example.com"), ALICE);
	assert_int_equal(request->req.verdict.kind, VERDICT_RESPOND);
	assert_int_equal(request->req.verdict.status, 302);
	assert_slice(request->req.verdict.body, "moved\n");
	assert_slice(request->req.verdict.content_type, "text/plain");
	assert_slice(request->req.verdict.location, "/login");
	assert_int_equal(request->req.verdict.req_set.count, 0);
	headers = rig_headers(&request->req.verdict.res_del, &request->req.verdict.res_set);
	assert_string_equal(headers, "location: /login\n");
	free(headers);
	rig_done(request);
	rig->result = (struct policy_result){ .outcome = POLICY_PASSED };
}

static void how_long_an_allow_holds(void **state)
{
	struct certs_spec spec = { .subject = "/CN=brief", .issuer = root, .not_after = CERTS_NOW + 10 };
	struct certs *brief = certs_make(&spec);
	struct rig_request *request = ASK(TEXT("host", "plain.example.com"), ALICE);

	(void)state;
	assert_true(request->req.verdict.until == CERTS_NOW + 30);
	rig_done(request);
	/* What can be revoked is asked about again soon. */
	request = ASK(ALICE);
	assert_true(request->req.verdict.until == CERTS_NOW + 1);
	rig_done(request);
	request = ASK(TEXT("host", "plain.example.com"), BINARY("cert", brief->der));
	assert_in_range(request->req.verdict.until, CERTS_NOW + 9, CERTS_NOW + 11);
	rig_done(request);
	request = ASK(TEXT("host", "w.example.com"), ALICE);
	assert_int_equal(request->req.verdict.until, 0);
	rig_done(request);
	request = ASK(NONE("cert"));
	assert_int_equal(request->req.verdict.kind, VERDICT_DENY);
	assert_int_equal(request->req.verdict.until, 0);
	rig_done(request);
	certs_free(brief);
}

static void values_for_logs(void **state)
{
	struct rig_request *request = ASK(ALICE);

	(void)state;
	assert_slice(request->req.verdict.log->cn, "alice");
	assert_slice(request->req.verdict.log->subject, "CN=alice,O=Example");
	assert_slice(request->req.verdict.log->issuer, "CN=Middle");
	assert_slice(request->req.verdict.log->verified, "SUCCESS");
	assert_int_equal(request->req.verdict.log->fingerprint.len, 64);
	assert_true(request->req.verdict.log->serial.len > 0);
	rig_done(request);
	request = ASK(BINARY("cert", mallory->der));
	assert_slice(request->req.verdict.log->verified, "FAILED:self signed certificate");
	assert_slice(request->req.verdict.log->cn, "mallory");
	rig_done(request);
	request = ASK(NONE("cert"));
	assert_slice(request->req.verdict.log->verified, "NONE");
	assert_int_equal(request->req.verdict.log->cn.len, 0);
	rig_done(request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owned_headers_are_removed_whatever_is_on),
		cmocka_unit_test(what_the_client_sent_under_an_owned_name_is_removed_in_its_spelling),
		cmocka_unit_test(the_managed_transform),
		cmocka_unit_test(client_cert_and_chain),
		cmocka_unit_test(a_resumed_session_has_the_chain_that_it_came_with),
		cmocka_unit_test(forwarding_of_the_certificate),
		cmocka_unit_test(a_worker_edits_what_is_not_ours),
		cmocka_unit_test(a_response_of_a_worker),
		cmocka_unit_test(how_long_an_allow_holds),
		cmocka_unit_test(values_for_logs),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, start_all, stop_all);
}
