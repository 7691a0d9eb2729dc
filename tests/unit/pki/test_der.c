/* SPDX-License-Identifier: Apache-2.0 */
/* The DER that is read without OpenSSL, and the storage of texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/x509.h>

#include "lib/certs.h"
#include "pki/cert.h"
#include "pki/der.h"
#include "pki/texts.h"

static enum err next_error(struct slice bytes)
{
	struct reader r = reader_of(bytes);

	der_next(&r);
	return reader_err(&r);
}

static void refuses_other_forms(void **state)
{
	(void)state;
	assert_int_equal(next_error(SLICE_EMPTY), ERR_SHORT);
	assert_int_equal(next_error(SLICE_LIT("\x30")), ERR_SHORT);
	assert_int_equal(next_error(SLICE_LIT("\x30\x01")), ERR_SHORT);
	assert_int_equal(next_error(SLICE_LIT("\x30\x82\x01")), ERR_SHORT);
	assert_int_equal(next_error(SLICE_LIT("\x30\x80\x00\x00")), ERR_FORMAT);
	assert_int_equal(next_error(SLICE_LIT("\x30\x81\x01\x05")), ERR_FORMAT);
	assert_int_equal(next_error(SLICE_LIT("\x30\x85\x00\x00\x00\x00\x00")), ERR_FORMAT);
	assert_int_equal(next_error(SLICE_LIT("\x30\x84\x00\x00\x00\x80")), ERR_FORMAT);
	assert_int_equal(next_error(SLICE_LIT("\x30\x84\xff\xff\xff\xff")), ERR_SHORT);
	assert_int_equal(next_error(SLICE_LIT("\x1f\x81\x01\x00")), ERR_FORMAT);
	assert_int_equal(next_error(SLICE_LIT("\x30\x00")), ERR_OK);
}

static void splits_chains(void **state)
{
	struct certs *ca = certs_ca("/CN=CA", NULL), *leaf = certs_leaf("/CN=leaf", ca);
	struct slice chain = certs_chain((const struct certs *const[]){ leaf, ca, ca }, 3), out[3];
	size_t count = 9;

	(void)state;
	assert_int_equal(cert_split(chain, out, 3, &count), ERR_OK);
	assert_int_equal(count, 3);
	assert_true(slice_eq(out[0], leaf->der));
	assert_true(slice_eq(out[2], ca->der));
	assert_int_equal(cert_split(chain, out, 2, &count), ERR_LIMIT);
	assert_int_equal(cert_split(SLICE_EMPTY, out, 2, &count), ERR_OK);
	assert_int_equal(count, 0);
	for (size_t n = 1; n < chain.len; n++) {
		bool whole = n == leaf->der.len || n == leaf->der.len + ca->der.len;

		assert_int_equal(cert_split(slice_sub(chain, 0, n), out, 3, &count),
				 whole ? ERR_OK : ERR_FORMAT);
	}
	assert_int_equal(cert_split(SLICE_LIT("\x31\x00"), out, 3, &count), ERR_FORMAT);
	free((void *)(uintptr_t)chain.ptr);
	certs_free(leaf);
	certs_free(ca);
}

static void finds_the_names(void **state)
{
	struct certs *ca = certs_ca("/CN=CA", NULL), *leaf = certs_leaf("/O=x/CN=leaf", ca);
	struct certs *old = certs_make(&(struct certs_spec){ .subject = "/CN=old", .v1 = true });
	struct slice issuer, subject;
	const unsigned char *want;
	size_t len;

	(void)state;
	assert_int_equal(der_names(leaf->der, &issuer, &subject), ERR_OK);
	assert_int_equal(X509_NAME_get0_der(X509_get_subject_name(leaf->x509), &want, &len), 1);
	assert_true(slice_eq(subject, slice_of(want, len)));
	assert_int_equal(X509_NAME_get0_der(X509_get_subject_name(ca->x509), &want, &len), 1);
	assert_true(slice_eq(issuer, slice_of(want, len)));
	assert_int_equal(der_names(old->der, &issuer, &subject), ERR_OK);
	assert_true(slice_eq(issuer, subject));
	for (size_t n = 0; n < leaf->der.len; n++)
		assert_int_not_equal(der_names(slice_sub(leaf->der, 0, n), &issuer, &subject), ERR_OK);
	certs_free(old);
	certs_free(leaf);
	certs_free(ca);
}

static void places_texts(void **state)
{
	struct texts texts = { .bytes = buf_capped(0) };
	struct slice fields[100], empty = SLICE_LIT("x"), inner;
	uint8_t *storage;

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		texts_open(&texts, &fields[i]);
		buf_printf(&texts.bytes, "text %zu", i);
		texts_close(&texts);
	}
	texts_put(&texts, &empty, SLICE_EMPTY);
	texts_view(&texts, &inner, 1, 3);
	storage = texts_place(&texts);
	assert_true(slice_eq(fields[0], SLICE_LIT("text 0")));
	assert_true(slice_eq(fields[99], SLICE_LIT("text 99")));
	assert_true(slice_eq(inner, SLICE_LIT("ext")));
	assert_int_equal(empty.len, 0);
	assert_null(texts.marks);
	free(storage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_other_forms),
		cmocka_unit_test(splits_chains),
		cmocka_unit_test(finds_the_names),
		cmocka_unit_test(places_texts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
