/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/bytes.h"
#include "lib/captures.h"
#include "lib/spoe_stand.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND INT64_C(1000000000)


static const char open_config[] = "return { hosts = { [\"api.example.com\"] = { require = \"none\" } } }";

static void set_up(const char *config)
{
	spoe_stand_open(config, NULL);
}

static int start(void **state)
{
	(void)state;
	set_up(open_config);
	return 0;
}

/* The session says goodbye with this status, and gives the peer time to close. */
static void assert_ended(enum spop_status status)
{
	struct spop_frame frame = spoe_stand_next();
	struct spop_disconnect goodbye;

	assert_int_equal(frame.type, SPOP_AGENT_DISCONNECT);
	assert_int_equal(frame.stream_id, 0);
	assert_int_equal(frame.frame_id, 0);
	assert_int_equal(spop_disconnect_decode(frame.payload, &goodbye), SPOP_NORMAL);
	assert_int_equal(goodbye.status, status);
	spoe_stand_silent();
	assert_true(peer->finished);
	assert_true(peer->linger_ns >= SECOND / 5);
}

static void again(void)
{
	spoe_stand_again();
}

static void what_is_no_hello_ends_it(void **state)
{
	static const struct {
		const char *bytes;
		enum spop_status status;
	} cases[] = {
		{ "00 00 00 00", SPOP_INVALID },
		{ "00 00 00 06 01 00 00 00 01 00", SPOP_INVALID },
		{ "ff ff ff ff", SPOP_TOO_BIG },
		{ "00 00 10 01", SPOP_TOO_BIG },
		{ "\"GET \" \"/ HTTP/1.1\"", SPOP_TOO_BIG },
		{ "16 03 01 02 00", SPOP_TOO_BIG },
		{ CAPTURE_NOTIFY_2_6, SPOP_INVALID },
		{ CAPTURE_ACK, SPOP_INVALID },
		{ "00 00 00 07 00 00 00 00 01 00 00", SPOP_INVALID },
		{ "00 00 00 07 09 00 00 00 01 00 00", SPOP_INVALID },
		{ "00 00 00 07 01 00 00 00 05 00 00", SPOP_INVALID },
		{ "00 00 00 07 01 00 00 00 00 00 00", SPOP_NO_FRAGMENTATION },
		{ "00 00 00 07 01 00 00 00 01 01 00", SPOP_INVALID },
		{ "00 00 00 07 01 00 00 00 01 00 01", SPOP_INVALID },
		{ "00 00 00 07 01 00 00 00 01 00 00", SPOP_NO_VERSION },
		{ "00 00 00 08 01 00 00 00 01 00 00 ff", SPOP_INVALID },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		again();
		spoe_rig_send(peer, bytes(cases[i].bytes));
		assert_ended(cases[i].status);
		assert_int_equal(peer->complaints, 1);
		assert_int_equal(peer->status, cases[i].status);
	}
	assert_int_equal(shared->stats->bad_frames, COUNT(cases));
}

static void a_hello_is_answered_with_the_smaller_size(void **state)
{
	static const struct {
		size_t announced, answered;
	} cases[] = { { 16380, 16380 }, { 65532, 65532 }, { 256, 256 }, { 1000000, 65536 },
		      { SIZE_MAX >> 33, 65536 } };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf wanted = buf_capped(0), hello = buf_capped(0);

		again();
		peer_hello(&hello, cases[i].announced, "pipelining,async");
		spoe_rig_send(peer, buf_slice(&hello));
		spop_agent_hello_encode(&wanted, &(struct spop_hello){
			.max_frame_size = cases[i].answered,
			.capabilities = SLICE_LIT("pipelining,fragmentation") });
		assert_bytes(buf_slice(&peer->out), buf_slice(&wanted));
		assert_false(peer->finished);
		assert_int_equal(peer->complaints, 0);
		buf_fini(&wanted);
		buf_fini(&hello);
	}
}

static void the_captured_hellos(void **state)
{
	(void)state;
	spoe_rig_send(peer, bytes(CAPTURE_HELLO_2_6));
	assert_bytes(buf_slice(&peer->out),
		     bytes("00 00 00 4e 65 00 00 00 01 00 00 07 \"version\" 08 03 \"2.0\""
			   "0e \"max-frame-size\" 03 fc f0 06"
			   "0c \"capabilities\" 08 18 \"pipelining,fragmentation\""));
	assert_int_equal(peer->bound, 0); /* 2.6 and 3.0 never stall on unread answers */
	again();
	spoe_rig_send(peer, bytes(CAPTURE_HELLO_3_2));
	assert_int_equal(spoe_stand_next().type, SPOP_AGENT_HELLO);
	assert_int_equal(peer->bound, 16380);
}

