/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/bytes.h"
#include "lib/captures.h"
#include "wire/spop.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A captured frame without its LEN, which must be right. */
static struct slice unframed(const char *text)
{
	struct slice frame = bytes(text);
	struct reader r = reader_of(frame);

	assert_int_equal(reader_u32(&r), frame.len - SPOP_PREFIX);
	return slice_sub(frame, SPOP_PREFIX, frame.len);
}

static struct spop_frame decoded(const char *text)
{
	struct spop_frame frame;

	assert_int_equal(spop_frame_decode(unframed(text), &frame), SPOP_NORMAL);
	return frame;
}

static void headers_truncated_at_every_byte(void **state)
{
	struct slice header = bytes("03 00 00 00 01 f0 80 00 ff f0 fe fe fe fe fe fe fe 0e");
	struct spop_frame frame;

	(void)state;
	for (size_t len = 0; len < header.len; len++)
		assert_int_equal(spop_frame_decode(slice_sub(header, 0, len), &frame), SPOP_INVALID);
	assert_int_equal(spop_frame_decode(header, &frame), SPOP_NORMAL);
	assert_int_equal(frame.type, SPOP_NOTIFY);
	assert_true(frame.stream_id == 2288);
	assert_true(frame.frame_id == UINT64_MAX);
	assert_int_equal(frame.payload.len, 0);
}

static void flags(void **state)
{
	static const struct {
		const char *bytes;
		enum spop_status status;
	} cases[] = {
		{ "03 00 00 00 00 01 01", SPOP_NORMAL }, { "03 00 00 00 01 01 01", SPOP_NORMAL },
		{ "00 00 00 00 03 01 01", SPOP_NORMAL }, { "00 00 00 00 02 01 01", SPOP_INVALID },
		{ "03 00 00 00 05 01 01", SPOP_INVALID }, { "03 01 00 00 00 01 01", SPOP_INVALID },
		{ "03 80 00 00 01 01 01", SPOP_INVALID },
		{ "03 00 00 00 01 01 f0 80 80 80 80 80 80 80 80 80 00", SPOP_INVALID },
	};
	struct spop_frame frame;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(spop_frame_decode(bytes(cases[i].bytes), &frame), cases[i].status);
}

static void a_hello_of_2_6(void **state)
{
	struct spop_frame frame = decoded(CAPTURE_HELLO_2_6);
	struct spop_hello hello;
	struct buf b = buf_capped(0);

	(void)state;
	assert_int_equal(frame.type, SPOP_HAPROXY_HELLO);
	assert_int_equal(spop_hello_decode(frame.payload, &hello), SPOP_NORMAL);
	assert_slice(hello.versions, "2.0");
	assert_int_equal(hello.max_frame_size, 16380);
	assert_slice(hello.capabilities, "pipelining,async");
	assert_slice(hello.engine_id, "967d3b24-3d86-4619-907a-e0406ef25fd6");
	assert_false(hello.healthcheck);
	spop_hello_encode(&b, &hello);
	assert_bytes(buf_slice(&b), bytes(CAPTURE_HELLO_2_6));
	buf_fini(&b);
}

static void a_health_check(void **state)
{
	struct spop_hello hello;
	struct buf b = buf_capped(0);

	(void)state;
	assert_int_equal(bytes(CAPTURE_HEALTHCHECK).len, 82);
	assert_int_equal(spop_hello_decode(decoded(CAPTURE_HEALTHCHECK).payload, &hello), SPOP_NORMAL);
	assert_true(hello.healthcheck);
	assert_int_equal(hello.capabilities.len, 0);
	assert_int_equal(hello.engine_id.len, 0);
	spop_hello_encode(&b, &hello);
	assert_bytes(buf_slice(&b), bytes(CAPTURE_HEALTHCHECK));
	buf_fini(&b);
}

