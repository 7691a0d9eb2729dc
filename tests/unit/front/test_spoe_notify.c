/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/bytes.h"
#include "lib/captures.h"
#include "lib/spoe_stand.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))


static const struct rig_file files[] = { { "w.lua", "return {}\n" }, { NULL, NULL } };

#define CONFIG(limits)                                                                              \
	"return { limits = { " limits " }, hosts = { [\"api.example.com\"] = { require = \"none\" }," \
	" [\"w.example.com\"] = { require = \"none\" } },"                                          \
	" workers = { { name = \"w\", script = \"w.lua\", routes = { \"w.example.com/*\" } } } }"

static const struct named to_worker[] = { TEXT("host", "w.example.com"), NAMED_END };

static void set_up(const char *config)
{
	spoe_stand_open(config, files);
	spoe_rig_hello(peer);
}

static int start(void **state)
{
	(void)state;
	set_up(CONFIG(""));
	return 0;
}

static struct spop_frame next_of(struct spoe_rig *from)
{
	struct spop_frame frame;

	assert_true(spoe_rig_next(from, &frame));
	return frame;
}

static void a_payload_truncated_at_every_byte(void **state)
{
	struct buf payload = buf_capped(0);
	struct spop_frame frame;

	(void)state;
	peer_message(&payload, "check-client-cert", NULL);
	for (size_t len = 1; len < payload.len; len++) {
		struct spop_disconnect goodbye;

		spoe_stand_send(slice_sub(buf_slice(&payload), 0, len));
		frame = spoe_stand_next();
		assert_int_equal(frame.type, SPOP_AGENT_DISCONNECT);
		assert_int_equal(spop_disconnect_decode(frame.payload, &goodbye), SPOP_NORMAL);
		assert_int_equal(goodbye.status, SPOP_INVALID);
		assert_true(peer->finished);
		spoe_stand_again();
		spoe_rig_hello(peer);
	}
	spoe_stand_send(buf_slice(&payload));
	frame = spoe_stand_next();
	spoe_stand_decided(&frame, "allow", "200", "allowed");
	buf_fini(&payload);
}

static void stream_id_0_is_a_stream_like_any_other(void **state)
{
	struct spop_frame ack;

	(void)state;
	spoe_rig_ask(peer, 0, 1, NULL);
	ack = spoe_stand_next();
	spoe_stand_decided(&ack, "allow", "200", "allowed");
	assert_true(ack.stream_id == 0 && ack.frame_id == 1);
	spoe_rig_ask(peer, UINT64_MAX, 4294967296, NULL);
	ack = spoe_stand_next();
	assert_true(ack.stream_id == UINT64_MAX && ack.frame_id == 4294967296);
}

static void an_empty_notify_gets_one_action_that_decides_nothing(void **state)
{
	struct spop_frame ack;

	(void)state;
	spoe_stand_send(SLICE_EMPTY);
	ack = spoe_stand_next();
	assert_int_equal(ack.type, SPOP_ACK);
	assert_int_equal(ack.stream_id, 7);
	assert_int_equal(peer_actions(&ack), 1);
	assert_null(peer_var(&ack, "verdict"));
	assert_null(peer_var(&ack, "status"));
}

static void a_message_that_we_do_not_know_is_denied(void **state)
{
	static const char *const names[] = { "check-cert", "check-client-connections", "check-client-connectio", "",
					     "check-client-certs", "CHECK-CLIENT-CERT" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct buf payload = buf_capped(0);
		struct spop_frame ack;

		peer_message(&payload, names[i], NULL);
		spoe_stand_send(buf_slice(&payload));
		ack = spoe_stand_next();
		spoe_stand_decided(&ack, "deny", "400", "bad_request");
		buf_fini(&payload);
	}
	spoe_rig_send(peer, bytes(CAPTURE_NOTIFY_2_6));
	assert_int_equal(spoe_stand_next().stream_id, 0);
	assert_false(peer->finished);
}

