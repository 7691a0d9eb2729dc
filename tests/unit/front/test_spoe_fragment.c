/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/bytes.h"
#include "lib/spoe_stand.h"


static int start(void **state)
{
	(void)state;
	spoe_stand_open("return { limits = { frame = 20000, message = 20000 }, hosts = { [\"*\"] = { require = \"none\" } } }",
		      NULL);
	spoe_rig_hello(peer);
	return 0;
}

static void send(uint8_t type, uint32_t flags, uint64_t stream, struct slice part)
{
	struct buf frame = buf_capped(0);

	peer_frame(&frame, type, flags, stream, 1, part);
	spoe_rig_send(peer, buf_slice(&frame));
	buf_fini(&frame);
}

static void assert_ended(enum spop_status status)
{
	struct spop_frame frame = spoe_stand_next();
	struct spop_disconnect goodbye;

	assert_int_equal(frame.type, SPOP_AGENT_DISCONNECT);
	assert_int_equal(spop_disconnect_decode(frame.payload, &goodbye), SPOP_NORMAL);
	assert_int_equal(goodbye.status, status);
	assert_true(peer->finished);
}

/* A question whose payload is exactly `size` bytes. */
static struct buf payload_of(size_t size)
{
	struct buf payload = buf_capped(0);
	struct named over[] = { BINARY("filler", SLICE_EMPTY), NAMED_END };
	uint8_t *filler = calloc(1, size);
	size_t bare;

	assert_non_null(filler);
	over[0].value.bytes = slice_of(filler, 3000);
	peer_message(&payload, "check-client-cert", over);
	bare = payload.len - 3000;
	buf_reset(&payload);
	over[0].value.bytes.len = size - bare;
	peer_message(&payload, "check-client-cert", over);
	assert_int_equal(payload.len, size);
	free(filler);
	return payload;
}

static void assert_allowed(uint64_t stream)
{
	struct spop_frame ack = spoe_stand_next();

	assert_int_equal(ack.type, SPOP_ACK);
	assert_int_equal(ack.stream_id, stream);
	assert_string_equal(peer_text(&ack, "verdict"), "allow");
}

/* As seen from 2.6 with max-frame-size 4096: LEN 4071, 4071, 4071, 1826. */
static void the_example_of_2_6(void **state)
{
	struct buf payload = payload_of(14011);
	struct slice whole = buf_slice(&payload);

	(void)state;
	send(SPOP_NOTIFY, 0, 3, slice_sub(whole, 0, 4064));
	send(SPOP_UNSET, 0, 3, slice_sub(whole, 4064, 4064));
	send(SPOP_UNSET, 0, 3, slice_sub(whole, 8128, 4064));
	spoe_stand_silent();
	send(SPOP_UNSET, SPOP_FIN, 3, slice_sub(whole, 12192, 14011));
	assert_allowed(3);
	assert_int_equal(shared->stats->fragments, 4);
	assert_int_equal(spoe_deadline(peer->session), INT64_MAX);
	buf_fini(&payload);
}

static void a_split_at_every_byte(void **state)
{
	struct buf payload = payload_of(3200);

	(void)state;
	peer->waiting = 0;
	for (size_t at = 0; at <= 200; at++) {
		send(SPOP_NOTIFY, 0, at, slice_sub(buf_slice(&payload), 0, at));
		send(SPOP_UNSET, SPOP_FIN, at, slice_sub(buf_slice(&payload), at, payload.len));
		assert_allowed(at);
	}
	buf_fini(&payload);
}

static void fragments_of_several_streams_and_whole_messages_between(void **state)
{
	struct buf payload = payload_of(6000);
	struct slice whole = buf_slice(&payload);

	(void)state;
	send(SPOP_NOTIFY, 0, 1, slice_sub(whole, 0, 100));
	send(SPOP_NOTIFY, 0, 3, slice_sub(whole, 0, 200));
	spoe_rig_ask(peer, 5, 1, NULL);
	assert_allowed(5);
	send(SPOP_UNSET, 0, 1, slice_sub(whole, 100, 200));
	send(SPOP_UNSET, SPOP_FIN, 3, slice_sub(whole, 200, 6000));
	assert_allowed(3);
	send(SPOP_UNSET, SPOP_FIN, 1, slice_sub(whole, 300, 6000));
	assert_allowed(1);
	spoe_stand_silent();
	buf_fini(&payload);
}

static void an_abort_drops_what_has_come(void **state)
{
	struct buf payload = payload_of(4000);
	struct slice whole = buf_slice(&payload);

	(void)state;
	send(SPOP_NOTIFY, 0, 1, slice_sub(whole, 0, 2000));
	send(SPOP_UNSET, SPOP_FIN | SPOP_ABORT, 1, SLICE_EMPTY);
	spoe_stand_silent();
	/* An abort of what nobody knows, or of a whole message, is nothing. */
	send(SPOP_UNSET, SPOP_FIN | SPOP_ABORT, 1, SLICE_EMPTY);
	send(SPOP_NOTIFY, SPOP_FIN | SPOP_ABORT, 9, whole);
	spoe_stand_silent();
	send(SPOP_NOTIFY, 0, 1, slice_sub(whole, 0, 3000));
	send(SPOP_UNSET, SPOP_FIN, 1, slice_sub(whole, 3000, 4000));
	assert_allowed(1);
	buf_fini(&payload);
}