static void agent_hello_byte_for_byte(void **state)
{
	static const struct {
		uint64_t size;
		const char *wire;
	} cases[] = {
		{ 16380, CAPTURE_AGENT_HELLO },
		{ 65532, "00 00 00 40 65 00 00 00 01 00 00 07 \"version\" 08 03 \"2.0\""
			 "0e \"max-frame-size\" 03 fc f0 1e 0c \"capabilities\" 08 0a \"pipelining\"" },
		{ 256, "00 00 00 3f 65 00 00 00 01 00 00 07 \"version\" 08 03 \"2.0\""
		       "0e \"max-frame-size\" 03 f0 01 0c \"capabilities\" 08 0a \"pipelining\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct spop_hello hello = { .max_frame_size = cases[i].size,
					    .capabilities = SLICE_LIT("pipelining") };
		struct buf b = buf_capped(0);

		spop_agent_hello_encode(&b, &hello);
		assert_bytes(buf_slice(&b), bytes(cases[i].wire));
		buf_fini(&b);
		assert_int_equal(spop_agent_hello_decode(decoded(cases[i].wire).payload, &hello),
				 SPOP_NORMAL);
		assert_int_equal(hello.max_frame_size, cases[i].size);
		assert_slice(hello.capabilities, "pipelining");
	}
}

#define VERSIONS "12 \"supported-versions\" 08 03 \"2.0\""
#define SIZE "0e \"max-frame-size\" 03 fc f0 06"
#define CAPS "0c \"capabilities\" 08 00"

static void hellos_that_cannot_be_served(void **state)
{
	static const struct {
		const char *payload;
		enum spop_status status;
	} cases[] = {
		{ "", SPOP_NO_VERSION },
		{ SIZE CAPS, SPOP_NO_VERSION },
		{ VERSIONS CAPS, SPOP_NO_MAX_FRAME_SIZE },
		{ "12 \"supported-versions\" 08 03 \"1.0\"" SIZE CAPS, SPOP_UNSUPPORTED_VERSION },
		{ "12 \"supported-versions\" 08 00" SIZE CAPS, SPOP_UNSUPPORTED_VERSION },
		{ "12 \"supported-versions\" 08 04 \"12.0\"" SIZE CAPS, SPOP_UNSUPPORTED_VERSION },
		{ "12 \"supported-versions\" 08 03 \"2.x\"" SIZE CAPS, SPOP_UNSUPPORTED_VERSION },
		{ VERSIONS "0e \"max-frame-size\" 03 ff 00" CAPS, SPOP_BAD_MAX_FRAME_SIZE },
		{ VERSIONS "0e \"max-frame-size\" 03 00" CAPS, SPOP_BAD_MAX_FRAME_SIZE },
		{ VERSIONS "0e \"max-frame-size\" 04 ff f0 fe fe fe fe fe fe fe 0e" CAPS, SPOP_INVALID },
		{ VERSIONS "0e \"max-frame-size\" 08 01 31" CAPS, SPOP_INVALID },
		{ "12 \"supported-versions\" 03 02" SIZE CAPS, SPOP_INVALID },
		{ VERSIONS SIZE "0c \"capabilities\" 11", SPOP_INVALID },
		{ VERSIONS SIZE CAPS "09 \"engine-id\" 04 01", SPOP_INVALID },
		{ VERSIONS SIZE CAPS "0b \"healthcheck\" 04 01", SPOP_INVALID },
		{ VERSIONS SIZE CAPS SIZE, SPOP_INVALID },
		{ VERSIONS VERSIONS SIZE CAPS, SPOP_INVALID },
		{ VERSIONS SIZE CAPS "01", SPOP_INVALID },
		{ VERSIONS SIZE CAPS "ff ff ff ff ff ff ff ff ff ff ff", SPOP_INVALID },
		{ VERSIONS SIZE CAPS "03 \"foo\" 0a", SPOP_INVALID },
	};
	struct spop_hello hello;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(spop_hello_decode(bytes(cases[i].payload), &hello), cases[i].status);
}

