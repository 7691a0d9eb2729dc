/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "wire/grpc.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void bodies_hold_one_whole_message(void **state)
{
	static const struct {
		struct slice body;
		enum grpc_status status;
	} cases[] = {
		{ SLICE_INIT(""), GRPC_INTERNAL },
		{ SLICE_INIT("\0\0\0\0"), GRPC_INTERNAL },
		{ SLICE_INIT("\0\0\0\0\1"), GRPC_INTERNAL },
		{ SLICE_INIT("\0\0\0\0\1xy"), GRPC_INTERNAL },
		{ SLICE_INIT("\0\0\0\0\1x\0\0\0\0\0"), GRPC_INTERNAL },
		{ SLICE_INIT("\0\xff\xff\xff\xffx"), GRPC_INTERNAL },
		{ SLICE_INIT("\1\0\0\0\1x"), GRPC_UNIMPLEMENTED },
		{ SLICE_INIT("\2\0\0\0\0"), GRPC_INTERNAL },
		{ SLICE_INIT("\1\0\0\0\0"), GRPC_OK },
		{ SLICE_INIT("\0\0\0\0\1x"), GRPC_OK },
		{ SLICE_INIT("\0\0\0\0\0"), GRPC_OK },
	};
	struct slice message;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (grpc_message(cases[i].body, &message) != cases[i].status)
			fail_msg("case %zu", i);
	assert_int_equal(grpc_message(SLICE_LIT("\0\0\0\0\3abc"), &message), GRPC_OK);
	assert_true(slice_eq(message, SLICE_LIT("abc")));
}

static void prefixes_hold_the_length(void **state)
{
	uint8_t out[GRPC_PREFIX];

	(void)state;
	grpc_prefix(out, 0x01020304);
	assert_memory_equal(out, "\0\1\2\3\4", 5);
}

static void timeouts_have_digits_and_a_unit(void **state)
{
	static const struct {
		const char *text;
		int64_t ns; /* -1: none */
	} cases[] = {
		{ "", -1 }, { "m", -1 }, { "1", -1 }, { "1s", -1 }, { "-1m", -1 }, { "+1m", -1 },
		{ " 1m", -1 }, { "1m ", -1 }, { "123456789m", -1 }, { "1.5S", -1 }, { "0x1m", -1 },
		{ "250m", 250000000 }, { "0n", 0 }, { "1n", 1 }, { "7u", 7000 }, { "2S", 2000000000 },
		{ "3M", INT64_C(180000000000) }, { "1H", INT64_C(3600000000000) },
		{ "99999999m", INT64_C(99999999000000) }, { "99999999H", INT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t ns = -1;

		if (grpc_timeout(slice_str(cases[i].text), &ns) != (cases[i].ns >= 0) ||
		    ns != cases[i].ns)
			fail_msg("\"%s\"", cases[i].text);
	}
}

static void content_types_begin_with_grpc(void **state)
{
	(void)state;
	assert_true(grpc_content_type(SLICE_LIT("application/grpc")));
	assert_true(grpc_content_type(SLICE_LIT("application/grpc+proto")));
	assert_true(grpc_content_type(SLICE_LIT("Application/gRPC;v=1")));
	assert_false(grpc_content_type(SLICE_LIT("application/grpc-web")));
	assert_false(grpc_content_type(SLICE_LIT("application/grp")));
	assert_false(grpc_content_type(SLICE_LIT("application/json")));
	assert_false(grpc_content_type(SLICE_EMPTY));
}

static void messages_are_escaped(void **state)
{
	struct buf b = buf_capped(0);

	(void)state;
	grpc_escape(&b, SLICE_LIT("a b%\n\xc3\xa9~"));
	assert_true(slice_eq(buf_slice(&b), SLICE_LIT("a b%25%0A%C3%A9~")));
	buf_fini(&b);
}

static void health_is_read_and_told(void **state)
{
	struct buf b = buf_capped(0);
	struct slice service;

	(void)state;
	assert_int_equal(grpc_health_decode(SLICE_LIT("\x0a\x03" "abc"), &service), ERR_OK);
	assert_true(slice_eq(service, SLICE_LIT("abc")));
	assert_int_equal(grpc_health_decode(SLICE_EMPTY, &service), ERR_OK);
	assert_int_equal(service.len, 0);
	assert_int_equal(grpc_health_decode(SLICE_LIT("\x0a\x04" "abc"), &service), ERR_SHORT);
	assert_int_equal(grpc_health_decode(SLICE_LIT("\x08\x04"), &service), ERR_TYPE);
	assert_int_equal(grpc_health_decode(SLICE_LIT("\x0a\x01" "a\x0a\x01" "b"), &service), ERR_DUPLICATE);
	grpc_health_encode(&b, true);
	grpc_health_encode(&b, false);
	assert_true(slice_eq(buf_slice(&b), SLICE_LIT("\x08\x01\x08\x02")));
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_hold_one_whole_message),
		cmocka_unit_test(prefixes_hold_the_length),
		cmocka_unit_test(timeouts_have_digits_and_a_unit),
		cmocka_unit_test(content_types_begin_with_grpc),
		cmocka_unit_test(messages_are_escaped),
		cmocka_unit_test(health_is_read_and_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
