/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "eval_url.h"

static void assert_slice(struct slice seen, const char *wanted)
{
	assert_int_equal(seen.len, strlen(wanted));
	assert_memory_equal(seen.len ? (const char *)seen.ptr : "", wanted, seen.len);
}

static void refuses_what_is_no_url(void **state)
{
	static const char *const bad[] = {
		"", "/", "example.com/", "//example.com/", "ftp://example.com/", "https:/example.com/",
		"https://", "https:///path", "https://?q", "https://user@example.com/", "https://#f",
		"https://exa mple.com/", "https://example.com/a b", "https://example.com/\r\nx: y",
		"https//example.com", "httpss://example.com/", "https://u:p@example.com",
	};
	struct eval_input input;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (eval_url_split(slice_str(bad[i]), &input))
			fail_msg("taken: %s", bad[i]);
}

static void splits(void **state)
{
	static const struct {
		const char *url, *scheme, *host, *path, *query;
	} good[] = {
		{ "https://example.com", "https", "example.com", "/", "" },
		{ "HTTP://Example.com:8080/", "http", "Example.com:8080", "/", "" },
		{ "https://h/a/b?c=d&e?f#g", "https", "h", "/a/b", "c=d&e?f" },
		{ "https://h?q", "https", "h", "/", "q" },
		{ "https://h/p?", "https", "h", "/p", "" },
		{ "https://h/p#f?q", "https", "h", "/p", "" },
		{ "https://[::1]:443/@x", "https", "[::1]:443", "/@x", "" },
		{ "https://h/a://b", "https", "h", "/a://b", "" },
	};
	struct eval_input input;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(eval_url_split(slice_str(good[i].url), &input));
		assert_slice(input.scheme, good[i].scheme);
		assert_slice(input.host, good[i].host);
		assert_slice(input.path, good[i].path);
		assert_slice(input.query, good[i].query);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_is_no_url),
		cmocka_unit_test(splits),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