static void of_two_messages_ours_decides(void **state)
{
	struct buf payload = buf_capped(0);
	struct spop_frame ack;

	(void)state;
	peer_message(&payload, "other", NULL);
	peer_message(&payload, "check-client-cert", NULL);
	peer_message(&payload, "another", NULL);
	spoe_stand_send(buf_slice(&payload));
	ack = spoe_stand_next();
	spoe_stand_decided(&ack, "allow", "200", "allowed");
	spoe_stand_silent();
	peer_message(&payload, "check-client-cert", NULL);
	spoe_stand_send(buf_slice(&payload));
	ack = spoe_stand_next();
	spoe_stand_decided(&ack, "deny", "400", "bad_request");
	buf_fini(&payload);
}

static void an_argument_sent_twice_is_denied(void **state)
{
	struct spop_frame ack;

	(void)state;
	spoe_stand_send(bytes("11 \"check-client-cert\" 05 04 \"cert\" 00 04 \"host\" 08 0f \"api.example.com\""
			   "06 \"method\" 08 03 \"GET\" 04 \"path\" 08 01 \"/\" 04 \"cert\" 00"));
	ack = spoe_stand_next();
	spoe_stand_decided(&ack, "deny", "400", "bad_request");
}

/* Not where the arguments before it come as they always did either, nor when it comes again. */
static void an_argument_sent_twice_behind_a_known_order_is_denied(void **state)
{
#define CERT "04 \"cert\" 00 "
#define HOST "04 \"host\" 08 0f \"api.example.com\" "
#define REST "06 \"method\" 08 03 \"GET\" 04 \"path\" 08 01 \"/\""
	static const struct {
		const char *message;
		bool allowed;
	} rows[] = {
		{ "04 " CERT REST HOST, true },
		{ "04 " REST CERT HOST, true },
		{ "08 " CERT REST HOST REST CERT HOST, false },
		{ "04 " CERT HOST REST, true },
		{ "05 " CERT HOST CERT REST, false },
		{ "05 " CERT HOST CERT REST, false },
		{ "05 " CERT HOST REST CERT, false },
		{ "04 " HOST CERT REST, true },
		{ "06 " CERT HOST HOST CERT REST, false },
		{ "06 " HOST CERT CERT HOST REST, false },
	};

	(void)state;
	for (size_t i = 0; i < 3 * COUNT(rows); i++) {
		bool allowed = rows[i % COUNT(rows)].allowed;
		char message[512];
		struct spop_frame ack;

		snprintf(message, sizeof(message), "11 \"check-client-cert\" %s", rows[i % COUNT(rows)].message);
		spoe_stand_send(bytes(message));
		ack = spoe_stand_next();
		spoe_stand_decided(&ack, allowed ? "allow" : "deny", allowed ? "200" : "400",
				   allowed ? "allowed" : "bad_request");
	}
}

static void the_maximum_of_arguments_and_unnamed_ones(void **state)
{
	struct named over[253];
	char names[252][8];
	struct spop_frame ack;

	(void)state;
	for (size_t i = 0; i < 251; i++) {
		snprintf(names[i], sizeof(names[i]), "x%zu", i);
		over[i] = (struct named){ i % 3 ? names[i] : "", { .kind = VALUE_INT, .integer = (int64_t)i } };
	}
	over[251] = (struct named)NAMED_END;
	spoe_rig_ask(peer, 1, 1, over);
	ack = spoe_stand_next();
	spoe_stand_decided(&ack, "allow", "200", "allowed");
}

/* What no sample can give. */
static void null_for_every_argument(void **state)
{
	static const char *const names[] = { "cert", "used", "chain", "sni", "tls_version", "tls_cipher",
					     "resumed", "early", "src", "src_port", "method", "scheme",
					     "host", "path", "query", "version", "headers", "id" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct named over[] = { NONE(names[i]), NAMED_END };
		bool needed = strcmp(names[i], "method") == 0 || strcmp(names[i], "host") == 0 ||
			      strcmp(names[i], "path") == 0;
		struct spop_frame ack;

		spoe_rig_ask(peer, 1, 1, over);
		ack = spoe_stand_next();
		spoe_stand_decided(&ack, needed ? "deny" : "allow", needed ? "400" : "200",
			       needed ? "bad_request" : "allowed");
	}
}

