/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/text.h"

static void test_hex_that_is_none(void **state)
{
	static const char *const bad[] = { "0", "0g", "0x00", "00 ", ":00", "\xc3\xbc" };
	struct buf b = buf_capped(0), small = buf_capped(2);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(text_unhex(&b, slice_str(bad[i])), ERR_FORMAT);
		buf_reset(&b);
	}
	assert_int_equal(text_unhex(&small, SLICE_LIT("000102")), ERR_LIMIT);
	assert_int_equal(text_unhex(&b, SLICE_LIT("00fFaB9")), ERR_FORMAT);
	buf_reset(&b);
	assert_int_equal(text_unhex(&b, SLICE_LIT("00fFaB")), ERR_OK);
	assert_memory_equal(b.ptr, "\0\xff\xab", 3);
	buf_fini(&b);
	buf_fini(&small);
}

static void test_hex_and_base64(void **state)
{
	/* RFC 4648 section 10. */
	static const char *const vectors[][2] = {
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
	};
	struct buf b = buf_capped(0);

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		buf_reset(&b);
		text_base64(&b, slice_str(vectors[i][0]));
		assert_true(slice_eq(buf_slice(&b), slice_str(vectors[i][1])));
	}
	buf_reset(&b);
	text_base64(&b, slice_of("\xfb\xff\xbf", 3));
	assert_true(slice_eq(buf_slice(&b), SLICE_LIT("+/+/")));
	buf_reset(&b);
	text_hex(&b, slice_of("\0\x9f\xff", 3), true);
	text_hex(&b, slice_of("\xab", 1), false);
	text_hex(&b, SLICE_EMPTY, false);
	assert_true(slice_eq(buf_slice(&b), SLICE_LIT("009FFFab")));
	buf_fini(&b);
}

