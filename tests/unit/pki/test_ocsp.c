/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/ocsps.h"
#include "pki/crl.h"
#include "pki/ocsp.h"

static struct certs *ca, *namesake, *leaf, *other, *responder;
static const uint8_t serial[] = { 0x93, 0x6e, 0xac, 0xbe, 0x07, 0xf2, 0x01, 0xdf };
static const uint8_t nonce[OCSP_NONCE] = "0123456789abcdef0123456789abcde";

static int set_up(void **state)
{
	(void)state;
	ca = certs_ca("/CN=Asked CA", NULL);
	namesake = certs_ca("/CN=Asked CA", NULL);
	leaf = certs_make(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = ca,
						.serial = "936EACBE07F201DF" });
	other = certs_make(&(struct certs_spec){ .subject = "/CN=other", .issuer = ca, .serial = "05" });
	responder = ocsps_responder("/CN=Responder", ca, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	certs_free(ca);
	certs_free(namesake);
	certs_free(leaf);
	certs_free(other);
	certs_free(responder);
	return 0;
}

static struct ocsp_question question(bool with_nonce)
{
	return (struct ocsp_question){ .issuer = ca->der, .serial = slice_of(serial, sizeof(serial)),
				       .nonce = slice_of(nonce, with_nonce ? sizeof(nonce) : 0) };
}

static const char *last_why; /* of the last answer that was read */

static enum err read_at(const struct ocsps_spec *spec, bool with_nonce, int64_t now,
			struct ocsp_answer *out)
{
	struct slice der = ocsps_make(spec);
	struct ocsp_question asked = question(with_nonce);
	const char *why = NULL;
	enum err err = ocsp_read(der, &asked, now, out, &why);

	assert_non_null(why);
	last_why = why;
	assert_true(err == ERR_OK || *why);
	if (err && err != ERR_TIMEOUT)
		assert_int_equal(out->status, OCSP_STATUS_UNKNOWN);
	free((void *)(uintptr_t)der.ptr);
	return err;
}

static enum err read_spec(struct ocsps_spec spec, struct ocsp_answer *out)
{
	spec.issuer = spec.issuer ? spec.issuer : ca;
	spec.cert = spec.cert ? spec.cert : leaf;
	return read_at(&spec, true, CERTS_NOW, out);
}

static void assert_refused(struct ocsps_spec spec, enum err want)
{
	struct ocsp_answer out;

	assert_int_equal(read_spec(spec, &out), want);
}

static void refuses_bytes_that_are_no_response(void **state)
{
	struct ocsps_spec spec = { .issuer = ca, .cert = leaf };
	struct slice der = ocsps_make(&spec);
	struct ocsp_question asked = question(true);
	struct ocsp_answer out;
	const char *why;
	uint8_t *longer = calloc(1, der.len + 1);

	(void)state;
	for (size_t n = 0; n < der.len; n++)
		assert_int_equal(ocsp_read(slice_of(der.ptr, n), &asked, CERTS_NOW, &out, &why), ERR_FORMAT);
	memcpy(longer, der.ptr, der.len);
	assert_int_equal(ocsp_read(slice_of(longer, der.len + 1), &asked, CERTS_NOW, &out, &why), ERR_FORMAT);
	assert_int_equal(ocsp_read(slice_of(longer, OCSP_RESPONSE_MAX + 1), &asked, CERTS_NOW, &out, &why),
			 ERR_LIMIT);
	free(longer);
	free((void *)(uintptr_t)der.ptr);
}

static void refuses_every_flipped_signature_octet(void **state)
{
	struct ocsps_spec spec = { .issuer = ca, .cert = leaf, .status = OCSPS_GOOD };
	struct slice der = ocsps_make(&spec);
	struct ocsp_question asked = question(false);
	struct ocsp_answer out;
	const char *why;

	(void)state;
	for (size_t i = 0; i < der.len; i++) {
		((uint8_t *)(uintptr_t)der.ptr)[i] ^= 0x01;
		/* The certificate in the answer isn't needed, so its octets don't matter. */
		if (!ocsp_read(der, &asked, CERTS_NOW, &out, &why))
			assert_int_equal(out.status, OCSP_STATUS_GOOD);
		((uint8_t *)(uintptr_t)der.ptr)[i] ^= 0x01;
	}
	free((void *)(uintptr_t)der.ptr);
	assert_refused((struct ocsps_spec){ .bad_signature = true }, ERR_CRYPTO);
	assert_refused((struct ocsps_spec){ .bad_signature = true, .responder = responder }, ERR_CRYPTO);
}

