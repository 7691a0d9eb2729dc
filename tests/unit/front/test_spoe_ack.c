/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "front/spoe_ack.h"
#include "lib/bytes.h"
#include "lib/spop_peer.h"

static const struct log_values alice = {
	.cn = SLICE_INIT("alice"), .serial = SLICE_INIT("0A"), .fingerprint = SLICE_INIT("ff00"),
	.subject = SLICE_INIT("CN=alice"), .issuer = SLICE_INIT("CN=ca"), .verified = SLICE_INIT("SUCCESS"),
};

static struct verdict full(enum verdict_kind kind)
{
	return (struct verdict){
		.kind = kind, .reason = REASON_ALLOWED, .status = 200,
		.id = SLICE_LIT("0123456789abcdef01234567"),
		.body = SLICE_LIT("{}\n"), .content_type = SLICE_LIT("application/json"),
		.location = SLICE_LIT("https://example.com/"),
		.req_del = { .parts = { SLICE_LIT("\x01" "a"), SLICE_LIT("\x02" "bc") }, .count = 2 },
		.req_set = { .parts = { SLICE_LIT("\x01" "x" "\x02" "yz") }, .count = 1 },
		.res_del = { .parts = { SLICE_LIT("\x06" "server") }, .count = 1 },
		.res_set = { .parts = { SLICE_LIT("\x01" "r" "\x00"), SLICE_LIT("\x01" "s" "\x01" "t") },
			     .count = 2 },
		.client_cert = true, .until = 1780000030,
		.log = &alice,
	};
}

static const struct spoe_ids ids = { 5, 300 };

/* The frame, which the next call overwrites. */
static struct spop_frame encoded(const struct verdict *verdict, size_t max, enum err wanted)
{
	static struct buf out;
	struct slice left;
	struct spop_frame frame = { 0 };

	buf_reset(&out);
	buf_str(&out, "before");
	assert_int_equal(spoe_ack_encode(&out, &ids, verdict, max), wanted);
	assert_true(out.len - 6 <= max);
	if (wanted) {
		assert_int_equal(out.len, 6);
		return frame;
	}
	left = slice_sub(buf_slice(&out), 6, out.len);
	assert_true(peer_next(&left, &frame));
	assert_int_equal(left.len, 0);
	assert_int_equal(frame.type, SPOP_ACK);
	assert_int_equal(frame.stream_id, 5);
	assert_int_equal(frame.frame_id, 300);
	return frame;
}

static void assert_blob(const struct spop_frame *ack, const char *name, struct slice wanted)
{
	const struct value *value = peer_var(ack, name);

	assert_non_null(value);
	assert_int_equal(value->kind, VALUE_BINARY);
	assert_bytes(value->bytes, wanted);
}

static void every_variable_has_its_type(void **state)
{
	struct verdict verdict = full(VERDICT_ALLOW);
	struct spop_frame ack = encoded(&verdict, 16316, ERR_OK);

	(void)state;
	assert_int_equal(peer_actions(&ack), 19);
	assert_string_equal(peer_text(&ack, "verdict"), "allow");
	assert_int_equal(peer_var(&ack, "status")->kind, VALUE_UINT);
	assert_string_equal(peer_text(&ack, "status"), "200");
	assert_string_equal(peer_text(&ack, "reason"), "allowed");
	assert_string_equal(peer_text(&ack, "id"), "0123456789abcdef01234567");
	assert_string_equal(peer_text(&ack, "body"), "{}\n");
	assert_string_equal(peer_text(&ack, "content_type"), "application/json");
	assert_string_equal(peer_text(&ack, "location"), "https://example.com/");
	assert_blob(&ack, "req_del", SLICE_LIT("\x01" "a" "\x02" "bc" "\0"));
	assert_blob(&ack, "req_headers", SLICE_LIT("\x01" "x" "\x02" "yz" "\0\0"));
	assert_blob(&ack, "res_del", SLICE_LIT("\x06" "server" "\0"));
	assert_blob(&ack, "res_headers", SLICE_LIT("\x01" "r" "\0" "\x01" "s" "\x01" "t" "\0\0"));
	assert_string_equal(peer_text(&ack, "client_cert"), "true");
	assert_int_equal(peer_var(&ack, "client_cert")->kind, VALUE_BOOL);
	assert_int_equal(peer_var(&ack, "until")->kind, VALUE_INT);
	assert_string_equal(peer_text(&ack, "until"), "1780000030");
	assert_string_equal(peer_text(&ack, "cn"), "alice");
	assert_string_equal(peer_text(&ack, "serial"), "0A");
	assert_string_equal(peer_text(&ack, "fingerprint"), "ff00");
	assert_string_equal(peer_text(&ack, "subject"), "CN=alice");
	assert_string_equal(peer_text(&ack, "issuer"), "CN=ca");
	assert_string_equal(peer_text(&ack, "verified"), "SUCCESS");
}

