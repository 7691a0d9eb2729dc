/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/certs.h"
#include "lib/crls.h"
#include "pki/crl.h"

struct fixture {
	struct certs *ca, *other;
};

static int setup(void **state)
{
	static struct fixture f;

	f.ca = certs_ca("/CN=List CA", NULL);
	f.other = certs_ca("/CN=Other CA", NULL);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	certs_free(f->ca);
	certs_free(f->other);
	return 0;
}

static void release(struct slice der)
{
	free((void *)(uintptr_t)der.ptr);
}

static enum err walk(const struct crl *crl, size_t *count)
{
	struct crl_cursor cursor = { 0 };
	struct crl_entry entry;

	*count = 0;
	while (crl_next(crl, &cursor, &entry))
		++*count;
	return cursor.err;
}

static void test_truncated_and_trailing(void **state)
{
	struct fixture *f = *state;
	struct slice der = crls_make(&(struct crls_spec){ .issuer = f->ca, .number = "07",
		.entries = (const struct crls_entry[]){ { .serial = "0A", .reason = 1 }, { 0 } } });
	uint8_t *longer = calloc(1, der.len + 1);
	struct crl crl;
	size_t n;

	for (n = 0; n < der.len; n++)
		assert_int_not_equal(crl_parse(slice_of(der.ptr, n), &crl), ERR_OK);
	memcpy(longer, der.ptr, der.len);
	assert_int_equal(crl_parse(slice_of(longer, der.len + 1), &crl), ERR_FORMAT);
	free(longer);
	release(der);
}

static void test_empty_list(void **state)
{
	struct fixture *f = *state;
	struct slice der = crls_make(&(struct crls_spec){ .issuer = f->ca });
	struct crl crl;
	size_t n;

	assert_int_equal(crl_parse(der, &crl), ERR_OK);
	assert_int_equal(walk(&crl, &n), ERR_OK);
	assert_int_equal(n, 0);
	assert_false(crl.has_number || crl.is_delta || crl.has_scope);
	assert_int_equal(crl.this_update, CERTS_NOW - 3600);
	assert_int_equal(crl.next_update, CERTS_NOW + 3600);
	assert_int_equal(crl_verify(&crl, f->ca->x509), ERR_OK);
	release(der);
}

static void test_no_next_update(void **state)
{
	struct fixture *f = *state;
	struct slice der = crls_make(&(struct crls_spec){ .issuer = f->ca, .next_update = -1 });
	struct crl crl;

	assert_int_equal(crl_parse(der, &crl), ERR_OK);
	assert_int_equal(crl.next_update, 0);
	release(der);
}

static void test_entries(void **state)
{
	struct fixture *f = *state;
	const struct crls_entry entries[] = {
		{ .serial = "0A", .reason = CRL_REASON_KEY_COMPROMISE },
		{ .serial = "936EACBE07F201DF", .date = CERTS_NOW + 60 },
		{ .serial = "0B", .reason = CRL_REASON_REMOVE_FROM_CRL },
		{ 0 },
	};
	struct slice der = crls_make(&(struct crls_spec){ .issuer = f->ca, .number = "0100",
							  .base = "FF", .entries = entries });
	struct crl_cursor cursor = { 0 };
	struct crl_entry entry;
	struct crl crl;

	assert_int_equal(crl_parse(der, &crl), ERR_OK);
	assert_true(crl.has_number && crl.is_delta);
	assert_int_equal(crl_number_cmp(&crl.number, &crl.base), 1);
	assert_true(crl_next(&crl, &cursor, &entry));
	assert_true(slice_eq(entry.serial, SLICE_LIT("\x0a")));
	assert_int_equal(entry.reason, CRL_REASON_KEY_COMPROMISE);
	assert_int_equal(entry.date, CERTS_FROM);
	assert_true(crl_next(&crl, &cursor, &entry));
	/* The sign octet of the high-bit serial is gone. */
	assert_true(slice_eq(entry.serial, SLICE_LIT("\x93\x6e\xac\xbe\x07\xf2\x01\xdf")));
	assert_int_equal(entry.date, CERTS_NOW + 60);
	assert_int_equal(entry.reason, CRL_REASON_UNSPECIFIED);
	assert_true(crl_next(&crl, &cursor, &entry));
	assert_int_equal(entry.reason, CRL_REASON_REMOVE_FROM_CRL);
	assert_false(crl_next(&crl, &cursor, &entry));
	assert_int_equal(cursor.err, ERR_OK);
	release(der);
}

static void test_indirect_entry(void **state)
{
	struct fixture *f = *state;
	const struct crls_entry entries[] = { { .serial = "01" }, { .serial = "02", .issuer = f->other }, { 0 } };
	const char *const extensions[] = { "issuingDistributionPoint=critical,@idp", NULL };
	struct slice der = crls_make(&(struct crls_spec){ .issuer = f->ca, .entries = entries,
		.extensions = extensions, .conf = "[idp]\nindirectCRL=TRUE\nonlyuser=TRUE\n"
						 "fullname=URI:http://a.test/x.crl\n" });
	struct crl_cursor cursor = { 0 };
	struct crl_entry entry;
	struct crl crl;

	assert_int_equal(crl_parse(der, &crl), ERR_OK);
	assert_true(crl.has_scope && crl.scope.indirect && crl.scope.only_user);
	assert_false(crl.scope.only_ca || crl.scope.only_attribute || crl.scope.some_reasons);
	assert_true(slice_ends(crl.scope.names, SLICE_LIT("http://a.test/x.crl")));
	assert_true(crl_next(&crl, &cursor, &entry));
	assert_int_equal(entry.issuer.len, 0);
	assert_true(crl_next(&crl, &cursor, &entry));
	assert_true(entry.issuer.len > 0);
	release(der);
}

