/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "front/spoe_order.h"
#include "lib/bytes.h"
#include "wire/spop.h"

#define NAMES 7

static const char *const names[NAMES] = { "cert", "used", "tls_version", "host", "hdr_accept", "path", "" };

static struct value value_of(size_t i)
{
	if (i % 3 == 1)
		return (struct value){ .kind = VALUE_INT, .integer = -(int64_t)i };
	return (struct value){ .kind = VALUE_TEXT, .bytes = SLICE_LIT("a text that is longer than any name") };
}

/* Arguments of those numbers, -1 after the last; the caller frees it. */
static struct buf message(const int *numbers)
{
	struct buf b = buf_capped(0);

	for (; *numbers >= 0; numbers++) {
		struct value value = value_of((size_t)*numbers);

		spop_arg_encode(&b, slice_str(names[*numbers]), &value);
	}
	return b;
}

static struct spoe_order learned(const int *numbers)
{
	struct spoe_order order = { .count = 0 };

	for (; *numbers >= 0; numbers++)
		assert_true(spoe_order_learn(&order, slice_str(names[*numbers])));
	return order;
}

static const int usual[] = { 0, 1, 2, 3, 4, 5, 6, -1 };

struct read {
	struct arena arena;
	struct request req;
	uint8_t *bytes; /* with the room behind them, and not a byte more */
	struct reader r;
	unsigned known;
};

static void read_in(struct read *read, size_t memory, const struct spoe_order *order, struct slice bytes, unsigned count)
{
	arena_init(&read->arena, memory);
	request_init(&read->req, &read->arena);
	read->bytes = calloc(1, bytes.len + SPOE_ORDER_ROOM);
	assert_non_null(read->bytes);
	if (bytes.len)
		memcpy(read->bytes, bytes.ptr, bytes.len);
	read->r = reader_of(slice_of(read->bytes, bytes.len));
	read->known = spoe_order_decode(order, &read->r, count, &read->req);
	assert_true(read->r.pos <= read->r.end);
}

static void read_message(struct read *read, const struct spoe_order *order, struct slice bytes, unsigned count)
{
	read_in(read, 65536, order, bytes, count);
}

static void forget(struct read *read)
{
	arena_fini(&read->arena);
	free(read->bytes);
}

static void assert_text(struct slice is, const char *wanted)
{
	assert_bytes(is, slice_str(wanted));
}

static void nothing_is_known_at_first(void **state)
{
	struct spoe_order order = { .count = 0 };
	struct buf b = message(usual);
	struct read read;

	(void)state;
	read_message(&read, &order, buf_slice(&b), NAMES);
	assert_int_equal(read.known, 0);
	assert_ptr_equal(read.r.pos, read.bytes);
	forget(&read);
	buf_fini(&b);
}

static void the_known_order_is_decoded(void **state)
{
	struct spoe_order order = learned(usual);
	struct buf b = message(usual);
	struct read read;

	(void)state;
	read_message(&read, &order, buf_slice(&b), NAMES);
	assert_int_equal(read.known, NAMES);
	assert_int_equal(reader_left(&read.r), 0);
	assert_text(request_bytes(&read.req, ARG_CERT), "a text that is longer than any name");
	assert_int_equal(read.req.args[ARG_USED].kind, VALUE_INT);
	assert_int_equal(read.req.args[ARG_USED].integer, -1);
	assert_text(read.req.extra->name, "hdr_accept");
	assert_int_equal(read.req.extra->value.integer, -4);
	assert_int_equal(read.req.extra->next->name.len, 0);
	assert_false(request_sent(&read.req, ARG_SNI));
	forget(&read);
	buf_fini(&b);
}

