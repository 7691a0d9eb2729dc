/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/text.h"
#include "core/pemcache.h"

#define BEGIN "-----BEGIN CERTIFICATE-----%0A"
#define END "-----END CERTIFICATE-----%0A"

static struct arena arena;
static struct pemcache *cache;

static int start(void **state)
{
	(void)state;
	arena_init(&arena, 64 << 20);
	cache = pemcache_new();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_fini(&arena);
	pemcache_free(cache);
	return 0;
}

static void assert_counts(uint64_t hits, uint64_t misses)
{
	struct pemcache_stats stats;

	pemcache_stats_get(cache, &stats);
	assert_int_equal(stats.hits, hits);
	assert_int_equal(stats.misses, misses);
}

static void get(struct slice text, size_t max, struct slice expected)
{
	struct dialect_chain chain;

	assert_int_equal(pemcache_get(cache, &arena, text, max, &chain), ERR_OK);
	assert_true(slice_eq(chain.der, expected));
}

static void nothing_is_kept_of_what_does_not_decode(void **state)
{
	struct dialect_chain chain;
	struct pemcache_stats stats;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pemcache_get(cache, &arena, SLICE_EMPTY, 1, &chain), ERR_FORMAT);
		assert_int_equal(pemcache_get(cache, &arena, SLICE_LIT(BEGIN "MAA%0A" END), 1, &chain), ERR_FORMAT);
		assert_int_equal(pemcache_get(cache, &arena, SLICE_LIT(BEGIN "MAAA%0A" END BEGIN "MAAA%0A" END), 1,
					      &chain), ERR_LIMIT);
	}
	pemcache_stats_get(cache, &stats);
	assert_int_equal(stats.hits, 0);
	assert_int_equal(stats.size, 0);
}

/* A chain that was welcome where more are is still too long where one is. */
static void bounds_hold_for_what_is_kept(void **state)
{
	struct slice two = SLICE_INIT(BEGIN "MAAA%0A" END BEGIN "MAAB%0A" END);
	struct dialect_chain chain;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pemcache_get(cache, &arena, two, 2, &chain), ERR_OK);
		assert_int_equal(chain.count, 2);
		assert_int_equal(chain.first, 3);
		assert_true(slice_eq(chain.der, slice_of("0\0\0000\0\001", 6)));
	}
	assert_counts(1, 1);
	assert_int_equal(pemcache_get(cache, &arena, two, 1, &chain), ERR_LIMIT);
	assert_counts(1, 2);
}

static void the_whole_text_counts(void **state)
{
	char a[] = BEGIN "MAAA%0A" END, b[] = BEGIN "MAAB%0A" END;

	(void)state;
	get(slice_str(a), 1, slice_of("0\0\0", 3));
	get(slice_str(b), 1, slice_of("0\0\1", 3));
	get(slice_str(a), 1, slice_of("0\0\0", 3));
	assert_counts(1, 2);
	/* What is kept does not live in the text. */
	memset(a, 'x', sizeof(a) - 1);
	get(SLICE_LIT(BEGIN "MAAA%0A" END), 1, slice_of("0\0\0", 3));
	assert_counts(2, 2);
}

/* They differ where the hash does not look: some are kept beside one another, and each is itself. */
static void texts_that_collide_are_told_apart(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 2; round++)
		for (uint8_t i = 0; i < 4; i++) {
			char text[] = BEGIN "MAAAAAAAAAAAAAAA%0A" END;
			const uint8_t der[12] = { '0', [8] = i };

			text[sizeof(BEGIN) - 1 + 11] = (char)('A' + i);
			get(slice_str(text), 1, slice_of(der, sizeof(der)));
		}
	assert_counts(4, 4);
}

static void one_that_is_too_large_is_decoded_each_time(void **state)
{
	struct buf text = buf_capped(0), der = buf_capped(0);

	(void)state;
	buf_str(&text, BEGIN);
	for (unsigned i = 0; i < PEMCACHE_TEXT_MAX / 64; i++) {
		buf_str(&text, "MAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAAMAAA%0A");
		for (unsigned k = 0; k < 16; k++)
			buf_put(&der, slice_of("0\0\0", 3));
	}
	buf_str(&text, END);
	get(buf_slice(&text), 1, buf_slice(&der));
	get(buf_slice(&text), 1, buf_slice(&der));
	assert_counts(0, 0);
	buf_fini(&text);
	buf_fini(&der);
}

/* Many large ones: the sum is bounded, and each is still read right. */
static void what_is_kept_is_bounded(void **state)
{
	static uint8_t bytes[9000];
	struct pemcache_stats stats;

	(void)state;
	for (unsigned i = 0; i < 2500; i++) {
		struct buf base64 = buf_capped(0), text = buf_capped(0);

		for (size_t at = 0; at < sizeof(bytes); at += sizeof(i))
			memcpy(bytes + at, &i, sizeof(i));
		text_base64(&base64, slice_of(bytes, sizeof(bytes)));
		buf_str(&text, BEGIN);
		for (size_t at = 0; at < base64.len; at += 64) {
			buf_put(&text, slice_sub(buf_slice(&base64), at, 64));
			buf_str(&text, "%0A");
		}
		buf_str(&text, END);
		get(buf_slice(&text), 1, slice_of(bytes, sizeof(bytes)));
		arena_reset(&arena);
		buf_fini(&base64);
		buf_fini(&text);
		pemcache_stats_get(cache, &stats);
		assert_true(stats.size <= PEMCACHE_SIZE_MAX);
	}
	assert_true(stats.size > PEMCACHE_SIZE_MAX / 2);
}

/* What was pushed out of its place does not count any more. */
static void many_small_ones_stay_small(void **state)
{
	struct pemcache_stats stats;
	char text[128];

	(void)state;
	for (unsigned i = 0; i < 60000; i++) {
		struct dialect_chain chain;

		snprintf(text, sizeof(text), "%sMA%c%c%c%cAA%s", BEGIN, 'A' + i / 17576, 'A' + i / 676 % 26,
			 'A' + i / 26 % 26, 'A' + i % 26, "%0A" END);
		assert_int_equal(pemcache_get(cache, &arena, slice_str(text), 1, &chain), ERR_OK);
	}
	pemcache_stats_get(cache, &stats);
	assert_int_equal(stats.misses, 60000);
	assert_true(stats.size > 60000 && stats.size < 60000 * 16);
}

static void memory_that_is_missing_is_told(void **state)
{
	struct slice text = SLICE_INIT(BEGIN "MAAA%0A" END);
	struct dialect_chain chain;
	struct arena small;

	(void)state;
	get(text, 1, slice_of("0\0\0", 3));
	arena_init(&small, 1);
	assert_int_equal(pemcache_get(cache, &small, text, 1, &chain), ERR_MEMORY);
	arena_fini(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_kept_of_what_does_not_decode, start, stop),
		cmocka_unit_test_setup_teardown(bounds_hold_for_what_is_kept, start, stop),
		cmocka_unit_test_setup_teardown(the_whole_text_counts, start, stop),
		cmocka_unit_test_setup_teardown(texts_that_collide_are_told_apart, start, stop),
		cmocka_unit_test_setup_teardown(one_that_is_too_large_is_decoded_each_time, start, stop),
		cmocka_unit_test_setup_teardown(what_is_kept_is_bounded, start, stop),
		cmocka_unit_test_setup_teardown(many_small_ones_stay_small, start, stop),
		cmocka_unit_test_setup_teardown(memory_that_is_missing_is_told, start, stop),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
