/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/reader.h"

static struct reader over(const char *bytes, size_t len)
{
	return reader_of(slice_of(bytes, len));
}

static void test_first_fault_sticks(void **state)
{
	struct reader r = over("\1\2\3", 3);

	(void)state;
	assert_int_equal(reader_u8(&r), 1);
	assert_int_equal(reader_u32(&r), 0);
	assert_int_equal(reader_err(&r), ERR_SHORT);
	/* Two bytes would still be there; after a fault there are none. */
	assert_int_equal(reader_left(&r), 0);
	assert_int_equal(reader_u8(&r), 0);
	assert_int_equal(reader_u16(&r), 0);
	assert_int_equal(reader_varint(&r), 0);
	assert_int_equal(reader_varstr(&r).len, 0);
	assert_null(reader_bytes(&r, 0).ptr);
	assert_int_equal(reader_rest(&r).len, 0);
	reader_fail(&r, ERR_TYPE);
	assert_int_equal(reader_end(&r), ERR_SHORT);
}

static void test_empty(void **state)
{
	struct reader r = reader_of(SLICE_EMPTY);

	(void)state;
	assert_int_equal(reader_left(&r), 0);
	assert_int_equal(reader_bytes(&r, 0).len, 0);
	assert_int_equal(reader_rest(&r).len, 0);
	assert_int_equal(reader_end(&r), ERR_OK);
	assert_int_equal(reader_u8(&r), 0);
	assert_int_equal(reader_end(&r), ERR_SHORT);
}

static void test_bytes_left_over(void **state)
{
	struct reader r = over("ab", 2);

	(void)state;
	assert_int_equal(reader_u8(&r), 'a');
	assert_int_equal(reader_end(&r), ERR_FORMAT);
}

static void test_lengths_that_lie(void **state)
{
	struct reader r = over("\x05" "abcd", 5);

	(void)state;
	assert_int_equal(reader_varstr(&r).len, 0);
	assert_int_equal(reader_err(&r), ERR_SHORT);
	/* UINT64_MAX: no sum with it may come round. */
	r = over("\xff\xf0\xfe\xfe\xfe\xfe\xfe\xfe\xfe\x0e" "abcd", 14);
	assert_int_equal(reader_varstr(&r).len, 0);
	assert_int_equal(reader_err(&r), ERR_SHORT);
	r = over("ab", 2);
	assert_int_equal(reader_bytes(&r, SIZE_MAX).len, 0);
	assert_int_equal(reader_err(&r), ERR_SHORT);
}

static void test_varints_that_are_none(void **state)
{
	static const char eleven[] = "\xf0\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00";
	static const char too_large[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f";
	static const char carry[] = "\xff\xf1\xfe\xfe\xfe\xfe\xfe\xfe\xfe\x0f";
	struct reader r = over(eleven, 11);

	(void)state;
	assert_int_equal(reader_varint(&r), 0);
	assert_int_equal(reader_err(&r), ERR_FORMAT);
	r = over(too_large, 10);
	assert_int_equal(reader_varint(&r), 0);
	assert_int_equal(reader_err(&r), ERR_FORMAT);
	r = over(carry, 10);
	assert_int_equal(reader_varint(&r), 0);
	assert_int_equal(reader_err(&r), ERR_FORMAT);
	r = over("\xf0", 1);
	assert_int_equal(reader_varint(&r), 0);
	assert_int_equal(reader_err(&r), ERR_SHORT);
}

static void test_integers(void **state)
{
	struct reader r = over("\xff\x01\x02\xfe\xdc\xba\x80\0\0\1", 10);

	(void)state;
	assert_int_equal(reader_u8(&r), 0xff);
	assert_int_equal(reader_u16(&r), 0x0102);
	assert_int_equal(reader_u24(&r), 0xfedcba);
	assert_int_equal(reader_u32(&r), 0x80000001);
	assert_int_equal(reader_end(&r), ERR_OK);
}

static void test_views(void **state)
{
	static const char bytes[] = "\x03" "abcdef";
	struct reader r = over(bytes, 7);
	struct slice s = reader_varstr(&r);

	(void)state;
	assert_int_equal(s.len, 3);
	assert_ptr_equal(s.ptr, bytes + 1);
	s = reader_rest(&r);
	assert_int_equal(s.len, 3);
	assert_memory_equal(s.ptr, "def", 3);
	assert_int_equal(reader_end(&r), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_fault_sticks),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_bytes_left_over),
		cmocka_unit_test(test_lengths_that_lie),
		cmocka_unit_test(test_varints_that_are_none),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_views),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
