/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/verdict.h"
#include "lib/bytes.h"

/* The table of the design, word for word. */
static void reasons_and_their_statuses(void **state)
{
	static const struct {
		enum reason reason;
		const char *name;
		int status;
	} table[] = {
		{ REASON_ALLOWED, "allowed", 200 },
		{ REASON_HOST_UNKNOWN, "host_unknown", 403 },
		{ REASON_MISDIRECTED_REQUEST, "misdirected_request", 421 },
		{ REASON_CERTIFICATE_REQUIRED, "certificate_required", 403 },
		{ REASON_CERTIFICATE_INVALID, "certificate_invalid", 403 },
		{ REASON_CERTIFICATE_REVOKED, "certificate_revoked", 403 },
		{ REASON_BAD_REQUEST, "bad_request", 400 },
		{ REASON_EARLY_DATA, "early_data", 425 },
		{ REASON_POLICY_ERROR, "policy_error", 503 },
		{ REASON_POLICY_TIMEOUT, "policy_timeout", 503 },
		{ REASON_POLICY_MEMORY, "policy_memory", 503 },
		{ REASON_OVERLOADED, "overloaded", 503 },
		{ REASON_ANSWER_TOO_LARGE, "answer_too_large", 503 },
		{ REASON_WORKER_RESPONSE, "worker_response", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_string_equal(reason_name(table[i].reason), table[i].name);
		assert_int_equal(reason_status(table[i].reason), table[i].status);
	}
	for (enum reason reason = 0; reason < REASON_COUNT; reason++) {
		assert_non_null(reason_name(reason));
		assert_true(strlen(reason_title(reason)) > 3);
	}
}

/* What was never decided must not look like an allow anywhere. */
static void nothing_decided_denies(void **state)
{
	struct verdict verdict = { 0 };

	(void)state;
	assert_string_equal(verdict_name(verdict.kind), "deny");
	assert_string_equal(reason_name(verdict.reason), "policy_error");
	assert_int_equal(reason_status(verdict.reason), 503);
}

static void kinds(void **state)
{
	(void)state;
	assert_string_equal(verdict_name(VERDICT_ALLOW), "allow");
	assert_string_equal(verdict_name(VERDICT_DENY), "deny");
	assert_string_equal(verdict_name(VERDICT_RESPOND), "respond");
}

static void a_block_takes_so_many_parts(void **state)
{
	struct header_block block = { .count = 0 };

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(header_block_add(&block, SLICE_EMPTY), ERR_OK);
	assert_int_equal(block.count, 0);
	for (unsigned i = 0; i < HEADER_PARTS; i++)
		assert_int_equal(header_block_add(&block, SLICE_LIT("\x01" "a")), ERR_OK);
	assert_int_equal(header_block_add(&block, SLICE_LIT("\x01" "a")), ERR_LIMIT);
	assert_int_equal(header_block_size(&block), 2 * HEADER_PARTS);
}

static void names_and_pairs_over_all_parts(void **state)
{
	struct header_block block = { .parts = { SLICE_LIT("\x01" "a" "\x00"),
						 SLICE_LIT("\x02" "bc" "\x01" "d" "\x01" "e" "\x03" "fgh") },
				      .count = 2 };
	static const struct slice wanted[] = { SLICE_INIT("a"), SLICE_INIT(""), SLICE_INIT("bc"),
					       SLICE_INIT("d"), SLICE_INIT("e"), SLICE_INIT("fgh") };
	struct header_cursor cursor = { 0 };
	struct slice name, value;

	(void)state;
	for (size_t i = 0; i < 6; i += 2) {
		assert_true(header_block_next_pair(&block, &cursor, &name, &value));
		assert_bytes(name, wanted[i]);
		assert_bytes(value, wanted[i + 1]);
	}
	assert_false(header_block_next_pair(&block, &cursor, &name, &value));
	assert_false(header_block_next_pair(&block, &cursor, &name, &value));
	cursor = (struct header_cursor){ 0 };
	for (size_t i = 0; i < 6; i++) {
		assert_true(header_block_next_name(&block, &cursor, &name));
		assert_bytes(name, wanted[i]);
	}
	assert_false(header_block_next_name(&block, &cursor, &name));
}

static void a_part_that_does_not_decode_ends_the_walk(void **state)
{
	struct header_block block = { .parts = { SLICE_LIT("\x01" "a" "\x05" "bc"), SLICE_LIT("\x01" "x" "\x01" "y") },
				      .count = 2 };
	struct header_cursor cursor = { 0 };
	struct slice name, value;

	(void)state;
	assert_false(header_block_next_pair(&block, &cursor, &name, &value));
	assert_false(header_block_next_pair(&block, &cursor, &name, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_decided_denies),
		cmocka_unit_test(a_block_takes_so_many_parts),
		cmocka_unit_test(a_part_that_does_not_decode_ends_the_walk),
		cmocka_unit_test(reasons_and_their_statuses),
		cmocka_unit_test(kinds),
		cmocka_unit_test(names_and_pairs_over_all_parts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