static void refuses_unsuccessful_answers(void **state)
{
	static const int statuses[] = { 1, 2, 3, 5, 6, 4 };

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		assert_refused((struct ocsps_spec){ .response_status = statuses[i] }, ERR_CLOSED);
}

static void refuses_answers_about_others(void **state)
{
	(void)state;
	assert_refused((struct ocsps_spec){ .cert = other }, ERR_NOT_FOUND);
	/* The same name and serial, another key. */
	assert_refused((struct ocsps_spec){ .issuer = namesake, .responder = ca }, ERR_NOT_FOUND);
	assert_refused((struct ocsps_spec){ .digest = "MD5" }, ERR_NOT_FOUND);
}

static void refuses_signers_that_may_not(void **state)
{
	static const char *const no_purpose[] = { "extendedKeyUsage=clientAuth", NULL };
	static const char *const any_purpose[] = { "extendedKeyUsage=anyExtendedKeyUsage", NULL };
	static const char *const no_usage[] = { "extendedKeyUsage=OCSPSigning", "keyUsage=critical,keyAgreement", NULL };
	static const char *const none[] = { "extendedKeyUsage=", NULL };
	static const char *const *const bad[] = { no_purpose, any_purpose, no_usage, none };
	struct certs *signer;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		signer = ocsps_responder("/CN=Responder", ca, bad[i]);
		assert_refused((struct ocsps_spec){ .responder = signer }, ERR_CRYPTO);
		certs_free(signer);
	}
	/* Certified by a namesake of the issuer, and by nobody. */
	signer = ocsps_responder("/CN=Responder", namesake, NULL);
	assert_refused((struct ocsps_spec){ .responder = signer }, ERR_CRYPTO);
	certs_free(signer);
	assert_refused((struct ocsps_spec){ .responder = namesake }, ERR_CRYPTO);
	assert_refused((struct ocsps_spec){ .responder = responder, .no_certs = true }, ERR_CRYPTO);
}

static void refuses_signers_out_of_date(void **state)
{
	static const char *const usual[] = { "extendedKeyUsage=OCSPSigning", NULL };
	struct certs *old = certs_make(&(struct certs_spec){ .subject = "/CN=Old", .issuer = ca,
		.extensions = usual, .not_after = CERTS_NOW - 1 });
	struct certs *early = certs_make(&(struct certs_spec){ .subject = "/CN=Early", .issuer = ca,
		.extensions = usual, .not_before = CERTS_NOW + 1 });
	struct certs *weak = certs_make(&(struct certs_spec){ .subject = "/CN=Weak", .issuer = ca,
		.extensions = usual, .key = CERTS_RSA_1024 });
	struct certs *sha1 = certs_make(&(struct certs_spec){ .subject = "/CN=Sha1", .issuer = ca,
		.extensions = usual, .digest = "SHA1" });
	struct certs *pss = certs_make(&(struct certs_spec){ .subject = "/CN=Pss", .issuer = ca,
		.extensions = usual, .key = CERTS_RSA_PSS });
	struct ocsp_answer out;

	(void)state;
	assert_refused((struct ocsps_spec){ .responder = old }, ERR_CRYPTO);
	assert_refused((struct ocsps_spec){ .responder = early }, ERR_CRYPTO);
	assert_refused((struct ocsps_spec){ .responder = weak }, ERR_CRYPTO);
	assert_refused((struct ocsps_spec){ .responder = sha1 }, ERR_CRYPTO);
	assert_refused((struct ocsps_spec){ .signature = "SHA1" }, ERR_CRYPTO);
	assert_non_null(strstr(last_why, "SHA-1"));
	assert_refused((struct ocsps_spec){ .signature = "SHA1", .responder = pss }, ERR_CRYPTO);
	assert_non_null(strstr(last_why, "SHA-1"));
	assert_refused((struct ocsps_spec){ .responder = sha1 }, ERR_CRYPTO);
	assert_non_null(strstr(last_why, "its signer's certificate is signed with SHA-1"));
	assert_int_equal(read_spec((struct ocsps_spec){ .signature = "SHA384", .responder = pss }, &out), ERR_OK);
	certs_free(pss);
	certs_free(old);
	certs_free(early);
	certs_free(weak);
	certs_free(sha1);
}

