/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "svc/ocsp_cache.h"

#define NOW INT64_C(1780000000)

static struct ocsp_key key_of(const char *authority, uint8_t issuer, uint8_t serial)
{
	struct revocation_question question = { .authority = authority, .issuer_key = { issuer },
						.serial = { serial }, .serial_len = 1 };

	return ocsp_key_of(&question);
}

static struct ocsp_record record_until(int64_t look_again, bool revoked)
{
	return (struct ocsp_record){ .revoked = revoked, .until = look_again + 60, .look_again = look_again };
}

static void tells_keys_apart(void **state)
{
	struct ocsp_cache *cache = ocsp_cache_new(1000);
	struct ocsp_key key = key_of("a", 1, 1);
	const struct ocsp_key others[] = { key_of("b", 1, 1), key_of("a", 2, 1), key_of("a", 1, 2) };
	struct ocsp_record record = record_until(NOW + 60, true);
	struct ocsp_seen seen;

	(void)state;
	assert_false(ocsp_cache_look(cache, &key, NOW, &seen));
	ocsp_cache_put(cache, &key, &record);
	for (size_t i = 0; i < 3; i++)
		assert_false(ocsp_cache_look(cache, &others[i], NOW, &seen));
	assert_true(ocsp_cache_look(cache, &key, NOW, &seen));
	assert_true(seen.answered && seen.record.revoked && !seen.refresh);
	ocsp_cache_free(cache);
}

static void one_is_told_to_refresh(void **state)
{
	struct ocsp_cache *cache = ocsp_cache_new(1000);
	struct ocsp_key key = key_of("a", 1, 1);
	struct ocsp_record record = record_until(NOW + 10, false);
	struct ocsp_seen seen;

	(void)state;
	ocsp_cache_put(cache, &key, &record);
	assert_true(ocsp_cache_look(cache, &key, NOW + 9, &seen) && !seen.refresh);
	assert_true(ocsp_cache_look(cache, &key, NOW + 10, &seen) && seen.refresh);
	assert_true(ocsp_cache_look(cache, &key, NOW + 10, &seen) && !seen.refresh);
	/* Whoever was told did not come back. */
	assert_true(ocsp_cache_look(cache, &key, NOW + 41, &seen) && seen.refresh);
	/* That clock was ahead, and has been set since. */
	assert_true(ocsp_cache_look(cache, &key, NOW + 20, &seen) && seen.refresh);
	ocsp_cache_vain(cache, &key, NOW + 42);
	assert_true(ocsp_cache_look(cache, &key, NOW + 42, &seen) && !seen.refresh && seen.answered);
	assert_true(ocsp_cache_look(cache, &key, NOW + 43, &seen) && seen.refresh);
	ocsp_cache_free(cache);
}

static void knows_what_is_in_use(void **state)
{
	struct ocsp_cache *cache = ocsp_cache_new(1000);
	struct ocsp_key key = key_of("a", 1, 1), other = key_of("a", 1, 2);
	struct ocsp_record record = record_until(NOW + 10, false);
	struct ocsp_seen seen;

	(void)state;
	record.used_from = NOW + 5;
	ocsp_cache_put(cache, &key, &record);
	assert_false(ocsp_cache_peek(cache, &other, NOW + 5, &seen));
	assert_true(ocsp_cache_look(cache, &key, NOW + 4, &seen) && !seen.used);
	assert_true(ocsp_cache_peek(cache, &key, NOW + 5, &seen) && seen.answered && !seen.used);
	assert_true(ocsp_cache_look(cache, &key, NOW + 5, &seen) && seen.used);
	/* Whoever peeks is not told to refresh, and takes that from nobody. */
	assert_true(ocsp_cache_peek(cache, &key, NOW + 5, &seen) && seen.used && !seen.refresh);
	assert_true(ocsp_cache_look(cache, &key, NOW + 10, &seen) && seen.refresh);
	ocsp_cache_put(cache, &key, &record);
	assert_true(ocsp_cache_peek(cache, &key, NOW + 5, &seen) && !seen.used);
	assert_true(slice_eq(ocsp_key_serial(&other), SLICE_LIT("\x02")));
	ocsp_cache_free(cache);
}

static void pauses_double_up_to_a_minute(void **state)
{
	static const int pauses[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
	struct ocsp_cache *cache = ocsp_cache_new(1000);
	struct ocsp_key key = key_of("a", 1, 1);
	struct ocsp_record record = record_until(NOW, false);
	struct ocsp_seen seen;

	(void)state;
	for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		ocsp_cache_vain(cache, &key, NOW);
		assert_true(ocsp_cache_look(cache, &key, NOW, &seen));
		assert_false(seen.answered);
		assert_int_equal(seen.vain_until, NOW + pauses[i]);
	}
	/* The clock was ahead when it was asked in vain: it is not paused for until then. */
	assert_true(ocsp_cache_look(cache, &key, NOW - 86400, &seen));
	assert_int_equal(seen.vain_until, 0);
	ocsp_cache_put(cache, &key, &record);
	assert_true(ocsp_cache_look(cache, &key, NOW, &seen));
	assert_int_equal(seen.vain_until, 0);
	ocsp_cache_free(cache);
}

static void says_when_the_answer_changes(void **state)
{
	struct ocsp_cache *cache = ocsp_cache_new(1000);
	struct ocsp_key key = key_of("a", 1, 1);
	struct ocsp_record good = record_until(NOW, false), bad = record_until(NOW, true);

	(void)state;
	assert_false(ocsp_cache_put(cache, &key, &good));
	assert_false(ocsp_cache_put(cache, &key, &good));
	assert_true(ocsp_cache_put(cache, &key, &bad));
	assert_true(ocsp_cache_put(cache, &key, &good));
	ocsp_cache_free(cache);
}

static void is_bounded(void **state)
{
	struct ocsp_cache *cache = ocsp_cache_new(640);
	struct ocsp_record record = record_until(NOW, false);

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct ocsp_key key = key_of("a", (uint8_t)(i >> 8), (uint8_t)i);

		ocsp_cache_put(cache, &key, &record);
	}
	assert_true(ocsp_cache_count(cache) <= 64 * 11);
	assert_true(ocsp_cache_count(cache) > 500);
	ocsp_cache_free(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_what_is_in_use),
		cmocka_unit_test(tells_keys_apart),
		cmocka_unit_test(one_is_told_to_refresh),
		cmocka_unit_test(pauses_double_up_to_a_minute),
		cmocka_unit_test(says_when_the_answer_changes),
		cmocka_unit_test(is_bounded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
