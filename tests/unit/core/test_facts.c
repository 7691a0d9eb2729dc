/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/facts.h"
#include "lib/bytes.h"
#include "lib/certs.h"
#include "lib/rig.h"

static struct certs *ca, *alice, *mallory, *listed;
static struct rig *rig;

static const char config[] =
	"return { authorities = { ca = { certificates = \"ca.pem\", revocation = { deny = { \"0BAD\" } } },"
	"  plain = { certificates = \"ca.pem\" } },"
	" hosts = { [\"api.example.com\"] = { authorities = { \"ca\" }, require = \"none\" },"
	"  [\"plain.example.com\"] = { authorities = { \"plain\" }, require = \"none\" } } }";

static int start_all(void **state)
{
	static const char *const extensions[] = { "subjectAltName=DNS:a.example.com,URI:spiffe://example/x",
						  NULL };
	struct certs_spec spec = { .subject = "/CN=alice", .extensions = extensions };
	struct certs_spec bad = { .subject = "/CN=listed", .serial = "0BAD" };
	struct rig_file files[] = { { "ca.pem", NULL }, { NULL, NULL } };

	(void)state;
	ca = certs_ca("/CN=CA", NULL);
	spec.issuer = bad.issuer = ca;
	alice = certs_make(&spec);
	listed = certs_make(&bad);
	mallory = certs_leaf("/CN=mallory", NULL);
	files[0].text = ca->pem;
	rig = rig_new(config, files);
	return 0;
}

static int stop_all(void **state)
{
	(void)state;
	rig_free(rig);
	certs_free(listed);
	certs_free(mallory);
	certs_free(alice);
	certs_free(ca);
	return 0;
}

#define ASK(...) rig_ask(rig, (struct named[]){ __VA_ARGS__, NAMED_END })

/* Cloudflare's names, in Cloudflare's order, and the 17 headers of its managed transform. */
static void names(void **state)
{
	static const char *const properties[FACT_COUNT] = {
		"certPresented", "certVerified", "certRevoked", "certIssuerDN", "certSubjectDN",
		"certIssuerDNRFC2253", "certSubjectDNRFC2253", "certIssuerDNLegacy", "certSubjectDNLegacy",
		"certSerial", "certIssuerSerial", "certSKI", "certIssuerSKI", "certFingerprintSHA1",
		"certFingerprintSHA256", "certNotBefore", "certNotAfter", "certRFC9440",
		"certRFC9440TooLarge", "certChainRFC9440", "certChainRFC9440TooLarge",
	};
	unsigned headers = 0;

	(void)state;
	for (enum fact fact = 0; fact < FACT_COUNT; fact++) {
		assert_string_equal(fact_info(fact)->property, properties[fact]);
		assert_int_equal(fact_find(slice_str(properties[fact])), fact);
		headers += fact_info(fact)->header != NULL;
	}
	assert_int_equal(headers, 17);
	assert_int_equal(fact_find(SLICE_LIT("certVerify")), FACT_COUNT);
	assert_int_equal(fact_find(SLICE_LIT("certski")), FACT_COUNT);
	assert_int_equal(fact_find(SLICE_EMPTY), FACT_COUNT);
}

static void without_a_certificate(void **state)
{
	struct rig_request *request = ASK(NONE("cert"));
	struct tls_facts tls;

	(void)state;
	assert_slice(fact_text(&request->req, FACT_PRESENTED), "0");
	assert_slice(fact_text(&request->req, FACT_VERIFIED), "NONE");
	assert_slice(fact_text(&request->req, FACT_REVOKED), "0");
	assert_slice(fact_text(&request->req, FACT_SUBJECT_DN), "");
	assert_slice(fact_text(&request->req, FACT_RFC9440), "");
	assert_slice(fact_text(&request->req, FACT_RFC9440_TOO_LARGE), "false");
	assert_false(fact_true(&request->req, FACT_CHAIN_RFC9440_TOO_LARGE));
	assert_true(facts_key(&request->req) == 0);
	tls_facts_get(&request->req, &tls);
	assert_int_equal(tls.reason, REASON_CERTIFICATE_REQUIRED);
	assert_int_equal(tls.verify_error, 0);
	assert_string_equal(tls.key_type, "");
	assert_string_equal(revocation_status_name(tls.revocation), "unchecked");
	rig_done(request);
}

