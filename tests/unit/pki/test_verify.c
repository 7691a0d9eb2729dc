/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused, with which number, and what a result tells. Paths: test_verify_paths.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/x509.h>

#include "base/buf.h"
#include "lib/certs.h"
#include "lib/trusts.h"
#include "lib/vectors.h"

#define EXTENSIONS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static struct certs *root;
static struct trust *trust;

static int set_up(void **state)
{
	(void)state;
	root = certs_ca("/O=Test/CN=Root", NULL);
	trust = trusts_one(root);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	trust_unref(trust);
	certs_free(root);
	return 0;
}

static int error_at(const struct certs *leaf, int64_t now, struct verify_result *result)
{
	struct trusts_run run = { .trusts = { trust }, .trust_count = 1, .now = now };
	int error = trusts_verify(&run, leaf);

	if (result)
		*result = run.result;
	return error;
}

static int error_of(const struct certs_spec *spec)
{
	struct certs *leaf = certs_make(spec);
	int error = error_at(leaf, CERTS_NOW, NULL);

	certs_free(leaf);
	return error;
}

static void refuses_unknown_issuers(void **state)
{
	struct certs *other = certs_ca("/O=Test/CN=Other", NULL);
	struct certs *leaf = certs_leaf("/CN=leaf", other);

	(void)state;
	assert_int_equal(trusts_error(trust, leaf, NULL, NULL, NULL), 20);
	assert_int_equal(trusts_error(trust, leaf, other, NULL, NULL), 19);
	assert_int_equal(trusts_error(trust, other, NULL, NULL, NULL), 18);
	certs_free(leaf);
	certs_free(other);
}

static void refuses_everything_without_authorities(void **state)
{
	struct certs *leaf = certs_leaf("/CN=leaf", root), *alone = certs_leaf("/CN=alone", NULL);
	struct trusts_run run = { .trust_count = 0 };

	(void)state;
	assert_int_equal(trusts_verify(&run, leaf), 20);
	assert_int_equal(trusts_verify(&run, alone), 18);
	run.chain[0] = root;
	assert_int_equal(trusts_verify(&run, leaf), 19);
	certs_free(leaf);
	certs_free(alone);
}

static void refuses_an_unfinished_chain(void **state)
{
	struct certs *other = certs_ca("/CN=Other", NULL), *middle = certs_ca("/CN=Middle", other);
	struct certs *leaf = certs_leaf("/CN=leaf", middle);

	(void)state;
	assert_int_equal(trusts_error(trust, leaf, middle, NULL, NULL), 20);
	assert_int_equal(trusts_error(trust, leaf, middle, other, NULL), 19);
	assert_int_equal(trusts_error(trust, leaf, other, NULL, NULL), 20);
	certs_free(leaf);
	certs_free(middle);
	certs_free(other);
}

/* Somebody else's CA by the same name: without key identifiers only the signature tells. */
static void refuses_a_namesake(void **state)
{
	struct certs *fake = certs_ca("/O=Test/CN=Root", NULL);
	struct certs *leaf = certs_make(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = fake,
		.extensions = EXTENSIONS("authorityKeyIdentifier=") });
	struct certs *named = certs_leaf("/CN=leaf", fake);
	struct verify_result result;

	(void)state;
	assert_int_equal(error_at(leaf, CERTS_NOW, &result), 7);
	assert_string_equal(result.issuer_serial, "");
	assert_string_equal(result.issuer_ski, "");
	assert_int_equal(error_at(named, CERTS_NOW, NULL), 20);
	assert_int_equal(trusts_error(trust, leaf, fake, NULL, NULL), 7);
	certs_free(leaf);
	certs_free(named);
	certs_free(fake);
}

static void refuses_a_bad_signature(void **state)
{
	(void)state;
	assert_int_equal(error_of(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = root,
							.bad_signature = true }), 7);
	/* The signature is what counts, even where something else is wrong as well. */
	assert_int_equal(error_of(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = root,
		.bad_signature = true, .extensions = EXTENSIONS("extendedKeyUsage=serverAuth") }), 7);
	assert_int_equal(error_of(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = root,
		.bad_signature = true, .not_after = CERTS_FROM + 1 }), 7);
}

