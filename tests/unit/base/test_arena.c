/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/arena.h"

static void test_over_the_cap(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 100);
	assert_null(arena_take(&a, 101));
	assert_null(arena_zero(&a, SIZE_MAX));
	assert_null(arena_take(&a, SIZE_MAX / 2));
	assert_non_null(arena_take(&a, 90));
	/* 90 were rounded up to 96. */
	assert_null(arena_take(&a, 5));
	assert_non_null(arena_take(&a, 4));
	assert_null(arena_take(&a, 1));
	assert_null(arena_copy(&a, SLICE_LIT("x")).ptr);
	arena_reset(&a);
	assert_non_null(arena_take(&a, 100));
	arena_fini(&a);
	/* Small pieces of a block that has room for more count too. */
	arena_init(&a, 160);
	for (unsigned i = 0; i < 10; i++)
		assert_non_null(arena_take(&a, 1 + i));
	assert_null(arena_take(&a, 1));
	arena_fini(&a);
	arena_init(&a, 0);
	assert_null(arena_take(&a, 1));
	arena_fini(&a);
	arena_fini(&a);
}

static void test_nothing_is_no_failure(void **state)
{
	struct arena a;
	struct slice none;

	(void)state;
	arena_init(&a, 1000);
	assert_non_null(arena_take(&a, 0));
	assert_non_null(arena_zero(&a, 0));
	none = arena_copy(&a, SLICE_EMPTY);
	assert_non_null(none.ptr);
	assert_int_equal(none.len, 0);
	assert_int_equal(none.ptr[0], 0);
	arena_fini(&a);
}

static void test_pieces_are_aligned_and_apart(void **state)
{
	struct arena a;
	uint8_t *pieces[500];

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < 500; i++) {
		pieces[i] = arena_take(&a, i + 1);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
		memset(pieces[i], (int)i, i + 1);
	}
	for (size_t i = 0; i < 500; i++)
		for (size_t j = 0; j <= i; j++)
			assert_int_equal(pieces[i][j], (uint8_t)i);
	arena_fini(&a);
}

static void test_zeroed_after_reset(void **state)
{
	struct arena a;
	uint8_t *p, *again;

	(void)state;
	arena_init(&a, 1 << 20);
	p = arena_take(&a, 4000);
	memset(p, 0xff, 4000);
	assert_non_null(arena_take(&a, 20000));
	arena_reset(&a);
	again = arena_zero(&a, 4000);
	/* The first block stayed. */
	assert_ptr_equal(again, p);
	for (size_t i = 0; i < 4000; i++)
		assert_int_equal(again[i], 0);
	arena_fini(&a);
}

static void test_reset_gives_a_large_block_back(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	assert_non_null(arena_take(&a, 200000));
	arena_reset(&a);
	assert_null(a.blocks);
	assert_non_null(arena_take(&a, 10));
	arena_reset(&a);
	assert_non_null(a.blocks);
	arena_fini(&a);
}

static void test_copy_has_a_nul_behind_it(void **state)
{
	struct arena a;
	struct slice s;

	(void)state;
	arena_init(&a, 100);
	s = arena_copy(&a, slice_of("a\0b", 3));
	assert_int_equal(s.len, 3);
	assert_memory_equal(s.ptr, "a\0b\0", 4);
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_over_the_cap),
		cmocka_unit_test(test_nothing_is_no_failure),
		cmocka_unit_test(test_pieces_are_aligned_and_apart),
		cmocka_unit_test(test_zeroed_after_reset),
		cmocka_unit_test(test_reset_gives_a_large_block_back),
		cmocka_unit_test(test_copy_has_a_nul_behind_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
