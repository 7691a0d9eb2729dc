/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "pki/pem.h"

#define BLOCK(label, base64) "-----BEGIN " label "-----\n" base64 "\n-----END " label "-----\n"

static enum err decode(const char *pem, struct buf *der, size_t *first)
{
	buf_reset(der);
	return pem_certificates(slice_str(pem), der, first);
}

static void refuses_what_holds_none(void **state)
{
	static const char *const bad[] = {
		"", "\n", "rubbish", "AQID", BLOCK("PRIVATE KEY", "AQID"),
		"-----BEGIN CERTIFICATE-----\nAQID\n", "-----BEGIN CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\nAQ*D\n-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\nAQID\n-----END PRIVATE KEY-----\n",
		BLOCK("CERTIFICATE", "AQID") "-----BEGIN CERTIFICATE-----\nAQ",
	};
	struct buf der = buf_capped(0);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (decode(bad[i], &der, NULL) != ERR_FORMAT)
			fail_msg("taken: %s", bad[i]);
	buf_fini(&der);
}

static void gives_each_in_order(void **state)
{
	struct buf der = buf_capped(0);
	size_t first = 0;

	(void)state;
	assert_int_equal(decode("words before\n" BLOCK("CERTIFICATE", "AQID") BLOCK("EC PRIVATE KEY", "/w==")
				BLOCK("CERTIFICATE", "BAU="), &der, &first), ERR_OK);
	assert_int_equal(first, 3);
	assert_int_equal(der.len, 5);
	assert_memory_equal(der.ptr, "\1\2\3\4\5", 5);
	buf_fini(&der);
}

static void stops_at_the_cap(void **state)
{
	struct buf der = buf_capped(2);

	(void)state;
	assert_int_equal(decode(BLOCK("CERTIFICATE", "AQID"), &der, NULL), ERR_LIMIT);
	buf_fini(&der);
}

static enum err lists(const char *text, size_t len, struct buf *out)
{
	enum err err;
	size_t der_len = 0;

	buf_reset(out);
	buf_put(out, slice_of(text, len));
	err = pem_lists(out->ptr, out->len, &der_len);
	out->len = der_len;
	return err;
}

#define LISTS(text, out) lists(text, sizeof(text) - 1, out)

static void refuses_what_is_no_list(void **state)
{
	struct buf out = buf_capped(0);

	(void)state;
	buf_u8(&out, 0);
	assert_int_equal(LISTS("", &out), ERR_FORMAT);
	assert_int_equal(LISTS("rubbish", &out), ERR_FORMAT);
	assert_int_equal(LISTS("\x30\x01", &out), ERR_FORMAT);
	assert_int_equal(LISTS("\x30\x00 ", &out), ERR_FORMAT);
	assert_int_equal(LISTS(BLOCK("CERTIFICATE", "MAA="), &out), ERR_FORMAT);
	assert_int_equal(LISTS(BLOCK("X509 CRL", "AQID"), &out), ERR_FORMAT);
	assert_int_equal(LISTS(BLOCK("X509 CRL", "MA*="), &out), ERR_FORMAT);
	assert_int_equal(LISTS(BLOCK("X509 CRL", "MAA"), &out), ERR_FORMAT);
	assert_int_equal(LISTS("-----BEGIN X509 CRL-----\nMAA=\n", &out), ERR_FORMAT);
	assert_int_equal(LISTS("-----BEGIN X509 CRL-----\nMAA=\n-----END CERTIFICATE-----\n", &out), ERR_FORMAT);
	assert_int_equal(LISTS(BLOCK("X509 CRL", "MAA=") "-----BEGIN X509 CRL-----\nMA", &out), ERR_FORMAT);
	buf_fini(&out);
}

static void decodes_lists_in_place(void **state)
{
	struct buf out = buf_capped(0);

	(void)state;
	assert_int_equal(LISTS("\x30\x01\x05\x30\x00", &out), ERR_OK);
	assert_int_equal(out.len, 5);
	assert_int_equal(LISTS("words\r\n" BLOCK("X509 CRL", "MA\nEF") BLOCK("CERTIFICATE", "AQID")
			       BLOCK("X509 CRL", "MAA="), &out), ERR_OK);
	assert_int_equal(out.len, 5);
	assert_memory_equal(out.ptr, "\x30\x01\x05\x30\x00", 5);
	buf_fini(&out);
}

static void decodes_large_lists(void **state)
{
	struct buf der = buf_capped(0), text = buf_capped(0), out = buf_capped(0);
	size_t content = 300000;

	(void)state;
	buf_put(&der, SLICE_LIT("\x30\x83\x04\x93\xe0"));
	for (size_t i = 0; i < content; i++)
		buf_u8(&der, (uint8_t)(i * 7));
	buf_str(&text, "-----BEGIN X509 CRL-----\n");
	for (size_t at = 0; at < der.len; at += 48) {
		text_base64(&text, slice_sub(buf_slice(&der), at, 48));
		buf_str(&text, "\n");
	}
	buf_str(&text, "-----END X509 CRL-----\n");
	assert_int_equal(lists((const char *)text.ptr, text.len, &out), ERR_OK);
	assert_true(slice_eq(buf_slice(&out), buf_slice(&der)));
	buf_fini(&der);
	buf_fini(&text);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_holds_none),
		cmocka_unit_test(gives_each_in_order),
		cmocka_unit_test(stops_at_the_cap),
		cmocka_unit_test(refuses_what_is_no_list),
		cmocka_unit_test(decodes_lists_in_place),
		cmocka_unit_test(decodes_large_lists),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