static void a_fragment_of_nothing_ends_the_connection(void **state)
{
	(void)state;
	send(SPOP_NOTIFY, 0, 1, SLICE_LIT("x"));
	send(SPOP_UNSET, 0, 3, SLICE_LIT("x"));
	assert_ended(SPOP_NO_FRAME_ID);
}

static void a_message_inside_of_itself_ends_the_connection(void **state)
{
	(void)state;
	send(SPOP_NOTIFY, 0, 1, SLICE_LIT("x"));
	send(SPOP_NOTIFY, 0, 1, SLICE_LIT("x"));
	assert_ended(SPOP_INTERLACED);
	spoe_stand_again();
	spoe_rig_hello(peer);
	send(SPOP_NOTIFY, 0, 1, SLICE_LIT("x"));
	spoe_rig_ask(peer, 1, 1, NULL);
	assert_ended(SPOP_INTERLACED);
}

static void a_whole_that_does_not_decode_ends_the_connection(void **state)
{
	(void)state;
	send(SPOP_NOTIFY, 0, 1, SLICE_LIT("\x11" "check-client-cert"));
	send(SPOP_UNSET, SPOP_FIN, 1, SLICE_LIT("\x05"));
	assert_ended(SPOP_INVALID);
}

static void a_message_over_the_bound_is_denied_and_the_others_go_on(void **state)
{
	struct buf payload = payload_of(20001);
	struct slice whole = buf_slice(&payload);
	struct spop_frame ack;

	(void)state;
	send(SPOP_NOTIFY, 0, 1, slice_sub(whole, 0, 10000));
	send(SPOP_UNSET, 0, 1, slice_sub(whole, 10000, 10000));
	spoe_stand_silent();
	send(SPOP_UNSET, 0, 1, slice_sub(whole, 20000, 1));
	send(SPOP_UNSET, SPOP_FIN, 1, SLICE_EMPTY);
	ack = spoe_stand_next();
	assert_string_equal(peer_text(&ack, "verdict"), "deny");
	assert_string_equal(peer_text(&ack, "reason"), "bad_request");
	assert_false(peer->finished);
	send(SPOP_NOTIFY, 0, 1, slice_sub(whole, 0, 1));
	send(SPOP_UNSET, SPOP_FIN | SPOP_ABORT, 1, SLICE_EMPTY);
	buf_fini(&payload);
	payload = payload_of(20000);
	send(SPOP_NOTIFY, 0, 1, slice_sub(buf_slice(&payload), 0, 10000));
	send(SPOP_UNSET, SPOP_FIN, 1, slice_sub(buf_slice(&payload), 10000, 10000));
	assert_allowed(1);
	buf_fini(&payload);
}

static void the_bound_is_for_the_whole_connection(void **state)
{
	struct buf payload = payload_of(14000);
	struct slice whole = buf_slice(&payload);
	struct spop_frame ack;

	(void)state;
	send(SPOP_NOTIFY, 0, 1, slice_sub(whole, 0, 13000));
	send(SPOP_NOTIFY, 0, 3, slice_sub(whole, 0, 13000));
	send(SPOP_UNSET, SPOP_FIN, 3, slice_sub(whole, 13000, 1000));
	ack = spoe_stand_next();
	assert_int_equal(ack.stream_id, 3);
	assert_string_equal(peer_text(&ack, "reason"), "bad_request");
	send(SPOP_UNSET, SPOP_FIN, 1, slice_sub(whole, 13000, 1000));
	assert_allowed(1);
	buf_fini(&payload);
}

static void too_many_at_once_end_the_connection(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 64; i++)
		send(SPOP_NOTIFY, 0, i, SLICE_EMPTY);
	spoe_stand_silent();
	send(SPOP_NOTIFY, 0, 64, SLICE_EMPTY);
	assert_ended(SPOP_RESOURCE);
}

static void what_does_not_end_has_a_deadline(void **state)
{
	(void)state;
	send(SPOP_NOTIFY, 0, 1, SLICE_LIT("x"));
	spoe_rig_sleep(peer, SPOE_PARTIAL_NS - 1);
	send(SPOP_UNSET, 0, 1, SLICE_LIT("x"));
	spoe_rig_sleep(peer, SPOE_PARTIAL_NS - 1);
	spoe_stand_silent();
	spoe_rig_sleep(peer, 1);
	assert_ended(SPOP_TIMEOUT);
	assert_int_equal(shared->stats->timeouts, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, spoe_stand_close)
	const struct CMUnitTest tests[] = {
		TEST(a_fragment_of_nothing_ends_the_connection),
		TEST(a_message_inside_of_itself_ends_the_connection),
		TEST(a_whole_that_does_not_decode_ends_the_connection),
		TEST(too_many_at_once_end_the_connection),
		TEST(what_does_not_end_has_a_deadline),
		TEST(a_message_over_the_bound_is_denied_and_the_others_go_on),
		TEST(the_bound_is_for_the_whole_connection),
		TEST(the_example_of_2_6),
		TEST(a_split_at_every_byte),
		TEST(fragments_of_several_streams_and_whole_messages_between),
		TEST(an_abort_drops_what_has_come),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