static void refuses_outside_the_dates(void **state)
{
	struct certs *leaf = certs_make(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = root,
		.not_before = CERTS_NOW - 100, .not_after = CERTS_NOW + 100 });
	struct verify_result result;

	(void)state;
	assert_int_equal(error_at(leaf, CERTS_NOW - 101, &result), 9);
	assert_int_equal(result.valid_from, CERTS_FROM);
	assert_int_equal(result.valid_until, CERTS_NOW - 100);
	assert_int_equal(error_at(leaf, CERTS_NOW - 100, &result), 0);
	assert_int_equal(result.valid_from, CERTS_NOW - 100);
	assert_int_equal(result.valid_until, CERTS_NOW + 100);
	assert_int_equal(error_at(leaf, CERTS_NOW + 99, &result), 0);
	assert_int_equal(error_at(leaf, CERTS_NOW + 100, &result), 10);
	assert_int_equal(result.valid_from, CERTS_NOW + 100);
	assert_int_equal(result.valid_until, CERTS_UNTIL);
	assert_int_equal(error_at(leaf, CERTS_NOW + 101, NULL), 10);
	/* The issuer is known: its signature was checked. */
	assert_true(result.issuer_serial[0]);
	assert_true(result.issuer_ski[0]);
	certs_free(leaf);
}

static void refuses_an_expired_anchor(void **state)
{
	struct certs *old = certs_make(&(struct certs_spec){ .subject = "/CN=Old", .ca = true,
							      .not_after = CERTS_NOW });
	struct certs *leaf = certs_leaf("/CN=leaf", old);
	struct trusts_run run = { .trusts = { trusts_one(old) }, .trust_count = 1 };

	(void)state;
	assert_int_equal(trusts_verify(&run, leaf), 10);
	assert_int_equal(run.result.valid_from, CERTS_NOW);
	run.now = CERTS_NOW - 1;
	assert_int_equal(trusts_verify(&run, leaf), 0);
	assert_int_equal(run.result.valid_until, CERTS_NOW);
	trust_unref(run.trusts[0]);
	certs_free(leaf);
	certs_free(old);
}

/* An intermediate as the only anchor is outside RFC 5280's dates, but not outside ours. */
static void refuses_an_expired_partial_anchor(void **state)
{
	struct certs *middle = certs_make(&(struct certs_spec){ .subject = "/CN=Middle", .issuer = root,
		.ca = true, .not_before = CERTS_NOW - 10, .not_after = CERTS_NOW + 10 });
	struct certs *leaf = certs_leaf("/CN=leaf", middle);
	struct trusts_run run = { .trusts = { trusts_one(middle) }, .trust_count = 1 };

	(void)state;
	assert_int_equal(trusts_verify(&run, leaf), 0);
	assert_int_equal(run.result.path_len, 1);
	run.now = CERTS_NOW + 10;
	assert_int_equal(trusts_verify(&run, leaf), 10);
	run.now = CERTS_NOW - 11;
	assert_int_equal(trusts_verify(&run, leaf), 9);
	trust_unref(run.trusts[0]);
	certs_free(leaf);
	certs_free(middle);
}