static void refuses_unknown_critical_extensions(void **state)
{
	struct ocsp_answer out;

	(void)state;
	assert_refused((struct ocsps_spec){ .critical = "1.2.3.4=critical,ASN1:NULL" }, ERR_TYPE);
	assert_int_equal(read_spec((struct ocsps_spec){ .critical = "1.2.3.4=ASN1:NULL" }, &out), ERR_OK);
}

static void compares_the_nonce(void **state)
{
	struct ocsp_answer out;
	uint8_t wrong[OCSP_NONCE] = { 1 };

	(void)state;
	assert_refused((struct ocsps_spec){ .nonce = slice_of(wrong, sizeof(wrong)) }, ERR_DUPLICATE);
	assert_refused((struct ocsps_spec){ .nonce = slice_of(nonce, 16) }, ERR_DUPLICATE);
	assert_int_equal(read_spec((struct ocsps_spec){ .nonce = slice_of(nonce, sizeof(nonce)) }, &out), ERR_OK);
	assert_true(out.has_nonce);
	assert_int_equal(read_spec((struct ocsps_spec){ 0 }, &out), ERR_OK);
	assert_false(out.has_nonce);
	/* Nobody asked with one. */
	assert_int_equal(read_at(&(struct ocsps_spec){ .issuer = ca, .cert = leaf,
						       .nonce = slice_of(wrong, sizeof(wrong)) },
				 false, CERTS_NOW, &out), ERR_OK);
}

static void obeys_dates(void **state)
{
	const struct ocsps_spec usual = { .issuer = ca, .cert = leaf };
	struct ocsps_spec endless = { .issuer = ca, .cert = leaf, .next_update = -1 };
	struct ocsp_answer out;

	(void)state;
	assert_int_equal(read_at(&usual, true, CERTS_NOW + 3600, &out), ERR_OK);
	assert_int_equal(out.until, CERTS_NOW + 3600);
	assert_int_equal(read_at(&usual, true, CERTS_NOW + 3601, &out), ERR_TIMEOUT);
	assert_int_equal(out.next_update, CERTS_NOW + 3600);
	assert_int_equal(read_at(&usual, true, CERTS_NOW - 60 - OCSP_SKEW, &out), ERR_OK);
	assert_int_equal(read_at(&usual, true, CERTS_NOW - 61 - OCSP_SKEW, &out), ERR_RANGE);
	/* Without an end it could be an old one that is played again. */
	assert_int_equal(read_at(&endless, true, CERTS_NOW, &out), ERR_OK);
	assert_int_equal(out.next_update, 0);
	assert_int_equal(out.until, CERTS_NOW - 60 + OCSP_WITHOUT_NEXT);
	assert_int_equal(read_at(&endless, true, CERTS_NOW + 1, &out), ERR_TIMEOUT);
	endless.nonce = slice_of(nonce, sizeof(nonce));
	assert_int_equal(read_at(&endless, true, CERTS_NOW + 1, &out), ERR_OK);
	assert_int_equal(out.until, CERTS_NOW + 1 + OCSP_WITHOUT_NEXT);
}

static void tells_good_revoked_unknown(void **state)
{
	struct ocsp_answer out;

	(void)state;
	assert_int_equal(read_spec((struct ocsps_spec){ .status = OCSPS_GOOD }, &out), ERR_OK);
	assert_int_equal(out.status, OCSP_STATUS_GOOD);
	assert_int_equal(out.this_update, CERTS_NOW - 60);
	assert_int_equal(out.next_update, CERTS_NOW + 3600);
	assert_false(out.delegated);
	assert_int_equal(read_spec((struct ocsps_spec){ .status = OCSPS_UNKNOWN }, &out), ERR_OK);
	assert_int_equal(out.status, OCSP_STATUS_UNKNOWN);
	assert_int_equal(read_spec((struct ocsps_spec){ .status = OCSPS_REVOKED, .reason = 1 }, &out), ERR_OK);
	assert_int_equal(out.status, OCSP_STATUS_REVOKED);
	assert_int_equal(out.reason, CRL_REASON_KEY_COMPROMISE);
	assert_int_equal(out.revoked_at, CERTS_NOW - 3600);
	assert_int_equal(read_spec((struct ocsps_spec){ .status = OCSPS_REVOKED }, &out), ERR_OK);
	assert_int_equal(out.reason, CRL_REASON_UNSPECIFIED);
}

