/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include <limits.h>

#include "base/buf.h"
#include "base/reader.h"

static void test_over_the_cap_sticks(void **state)
{
	struct buf b = buf_capped(10);

	(void)state;
	buf_str(&b, "0123456789");
	assert_int_equal(buf_err(&b), ERR_OK);
	buf_u8(&b, 'x');
	assert_int_equal(buf_err(&b), ERR_LIMIT);
	/* Nothing of it may be used, and nothing is written any more. */
	assert_int_equal(buf_slice(&b).len, 0);
	buf_reset(&b);
	buf_str(&b, "ok");
	assert_int_equal(buf_slice(&b).len, 2);
	buf_str(&b, "too long for it");
	buf_str(&b, "s");
	buf_u32(&b, 1);
	buf_printf(&b, "%d", 5);
	buf_varint(&b, 1);
	buf_json(&b, SLICE_LIT("x"));
	buf_patch_u32(&b, 0, 1);
	assert_null(buf_want(&b, 0));
	assert_int_equal(b.len, 2);
	buf_fini(&b);
	assert_int_equal(buf_err(&b), ERR_OK);
}

static void test_sizes_that_overflow(void **state)
{
	struct buf b = buf_capped(0);

	(void)state;
	assert_null(buf_want(&b, SIZE_MAX));
	assert_int_equal(buf_err(&b), ERR_LIMIT);
	buf_reset(&b);
	buf_str(&b, "abc");
	assert_null(buf_want(&b, SIZE_MAX - 2));
	assert_int_equal(buf_err(&b), ERR_LIMIT);
	buf_fini(&b);
}

static void test_fixed_never_grows(void **state)
{
	uint8_t room[5] = "....";
	struct buf b = buf_fixed(room, 4);

	(void)state;
	buf_u32(&b, 0x01020304);
	assert_int_equal(buf_err(&b), ERR_OK);
	assert_ptr_equal(b.ptr, room);
	buf_u8(&b, 5);
	assert_int_equal(buf_err(&b), ERR_LIMIT);
	assert_int_equal(room[4], 0);
	buf_fini(&b);
	assert_ptr_equal(b.ptr, room);
	b = buf_fixed(NULL, 0);
	buf_u8(&b, 1);
	assert_int_equal(buf_err(&b), ERR_LIMIT);
}

static void test_nothing_is_no_fault(void **state)
{
	struct buf b = buf_capped(4);

	(void)state;
	buf_put(&b, SLICE_EMPTY);
	buf_str(&b, "");
	buf_str(&b, NULL);
	(void)buf_want(&b, 0);
	buf_drop(&b, 0);
	assert_int_equal(buf_err(&b), ERR_OK);
	assert_int_equal(buf_slice(&b).len, 0);
	buf_fini(&b);
}

static void test_grows_and_keeps_what_it_has(void **state)
{
	struct buf b = buf_capped(0);

	(void)state;
	for (unsigned i = 0; i < 100000; i++)
		buf_u8(&b, (uint8_t)(i % 251));
	assert_int_equal(b.len, 100000);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(b.ptr[i], i % 251);
	buf_drop(&b, 99990);
	assert_int_equal(b.len, 10);
	assert_int_equal(b.ptr[0], 99990 % 251);
	buf_drop(&b, 10);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
}

static void test_integers_and_patches(void **state)
{
	struct buf b = buf_capped(0);

	(void)state;
	buf_u32(&b, 0);
	buf_u32(&b, 0xfffefdfc);
	buf_patch_u32(&b, 0, 0x80000001);
	assert_memory_equal(b.ptr, "\x80\0\0\1\xff\xfe\xfd\xfc", 8);
	buf_fini(&b);
}

static void test_printf(void **state)
{
	struct buf b = buf_capped(0);

	(void)state;
	buf_printf(&b, "%s-%d", "a", 7);
	buf_printf(&b, "%0500d", 3);
	assert_int_equal(b.len, 503);
	assert_memory_equal(b.ptr, "a-7", 3);
	assert_int_equal(b.ptr[502], '3');
	buf_fini(&b);
}

static void test_varints_both_ways(void **state)
{
	static const uint64_t values[] = {
		0, 1, 239, 240, 241, 2287, 2288, 264431, 264432, 33818863, 33818864,
		UINT32_MAX, INT64_MAX, UINT64_MAX - 1, UINT64_MAX
	};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct buf b = buf_capped(10);
		struct reader r;

		buf_varint(&b, values[i]);
		assert_int_equal(buf_err(&b), ERR_OK);
		assert_int_equal(b.len, varint_size(values[i]));
		r = reader_of(buf_slice(&b));
		assert_true(reader_varint(&r) == values[i]);
		assert_int_equal(reader_end(&r), ERR_OK);
		/* Cut anywhere, it is short. */
		for (size_t n = 0; n < b.len; n++) {
			r = reader_of(slice_of(b.ptr, n));
			assert_true(reader_varint(&r) == 0);
			assert_int_equal(reader_err(&r), ERR_SHORT);
		}
		buf_fini(&b);
	}
	assert_int_equal(varint_size(239), 1);
	assert_int_equal(varint_size(2287), 2);
	assert_int_equal(varint_size(2288), 3);
	assert_int_equal(varint_size(UINT64_MAX), 10);
}

static void json_is(struct slice in, const char *want)
{
	struct buf b = buf_capped(0);

	buf_json(&b, in);
	assert_int_equal(b.len, strlen(want));
	assert_memory_equal(b.ptr, want, b.len);
	buf_fini(&b);
}

static void test_json(void **state)
{
	(void)state;
	json_is(slice_of("\xff\xc3", 2), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	json_is(slice_of("\xed\xa0\x80", 3), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	json_is(slice_of("\0\x1f\x7f\x0b", 4), "\"\\u0000\\u001f\\u007f\\u000b\"");
	json_is(SLICE_LIT("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\"");
	json_is(SLICE_LIT("a\"b\\c/"), "\"a\\\"b\\\\c/\"");
	json_is(SLICE_LIT("\xc3\xbc\xe2\x82\xac\xf0\x9f\x94\x92"), "\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x94\x92\"");
	json_is(SLICE_EMPTY, "\"\"");
}

static void test_lengths_before_bytes(void **state)
{
	static const uint8_t bytes[300];

	(void)state;
	for (size_t len = 0; len < sizeof(bytes); len++) {
		size_t whole = varint_size(len) + len;
		uint8_t *room = malloc(whole);
		struct buf b = buf_fixed(room, whole);
		struct reader r;

		buf_varstr(&b, slice_of(bytes, len));
		assert_int_equal(buf_err(&b), ERR_OK);
		assert_int_equal(b.len, whole);
		r = reader_of(buf_slice(&b));
		assert_int_equal(reader_varstr(&r).len, len);
		assert_int_equal(reader_end(&r), ERR_OK);
		/* Where an octet is missing nothing is written behind the end. */
		b = buf_fixed(room, whole - 1);
		buf_varstr(&b, slice_of(bytes, len));
		assert_int_equal(buf_err(&b), ERR_LIMIT);
		free(room);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_over_the_cap_sticks),
		cmocka_unit_test(test_sizes_that_overflow),
		cmocka_unit_test(test_fixed_never_grows),
		cmocka_unit_test(test_nothing_is_no_fault),
		cmocka_unit_test(test_grows_and_keeps_what_it_has),
		cmocka_unit_test(test_integers_and_patches),
		cmocka_unit_test(test_printf),
		cmocka_unit_test(test_varints_both_ways),
		cmocka_unit_test(test_lengths_before_bytes),
		cmocka_unit_test(test_json),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
