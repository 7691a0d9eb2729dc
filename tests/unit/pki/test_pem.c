/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_holds_none),
		cmocka_unit_test(gives_each_in_order),
		cmocka_unit_test(stops_at_the_cap),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