static void another_order_is_known_up_to_the_difference(void **state)
{
	static const int changed[] = { 0, 1, 3, 2, 4, -1 }, doubled[] = { 0, 0, 1, -1 }, longer[] = { 0, 1, 2, 3, 4, 5, 6, 6, -1 };
	struct spoe_order order = learned(usual);
	const struct { const int *numbers; unsigned count, known; } rows[] = {
		{ changed, 5, 2 }, { doubled, 3, 1 }, { longer, 8, 7 }, { usual, 3, 3 }, { usual, 0, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf b = message(rows[i].numbers);
		struct read read;

		read_message(&read, &order, buf_slice(&b), rows[i].count);
		assert_int_equal(read.known, rows[i].known);
		assert_int_equal(read.r.err, ERR_OK);
		forget(&read);
		buf_fini(&b);
	}
}

/* One name begins like another, or is as long. */
static void a_name_is_known_as_a_whole(void **state)
{
	static const struct { int known; const char *other; } rows[] = {
		{ 0, "certs" }, { 0, "cer" }, { 0, "Cert" }, { 0, "cart" }, { 0, "" },
		{ 2, "Tls_version" }, { 2, "tls_veRsion" }, { 2, "tls_verSion" }, { 2, "tls_versioN" } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct spoe_order order = learned((const int[]){ rows[i].known, -1 });
		struct value value = value_of(0);
		struct buf b = buf_capped(0);
		struct read read;

		spop_arg_encode(&b, slice_str(rows[i].other), &value);
		read_message(&read, &order, buf_slice(&b), 1);
		assert_int_equal(read.known, 0);
		forget(&read);
		buf_fini(&b);
	}
}

static void truncated_at_every_byte(void **state)
{
	struct spoe_order order = learned(usual);
	struct buf b = message(usual);

	(void)state;
	for (size_t len = 0; len < b.len; len++) {
		struct read read;

		read_message(&read, &order, slice_of(b.ptr, len), NAMES);
		assert_true(read.known < NAMES || reader_err(&read.r));
		forget(&read);
	}
	buf_fini(&b);
}

/* The zeros behind the end are no empty name, no NULL and no length. */
static void what_stands_behind_the_end_is_no_argument(void **state)
{
	static const struct { const char *bytes; size_t len; unsigned known; } rows[] = {
		{ "", 0, 0 }, { "\0", 1, 0 }, { "\0\0", 2, 1 }, { "\0\x11", 2, 1 }, { "\0\x08", 2, 2 },
		{ "\0\x06", 2, 2 }, { "\0\x06\1\2\3", 5, 2 }, { "\0\x04", 2, 2 }, { "\0\x04\xf0", 3, 2 },
		{ "\0\x08\1", 3, 2 }, { "\0\x08\0", 3, 1 } };
	struct spoe_order order = learned((const int[]){ 6, 0, -1 });

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct read read;

		read_message(&read, &order, slice_of(rows[i].bytes, rows[i].len), 2);
		assert_int_equal(read.known, rows[i].known);
		assert_int_equal(reader_err(&read.r), rows[i].known == 2 ? ERR_SHORT : ERR_OK);
		forget(&read);
	}
}

static void a_value_that_is_none_ends_it(void **state)
{
	struct spoe_order order = learned(usual);
	struct buf b = message(usual);
	struct read read;

	(void)state;
	b.ptr[5] = 0x0f;
	read_message(&read, &order, buf_slice(&b), NAMES);
	assert_int_equal(read.known, NAMES);
	assert_int_equal(reader_err(&read.r), ERR_FORMAT);
	forget(&read);
	buf_fini(&b);
}

static void without_memory_it_stops_before_the_argument(void **state)
{
	struct spoe_order order = learned((const int[]){ 4, 0, -1 });
	struct buf b = message((const int[]){ 4, 0, -1 });
	struct read read;

	(void)state;
	read_in(&read, 0, &order, buf_slice(&b), 2);
	assert_int_equal(read.known, 0);
	assert_ptr_equal(read.r.pos, read.bytes);
	forget(&read);
	buf_fini(&b);
}

static void an_order_has_an_end(void **state)
{
	struct spoe_order order = { .count = 0 };

	(void)state;
	assert_false(spoe_order_learn(&order, SLICE_LIT("sixteen_bytes_xx")));
	assert_int_equal(order.count, 0);
	for (unsigned i = 0; i < SPOE_ORDER_MAX; i++)
		assert_true(spoe_order_learn(&order, SLICE_LIT("fifteen_bytes_x")));
	assert_false(spoe_order_learn(&order, SLICE_LIT("x")));
	assert_int_equal(order.count, SPOE_ORDER_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(truncated_at_every_byte),
		cmocka_unit_test(what_stands_behind_the_end_is_no_argument),
		cmocka_unit_test(a_value_that_is_none_ends_it),
		cmocka_unit_test(without_memory_it_stops_before_the_argument),
		cmocka_unit_test(a_name_is_known_as_a_whole),
		cmocka_unit_test(another_order_is_known_up_to_the_difference),
		cmocka_unit_test(nothing_is_known_at_first),
		cmocka_unit_test(an_order_has_an_end),
		cmocka_unit_test(the_known_order_is_decoded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
