/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/ders.h"

static void keeps_each_once(void **state)
{
	struct ders *ders = ders_new();
	char bytes[] = "issuer";
	struct der_kept *first = ders_keep(ders, slice_of(bytes, 6)), *again, *other;

	(void)state;
	/* It is a copy, and found by what it says. */
	bytes[0] = 'x';
	assert_true(slice_eq(first->der, SLICE_LIT("issuer")));
	again = ders_keep(ders, SLICE_LIT("issuer"));
	assert_ptr_equal(first, again);
	other = ders_keep(ders, SLICE_LIT("issue"));
	assert_ptr_not_equal(other, first);
	ders_drop(ders, first);
	assert_true(slice_eq(again->der, SLICE_LIT("issuer")));
	ders_drop(ders, again);
	ders_drop(ders, other);
	ders_drop(ders, NULL);
	ders_free(ders);
	ders_free(NULL);
}

/* After the last one has gone it may come back. */
static void comes_back(void **state)
{
	struct ders *ders = ders_new();

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct der_kept *kept = ders_keep(ders, SLICE_LIT("\x30\x00"));

		assert_int_equal(kept->der.len, 2);
		ders_drop(ders, kept);
	}
	ders_free(ders);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(keeps_each_once), cmocka_unit_test(comes_back) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