static void refuses_other_purposes(void **state)
{
	static const struct {
		const char *eku, *ku;
		int error;
	} rows[] = {
		{ "extendedKeyUsage=serverAuth", "keyUsage=digitalSignature", 26 },
		{ "extendedKeyUsage=critical,serverAuth", "keyUsage=digitalSignature", 26 },
		{ "extendedKeyUsage=anyExtendedKeyUsage", "keyUsage=digitalSignature", 26 },
		{ "extendedKeyUsage=1.2.3.4", "keyUsage=digitalSignature", 26 },
		{ "extendedKeyUsage=clientAuth", "keyUsage=keyEncipherment", 26 },
		{ "extendedKeyUsage=clientAuth", "keyUsage=keyAgreement", 0 },
		{ "extendedKeyUsage=anyExtendedKeyUsage,clientAuth", "keyUsage=", 0 },
		{ "extendedKeyUsage=serverAuth,clientAuth", "keyUsage=digitalSignature", 0 },
		{ "extendedKeyUsage=", "keyUsage=", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(error_of(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = root,
			.extensions = EXTENSIONS(rows[i].eku, rows[i].ku) }), rows[i].error);
}

static void refuses_critical_extensions_that_are_unknown(void **state)
{
	(void)state;
	assert_int_equal(error_of(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = root,
		.extensions = EXTENSIONS("1.2.3.4=critical,DER:05:00") }), 34);
	assert_int_equal(error_of(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = root,
		.extensions = EXTENSIONS("1.2.3.4=DER:05:00") }), 0);
}

static void refuses_malformed_extensions(void **state)
{
	static const char *const rows[] = {
		"2.5.29.17=DER:30:05:01",			/* subjectAltName cut */
		"2.5.29.30=DER:04:00",				/* nameConstraints of another type */
		"2.5.29.31=DER:01:01:ff",			/* distribution points of another type */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(error_of(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = root,
			.extensions = EXTENSIONS(rows[i]) }), 41);
	assert_int_equal(error_of(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = root,
		.extensions = EXTENSIONS("subjectAltName=DNS:a", "2.5.29.17=DER:30:03:82:01:62") }), 41);
}

static void refuses_odd_serials(void **state)
{
	static const char *const rows[] = { "0", "-1", "-7f", "01ffffffffffffffffffffffffffffffffffffffff" };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(error_of(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = root,
								.serial = rows[i] }), 50);
	assert_int_equal(error_of(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = root,
		.serial = "7fffffffffffffffffffffffffffffffffffffff" }), 0);
}

static void refuses_weak_keys_and_digests(void **state)
{
	struct certs *weak = certs_make(&(struct certs_spec){ .subject = "/CN=Weak", .ca = true,
							       .key = CERTS_RSA_1024 });
	struct certs *leaf = certs_leaf("/CN=leaf", weak);
	struct trust *weak_trust = trusts_one(weak);

	(void)state;
	assert_int_equal(error_of(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = root,
							.key = CERTS_RSA_1024 }), 66);
	assert_int_equal(trusts_error(weak_trust, leaf, NULL, NULL, NULL), 67);
	assert_int_equal(error_of(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = root,
							.digest = "SHA1" }), 68);
	assert_int_equal(error_of(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = root,
							.digest = "SHA384" }), 0);
	trust_unref(weak_trust);
	certs_free(leaf);
	certs_free(weak);
}

/* A key of an algorithm that nobody knows in the place of the EC key. */
static void set_unknown_key(X509 *x509, void *arg)
{
	uint8_t *octets = calloc(1, 32);

	(void)arg;
	assert_int_equal(X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(x509),
			 OBJ_txt2obj("1.3.6.1.4.1.55555.1.1", 1), V_ASN1_UNDEF, NULL, octets, 32), 1);
}

static void refuses_unknown_keys(void **state)
{
	(void)state;
	assert_int_equal(error_of(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = root,
		.tweak = set_unknown_key }), 66);
}

static void refuses_md5(void **state)
{
	struct certs *rsa = certs_make(&(struct certs_spec){ .subject = "/CN=RSA", .ca = true,
							      .key = CERTS_RSA });
	struct certs *leaf = certs_make(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = rsa,
							       .digest = "MD5" });
	struct trust *rsa_trust = trusts_one(rsa);

	(void)state;
	assert_int_equal(trusts_error(rsa_trust, leaf, NULL, NULL, NULL), 68);
	trust_unref(rsa_trust);
	certs_free(leaf);
	certs_free(rsa);
}