/* HAProxy loses names of more than 63 bytes, "txn." and the configured prefix included. */
static void names_leave_room_for_a_prefix(void **state)
{
	struct verdict verdict = full(VERDICT_ALLOW);
	struct spop_frame ack = encoded(&verdict, 16316, ERR_OK);
	struct reader r = reader_of(ack.payload);
	struct spop_action action;

	(void)state;
	while (spop_action_decode(&r, &action)) {
		assert_int_equal(action.scope, SPOP_TXN);
		assert_in_range(action.name.len, 1, 12);
		for (size_t i = 0; i < action.name.len; i++)
			assert_non_null(strchr("abcdefghijklmnopqrstuvwxyz_", action.name.ptr[i]));
	}
}

static void empty_values_are_left_out(void **state)
{
	struct verdict verdict = { .kind = VERDICT_DENY, .reason = REASON_HOST_UNKNOWN, .status = 403 };
	struct spop_frame ack = encoded(&verdict, 16316, ERR_OK);

	(void)state;
	assert_int_equal(peer_actions(&ack), 3);
	assert_null(peer_var(&ack, "client_cert"));
	assert_null(peer_var(&ack, "until"));
}

static size_t size_of(const struct verdict *verdict)
{
	struct buf out = buf_capped(0);
	size_t size;

	assert_int_equal(spoe_ack_encode(&out, &ids, verdict, SIZE_MAX), ERR_OK);
	size = out.len;
	buf_fini(&out);
	return size;
}

static void variables_for_logs_go_first(void **state)
{
	struct verdict verdict = full(VERDICT_ALLOW);
	size_t size = size_of(&verdict);
	struct spop_frame ack = encoded(&verdict, size - 1, ERR_OK);

	(void)state;
	assert_null(peer_var(&ack, "cn"));
	assert_null(peer_var(&ack, "verified"));
	assert_non_null(peer_var(&ack, "until"));
	assert_blob(&ack, "req_headers", SLICE_LIT("\x01" "x" "\x02" "yz" "\0\0"));
}

static void an_allow_or_response_that_does_not_fit_is_an_error(void **state)
{
	struct verdict bare = full(VERDICT_ALLOW), verdict = bare;
	size_t size;

	(void)state;
	bare.log = &(struct log_values){ .cn = SLICE_EMPTY };
	size = size_of(&bare);
	encoded(&verdict, size, ERR_OK);
	encoded(&verdict, size - 1, ERR_LIMIT);
	verdict.kind = VERDICT_RESPOND;
	encoded(&verdict, size - 1, ERR_LIMIT);
}

/* The next verdict on the same certificate finds the six log values as they were sent, whatever else it says. */
static void log_values_are_encoded_once(void **state)
{
	struct verdict verdict = full(VERDICT_ALLOW);
	struct slice kept = SLICE_EMPTY;
	size_t size = size_of(&verdict);
	struct spop_frame ack;

	(void)state;
	verdict.encoded = &kept;
	assert_int_equal(size_of(&verdict), size);
	assert_true(kept.len > 0);
	assert_int_equal(size_of(&verdict), size);
	verdict.log = &(struct log_values){ .cn = SLICE_INIT("other") };
	verdict.kind = VERDICT_DENY;
	verdict.reason = REASON_CERTIFICATE_REVOKED;
	verdict.status = 403;
	ack = encoded(&verdict, 16316, ERR_OK);
	assert_string_equal(peer_text(&ack, "verdict"), "deny");
	assert_string_equal(peer_text(&ack, "reason"), "certificate_revoked");
	assert_string_equal(peer_text(&ack, "status"), "403");
	assert_string_equal(peer_text(&ack, "cn"), "alice");
	assert_string_equal(peer_text(&ack, "verified"), "SUCCESS");
	/* They still go first where there is no room. */
	ack = encoded(&verdict, size - kept.len, ERR_OK);
	assert_null(peer_var(&ack, "cn"));
	assert_string_equal(peer_text(&ack, "reason"), "certificate_revoked");
	free((void *)(uintptr_t)kept.ptr);
}