static void with_one(void **state)
{
	struct rig_request *request = ASK(BINARY("cert", alice->der)), *again;
	struct tls_facts tls;

	(void)state;
	assert_slice(fact_text(&request->req, FACT_PRESENTED), "1");
	assert_slice(fact_text(&request->req, FACT_VERIFIED), "SUCCESS");
	assert_slice(fact_text(&request->req, FACT_SUBJECT_DN), "CN=alice");
	assert_slice(fact_text(&request->req, FACT_CHAIN_RFC9440), "");
	assert_false(fact_true(&request->req, FACT_PRESENTED));
	tls_facts_get(&request->req, &tls);
	assert_int_equal(tls.reason, REASON_ALLOWED);
	assert_int_equal(tls.san[SAN_DNS].count, 1);
	assert_slice(tls.san[SAN_DNS].items[0], "a.example.com");
	assert_slice(tls.spiffe_id, "spiffe://example/x");
	assert_string_equal(tls.key_type, "EC");
	assert_int_equal(tls.key_bits, 256);
	assert_slice(tls.authority, "ca");
	assert_true(tls.not_before == CERTS_FROM && tls.not_after == CERTS_UNTIL);
	assert_int_equal(tls.revocation, REVOCATION_GOOD);
	assert_string_equal(tls.revocation_source, "deny");
	again = ASK(BINARY("cert", alice->der));
	assert_true(facts_key(&again->req) == facts_key(&request->req));
	rig_done(again);
	rig_done(request);
}

static void keys_are_one_a_certificate_and_host_set(void **state)
{
	struct rig_request *a = ASK(BINARY("cert", alice->der));
	struct rig_request *b = ASK(BINARY("cert", listed->der));
	struct rig_request *c = ASK(BINARY("cert", alice->der), TEXT("host", "plain.example.com"));

	(void)state;
	assert_true(facts_key(&a->req) && facts_key(&b->req) && facts_key(&c->req));
	assert_true(facts_key(&a->req) != facts_key(&b->req));
	assert_true(facts_key(&a->req) != facts_key(&c->req));
	rig_done(a);
	rig_done(b);
	rig_done(c);
}

static void what_a_bad_one_says(void **state)
{
	struct rig_request *request = ASK(BINARY("cert", mallory->der));
	struct tls_facts tls;

	(void)state;
	assert_slice(fact_text(&request->req, FACT_VERIFIED), "FAILED:self signed certificate");
	tls_facts_get(&request->req, &tls);
	assert_int_equal(tls.verify_error, 18);
	assert_int_equal(tls.reason, REASON_CERTIFICATE_INVALID);
	assert_int_equal(tls.authority.len, 0);
	assert_int_equal(tls.revocation, REVOCATION_UNCHECKED);
	rig_done(request);
	/* Revoked implies verified. */
	request = ASK(BINARY("cert", listed->der));
	assert_slice(fact_text(&request->req, FACT_VERIFIED), "SUCCESS");
	assert_slice(fact_text(&request->req, FACT_REVOKED), "1");
	tls_facts_get(&request->req, &tls);
	assert_int_equal(tls.reason, REASON_CERTIFICATE_REVOKED);
	assert_string_equal(revocation_status_name(tls.revocation), "revoked");
	rig_done(request);
	/* The list of another authority has no say. */
	request = ASK(BINARY("cert", listed->der), TEXT("host", "plain.example.com"));
	assert_slice(fact_text(&request->req, FACT_REVOKED), "0");
	tls_facts_get(&request->req, &tls);
	assert_int_equal(tls.revocation, REVOCATION_UNCHECKED);
	rig_done(request);
}

static void kinds_of_san(void **state)
{
	static const char *const kinds[] = { "dns", "uri", "email", "ip", "dir", "other" };

	(void)state;
	for (enum san_kind kind = 0; kind < SAN_KIND_COUNT; kind++)
		assert_string_equal(san_kind_name(kind), kinds[kind]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_certificate),
		cmocka_unit_test(what_a_bad_one_says),
		cmocka_unit_test(names),
		cmocka_unit_test(with_one),
		cmocka_unit_test(keys_are_one_a_certificate_and_host_set),
		cmocka_unit_test(kinds_of_san),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, start_all, stop_all);
}