/* Never refuse a peer that can be served. */
static void hellos_that_can_be_served(void **state)
{
	static const char *const payloads[] = {
		VERSIONS SIZE,
		CAPS SIZE VERSIONS,
		"12 \"supported-versions\" 08 0a \"1.0, 2.0 ,\"" SIZE CAPS,
		"12 \"supported-versions\" 08 07 \"2.3,3.0\"" SIZE CAPS,
		VERSIONS "0e \"max-frame-size\" 02 f0 01" CAPS,
		VERSIONS "0e \"max-frame-size\" 04 f0 01" CAPS,
		VERSIONS "0e \"max-frame-size\" 05 ff f0 fe fe fe fe fe fe fe 0e" CAPS,
		VERSIONS SIZE CAPS "0a \"new-things\" 07 00000000 00000000 00000000 00000000 00 00",
	};
	struct spop_hello hello;

	(void)state;
	for (size_t i = 0; i < COUNT(payloads); i++) {
		assert_int_equal(spop_hello_decode(bytes(payloads[i]), &hello), SPOP_NORMAL);
		assert_true(hello.max_frame_size >= 256);
	}
}

static void hellos_truncated_at_every_byte(void **state)
{
	struct slice payload = decoded(CAPTURE_HELLO_2_6).payload;
	struct spop_hello hello;
	unsigned refused = 0;

	(void)state;
	for (size_t len = 0; len < payload.len; len++)
		refused += spop_hello_decode(slice_sub(payload, 0, len), &hello) != SPOP_NORMAL;
	/* It is whole without engine-id, and without capabilities too. */
	assert_int_equal(refused, payload.len - 2);
}

static void an_agent_hello_needs_capabilities(void **state)
{
	struct spop_hello hello;

	(void)state;
	assert_int_equal(spop_agent_hello_decode(bytes("07 \"version\" 08 03 \"2.0\"" SIZE), &hello),
			 SPOP_NO_CAPABILITIES);
	assert_int_equal(spop_agent_hello_decode(bytes(VERSIONS SIZE CAPS), &hello), SPOP_NO_VERSION);
}

static void capability_lists(void **state)
{
	(void)state;
	assert_true(spop_list_has(SLICE_LIT("pipelining,async"), SLICE_LIT("async")));
	assert_true(spop_list_has(SLICE_LIT(" pipelining , async "), SLICE_LIT("async")));
	assert_false(spop_list_has(SLICE_LIT("pipelining,asynchronous"), SLICE_LIT("async")));
	assert_false(spop_list_has(SLICE_EMPTY, SLICE_LIT("async")));
}

static void disconnects_both_ways(void **state)
{
	struct spop_frame frame = decoded(CAPTURE_DISCONNECT);
	struct spop_disconnect out;
	struct buf b = buf_capped(0);

	(void)state;
	assert_int_equal(frame.type, SPOP_HAPROXY_DISCONNECT);
	assert_int_equal(spop_disconnect_decode(frame.payload, &out), SPOP_NORMAL);
	assert_int_equal(out.status, SPOP_TIMEOUT);
	assert_slice(out.message, "a timeout occurred");
	spop_disconnect_encode(&b, SPOP_HAPROXY_DISCONNECT, &out);
	assert_bytes(buf_slice(&b), bytes(CAPTURE_DISCONNECT));
	buf_reset(&b);
	spop_disconnect_encode(&b, SPOP_AGENT_DISCONNECT,
			       &(struct spop_disconnect){ 0, SLICE_LIT("bye") });
	assert_bytes(buf_slice(&b), bytes(CAPTURE_AGENT_DISCONNECT));
	buf_fini(&b);
}

static void a_disconnect_message_is_at_most_255_bytes(void **state)
{
	uint8_t words[400];
	struct buf b = buf_capped(0);
	struct spop_frame frame;
	struct spop_disconnect out = { SPOP_INVALID, slice_of(words, sizeof(words)) };

	(void)state;
	memset(words, 'x', sizeof(words));
	spop_disconnect_encode(&b, SPOP_AGENT_DISCONNECT, &out);
	assert_int_equal(spop_frame_decode(slice_sub(buf_slice(&b), 4, b.len), &frame), SPOP_NORMAL);
	assert_int_equal(spop_disconnect_decode(frame.payload, &out), SPOP_NORMAL);
	assert_int_equal(out.message.len, 255);
	buf_fini(&b);
}