static void takes_every_kind_of_key(void **state)
{
	static const enum certs_key_type types[] = { CERTS_EC, CERTS_RSA, CERTS_RSA_PSS, CERTS_ED25519,
						     CERTS_ED448, CERTS_P384 };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct certs *ca = certs_make(&(struct certs_spec){ .subject = "/CN=CA", .ca = true,
								     .key = types[i] });
		struct certs *leaf = certs_make(&(struct certs_spec){ .subject = "/CN=leaf",
			.issuer = ca, .key = types[i] });
		struct trust *own = trusts_one(ca);

		assert_int_equal(trusts_error(own, leaf, NULL, NULL, NULL), 0);
		trust_unref(own);
		certs_free(leaf);
		certs_free(ca);
	}
}

static int error_under(const struct certs_spec *spec)
{
	struct certs *ca = certs_make(spec), *leaf = certs_leaf("/CN=leaf", ca);
	struct trust *own = trusts_one(ca);
	int error = trusts_error(own, leaf, NULL, NULL, NULL);

	trust_unref(own);
	certs_free(leaf);
	certs_free(ca);
	return error;
}

static void refuses_issuers_that_are_no_ca(void **state)
{
	(void)state;
	assert_int_equal(error_under(&(struct certs_spec){ .subject = "/CN=CA", .ca = true }), 0);
	assert_int_equal(error_under(&(struct certs_spec){ .subject = "/CN=CA", .v1 = true }), 79);
	assert_int_equal(error_under(&(struct certs_spec){ .subject = "/CN=CA", .ca = true,
		.extensions = EXTENSIONS("basicConstraints=CA:FALSE") }), 79);
	assert_int_equal(error_under(&(struct certs_spec){ .subject = "/CN=CA", .ca = true,
		.extensions = EXTENSIONS("basicConstraints=") }), 79);
	assert_int_equal(error_under(&(struct certs_spec){ .subject = "/CN=CA", .ca = true,
		.extensions = EXTENSIONS("keyUsage=cRLSign") }), 79);
	assert_int_equal(error_under(&(struct certs_spec){ .subject = "/CN=CA", .ca = true,
		.extensions = EXTENSIONS("extendedKeyUsage=serverAuth") }), 26);
	assert_int_equal(error_under(&(struct certs_spec){ .subject = "/CN=CA", .ca = true,
		.extensions = EXTENSIONS("extendedKeyUsage=anyExtendedKeyUsage") }), 26);
	assert_int_equal(error_under(&(struct certs_spec){ .subject = "/CN=CA", .ca = true,
		.extensions = EXTENSIONS("extendedKeyUsage=clientAuth,serverAuth") }), 0);
}

