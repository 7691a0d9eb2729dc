/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "core/chaincache.h"

static const uint8_t *digest(unsigned n)
{
	static _Thread_local uint8_t octets[32];

	memset(octets, 0, sizeof(octets));
	memcpy(octets, &n, sizeof(n));
	return octets;
}

static bool has(struct chaincache *cache, unsigned n, const char *want)
{
	struct buf out = buf_capped(0);
	bool found = chaincache_get(cache, digest(n), &out);

	assert_int_equal(chaincache_has(cache, digest(n)), found);
	if (found)
		assert_true(slice_eq(buf_slice(&out), slice_str(want)));
	else
		assert_int_equal(out.len, 0);
	buf_fini(&out);
	return found;
}

static void test_what_is_not_kept(void **state)
{
	struct chaincache *cache = chaincache_new(10);

	(void)state;
	assert_false(has(cache, 1, ""));
	chaincache_put(cache, digest(1), SLICE_EMPTY);
	chaincache_put(cache, digest(1), SLICE_LIT("eleven byte"));
	assert_false(has(cache, 1, ""));
	assert_int_equal(chaincache_number(cache), 0);
	chaincache_free(cache);
	chaincache_free(NULL);
}

static void test_oldest_go_first(void **state)
{
	struct chaincache *cache = chaincache_new(10);

	(void)state;
	chaincache_put(cache, digest(1), SLICE_LIT("aaaa"));
	chaincache_put(cache, digest(2), SLICE_LIT("bbbb"));
	assert_true(has(cache, 1, "aaaa"));
	chaincache_put(cache, digest(3), SLICE_LIT("cccc"));
	assert_false(has(cache, 1, ""));
	assert_true(has(cache, 2, "bbbb"));
	chaincache_put(cache, digest(4), SLICE_LIT("tenletters"));
	assert_false(has(cache, 2, ""));
	assert_false(has(cache, 3, ""));
	assert_true(has(cache, 4, "tenletters"));
	chaincache_free(cache);
}

static void test_number_grows_with_news_only(void **state)
{
	struct chaincache *cache = chaincache_new(100);

	(void)state;
	chaincache_put(cache, digest(1), SLICE_LIT("one"));
	chaincache_put(cache, digest(1), SLICE_LIT("one"));
	assert_int_equal(chaincache_number(cache), 1);
	chaincache_put(cache, digest(1), SLICE_LIT("two"));
	assert_int_equal(chaincache_number(cache), 2);
	assert_true(has(cache, 1, "two"));
	chaincache_free(cache);
}

static void *put_and_get(void *arg)
{
	for (unsigned i = 0; i < 2000; i++) {
		struct buf out = buf_capped(0);

		chaincache_put(arg, digest(i % 50), i % 3 ? SLICE_LIT("short") : SLICE_LIT("longer one"));
		if (chaincache_get(arg, digest((i + 7) % 50), &out))
			assert_true(out.len == 5 || out.len == 10);
		(void)chaincache_number(arg);
		buf_fini(&out);
	}
	return NULL;
}

static void test_many_threads(void **state)
{
	struct chaincache *cache = chaincache_new(100);
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, put_and_get, cache), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	chaincache_free(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_not_kept),
		cmocka_unit_test(test_oldest_go_first),
		cmocka_unit_test(test_number_grows_with_news_only),
		cmocka_unit_test(test_many_threads),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