static void takes_every_honest_form(void **state)
{
	static const char *const checked[] = { "extendedKeyUsage=OCSPSigning", NULL };
	struct certs *plain = ocsps_responder("/CN=Plain", ca, checked);
	struct ocsp_answer out;

	(void)state;
	assert_int_equal(read_spec((struct ocsps_spec){ .by_key = true, .no_certs = true }, &out), ERR_OK);
	assert_int_equal(read_spec((struct ocsps_spec){ .digest = "SHA256" }, &out), ERR_OK);
	assert_int_equal(read_spec((struct ocsps_spec){ .responder = responder }, &out), ERR_OK);
	assert_true(out.delegated && out.nocheck && out.signer_serial_len == 16);
	assert_int_equal(read_spec((struct ocsps_spec){ .responder = plain, .by_key = true }, &out), ERR_OK);
	assert_true(out.delegated && !out.nocheck);
	assert_int_equal(read_spec((struct ocsps_spec){ .also = other, .status = OCSPS_REVOKED }, &out), ERR_OK);
	assert_int_equal(out.status, OCSP_STATUS_REVOKED);
	/* Of two answers about one certificate the one that revokes. */
	assert_int_equal(read_spec((struct ocsps_spec){ .also = leaf, .status = OCSPS_REVOKED }, &out), ERR_OK);
	assert_int_equal(out.status, OCSP_STATUS_REVOKED);
	certs_free(plain);
}

static void asks_with_nonce(void **state)
{
	struct ocsp_question asked = question(true);
	struct buf der = buf_capped(4096), path = buf_capped(0);
	uint8_t wrapped[4 + OCSP_NONCE] = { 0x04, 0x22, 0x04, 0x20 };

	(void)state;
	assert_int_equal(ocsp_request(&asked, &der), ERR_OK);
	/* An OCTET STRING in the extension's own. */
	memcpy(wrapped + 4, nonce, sizeof(nonce));
	assert_non_null(memmem(der.ptr, der.len, wrapped, sizeof(wrapped)));
	assert_non_null(memmem(der.ptr, der.len, "\x02\x09\x00\x93\x6e\xac\xbe\x07\xf2\x01\xdf", 11));
	assert_int_equal(ocsp_get_path(SLICE_LIT("http://a.test/ocsp"), buf_slice(&der), &path), ERR_OK);
	assert_true(path.len <= OCSP_GET_MAX && path.ptr[0] == '/' && path.ptr[1] == 'M');
	assert_null(memchr(path.ptr + 1, '/', path.len - 1));
	assert_null(memchr(path.ptr, '+', path.len));
	assert_null(memchr(path.ptr, '=', path.len));
	buf_reset(&path);
	assert_int_equal(ocsp_get_path(SLICE_LIT("http://a.test/"), buf_slice(&der), &path), ERR_OK);
	assert_true(path.ptr[0] == 'M');
	buf_fini(&der);
	buf_fini(&path);
}

static void refuses_to_ask_nonsense(void **state)
{
	struct ocsp_question asked = question(false);
	struct buf der = buf_capped(4096), path = buf_capped(0);
	uint8_t big[200] = { 0 };

	(void)state;
	asked.serial = SLICE_EMPTY;
	assert_int_equal(ocsp_request(&asked, &der), ERR_RANGE);
	asked.serial = slice_of(big, 21);
	assert_int_equal(ocsp_request(&asked, &der), ERR_RANGE);
	asked = question(false);
	asked.issuer = SLICE_LIT("nothing");
	assert_int_equal(ocsp_request(&asked, &der), ERR_FORMAT);
	assert_int_equal(der.len, 0);
	assert_int_equal(ocsp_get_path(SLICE_LIT("http://a.test/"), slice_of(big, sizeof(big)), &path), ERR_LIMIT);
	buf_fini(&der);
	buf_fini(&path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_bytes_that_are_no_response),
		cmocka_unit_test(refuses_every_flipped_signature_octet),
		cmocka_unit_test(refuses_unsuccessful_answers),
		cmocka_unit_test(refuses_answers_about_others),
		cmocka_unit_test(refuses_signers_that_may_not),
		cmocka_unit_test(refuses_signers_out_of_date),
		cmocka_unit_test(refuses_unknown_critical_extensions),
		cmocka_unit_test(compares_the_nonce),
		cmocka_unit_test(obeys_dates),
		cmocka_unit_test(tells_good_revoked_unknown),
		cmocka_unit_test(takes_every_honest_form),
		cmocka_unit_test(asks_with_nonce),
		cmocka_unit_test(refuses_to_ask_nonsense),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
