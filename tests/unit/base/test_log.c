/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/slice.h"

/* What f wrote to stderr. */
static char seen[1 << 20];

static struct slice capture(void (*f)(void))
{
	int old = dup(STDERR_FILENO);
	FILE *file = tmpfile();
	size_t n;

	dup2(fileno(file), STDERR_FILENO);
	f();
	dup2(old, STDERR_FILENO);
	close(old);
	rewind(file);
	n = fread(seen, 1, sizeof(seen), file);
	fclose(file);
	return slice_of(seen, n);
}

static void forged(void)
{
	log_error("name \"%s\"", "x\n2026-01-01 error: forged\r\x1b[31m\x7f");
}

static void test_input_cannot_forge_lines(void **state)
{
	struct slice out = capture(forged);

	(void)state;
	assert_int_equal(slice_find(out, '\n'), out.len - 1);
	assert_int_equal(slice_find(out, '\r'), out.len);
	assert_int_equal(slice_find(out, 0x1b), out.len);
	assert_int_equal(slice_find(out, 0x7f), out.len);
}

static void huge(void)
{
	static char text[100000];

	memset(text, 'a', sizeof(text) - 1);
	log_error("%s", text);
}

static void test_long_line_is_cut(void **state)
{
	struct slice out = capture(huge);

	(void)state;
	assert_in_range(out.len, 1000, 4096);
	assert_int_equal(slice_find(out, '\n'), out.len - 1);
}

static void all_levels(void)
{
	log_error("e");
	log_warning("w");
	log_info("i");
	log_debug("d");
}

static void test_levels(void **state)
{
	struct slice out;

	(void)state;
	unsetenv("JOURNAL_STREAM");
	log_set_level(LOG_LEVEL_WARNING);
	out = capture(all_levels);
	assert_non_null(memmem(out.ptr, out.len, "Z error: e\n", 11));
	assert_non_null(memmem(out.ptr, out.len, "Z warning: w\n", 13));
	assert_null(memmem(out.ptr, out.len, "info", 4));
	log_set_level(LOG_LEVEL_DEBUG);
	out = capture(all_levels);
	assert_non_null(memmem(out.ptr, out.len, "debug: d\n", 9));
	log_set_level(LOG_LEVEL_INFO);
}

static void test_under_systemd(void **state)
{
	struct slice out;

	(void)state;
	setenv("JOURNAL_STREAM", "8:1", 1);
	out = capture(all_levels);
	unsetenv("JOURNAL_STREAM");
	assert_true(slice_eq(out, SLICE_LIT("<3>e\n<4>w\n<6>i\n")));
}

static void *write_lines(void *arg)
{
	for (int i = 0; i < 500; i++)
		log_info("%s", (const char *)arg);
	return NULL;
}

static void from_two_threads(void)
{
	static char as[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	static char bs[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
	pthread_t a, b;

	pthread_create(&a, NULL, write_lines, as);
	pthread_create(&b, NULL, write_lines, bs);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
}

static void test_threads_do_not_mix(void **state)
{
	struct slice out = capture(from_two_threads);
	unsigned lines = 0;

	(void)state;
	while (out.len) {
		struct slice line = slice_cut(&out, '\n');
		uint8_t last = line.ptr[line.len - 1];

		lines++;
		assert_true(line.len > 40);
		for (size_t i = line.len - 40; i < line.len; i++)
			assert_int_equal(line.ptr[i], last);
	}
	assert_int_equal(lines, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_input_cannot_forge_lines),
		cmocka_unit_test(test_long_line_is_cut),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_under_systemd),
		cmocka_unit_test(test_threads_do_not_mix),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
