/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/slice.h"

static bool is(struct slice s, const char *want)
{
	return slice_eq(s, slice_str(want));
}

static void test_numbers_that_are_none(void **state)
{
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "0x1", "1e3", "12a",
					   "18446744073709551616", "00000000000000000001" };
	uint64_t v = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(slice_to_u64(slice_str(bad[i]), UINT64_MAX, &v));
	assert_false(slice_to_u64(SLICE_LIT("256"), 255, &v));
	assert_false(slice_to_u64(slice_of("1\0", 2), 255, &v));
	assert_int_equal(v, 7);
	assert_true(slice_to_u64(SLICE_LIT("255"), 255, &v));
	assert_int_equal(v, 255);
	assert_true(slice_to_u64(SLICE_LIT("9999999999999999999"), UINT64_MAX, &v));
	assert_true(v == UINT64_C(9999999999999999999));
}

static void test_parts_never_leave_the_whole(void **state)
{
	struct slice s = SLICE_LIT("abcdef");

	(void)state;
	assert_int_equal(slice_sub(s, 6, 1).len, 0);
	assert_int_equal(slice_sub(s, SIZE_MAX, SIZE_MAX).len, 0);
	assert_true(is(slice_sub(s, 4, SIZE_MAX), "ef"));
	assert_true(is(slice_sub(s, 0, 0), ""));
	assert_int_equal(slice_sub(SLICE_EMPTY, 0, 1).len, 0);
	assert_true(is(slice_sub(s, 1, 2), "bc"));
}

static void test_cut(void **state)
{
	struct slice s = SLICE_LIT("a=b=");

	(void)state;
	assert_true(is(slice_cut(&s, '='), "a"));
	assert_true(is(slice_cut(&s, '='), "b"));
	assert_int_equal(s.len, 0);
	assert_true(is(slice_cut(&s, '='), ""));
	s = SLICE_LIT("none");
	assert_true(is(slice_cut(&s, '='), "none"));
	assert_int_equal(s.len, 0);
}

static void test_compare(void **state)
{
	(void)state;
	assert_int_equal(slice_cmp(SLICE_LIT("a"), SLICE_LIT("ab")), -1);
	assert_int_equal(slice_cmp(SLICE_LIT("b"), SLICE_LIT("ab")), 1);
	assert_int_equal(slice_cmp(SLICE_EMPTY, SLICE_EMPTY), 0);
	assert_int_equal(slice_cmp(SLICE_EMPTY, SLICE_LIT("a")), -1);
	/* Bytes, not signed characters. */
	assert_int_equal(slice_cmp(SLICE_LIT("\x80"), SLICE_LIT("a")), 1);
	assert_false(slice_eq(SLICE_LIT("a"), slice_of("a\0", 2)));
	assert_true(slice_eq(SLICE_EMPTY, SLICE_LIT("")));
	assert_true(slice_eq_nocase(SLICE_LIT("aBc-1"), SLICE_LIT("AbC-1")));
	assert_false(slice_eq_nocase(SLICE_LIT("abc"), SLICE_LIT("abcd")));
	assert_false(slice_eq_nocase(SLICE_LIT("x-name-1"), SLICE_LIT("X-Name-2")));
	/* ASCII only: '@' and '`' differ in the same bit as letters do. */
	assert_false(slice_eq_nocase(SLICE_LIT("@"), SLICE_LIT("`")));
	assert_false(slice_eq_nocase(SLICE_LIT("\xc4"), SLICE_LIT("\xe4")));
}

static void test_ends_and_find(void **state)
{
	(void)state;
	assert_false(slice_starts(SLICE_LIT("ab"), SLICE_LIT("abc")));
	assert_false(slice_ends(SLICE_LIT("bc"), SLICE_LIT("abc")));
	assert_true(slice_starts(SLICE_LIT("abc"), SLICE_LIT("ab")));
	assert_true(slice_ends(SLICE_LIT("abc"), SLICE_LIT("bc")));
	assert_true(slice_starts(SLICE_LIT("abc"), SLICE_EMPTY));
	assert_true(slice_ends(SLICE_EMPTY, SLICE_EMPTY));
	assert_int_equal(slice_find(SLICE_LIT("abc"), 'x'), 3);
	assert_int_equal(slice_find(SLICE_EMPTY, 'x'), 0);
	assert_int_equal(slice_find(SLICE_LIT("abc"), 'c'), 2);
	assert_true(is(slice_trim(SLICE_LIT(" \t a b\t ")), "a b"));
	assert_true(is(slice_trim(SLICE_LIT("\t ")), ""));
	assert_true(is(slice_trim(SLICE_LIT("\na\r")), "\na\r"));
	assert_int_equal(slice_str(NULL).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_that_are_none),
		cmocka_unit_test(test_parts_never_leave_the_whole),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_ends_and_find),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