static void obeys_name_constraints(void **state)
{
	struct certs *ca = certs_make(&(struct certs_spec){ .subject = "/CN=CA", .ca = true,
		.extensions = EXTENSIONS("nameConstraints=critical,permitted;DNS:example.com,"
					 "excluded;DNS:bad.example.com") });
	struct trust *own = trusts_one(ca);
	static const struct {
		const char *san;
		int error;
	} rows[] = {
		{ "subjectAltName=DNS:a.example.com", 0 },
		{ "subjectAltName=DNS:a.example.org", 47 },
		{ "subjectAltName=DNS:x.bad.example.com", 48 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct certs *leaf = certs_make(&(struct certs_spec){ .subject = "/O=x", .issuer = ca,
			.extensions = EXTENSIONS(rows[i].san) });

		assert_int_equal(trusts_error(own, leaf, NULL, NULL, NULL), rows[i].error);
		certs_free(leaf);
	}
	trust_unref(own);
	certs_free(ca);
}

static void takes_a_leaf_that_is_an_anchor(void **state)
{
	struct certs *leaf = certs_leaf("/CN=pinned", root);
	struct certs *alone = certs_make(&(struct certs_spec){ .subject = "/CN=alone", .serial = "2a",
							       .not_after = CERTS_NOW + 5 });
	struct certs *twin = certs_make(&(struct certs_spec){ .subject = "/CN=alone" });
	struct certs *server = certs_make(&(struct certs_spec){ .subject = "/CN=server",
		.extensions = EXTENSIONS("extendedKeyUsage=serverAuth") });
	const struct certs *const anchors[] = { leaf, alone, server };
	struct trusts_run run = { .trusts = { trusts_of(anchors, 3, NULL, 0) }, .trust_count = 1 };
	static const uint8_t zeros[32];

	(void)state;
	assert_int_equal(trusts_verify(&run, leaf), 0);
	assert_int_equal(run.result.path_len, 1);
	assert_memory_equal(run.result.path[0].issuer_key, zeros, 32);
	assert_string_equal(run.result.issuer_serial, "");
	assert_int_equal(trusts_verify(&run, alone), 0);
	assert_int_equal(run.result.path_len, 1);
	assert_string_equal(run.result.issuer_serial, "2A");
	assert_int_equal(run.result.valid_until, CERTS_NOW + 5);
	assert_int_equal(trusts_verify(&run, twin), 18);
	assert_int_equal(trusts_verify(&run, server), 26);
	run.now = CERTS_NOW + 5;
	assert_int_equal(trusts_verify(&run, alone), 10);
	trust_unref(run.trusts[0]);
	certs_free(leaf);
	certs_free(alone);
	certs_free(twin);
	certs_free(server);
}

static struct trust *vector_trust(void)
{
	struct diag_list diag = { 0 };
	struct trust *own = NULL;
	struct buf pem = buf_capped(0);

	buf_str(&pem, "-----BEGIN CERTIFICATE-----\n");
	for (size_t i = 0; i < strlen(vector_ca); i += 64) {
		buf_put(&pem, slice_sub(slice_str(vector_ca), i, 64));
		buf_u8(&pem, '\n');
	}
	buf_str(&pem, "-----END CERTIFICATE-----\n");
	assert_int_equal(trust_load(buf_slice(&pem), "v", SLICE_EMPTY, "", &diag, &own), ERR_OK);
	buf_fini(&pem);
	diag_fini(&diag);
	return own;
}

static void equals_the_vectors(void **state)
{
	static const struct {
		int64_t now;
		const char *text;
	} rows[] = {
		{ 1767225599, "FAILED:certificate is not yet valid" }, /* before the CA */
		{ 1767225600, "FAILED:certificate is not yet valid" },
		{ 1772694488, "FAILED:certificate is not yet valid" },
		{ 1772694489, "SUCCESS" },
		{ 1804230488, "SUCCESS" },
		{ 1804230490, "FAILED:certificate has expired" },
	};
	struct certs leaf = { .der = certs_base64(vector_leaf) };
	struct trusts_run run = { .trusts = { vector_trust() }, .trust_count = 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		run.now = rows[i].now;
		assert_string_equal(verify_text(trusts_verify(&run, &leaf)), rows[i].text);
		assert_string_equal(run.result.issuer_serial, "0123456789ABCDEF01");
		assert_string_equal(run.result.issuer_ski, "ADEFE220664F0C65A0E4507BCAD2BACA83A6FA2A");
	}
	assert_string_equal(verify_text(error_at(&leaf, 1780000000, NULL)),
			    "FAILED:unable to get local issuer certificate");
	trust_unref(run.trusts[0]);
	free((void *)(uintptr_t)leaf.der.ptr);
}

static void speaks_the_older_words(void **state)
{
	static const struct {
		int error;
		const char *text;
	} rows[] = {
		{ 0, "SUCCESS" },
		{ 2, "FAILED:unable to get issuer certificate" },
		{ 7, "FAILED:certificate signature failure" },
		{ 18, "FAILED:self signed certificate" },
		{ 19, "FAILED:self signed certificate in certificate chain" },
		{ 21, "FAILED:unable to verify the first certificate" },
		{ 22, "FAILED:certificate chain too long" },
		{ 24, "FAILED:invalid CA certificate" },
		{ 25, "FAILED:path length constraint exceeded" },
		{ 26, "FAILED:unsupported certificate purpose" },
		{ 34, "FAILED:unhandled critical extension" },
		{ 47, "FAILED:permitted subtree violation" },
		{ 79, "FAILED:invalid CA certificate" },
		{ 94, "FAILED" },
		{ 3, "FAILED" },
		{ -1, "FAILED" },
		{ 1000000, "FAILED" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(verify_text(rows[i].error), rows[i].text);
}

static void assert_node(const struct verify_node *node, const struct certs *certs)
{
	struct cert *cert = NULL;

	assert_int_equal(cert_parse(certs->der, &cert), ERR_OK);
	assert_memory_equal(node->sha256, cert->sha256_octets, 32);
	assert_memory_equal(node->spki_sha256, cert->spki_octets, 32);
	assert_true(slice_eq(slice_of(node->serial, node->serial_len), cert->serial_octets));
	assert_true(slice_eq(slice_of(node->ski, node->ski_len), cert->ski_octets));
	cert_unref(cert);
}

static void tells_the_path(void **state)
{
	struct certs *middle = certs_ca("/CN=Middle", root), *leaf = certs_leaf("/CN=leaf", middle);
	struct certs *other = certs_leaf("/CN=other", middle), *direct = certs_leaf("/CN=direct", root);
	struct trusts_run run = { .trusts = { trust }, .trust_count = 1, .chain = { middle } };
	struct verify_result first;

	(void)state;
	assert_int_equal(trusts_verify(&run, leaf), 0);
	assert_int_equal(run.result.path_len, 2);
	assert_node(&run.result.path[0], leaf);
	assert_node(&run.result.path[1], middle);
	first = run.result;
	assert_int_equal(trusts_verify(&run, other), 0);
	assert_memory_equal(first.path[0].issuer_key, run.result.path[0].issuer_key, 32);
	assert_memory_equal(first.path[1].issuer_key, run.result.path[1].issuer_key, 32);
	assert_memory_not_equal(first.path[0].issuer_key, first.path[1].issuer_key, 32);
	assert_int_equal(trusts_verify(&run, direct), 0);
	assert_memory_equal(first.path[1].issuer_key, run.result.path[0].issuer_key, 32);
	certs_free(leaf);
	certs_free(other);
	certs_free(direct);
	certs_free(middle);
}

/* Files and variables that would speak for other authorities have no say. */
static void looks_at_no_environment(void **state)
{
	char path[] = "/tmp/test_verify.XXXXXX";
	struct certs *other = certs_ca("/CN=Other", NULL), *leaf = certs_leaf("/CN=leaf", other);
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	certs_write(path, other->pem);
	setenv("SSL_CERT_FILE", path, 1);
	setenv("SSL_CERT_DIR", "/tmp", 1);
	assert_int_equal(error_at(leaf, CERTS_NOW, NULL), 20);
	unsetenv("SSL_CERT_FILE");
	unsetenv("SSL_CERT_DIR");
	remove(path);
	certs_free(leaf);
	certs_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_unknown_issuers),
		cmocka_unit_test(refuses_everything_without_authorities),
		cmocka_unit_test(refuses_an_unfinished_chain),
		cmocka_unit_test(refuses_a_namesake),
		cmocka_unit_test(refuses_a_bad_signature),
		cmocka_unit_test(refuses_outside_the_dates),
		cmocka_unit_test(refuses_an_expired_anchor),
		cmocka_unit_test(refuses_an_expired_partial_anchor),
		cmocka_unit_test(refuses_other_purposes),
		cmocka_unit_test(refuses_critical_extensions_that_are_unknown),
		cmocka_unit_test(refuses_malformed_extensions),
		cmocka_unit_test(refuses_odd_serials),
		cmocka_unit_test(refuses_weak_keys_and_digests),
		cmocka_unit_test(refuses_unknown_keys),
		cmocka_unit_test(refuses_md5),
		cmocka_unit_test(takes_every_kind_of_key),
		cmocka_unit_test(refuses_issuers_that_are_no_ca),
		cmocka_unit_test(obeys_name_constraints),
		cmocka_unit_test(takes_a_leaf_that_is_an_anchor),
		cmocka_unit_test(equals_the_vectors),
		cmocka_unit_test(speaks_the_older_words),
		cmocka_unit_test(tells_the_path),
		cmocka_unit_test(looks_at_no_environment),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