static void every_type_under_every_name_never_crashes_or_allows_what_it_must_not(void **state)
{
	static const struct value values[] = {
		{ .kind = VALUE_NULL }, { .kind = VALUE_BOOL, .boolean = true },
		{ .kind = VALUE_INT, .integer = -1 }, { .kind = VALUE_UINT, .integer = 3 },
		{ .kind = VALUE_IP, .bytes = SLICE_INIT("\x7f\0\0\1") },
		{ .kind = VALUE_IP, .bytes = SLICE_INIT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1") },
		{ .kind = VALUE_TEXT, .bytes = SLICE_INIT("\0") },
		{ .kind = VALUE_BINARY, .bytes = SLICE_INIT("\x30\x03\x02\x01\x01") },
	};
	unsigned allowed = 0;

	(void)state;
	for (enum arg arg = 0; arg < ARG_COUNT; arg++)
		for (size_t i = 0; i < COUNT(values); i++) {
			const struct named over[] = { { arg_name(arg), values[i] }, NAMED_END };
			struct spop_frame ack;

			spoe_rig_ask(peer, 1, 1, over);
			ack = spoe_stand_next();
			assert_int_equal(ack.type, SPOP_ACK);
			allowed += strcmp(peer_text(&ack, "verdict"), "allow") == 0;
		}
	/* NULL: all but method, host, path. Right types: used false or without cert is the one doubt. */
	assert_in_range(allowed, 30, 60);
	assert_false(peer->finished);
}

static void used_without_a_certificate_is_a_bad_request(void **state)
{
	const struct named over[] = { BOOL("used", true), NAMED_END };
	struct spop_frame ack;

	(void)state;
	spoe_rig_ask(peer, 1, 1, over);
	ack = spoe_stand_next();
	spoe_stand_decided(&ack, "deny", "400", "bad_request");
}

static void twenty_in_flight_answered_in_reverse(void **state)
{
	(void)state;
	rig->state = POLICY_PENDING;
	for (unsigned i = 0; i < 20; i++)
		spoe_rig_ask(peer, 2 * i + 1, 1, to_worker);
	spoe_stand_silent();
	assert_int_equal(rig->inflight.count, 20);
	for (unsigned i = 20; i-- > 0;) {
		struct policy_result result = { .outcome = POLICY_RESPONDED, .status = (int)(200 + i) };
		struct spop_frame ack;
		char status[8];

		rig_complete(rig, i, result);
		ack = spoe_stand_next();
		snprintf(status, sizeof(status), "%u", 200 + i);
		spoe_stand_decided(&ack, "respond", status, "worker_response");
		assert_int_equal(ack.stream_id, 2 * i + 1);
		spoe_stand_silent();
	}
	assert_int_equal(peer->flushed, 20);
	assert_int_equal(rig->inflight.count, 0);
}

static void the_same_ids_on_two_connections(void **state)
{
	struct spoe_rig *other = spoe_rig_new(rig, shared);
	struct policy_result result = { .outcome = POLICY_RESPONDED, .status = 418 };
	struct spop_frame ack;

	(void)state;
	spoe_rig_hello(other);
	rig->state = POLICY_PENDING;
	spoe_rig_ask(peer, 1, 1, to_worker);
	spoe_rig_ask(other, 1, 1, to_worker);
	rig_complete(rig, 1, result);
	spoe_stand_silent();
	ack = next_of(other);
	spoe_stand_decided(&ack, "respond", "418", "worker_response");
	rig_complete(rig, 0, (struct policy_result){ .outcome = POLICY_PASSED });
	ack = spoe_stand_next();
	spoe_stand_decided(&ack, "allow", "200", "allowed");
	spoe_rig_free(other);
}

static void a_connection_that_is_lost_cancels_its_requests(void **state)
{
	struct spoe_rig *other = spoe_rig_new(rig, shared);

	(void)state;
	spoe_rig_hello(other);
	rig->state = POLICY_PENDING;
	for (unsigned i = 0; i < 5; i++)
		spoe_rig_ask(i % 2 ? other : peer, i, 1, to_worker);
	spoe_rig_free(other);
	assert_int_equal(rig->cancelled, 2);
	assert_int_equal(rig->pending_count, 3);
	assert_int_equal(rig->inflight.count, 3);
	assert_int_equal(shared->stats->cancelled, 2);
	rig_complete(rig, 0, (struct policy_result){ .outcome = POLICY_PASSED });
	assert_int_equal(spoe_stand_next().stream_id, 0);
}

static void a_request_aborted_by_haproxy_is_cancelled(void **state)
{
	(void)state;
	rig->state = POLICY_PENDING;
	spoe_rig_ask(peer, 1, 1, to_worker);
	spoe_rig_ask(peer, 3, 1, to_worker);
	spoe_rig_send(peer, bytes("00 00 00 07 00 00 00 00 03 03 01"));
	assert_int_equal(rig->cancelled, 1);
	spoe_stand_silent();
	rig_complete(rig, 0, (struct policy_result){ .outcome = POLICY_PASSED });
	assert_int_equal(spoe_stand_next().stream_id, 1);
}

static void too_many_unanswered_stop_the_reading(void **state)
{
	struct buf frames = buf_capped(0);

	(void)state;
	rig->state = POLICY_PENDING;
	for (unsigned i = 0; i < SPOE_UNANSWERED_MAX + 3; i++)
		peer_notify(&frames, i, 1, to_worker);
	spoe_rig_send(peer, buf_slice(&frames));
	assert_int_equal(rig->pending_count, SPOE_UNANSWERED_MAX);
	assert_true(peer->paused);
	rig_complete(rig, 17, (struct policy_result){ .outcome = POLICY_PASSED });
	assert_false(peer->paused);
	spoe_rig_again(peer);
	assert_true(peer->paused);
	assert_int_equal(rig->pending_count, SPOE_UNANSWERED_MAX);
	while (rig->pending_count) {
		rig_complete(rig, 0, (struct policy_result){ .outcome = POLICY_PASSED });
		spoe_rig_again(peer);
	}
	for (unsigned i = 0; i < SPOE_UNANSWERED_MAX + 3; i++)
		assert_int_equal(spoe_stand_next().type, SPOP_ACK);
	spoe_stand_silent();
	buf_fini(&frames);
}

static void too_much_in_the_process_is_a_verdict_and_no_close(void **state)
{
	struct spop_frame ack;

	(void)state;
	spoe_stand_close(NULL);
	set_up(CONFIG("inflight = 2"));
	rig->state = POLICY_PENDING;
	for (unsigned i = 0; i < 3; i++)
		spoe_rig_ask(peer, i, 1, to_worker);
	ack = spoe_stand_next();
	assert_int_equal(ack.stream_id, 2);
	spoe_stand_decided(&ack, "deny", "503", "overloaded");
	assert_false(peer->finished);
	rig_complete(rig, 0, (struct policy_result){ .outcome = POLICY_PASSED });
	assert_int_equal(spoe_stand_next().stream_id, 0);
	spoe_rig_ask(peer, 3, 1, NULL);
	ack = spoe_stand_next();
	spoe_stand_decided(&ack, "allow", "200", "allowed");
}

static void a_reload_lets_pending_requests_end_under_the_old_configuration(void **state)
{
	struct spop_frame ack;

	(void)state;
	rig->state = POLICY_PENDING;
	spoe_rig_ask(peer, 1, 1, to_worker);
	rig_reload(rig, "return { hosts = { [\"other.example.com\"] = { require = \"none\" } } }");
	assert_int_equal(rig->retired, 0);
	spoe_rig_ask(peer, 3, 1, NULL);
	ack = spoe_stand_next();
	spoe_stand_decided(&ack, "deny", "403", "host_unknown");
	rig_complete(rig, 0, (struct policy_result){ .outcome = POLICY_PASSED });
	ack = spoe_stand_next();
	spoe_stand_decided(&ack, "allow", "200", "allowed");
	assert_int_equal(rig->retired, 1);
}

static void hello_with_frame_size(size_t size)
{
	struct buf hello = buf_capped(0);

	spoe_stand_again();
	peer_hello(&hello, size, "pipelining");
	spoe_rig_send(peer, buf_slice(&hello));
	assert_int_equal(spoe_stand_next().type, SPOP_AGENT_HELLO);
	buf_fini(&hello);
}

static void ask_of_worker(struct policy_result result)
{
	rig->state = POLICY_DONE;
	rig->result = result;
	peer->seen = peer->out.len;
	spoe_rig_ask(peer, 1, 1, to_worker);
}

static void an_answer_stays_64_bytes_under_the_size_agreed_on(void **state)
{
	uint8_t body[20000];
	struct policy_result result = { .outcome = POLICY_RESPONDED, .status = 200 };
	size_t longest = 0;

	(void)state;
	memset(body, 'b', sizeof(body));
	peer->waiting = 0;
	for (size_t len = 15900; len < 16600; len++) {
		struct spop_frame ack;
		size_t before = peer->out.len;

		result.body = slice_of(body, len);
		ask_of_worker(result);
		ack = spoe_stand_next();
		assert_true(peer->out.len - before <= 16380 - 64);
		if (strcmp(peer_text(&ack, "verdict"), "respond") == 0) {
			assert_int_equal(strlen(peer_text(&ack, "body")), len);
			longest = peer->out.len - before;
		} else {
			spoe_stand_decided(&ack, "deny", "503", "answer_too_large");
		}
	}
	/* Not a byte is given away. */
	assert_int_equal(longest, 16380 - 64);
}

static void in_the_smallest_frames_a_denial_keeps_its_reason(void **state)
{
	const struct named unknown[] = { TEXT("host", "unknown.example.com"), NAMED_END };
	struct spop_frame ack;

	(void)state;
	hello_with_frame_size(256);
	spoe_rig_ask(peer, UINT64_MAX, UINT64_MAX, unknown);
	ack = spoe_stand_next();
	spoe_stand_decided(&ack, "deny", "403", "host_unknown");
	assert_string_equal(peer_text(&ack, "body"), "");
	spoe_rig_ask(peer, UINT64_MAX, UINT64_MAX, NULL);
	ack = spoe_stand_next();
	spoe_stand_decided(&ack, "deny", "503", "answer_too_large");
}

static void every_fault_of_a_worker_is_told(void **state)
{
	static const struct {
		enum reason reason;
		const char *word;
	} faults[] = { { REASON_POLICY_ERROR, "policy_error" }, { REASON_POLICY_TIMEOUT, "policy_timeout" },
		       { REASON_POLICY_MEMORY, "policy_memory" }, { REASON_INTERNAL_UNSET, "policy_error" } };

	(void)state;
	for (size_t i = 0; i < COUNT(faults); i++) {
		struct policy_result result = { .outcome = POLICY_FAILED, .reason = faults[i].reason,
						.error = SLICE_LIT("words for the log") };
		struct spop_frame ack;

		ask_of_worker(result);
		ack = spoe_stand_next();
		spoe_stand_decided(&ack, "deny", "503", faults[i].word);
		assert_null(strstr(peer_text(&ack, "body"), "words for the log"));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, spoe_stand_close)
	const struct CMUnitTest tests[] = {
		TEST(a_payload_truncated_at_every_byte),
		TEST(a_message_that_we_do_not_know_is_denied),
		TEST(an_argument_sent_twice_is_denied),
		TEST(an_argument_sent_twice_behind_a_known_order_is_denied),
		TEST(null_for_every_argument),
		TEST(every_type_under_every_name_never_crashes_or_allows_what_it_must_not),
		TEST(used_without_a_certificate_is_a_bad_request),
		TEST(stream_id_0_is_a_stream_like_any_other),
		TEST(an_empty_notify_gets_one_action_that_decides_nothing),
		TEST(of_two_messages_ours_decides),
		TEST(the_maximum_of_arguments_and_unnamed_ones),
		TEST(twenty_in_flight_answered_in_reverse),
		TEST(the_same_ids_on_two_connections),
		TEST(a_connection_that_is_lost_cancels_its_requests),
		TEST(a_request_aborted_by_haproxy_is_cancelled),
		TEST(too_many_unanswered_stop_the_reading),
		TEST(too_much_in_the_process_is_a_verdict_and_no_close),
		TEST(a_reload_lets_pending_requests_end_under_the_old_configuration),
		TEST(an_answer_stays_64_bytes_under_the_size_agreed_on),
		TEST(in_the_smallest_frames_a_denial_keeps_its_reason),
		TEST(every_fault_of_a_worker_is_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