static void rubbish_is_no_disconnect(void **state)
{
	static const char *const payloads[] = {
		"", "07 \"message\" 08 00", "0b \"status-code\" 08 01 31", "0b \"status-code\"",
		"0b \"status-code\" 03 00 07 \"message\" 08 ff",
	};
	struct spop_disconnect out;

	(void)state;
	for (size_t i = 0; i < COUNT(payloads); i++)
		assert_int_equal(spop_disconnect_decode(bytes(payloads[i]), &out), SPOP_INVALID);
}

static void a_notify_of_2_6(void **state)
{
	static const struct {
		const char *name;
		enum value_kind kind;
	} wanted[] = { { "used", VALUE_BOOL }, { "verify", VALUE_INT }, { "serial", VALUE_BINARY },
		       { "dn", VALUE_TEXT }, { "", VALUE_IP }, { "", VALUE_TEXT },
		       { "missing", VALUE_NULL } };
	struct spop_frame frame = decoded(CAPTURE_NOTIFY_2_6);
	struct reader r = reader_of(frame.payload);
	struct spop_message message;
	struct slice name;
	struct value value;

	(void)state;
	assert_int_equal(frame.type, SPOP_NOTIFY);
	assert_int_equal(frame.stream_id, 0);
	assert_int_equal(frame.frame_id, 1);
	assert_true(spop_message_decode(&r, &message));
	assert_slice(message.name, "check-cert");
	assert_int_equal(message.args, COUNT(wanted));
	for (size_t i = 0; i < COUNT(wanted); i++) {
		spop_arg_decode(&r, &name, &value);
		assert_bytes(name, slice_str(wanted[i].name));
		assert_int_equal(value.kind, wanted[i].kind);
	}
	assert_int_equal(reader_end(&r), ERR_OK);
}

static void an_ack_both_ways(void **state)
{
	struct spop_frame frame = decoded(CAPTURE_ACK);
	struct reader r = reader_of(frame.payload);
	struct spop_action action;
	struct buf b = buf_capped(0);
	size_t begun = spop_frame_begin(&b, &frame);
	unsigned count = 0;

	(void)state;
	while (spop_action_decode(&r, &action)) {
		count++;
		/* The capture's status is a UINT32, where an encoder left alone takes UINT64. */
		if (action.value.kind == VALUE_UINT)
			buf_put(&b, bytes("01 03 02 06 \"status\" 03 c8"));
		else
			spop_action_encode(&b, &action);
	}
	spop_frame_end(&b, begun);
	assert_int_equal(reader_err(&r), ERR_OK);
	assert_int_equal(count, 3);
	assert_bytes(buf_slice(&b), bytes(CAPTURE_ACK));
	buf_fini(&b);
}

static void every_status_has_words(void **state)
{
	(void)state;
	for (uint64_t status = 0; status < 300; status++)
		assert_true(strlen(spop_status_text(status)) > 3);
	assert_string_equal(spop_status_text(SPOP_TOO_BIG), "frame is too big");
	assert_string_equal(spop_status_text(UINT64_MAX), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_truncated_at_every_byte),
		cmocka_unit_test(flags),
		cmocka_unit_test(hellos_that_cannot_be_served),
		cmocka_unit_test(hellos_that_can_be_served),
		cmocka_unit_test(hellos_truncated_at_every_byte),
		cmocka_unit_test(an_agent_hello_needs_capabilities),
		cmocka_unit_test(a_hello_of_2_6),
		cmocka_unit_test(a_health_check),
		cmocka_unit_test(agent_hello_byte_for_byte),
		cmocka_unit_test(capability_lists),
		cmocka_unit_test(rubbish_is_no_disconnect),
		cmocka_unit_test(disconnects_both_ways),
		cmocka_unit_test(a_disconnect_message_is_at_most_255_bytes),
		cmocka_unit_test(a_notify_of_2_6),
		cmocka_unit_test(an_ack_both_ways),
		cmocka_unit_test(every_status_has_words),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
