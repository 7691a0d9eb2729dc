/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pki/names.h"

/* Name with one CN of that text as UTF8String, in out; its length. */
static struct slice name_of(const char *text, uint8_t *out)
{
	size_t len = strlen(text);
	const uint8_t head[] = { 0x30, (uint8_t)(11 + len), 0x31, (uint8_t)(9 + len), 0x30, (uint8_t)(7 + len),
				 0x06, 3, 0x55, 4, 3, 0x0c, (uint8_t)len };

	memcpy(out, head, sizeof(head));
	memcpy(out + sizeof(head), text, len);
	return slice_of(out, sizeof(head) + len);
}

static void test_bad_names(void **state)
{
	struct names *names = names_new();
	uint8_t bytes[64];
	struct slice name = name_of("a", bytes);
	size_t number = 77;

	(void)state;
	assert_int_equal(names_add(names, SLICE_EMPTY, &number), ERR_FORMAT);
	assert_int_equal(names_add(names, SLICE_LIT("\x04\x00"), &number), ERR_FORMAT);
	assert_int_equal(names_add(names, slice_sub(name, 0, name.len - 1), &number), ERR_FORMAT);
	bytes[name.len] = 0;
	assert_int_equal(names_add(names, slice_of(bytes, name.len + 1), &number), ERR_FORMAT);
	assert_false(names_find(names, name, &number));
	assert_int_equal(names_count(names), 0);
	assert_int_equal(number, 77);
	names_free(names);
	names_free(NULL);
}

static void test_spellings_are_one_name(void **state)
{
	struct names *names = names_new();
	uint8_t bytes[64];
	size_t number;

	(void)state;
	assert_int_equal(names_add(names, name_of("Issuing CA", bytes), &number), ERR_OK);
	assert_int_equal(number, 0);
	assert_int_equal(names_add(names, name_of("Issuing CB", bytes), &number), ERR_OK);
	assert_int_equal(number, 1);
	assert_int_equal(names_add(names, name_of(" issuing   ca", bytes), &number), ERR_OK);
	assert_int_equal(number, 0);
	assert_int_equal(names_count(names), 2);
	assert_false(names_find(names, name_of("IssuingCA", bytes), &number));
	assert_true(names_find(names, name_of("ISSUING CB", bytes), &number));
	assert_int_equal(number, 1);
	names_free(names);
}

static void test_no_more_than_the_most(void **state)
{
	struct names *names = names_new();
	char text[20];
	uint8_t bytes[64];
	size_t number;

	(void)state;
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		snprintf(text, sizeof(text), "ca %u", i);
		assert_int_equal(names_add(names, name_of(text, bytes), &number), ERR_OK);
		assert_int_equal(number, i);
	}
	assert_int_equal(names_add(names, name_of("one more", bytes), &number), ERR_LIMIT);
	assert_int_equal(names_add(names, name_of("ca 3", bytes), &number), ERR_OK);
	assert_int_equal(number, 3);
	names_free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_spellings_are_one_name),
		cmocka_unit_test(test_no_more_than_the_most),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
