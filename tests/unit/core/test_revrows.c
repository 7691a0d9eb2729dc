/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/revrows.h"
#include "pki/crl.h"

static const uint8_t a[32] = { 1 }, b[32] = { 2 };

static uint32_t mix(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x7feb352d;
	x ^= x >> 15;
	x *= 0x846ca68b;
	return x ^ x >> 16;
}

/* Serial i of that length: even ones are put in, odd ones are their neighbours. */
static struct slice serial(uint8_t *out, uint32_t i, size_t len, size_t prefix)
{
	uint32_t n = mix(i / 2) << 1 | (i & 1);

	memset(out, 0x5a, len);
	for (size_t k = 0; k < 4 && k + prefix < len; k++)
		out[prefix + k] = (uint8_t)(n >> (24 - 8 * k));
	return slice_of(out, len);
}

static void check_many(uint32_t count, size_t len, size_t prefix)
{
	struct revrows *rows = revrows_new();
	uint8_t octets[REVROWS_SERIAL_MAX];
	int64_t date;
	unsigned reason;

	for (uint32_t i = 0; i < count; i++)
		revrows_count(rows, a, len);
	revrows_reserve(rows);
	for (uint32_t i = 0; i < count; i++)
		revrows_put(rows, a, serial(octets, 2 * i, len, prefix), 1000 + i, i % 7);
	revrows_sort(rows);
	for (uint32_t i = 0; i < count; i++) {
		assert_false(revrows_find(rows, a, serial(octets, 2 * i + 1, len, prefix), &date, &reason));
		assert_true(revrows_find(rows, a, serial(octets, 2 * i, len, prefix), &date, &reason));
		assert_int_equal(date, 1000 + i);
		assert_int_equal(reason, i % 7);
	}
	assert_false(revrows_find(rows, b, serial(octets, 0, len, prefix), NULL, NULL));
	assert_int_equal(revrows_entries(rows), count);
	assert_true(revrows_bytes(rows) >= count * (len + 5));
	revrows_free(rows);
}

static void test_few_and_many(void **state)
{
	(void)state;
	/* Around the bound of insertion, and beyond that of pages; differences at the front and at the end. */
	for (uint32_t count = 1; count < 60; count++) {
		check_many(count, 20, 0);
		check_many(count, 5, 0);
	}
	check_many(50000, 20, 0);
	check_many(50000, 20, 16);
	check_many(3000, 4, 0);
}

static void test_one_serial_many_dates(void **state)
{
	struct revrows *rows = revrows_new();
	int64_t date;
	unsigned reason;

	(void)state;
	for (int i = 0; i < 100; i++)
		revrows_count(rows, a, 3);
	revrows_count(rows, a, 0);
	revrows_count(rows, a, 3);
	revrows_reserve(rows);
	for (int i = 0; i < 100; i++)
		revrows_put(rows, a, SLICE_LIT("abc"), 5000 - i, 1);
	revrows_put(rows, a, SLICE_EMPTY, 7, 2);
	revrows_put(rows, a, SLICE_LIT("abd"), -5, 3);
	revrows_sort(rows);
	assert_false(revrows_find(rows, a, SLICE_LIT("abb"), &date, &reason));
	assert_true(revrows_find(rows, a, SLICE_LIT("abc"), &date, &reason));
	assert_int_equal(date, 4901);
	assert_true(revrows_find(rows, a, SLICE_EMPTY, &date, &reason));
	assert_int_equal(date, 7);
	/* What is out of range is moved to its end. */
	assert_true(revrows_find(rows, a, SLICE_LIT("abd"), &date, &reason));
	assert_int_equal(date, 0);
	revrows_free(rows);
	revrows_free(NULL);
}

static void test_too_long_is_left_out(void **state)
{
	struct revrows *rows = revrows_new();
	struct slice serial = SLICE_LIT("123456789012345678901");

	(void)state;
	revrows_count(rows, a, serial.len);
	revrows_reserve(rows);
	revrows_put(rows, a, serial, 1, 1);
	revrows_sort(rows);
	assert_int_equal(revrows_entries(rows), 0);
	assert_false(revrows_find(rows, a, serial, NULL, NULL));
	revrows_free(rows);
}

static struct revrows *two(const uint8_t *key, const char *serial, int64_t date, unsigned reason)
{
	struct revrows *rows = revrows_new();

	revrows_count(rows, key, strlen(serial));
	revrows_reserve(rows);
	revrows_put(rows, key, slice_str(serial), date, reason);
	revrows_sort(rows);
	return rows;
}

static void test_join(void **state)
{
	struct revrows *first = two(a, "old", 5, 1), *second = two(b, "new", 6, 2);
	struct revrows *removed = two(a, "gone", 7, CRL_REASON_REMOVE_FROM_CRL);
	int64_t date;

	(void)state;
	first = revrows_join(first, removed);
	first = revrows_join(first, second);
	assert_int_equal(revrows_entries(first), 2);
	assert_false(revrows_find(first, a, SLICE_LIT("gone"), NULL, NULL));
	assert_false(revrows_find(first, b, SLICE_LIT("old"), NULL, NULL));
	assert_true(revrows_find(first, a, SLICE_LIT("old"), &date, NULL));
	assert_int_equal(date, 5);
	assert_true(revrows_find(first, b, SLICE_LIT("new"), &date, NULL));
	assert_int_equal(date, 6);
	revrows_free(first);
	revrows_free(second);
	revrows_free(removed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few_and_many),
		cmocka_unit_test(test_one_serial_many_dates),
		cmocka_unit_test(test_too_long_is_left_out),
		cmocka_unit_test(test_join),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