static void test_unknown_critical_extension(void **state)
{
	struct fixture *f = *state;
	const char *const critical[] = { "1.2.3.4=critical,ASN1:NULL", NULL };
	const char *const plain[] = { "1.2.3.4=ASN1:NULL", NULL };
	struct slice der = crls_make(&(struct crls_spec){ .issuer = f->ca, .extensions = critical });
	struct crl crl;

	assert_int_equal(crl_parse(der, &crl), ERR_TYPE);
	release(der);
	der = crls_make(&(struct crls_spec){ .issuer = f->ca, .extensions = plain });
	assert_int_equal(crl_parse(der, &crl), ERR_OK);
	release(der);
}

static void test_unknown_critical_entry_extension(void **state)
{
	struct fixture *f = *state;
	const char *const critical[] = { "1.2.3.4=critical,ASN1:NULL", NULL };
	const struct crls_entry entries[] = { { .serial = "01" },
					      { .serial = "02", .extensions = critical }, { 0 } };
	struct slice der = crls_make(&(struct crls_spec){ .issuer = f->ca, .entries = entries });
	struct crl crl;
	size_t n;

	assert_int_equal(crl_parse(der, &crl), ERR_OK);
	assert_int_equal(walk(&crl, &n), ERR_TYPE);
	release(der);
}

static void test_wrong_signature(void **state)
{
	struct fixture *f = *state;
	struct slice der = crls_make(&(struct crls_spec){ .issuer = f->ca, .bad_signature = true });
	struct crl crl;

	assert_int_equal(crl_parse(der, &crl), ERR_OK);
	assert_int_equal(crl_verify(&crl, f->ca->x509), ERR_CRYPTO);
	release(der);
	der = crls_make(&(struct crls_spec){ .issuer = f->ca, .signer = f->other });
	assert_int_equal(crl_parse(der, &crl), ERR_OK);
	assert_int_equal(crl_verify(&crl, f->ca->x509), ERR_CRYPTO);
	/* Signed by its key, but another name. */
	assert_int_equal(crl_verify(&crl, f->other->x509), ERR_CRYPTO);
	release(der);
}

static void test_issuer_may_not_sign_lists(void **state)
{
	const char *const usage[] = { "keyUsage=critical,keyCertSign", NULL };
	struct certs *ca = certs_make(&(struct certs_spec){ .subject = "/CN=No lists", .ca = true,
							    .extensions = usage });
	struct slice der = crls_make(&(struct crls_spec){ .issuer = ca });
	struct crl crl;

	(void)state;
	assert_int_equal(crl_parse(der, &crl), ERR_OK);
	assert_int_equal(crl_verify(&crl, ca->x509), ERR_CRYPTO);
	release(der);
	certs_free(ca);
}

static void test_key_types(void **state)
{
	static const enum certs_key_type types[] = { CERTS_RSA, CERTS_RSA_PSS, CERTS_ED25519, CERTS_ED448,
						     CERTS_P384 };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct certs *ca = certs_make(&(struct certs_spec){ .subject = "/CN=Key", .ca = true,
								    .key = types[i] });
		struct slice der = crls_make(&(struct crls_spec){ .issuer = ca });
		struct slice bad = crls_make(&(struct crls_spec){ .issuer = ca, .bad_signature = true });
		struct crl crl;

		assert_int_equal(crl_parse(der, &crl), ERR_OK);
		assert_int_equal(crl_verify(&crl, ca->x509), ERR_OK);
		assert_int_equal(crl_parse(bad, &crl), ERR_OK);
		assert_int_equal(crl_verify(&crl, ca->x509), ERR_CRYPTO);
		release(der);
		release(bad);
		certs_free(ca);
	}
}

static void check_strength(enum certs_key_type key, const char *digest, bool weak, enum err want)
{
	struct certs *ca = certs_make(&(struct certs_spec){ .subject = "/CN=Old", .ca = true, .key = key });
	struct slice der = crls_make(&(struct crls_spec){ .issuer = ca, .digest = digest });
	struct crl crl;

	assert_int_equal(crl_parse(der, &crl), ERR_OK);
	assert_int_equal(crl_is_weak(&crl), weak);
	assert_int_equal(crl_verify(&crl, ca->x509), want);
	release(der);
	certs_free(ca);
}

/* What chains and OCSP answers must not be signed with, lists must not be either. */
static void test_weak_signatures(void **state)
{
	(void)state;
	check_strength(CERTS_RSA, "MD5", true, ERR_CRYPTO);
	check_strength(CERTS_RSA, "SHA1", true, ERR_CRYPTO);
	check_strength(CERTS_RSA, "RIPEMD160", true, ERR_CRYPTO);
	check_strength(CERTS_EC, "SHA1", true, ERR_CRYPTO);
	check_strength(CERTS_RSA_PSS, "SHA1", true, ERR_CRYPTO);
	check_strength(CERTS_RSA_1024, "SHA256", false, ERR_CRYPTO);
	check_strength(CERTS_RSA, "SHA224", false, ERR_OK);
	check_strength(CERTS_RSA_PSS, "SHA384", false, ERR_OK);
	check_strength(CERTS_EC, "SHA512", false, ERR_OK);
	check_strength(CERTS_ED25519, NULL, false, ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_truncated_and_trailing),
		cmocka_unit_test(test_empty_list),
		cmocka_unit_test(test_no_next_update),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_indirect_entry),
		cmocka_unit_test(test_unknown_critical_extension),
		cmocka_unit_test(test_unknown_critical_entry_extension),
		cmocka_unit_test(test_wrong_signature),
		cmocka_unit_test(test_issuer_may_not_sign_lists),
		cmocka_unit_test(test_key_types),
		cmocka_unit_test(test_weak_signatures),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