static void a_deny_loses_its_body_and_keeps_its_reason(void **state)
{
	struct verdict verdict = full(VERDICT_DENY);
	struct spop_frame ack = encoded(&verdict, 192, ERR_OK);

	(void)state;
	assert_int_equal(peer_actions(&ack), 4);
	assert_string_equal(peer_text(&ack, "verdict"), "deny");
	assert_string_equal(peer_text(&ack, "id"), "0123456789abcdef01234567");
}

static void the_longest_deny_fits_the_smallest_frame(void **state)
{
	struct spoe_ids longest = { UINT64_MAX, UINT64_MAX };
	struct verdict verdict = full(VERDICT_DENY);
	struct buf out = buf_capped(0);

	(void)state;
	for (enum reason reason = 0; reason < REASON_COUNT; reason++) {
		verdict.reason = reason;
		verdict.status = 503;
		assert_int_equal(spoe_ack_encode(&out, &longest, &verdict, 256 - 64), ERR_OK);
	}
	buf_fini(&out);
}

static void a_full_buffer_is_an_error_and_not_half_a_frame(void **state)
{
	uint8_t room[600];
	struct verdict verdict = full(VERDICT_DENY);

	(void)state;
	for (size_t size = 0; size < size_of(&verdict); size++) {
		struct buf out = buf_fixed(room, size);

		assert_int_equal(spoe_ack_encode(&out, &ids, &verdict, 16316), ERR_LIMIT);
		assert_int_equal(out.len, 0);
		assert_int_equal(buf_err(&out), ERR_LIMIT);
	}
}

/* The room that is made for a whole frame, whose smallest buffer is searched here, holds the longest of each. */
static void the_room_that_is_made_is_enough(void **state)
{
	static const uint8_t text[300] = { 'x' };
	struct slice bytes = slice_of(text, sizeof(text));
	struct log_values log = { bytes, bytes, bytes, bytes, bytes, bytes };
	struct header_block block = { .count = 2, .parts = { bytes, bytes } };
	struct spoe_ids longest = { UINT64_MAX, UINT64_MAX };
	struct verdict verdict = { .status = -1, .id = bytes, .body = bytes, .content_type = bytes, .location = bytes,
				   .client_cert = true, .until = -1, .log = &log, .req_del = block, .req_set = block,
				   .res_del = block, .res_set = block };

	(void)state;
	for (unsigned i = 0; i < 3 * REASON_COUNT; i++) {
		size_t size = 5000;
		enum err err = ERR_LIMIT;

		verdict.reason = i % REASON_COUNT;
		verdict.kind = i / REASON_COUNT;
		for (; err; size++) {
			uint8_t *room = malloc(size);
			struct buf out = buf_fixed(room, size);

			err = spoe_ack_encode(&out, &longest, &verdict, SIZE_MAX);
			assert_true(out.len <= size);
			free(room);
		}
	}
}

static void nothing_is_one_action(void **state)
{
	struct buf out = buf_capped(0);
	struct slice left;
	struct spop_frame ack;

	(void)state;
	spoe_ack_nothing(&out, &ids);
	assert_bytes(buf_slice(&out), bytes("00 00 00 13 67 00 00 00 01 05 fc 03"
					    "02 02 02 07 \"nothing\""));
	left = buf_slice(&out);
	assert_true(peer_next(&left, &ack));
	assert_int_equal(peer_actions(&ack), 1);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_allow_or_response_that_does_not_fit_is_an_error),
		cmocka_unit_test(a_full_buffer_is_an_error_and_not_half_a_frame),
		cmocka_unit_test(the_room_that_is_made_is_enough),
		cmocka_unit_test(log_values_are_encoded_once),
		cmocka_unit_test(a_deny_loses_its_body_and_keeps_its_reason),
		cmocka_unit_test(the_longest_deny_fits_the_smallest_frame),
		cmocka_unit_test(variables_for_logs_go_first),
		cmocka_unit_test(names_leave_room_for_a_prefix),
		cmocka_unit_test(empty_values_are_left_out),
		cmocka_unit_test(every_variable_has_its_type),
		cmocka_unit_test(nothing_is_one_action),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