/* A HELLO answered in pieces resets connections up to 3.2.23. */
static void a_hello_in_crumbs_is_answered_in_one_piece(void **state)
{
	struct slice hello = bytes(CAPTURE_HELLO_3_2);

	(void)state;
	for (size_t i = 0; i + 1 < hello.len; i++) {
		spoe_rig_send(peer, slice_sub(hello, i, 1));
		assert_int_equal(peer->out.len, 0);
	}
	spoe_rig_send(peer, slice_sub(hello, hello.len - 1, 1));
	assert_int_equal(spoe_stand_next().type, SPOP_AGENT_HELLO);
	spoe_stand_silent();
}

static void a_hello_without_capabilities_is_served(void **state)
{
	(void)state;
	spoe_rig_send(peer, bytes("00 00 00 32 01 00 00 00 01 00 00"
				  "12 \"supported-versions\" 08 03 \"2.0\""
				  "0e \"max-frame-size\" 03 fc f0 06"));
	assert_int_equal(spoe_stand_next().type, SPOP_AGENT_HELLO);
}

static void a_health_check_is_answered_and_closed(void **state)
{
	(void)state;
	spoe_rig_send(peer, bytes(CAPTURE_HEALTHCHECK));
	assert_int_equal(spoe_stand_next().type, SPOP_AGENT_HELLO);
	spoe_stand_silent();
	assert_true(peer->finished);
	assert_true(peer->linger_ns > 0);
	assert_int_equal(peer->complaints, 0);
	assert_int_equal(shared->stats->healthchecks, 1);
	assert_int_equal(spoe_deadline(peer->session), INT64_MAX);
}

static void connect_and_close_is_silent(void **state)
{
	(void)state;
	again();
	assert_int_equal(peer->complaints, 0);
	assert_int_equal(peer->out.len, 0);
}

static void rubbish_after_the_handshake(void **state)
{
	static const struct {
		const char *bytes;
		enum spop_status status;
	} cases[] = {
		{ CAPTURE_HELLO_3_2, SPOP_INVALID },
		{ "00 00 00 06 03 00 00 00 01 01", SPOP_INVALID },
		{ "00 00 3f fd", SPOP_TOO_BIG },
		{ "00 00 00 07 03 00 00 00 09 01 01", SPOP_INVALID },
		{ "00 00 00 07 03 00 00 00 02 01 01", SPOP_INVALID },
		{ "00 00 00 07 00 00 00 00 01 01 01", SPOP_NO_FRAME_ID },
		{ "00 00 00 07 02 00 00 00 01 00 00", SPOP_INVALID },
		{ "00 00 00 07 02 00 00 00 00 00 00", SPOP_NO_FRAGMENTATION },
		{ "00 00 00 08 03 00 00 00 01 01 01 01", SPOP_INVALID },
		{ "00 00 00 09 03 00 00 00 01 01 01 00 01", SPOP_INVALID },
		{ "00 00 00 0b 03 00 00 00 01 01 01 00 01 00 0a", SPOP_INVALID },
		{ "00 00 00 11 03 00 00 00 01 01 01 ff ff ff ff ff ff ff ff ff ff", SPOP_INVALID },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		again();
		spoe_rig_hello(peer);
		spoe_rig_send(peer, bytes(cases[i].bytes));
		assert_ended(cases[i].status);
	}
}

/* 3.1 may send frames over the size that the agent negotiated: up to what it announced they are read. */
static void frames_up_to_the_announced_size_are_read(void **state)
{
	struct buf hello = buf_capped(0), frame = buf_capped(0);
	uint8_t big[9000];
	const struct named over[] = { BINARY("filler", slice_of(big, sizeof(big))), NAMED_END };

	(void)state;
	memset(big, 'x', sizeof(big));
	spoe_stand_close(NULL);
	set_up("return { limits = { frame = 1024 }, hosts = { [\"*\"] = { require = \"none\" } } }");
	peer_hello(&hello, 16380, "pipelining");
	spoe_rig_send(peer, buf_slice(&hello));
	assert_int_equal(spoe_stand_next().type, SPOP_AGENT_HELLO);
	peer_notify(&frame, 1, 1, over);
	spoe_rig_send(peer, buf_slice(&frame));
	assert_int_equal(spoe_stand_next().type, SPOP_ACK);
	spoe_rig_send(peer, bytes("00 00 3f fd"));
	assert_ended(SPOP_TOO_BIG);
	buf_fini(&hello);
	buf_fini(&frame);
}

