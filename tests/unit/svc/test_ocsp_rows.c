/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <xxhash.h>

#include "base/buf.h"
#include "svc/ocsp_rows.h"

static const struct ocsp_record revoked = {
	.revoked = true, .this_update = 1000, .next_update = 2000, .until = 2300, .revoked_at = 900, .reason = 4,
};
static const struct ocsp_record released = { .this_update = 1500, .until = 2500 };

static struct ocsp_key key(uint8_t n)
{
	struct ocsp_key key = { { 0 } };

	memset(key.octets, 0x5a, sizeof(key.octets));
	key.octets[63] = n;
	return key;
}

static void put(struct buf *file, uint8_t n, const struct ocsp_record *record)
{
	struct ocsp_key of = key(n);
	struct ocsp_row row = ocsp_row_encode(&of, record);

	buf_put(file, slice_of(row.bytes, sizeof(row.bytes)));
}

/* The certificates that a file says are revoked, as many as `wanted`; a copy as large as it is, for the sanitizers. */
static struct ocsp_rows decoded(struct slice file, size_t wanted)
{
	uint8_t *exact = malloc(file.len + !file.len);
	struct ocsp_rows rows;

	assert_non_null(exact);
	if (file.len)
		memcpy(exact, file.ptr, file.len);
	assert_int_equal(ocsp_rows_decode(slice_of(exact, file.len), &rows), ERR_OK);
	free(exact);
	assert_int_equal(rows.count, wanted);
	return rows;
}

static void assert_names(const struct ocsp_rows *rows, size_t at, uint8_t n)
{
	struct ocsp_key wanted = key(n);

	assert_memory_equal(&rows->kept[at].key, &wanted, sizeof(wanted));
	assert_true(rows->kept[at].record.revoked);
}

static void what_is_cut_short_is_passed_over(void **state)
{
	struct buf file = buf_capped(0);

	(void)state;
	for (uint8_t n = 1; n <= 3; n++)
		put(&file, n, &revoked);
	for (size_t len = 0; len <= file.len; len++) {
		struct ocsp_rows rows = decoded(slice_of(file.ptr, len), len / OCSP_ROW_SIZE);

		for (size_t i = 0; i < rows.count; i++)
			assert_names(&rows, i, (uint8_t)(i + 1));
		ocsp_rows_fini(&rows);
	}
	buf_fini(&file);
}

static void what_was_changed_is_passed_over(void **state)
{
	struct buf file = buf_capped(0);

	(void)state;
	for (uint8_t n = 1; n <= 3; n++)
		put(&file, n, &revoked);
	for (size_t bit = 0; bit < 8 * OCSP_ROW_SIZE; bit++) {
		uint8_t *byte = file.ptr + OCSP_ROW_SIZE + bit / 8, was = *byte;
		struct ocsp_rows rows;

		*byte ^= (uint8_t)(1u << bit % 8);
		rows = decoded(buf_slice(&file), 2);
		assert_names(&rows, 0, 1);
		assert_names(&rows, 1, 3);
		ocsp_rows_fini(&rows);
		*byte = was;
	}
	/* A byte too many, and the rows behind it are none. */
	for (size_t at = 0; at < OCSP_ROW_SIZE; at++) {
		struct buf longer = buf_capped(0);
		struct ocsp_rows rows;

		buf_put(&longer, slice_of(file.ptr, OCSP_ROW_SIZE + at));
		buf_u8(&longer, 0xa5);
		buf_put(&longer, slice_of(file.ptr + OCSP_ROW_SIZE + at, 2 * OCSP_ROW_SIZE - at));
		rows = decoded(buf_slice(&longer), 1);
		assert_names(&rows, 0, 1);
		ocsp_rows_fini(&rows);
		buf_fini(&longer);
	}
	buf_fini(&file);
}

/* The version is the seed of the sum: that of now, and others. */
static void rows_of_other_versions_are_passed_over(void **state)
{
	struct buf file = buf_capped(0);

	(void)state;
	put(&file, 1, &revoked);
	for (uint64_t version = 0; version < 4; version++) {
		uint64_t sum = XXH3_64bits_withSeed(file.ptr + sizeof(sum), OCSP_ROW_SIZE - sizeof(sum), version);
		struct ocsp_rows rows;

		memcpy(file.ptr, &sum, sizeof(sum));
		rows = decoded(buf_slice(&file), version == 1);
		ocsp_rows_fini(&rows);
	}
	memset(file.ptr, 0, OCSP_ROW_SIZE);
	decoded(buf_slice(&file), 0);
	buf_fini(&file);
}

static void too_long_a_file_is_refused(void **state)
{
	struct buf file = buf_capped(0);
	struct ocsp_rows rows = { .count = 1 };
	uint8_t *more;

	(void)state;
	put(&file, 1, &revoked);
	more = calloc(1, OCSP_ROWS_MAX + 1);
	assert_non_null(more);
	memcpy(more, file.ptr, file.len);
	assert_int_equal(ocsp_rows_decode(slice_of(more, OCSP_ROWS_MAX + 1), &rows), ERR_LIMIT);
	assert_int_equal(rows.count, 0);
	assert_null(rows.kept);
	rows = decoded(slice_of(more, OCSP_ROWS_MAX), 1);
	ocsp_rows_fini(&rows);
	free(more);
	buf_fini(&file);
}

static void the_last_row_of_a_certificate_counts(void **state)
{
	struct ocsp_record again = revoked;
	struct buf file = buf_capped(0);
	struct ocsp_rows rows;

	(void)state;
	again.reason = 1;
	put(&file, 1, &revoked);
	put(&file, 2, &revoked);
	put(&file, 3, &released);
	put(&file, 1, &again);
	put(&file, 2, &released);
	rows = decoded(buf_slice(&file), 1);
	assert_names(&rows, 0, 1);
	assert_int_equal(rows.kept[0].record.reason, 1);
	ocsp_rows_fini(&rows);
	put(&file, 2, &revoked);
	put(&file, 1, &released);
	rows = decoded(buf_slice(&file), 1);
	assert_names(&rows, 0, 2);
	ocsp_rows_fini(&rows);
	buf_fini(&file);
}

static void a_row_is_read_as_it_was_written(void **state)
{
	struct ocsp_record record = revoked;
	struct buf file = buf_capped(0);
	struct ocsp_rows rows;

	(void)state;
	record.this_update = INT64_MIN;
	record.next_update = INT64_MAX;
	record.reason = UINT32_MAX;
	record.used_from = 7;
	record.look_again = 8;
	put(&file, 9, &record);
	rows = decoded(buf_slice(&file), 1);
	assert_names(&rows, 0, 9);
	assert_true(rows.kept[0].record.this_update == INT64_MIN && rows.kept[0].record.next_update == INT64_MAX);
	assert_int_equal(rows.kept[0].record.until, 2300);
	assert_int_equal(rows.kept[0].record.revoked_at, 900);
	assert_int_equal(rows.kept[0].record.reason, UINT32_MAX);
	/* Due at once. */
	assert_int_equal(rows.kept[0].record.used_from, 0);
	assert_int_equal(rows.kept[0].record.look_again, 0);
	ocsp_rows_fini(&rows);
	buf_fini(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_cut_short_is_passed_over),
		cmocka_unit_test(what_was_changed_is_passed_over),
		cmocka_unit_test(rows_of_other_versions_are_passed_over),
		cmocka_unit_test(too_long_a_file_is_refused),
		cmocka_unit_test(the_last_row_of_a_certificate_counts),
		cmocka_unit_test(a_row_is_read_as_it_was_written),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
