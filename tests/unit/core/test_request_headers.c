/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/request_headers.h"
#include "lib/bytes.h"

static struct arena arena;
static struct request req;
static struct headers_seen seen;

static int start(void **state)
{
	(void)state;
	arena_init(&arena, 65536);
	request_init(&req, &arena);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

static void send(const char *name, enum value_kind kind, struct slice bytes)
{
	struct value value = { .kind = kind, .bytes = bytes };

	assert_int_equal(request_set_arg(&req, slice_str(name), value), ERR_OK);
}

#define BLOCK SLICE_LIT("\x04" "Host" "\x01" "a" "\x0a" "User-Agent" "\x04" "curl" "\x05" "Empty" "\x00" \
			"\x0a" "user-agent" "\x05" "other" "\0\0")

static void blocks_that_are_none(void **state)
{
	static const struct slice bad[] = {
		SLICE_INIT(""), SLICE_INIT("\0"), SLICE_INIT("\0\0\0"), SLICE_INIT("\x01" "a" "\x01" "b"),
		SLICE_INIT("\x01" "a" "\x01" "b" "\0"), SLICE_INIT("\x01" "a" "\x05" "b" "\0\0"),
		SLICE_INIT("\xff\xff\xff\xff"), SLICE_INIT("\0\x01" "b" "\0\0"),
		SLICE_INIT("\x01" "a" "\x01" "b" "\0\0" "x"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		stop(NULL);
		start(NULL);
		send("headers", VALUE_BINARY, bad[i]);
		assert_int_equal(request_headers_check(&req, &seen), ERR_FORMAT);
	}
}

static void blocks_truncated_at_every_byte(void **state)
{
	struct slice block = BLOCK;

	(void)state;
	for (size_t len = 0; len < block.len; len++) {
		stop(NULL);
		start(NULL);
		send("headers", VALUE_BINARY, slice_sub(block, 0, len));
		assert_int_equal(request_headers_check(&req, &seen), ERR_FORMAT);
	}
}

static void not_sent_is_not_absent(void **state)
{
	struct slice value;

	(void)state;
	assert_int_equal(request_headers_check(&req, &seen), ERR_OK);
	assert_int_equal(request_header(&req, SLICE_LIT("accept"), &value), HEADER_NOT_SENT);
	send("hdr_accept", VALUE_NULL, SLICE_EMPTY);
	assert_int_equal(request_header(&req, SLICE_LIT("accept"), &value), HEADER_ABSENT);
	assert_int_equal(request_header(&req, SLICE_LIT("host"), &value), HEADER_NOT_SENT);
	send("headers", VALUE_BINARY, SLICE_LIT("\0\0"));
	assert_int_equal(request_headers_check(&req, &seen), ERR_OK);
	assert_int_equal(request_header(&req, SLICE_LIT("host"), &value), HEADER_ABSENT);
}

static void the_first_of_a_name_in_any_case(void **state)
{
	struct slice value;

	(void)state;
	send("headers", VALUE_BINARY, BLOCK);
	assert_int_equal(request_headers_check(&req, &seen), ERR_OK);
	assert_int_equal(request_header(&req, SLICE_LIT("user-agent"), &value), HEADER_PRESENT);
	assert_slice(value, "curl");
	assert_int_equal(request_header(&req, SLICE_LIT("empty"), &value), HEADER_PRESENT);
	assert_slice(value, "");
	assert_int_equal(request_header(&req, SLICE_LIT("hos"), &value), HEADER_ABSENT);
}

static void single_ones_by_argument(void **state)
{
	struct slice value;

	(void)state;
	send("hdr_user_agent", VALUE_TEXT, SLICE_LIT("curl"));
	send("hdr_X-Y", VALUE_TEXT, SLICE_LIT("z"));
	send("hdr", VALUE_TEXT, SLICE_LIT("no"));
	assert_int_equal(request_header(&req, SLICE_LIT("user-agent"), &value), HEADER_PRESENT);
	assert_slice(value, "curl");
	assert_int_equal(request_header(&req, SLICE_LIT("x-y"), &value), HEADER_PRESENT);
	assert_slice(value, "z");
	assert_int_equal(request_header(&req, SLICE_LIT("user.agent"), &value), HEADER_NOT_SENT);
	assert_int_equal(request_header(&req, SLICE_EMPTY, &value), HEADER_NOT_SENT);
}

static void what_deciding_needs_is_seen_on_the_way(void **state)
{
	(void)state;
	assert_int_equal(request_headers_check(&req, &seen), ERR_OK);
	assert_int_equal(seen.hosts + seen.early_data, 0);
	send("headers", VALUE_BINARY, SLICE_LIT("\x04" "hosx" "\x00" "\x04" "Host" "\x01" "a" "\x0a" "early_data" "\x01" "1"
						"\x04" "hOST" "\x01" "a" "\0\0"));
	assert_int_equal(request_headers_check(&req, &seen), ERR_OK);
	assert_int_equal(seen.hosts, 2);
	assert_false(seen.early_data);
	stop(NULL);
	start(NULL);
	send("headers", VALUE_BINARY, SLICE_LIT("\x0a" "Early-DATA" "\x01" "0" "\x01" "a" "\0" "\0\0"));
	assert_int_equal(request_headers_check(&req, &seen), ERR_OK);
	assert_int_equal(seen.hosts, 0);
	assert_true(seen.early_data);
}

static void stepping(void **state)
{
	static const struct slice names[] = { SLICE_INIT("Host"), SLICE_INIT("User-Agent"),
					      SLICE_INIT("Empty"), SLICE_INIT("user-agent") };
	struct slice name, value;
	size_t at = 0;

	(void)state;
	assert_false(request_header_next(&req, &at, &name, &value));
	send("headers", VALUE_BINARY, BLOCK);
	for (size_t i = 0; i < 4; i++) {
		assert_true(request_header_next(&req, &at, &name, &value));
		assert_bytes(name, names[i]);
	}
	assert_false(request_header_next(&req, &at, &name, &value));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(blocks_that_are_none),
		TEST(blocks_truncated_at_every_byte),
		TEST(not_sent_is_not_absent),
		TEST(the_first_of_a_name_in_any_case),
		TEST(single_ones_by_argument),
		TEST(what_deciding_needs_is_seen_on_the_way),
		TEST(stepping),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