static void frames_of_a_later_protocol_are_passed_over(void **state)
{
	(void)state;
	spoe_rig_hello(peer);
	spoe_rig_send(peer, bytes("00 00 00 09 04 00 00 00 01 05 01 ff ff"));
	spoe_rig_send(peer, bytes("00 00 00 07 67 00 00 00 01 05 01"));
	spoe_stand_silent();
	spoe_rig_ask(peer, 1, 1, NULL);
	assert_int_equal(spoe_stand_next().type, SPOP_ACK);
	assert_false(peer->finished);
}

static void haproxy_says_goodbye(void **state)
{
	(void)state;
	spoe_rig_hello(peer);
	rig->state = POLICY_PENDING;
	spoe_rig_send(peer, bytes(CAPTURE_DISCONNECT));
	assert_ended(SPOP_NORMAL);
	assert_int_equal(peer->complaints, 0);
	assert_int_equal(shared->stats->bad_frames, 0);
	/* What comes behind it is thrown away. */
	spoe_rig_ask(peer, 1, 1, NULL);
	spoe_stand_silent();
}

static void haproxy_says_what_was_wrong(void **state)
{
	(void)state;
	spoe_rig_hello(peer);
	spoe_rig_send(peer, bytes("00 00 00 15 02 00 00 00 01 00 00 0b \"status-code\" 03 03"));
	assert_ended(SPOP_NORMAL);
	assert_int_equal(peer->complaints, 1);
	assert_int_equal(peer->status, SPOP_TOO_BIG);
}

static void goodbye_before_hello(void **state)
{
	(void)state;
	spoe_rig_send(peer, bytes(CAPTURE_DISCONNECT));
	assert_ended(SPOP_NORMAL);
}

static void fifty_frames_in_one_read_and_one_byte_per_read(void **state)
{
	struct buf frames = buf_capped(0);

	(void)state;
	spoe_rig_hello(peer);
	for (unsigned i = 0; i < 50; i++)
		peer_notify(&frames, 2 * i + 1, 1, NULL);
	spoe_rig_send(peer, buf_slice(&frames));
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(spoe_stand_next().stream_id, 2 * i + 1);
	spoe_stand_silent();
	spoe_rig_drip(peer, buf_slice(&frames));
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(spoe_stand_next().stream_id, 2 * i + 1);
	spoe_stand_silent();
	assert_int_equal(shared->stats->frames_in, 101);
	assert_int_equal(shared->stats->frames_out, 101);
	buf_fini(&frames);
}

static void output_that_nobody_takes_stops_reading(void **state)
{
	struct buf frames = buf_capped(0);

	(void)state;
	spoe_rig_hello(peer);
	for (unsigned i = 0; i < 4; i++)
		peer_notify(&frames, 2 * i + 1, 1, NULL);
	peer->waiting = SPOE_OUT_MAX + 1;
	spoe_rig_send(peer, buf_slice(&frames));
	assert_true(peer->paused);
	spoe_stand_silent();
	/* A frame that is not read has no deadline either. */
	assert_int_equal(spoe_deadline(peer->session), INT64_MAX);
	spoe_writable(peer->session);
	assert_true(peer->paused);
	peer->waiting = 0;
	spoe_writable(peer->session);
	assert_false(peer->paused);
	spoe_rig_again(peer);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(spoe_stand_next().type, SPOP_ACK);
	buf_fini(&frames);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, spoe_stand_close)
	const struct CMUnitTest tests[] = {
		TEST(what_is_no_hello_ends_it),
		TEST(rubbish_after_the_handshake),
		TEST(a_hello_is_answered_with_the_smaller_size),
		TEST(the_captured_hellos),
		TEST(a_hello_in_crumbs_is_answered_in_one_piece),
		TEST(a_hello_without_capabilities_is_served),
		TEST(a_health_check_is_answered_and_closed),
		TEST(connect_and_close_is_silent),
		TEST(frames_up_to_the_announced_size_are_read),
		TEST(frames_of_a_later_protocol_are_passed_over),
		TEST(haproxy_says_goodbye),
		TEST(haproxy_says_what_was_wrong),
		TEST(goodbye_before_hello),
		TEST(fifty_frames_in_one_read_and_one_byte_per_read),
		TEST(output_that_nobody_takes_stops_reading),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