static void test_bytes_that_are_no_utf8(void **state)
{
	static const char *const bad[] = {
		"\x80", "\xbf", "\xc0\xaf", "\xc1\xbf", "\xc3", "\xc3\x28", "\xe0\x80\xaf", "\xe0\x9f\xbf",
		"\xed\xa0\x80", "\xed\xbf\xbf", "\xe2\x82", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xf0\x9f\x94", "a\xe2\x28\xa1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(utf8_valid(slice_str(bad[i])));
	assert_int_equal(utf8_length(SLICE_EMPTY), 0);
	assert_int_equal(utf8_length(SLICE_LIT("\x7f")), 1);
	assert_int_equal(utf8_length(SLICE_LIT("\xc2\x80")), 2);
	assert_int_equal(utf8_length(SLICE_LIT("\xe0\xa0\x80")), 3);
	assert_int_equal(utf8_length(SLICE_LIT("\xef\xbf\xbf")), 3);
	assert_int_equal(utf8_length(SLICE_LIT("\xf4\x8f\xbf\xbf")), 4);
	assert_true(utf8_valid(SLICE_LIT("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x94\x92")));
	assert_true(utf8_valid(slice_of("\0", 1)));
}

/* ASCII is looked at by the word: a bad byte must show wherever it stands. */
static void test_one_bad_byte_anywhere(void **state)
{
	char text[40];

	(void)state;
	for (size_t len = 1; len <= sizeof(text); len++) {
		for (size_t at = 0; at < len; at++) {
			memset(text, 'a', sizeof(text));
			assert_true(utf8_valid(slice_of(text, len)));
			text[at] = '\xff';
			assert_false(utf8_valid(slice_of(text, len)));
			if (at + 1 == len)
				continue;
			text[at] = '\xc3';
			text[at + 1] = '\xbc';
			assert_true(utf8_valid(slice_of(text, len)));
		}
	}
}

static void test_header_words(void **state)
{
	(void)state;
	assert_false(text_is_token(SLICE_EMPTY));
	assert_false(text_is_token(SLICE_LIT("a b")));
	assert_false(text_is_token(SLICE_LIT("a:")));
	assert_false(text_is_token(SLICE_LIT("a\r\nb")));
	assert_false(text_is_token(SLICE_LIT("\xc3\xbc")));
	assert_false(text_is_token(slice_of("a\0", 2)));
	assert_false(text_is_token(SLICE_LIT("a{")));
	assert_true(text_is_token(SLICE_LIT("X-Client_1!#$%&'*+-.^`|~")));
	for (unsigned c = 0; c < 256; c++) {
		uint8_t text = (uint8_t)c;
		bool letter = c && strchr("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
					  "ABCDEFGHIJKLMNOPQRSTUVWXYZ", (int)c);

		assert_int_equal(text_is_token(slice_of(&text, 1)), letter);
	}
	assert_false(text_is_field_value(SLICE_LIT("a\r\nb: c")));
	assert_false(text_is_field_value(SLICE_LIT("a\nb")));
	assert_false(text_is_field_value(slice_of("a\0b", 3)));
	assert_false(text_is_field_value(SLICE_LIT("a\x7f")));
	assert_false(text_is_field_value(SLICE_LIT(" a")));
	assert_false(text_is_field_value(SLICE_LIT("a\t")));
	assert_true(text_is_field_value(SLICE_LIT("a \t b")));
	assert_true(text_is_field_value(SLICE_EMPTY));
	assert_true(text_is_field_value(SLICE_LIT("\xc3\xbc")));
	for (unsigned c = 0; c < 256; c++)
		for (size_t at = 0; at < 40; at++) {
			uint8_t text[40];

			memset(text, 'a', sizeof(text));
			text[at] = (uint8_t)c;
			for (size_t len = at + 1; len <= sizeof(text); len++)
				assert_int_equal(text_has_control(slice_of(text, len)),
						 (c < 0x20 && c != '\t') || c == 0x7f);
		}
}

static void test_nearest(void **state)
{
	static const char *const names[] = { "authorities", "hosts", "workers", "kv", NULL };
	char longest[200];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	assert_null(text_nearest(SLICE_EMPTY, names));
	assert_null(text_nearest(SLICE_LIT("nothing"), names));
	assert_null(text_nearest(slice_of(longest, sizeof(longest)), names));
	/* Two letters away from everything of two letters is near to nothing. */
	assert_null(text_nearest(SLICE_LIT("xy"), names));
	assert_string_equal(text_nearest(SLICE_LIT("authoritys"), names), "authorities");
	assert_string_equal(text_nearest(SLICE_LIT("host"), names), "hosts");
	assert_string_equal(text_nearest(SLICE_LIT("wrokers"), names), "workers");
	assert_string_equal(text_nearest(SLICE_LIT("kv"), names), "kv");
}

static void test_times_that_are_none(void **state)
{
	static const char *const bad[] = {
		"", "now", "-1", "2026-01-31", "2026-01-31T00:00:00", "2026-02-29T00:00:00Z",
		"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z",
		"2026-01-31T24:00:00Z", "2026-01-31T00:60:00Z", "2026-01-31T00:00:61Z",
		"2026-1-31T00:00:00Z", "2026-01-31T00:00:00Zx", "2026-01-31T00:00:00.Z",
		"2026-01-31T00:00:00+0100", "2026-01-31T00:00:00+24:00", "2026-01-31X00:00:00Z",
		"9223372036854775808", "1900-02-29T00:00:00Z", "2026-01-31T00:00:00,5Z",
	};
	int64_t t = 5;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (text_to_time(slice_str(bad[i]), &t))
			fail_msg("\"%s\" was taken for a time", bad[i]);
	assert_false(text_to_time(slice_of("2026-01-31T00:00:00Z\0", 21), &t));
	assert_int_equal(t, 5);
}

static void test_times(void **state)
{
	static const struct {
		const char *text;
		int64_t want;
	} good[] = {
		{ "0", 0 },
		{ "1780000000", 1780000000 },
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1969-12-31T23:59:59Z", -1 },
		{ "2000-02-29T12:00:00Z", 951825600 },
		{ "2026-05-28T20:26:40Z", 1780000000 },
		{ "2026-05-28t22:26:40.123+02:00", 1780000000 },
		{ "2026-05-28 14:56:40-05:30", 1780000000 },
		{ "0000-01-01T00:00:00Z", INT64_C(-62167219200) },
		{ "9999-12-31T23:59:60Z", INT64_C(253402300800) },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		int64_t t = 5;

		assert_true(text_to_time(slice_str(good[i].text), &t));
		assert_true(t == good[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hex_that_is_none),
		cmocka_unit_test(test_hex_and_base64),
		cmocka_unit_test(test_bytes_that_are_no_utf8),
		cmocka_unit_test(test_one_bad_byte_anywhere),
		cmocka_unit_test(test_header_words),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_times_that_are_none),
		cmocka_unit_test(test_times),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
