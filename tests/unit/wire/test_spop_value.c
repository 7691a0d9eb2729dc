/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/bytes.h"
#include "wire/spop.h"

/* Vectors of the protocol: each value has exactly one encoding. */
static const struct {
	uint64_t value;
	const char *wire;
} varints[] = {
	{ 0, "00" }, { 1, "01" }, { 65, "41" }, { 127, "7f" }, { 128, "80" }, { 239, "ef" },
	{ 240, "f0 00" }, { 241, "f1 00" }, { 255, "ff 00" }, { 256, "f0 01" }, { 1000, "f8 2f" },
	{ 2287, "ff 7f" }, { 2288, "f0 80 00" }, { 2289, "f1 80 00" }, { 16380, "fc f0 06" },
	{ 16384, "f0 f1 06" }, { 65535, "ff f0 1e" }, { 65536, "f0 f1 1e" },
	{ 264431, "ff ff 7f" }, { 264432, "f0 80 80 00" }, { 1000000, "f0 95 e7 02" },
	{ 33818863, "ff ff ff 7f" }, { 33818864, "f0 80 80 80 00" },
	{ 2147483647, "ff f0 fe fe 3e" }, { 4294967295, "ff f0 fe fe 7e" },
	{ 4328786160, "f0 80 80 80 80 00" }, { UINT64_C(1) << 63, "f0 f1 fe fe fe fe fe fe fe 06" },
	{ UINT64_MAX, "ff f0 fe fe fe fe fe fe fe 0e" },
	{ (uint64_t)INT64_C(-5), "fb f0 fe fe fe fe fe fe fe 0e" },
	{ (uint64_t)INT64_C(-240), "f0 e2 fe fe fe fe fe fe fe 0e" },
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void varint_vectors_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(varints); i++) {
		struct slice wire = bytes(varints[i].wire);
		struct reader r = reader_of(wire);
		struct buf b = buf_capped(0);

		assert_true(reader_varint(&r) == varints[i].value);
		assert_int_equal(reader_end(&r), ERR_OK);
		buf_varint(&b, varints[i].value);
		assert_bytes(buf_slice(&b), wire);
		assert_int_equal(varint_size(varints[i].value), wire.len);
		buf_fini(&b);
	}
}

static void varints_truncated_at_every_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(varints); i++) {
		struct slice wire = bytes(varints[i].wire);

		for (size_t len = 0; len < wire.len; len++) {
			struct reader r = reader_of(slice_sub(wire, 0, len));

			assert_true(reader_varint(&r) == 0);
			assert_int_equal(reader_err(&r), ERR_SHORT);
		}
	}
}

static void a_varint_of_eleven_bytes_or_65_bits_is_refused(void **state)
{
	static const char *const bad[] = {
		"ff f0 fe fe fe fe fe fe fe fe 00", "f0 80 80 80 80 80 80 80 80 80 00",
		"f0 80 80 80 80 80 80 80 80 10", "ff ff fe fe fe fe fe fe fe 0e",
		"ff ff ff ff ff ff ff ff ff ff",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct reader r = reader_of(bytes(bad[i]));

		assert_true(reader_varint(&r) == 0);
		assert_int_equal(reader_err(&r), ERR_FORMAT);
	}
}

static void random_varints_round_trip(void **state)
{
	uint64_t v = UINT64_C(0x9e3779b97f4a7c15);

	(void)state;
	for (size_t i = 0; i < 100000; i++) {
		uint8_t room[10];
		struct buf b = buf_fixed(room, sizeof(room));
		struct reader r;
		uint64_t value;

		v = v * UINT64_C(6364136223846793005) + 1442695040888963407u;
		value = v >> (i % 64);
		buf_varint(&b, value);
		r = reader_of(buf_slice(&b));
		assert_true(reader_varint(&r) == value && !reader_end(&r));
	}
}

struct typed {
	const char *wire;
	enum spop_data type;
	struct value value;
};

static void check_same(const struct value *a, const struct value *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->boolean, b->boolean);
	assert_true(a->integer == b->integer);
	assert_bytes(a->bytes, b->bytes);
}

#define IP4 SLICE_INIT("\x7f\0\0\x01")
#define IP6 SLICE_INIT("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01")
#define NUL_TEXT SLICE_INIT("a\0b")

static const struct typed typed[] = {
	{ "00", SPOP_DATA_NULL, { .kind = VALUE_NULL } },
	{ "01", SPOP_DATA_BOOL, { .kind = VALUE_BOOL } },
	{ "11", SPOP_DATA_BOOL, { .kind = VALUE_BOOL, .boolean = true } },
	{ "02 05", SPOP_DATA_INT32, { .kind = VALUE_INT, .integer = 5 } },
	{ "02 fb f0 fe fe fe fe fe fe fe 0e", SPOP_DATA_INT32, { .kind = VALUE_INT, .integer = -5 } },
	{ "02 ff f0 fe fe 3e", SPOP_DATA_INT32, { .kind = VALUE_INT, .integer = INT32_MAX } },
	{ "03 fc f0 06", SPOP_DATA_UINT32, { .kind = VALUE_UINT, .integer = 16380 } },
	{ "03 ff f0 fe fe 7e", SPOP_DATA_UINT32, { .kind = VALUE_UINT, .integer = UINT32_MAX } },
	{ "04 00", SPOP_DATA_INT64, { .kind = VALUE_INT, .integer = 0 } },
	{ "04 ff f0 fe fe fe fe fe fe fe 0e", SPOP_DATA_INT64, { .kind = VALUE_INT, .integer = -1 } },
	{ "05 f0 f1 fe fe fe fe fe fe fe 06", SPOP_DATA_UINT64, { .kind = VALUE_UINT, .integer = INT64_MIN } },
	{ "06 7f 00 00 01", SPOP_DATA_IPV4, { .kind = VALUE_IP, .bytes = IP4 } },
	{ "07 20010db8 00000000 00000000 00000001", SPOP_DATA_IPV6, { .kind = VALUE_IP, .bytes = IP6 } },
	{ "08 00", SPOP_DATA_TEXT, { .kind = VALUE_TEXT } },
	{ "08 03 \"GET\"", SPOP_DATA_TEXT, { .kind = VALUE_TEXT, .bytes = SLICE_INIT("GET") } },
	{ "09 03 61 00 62", SPOP_DATA_BINARY, { .kind = VALUE_BINARY, .bytes = NUL_TEXT } },
};

static void every_type_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(typed); i++) {
		struct slice wire = bytes(typed[i].wire);
		struct reader r = reader_of(wire);
		struct buf b = buf_capped(0);
		struct value value;

		spop_value_decode(&r, &value);
		assert_int_equal(reader_end(&r), ERR_OK);
		check_same(&value, &typed[i].value);
		spop_value_encode(&b, typed[i].type, &typed[i].value);
		assert_bytes(buf_slice(&b), wire);
		buf_fini(&b);
	}
}

static void values_truncated_at_every_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(typed); i++) {
		struct slice wire = bytes(typed[i].wire);

		for (size_t len = 0; len < wire.len; len++) {
			struct reader r = reader_of(slice_sub(wire, 0, len));
			struct value value;

			spop_value_decode(&r, &value);
			assert_int_equal(reader_err(&r), ERR_SHORT);
			assert_int_equal(value.kind, VALUE_NULL);
		}
	}
}

static void check_refused(const char *wire, enum err why)
{
	struct reader r = reader_of(bytes(wire));
	struct value value;

	spop_value_decode(&r, &value);
	assert_int_equal(reader_err(&r), why);
	assert_int_equal(value.kind, VALUE_NULL);
	assert_int_equal(value.bytes.len, 0);
}

static void reserved_types_flags_and_wide_numbers_are_refused(void **state)
{
	(void)state;
	for (unsigned type = 10; type < 16; type++) {
		char wire[16];

		snprintf(wire, sizeof(wire), "%02x 00 00", type);
		check_refused(wire, ERR_FORMAT);
	}
	check_refused("21", ERR_FORMAT);
	check_refused("91", ERR_FORMAT);
	check_refused("10", ERR_FORMAT);
	check_refused("18 01 61", ERR_FORMAT);
	check_refused("14 05", ERR_FORMAT);
	check_refused("03 f0 f1 fe fe 7e", ERR_RANGE); /* 2^32 */
	check_refused("02 f0 f1 fe fe 7e", ERR_RANGE);
	check_refused("02 f0 f1 fe fe fe fe fe fe fe 06", ERR_RANGE);
	check_refused("08 ff f0 fe fe fe fe fe fe fe 0e 61", ERR_SHORT); /* a length of 2^64-1 */
}

/* Peers that send the 32 bits of a negative number mean it. */
static void a_negative_int32_without_sign_extension_is_understood(void **state)
{
	struct reader r = reader_of(bytes("02 fb f0 fe fe 7e"));
	struct value value;

	(void)state;
	spop_value_decode(&r, &value);
	assert_int_equal(reader_err(&r), ERR_OK);
	assert_true(value.integer == -5);
}

static void arguments_choose_their_own_type(void **state)
{
	struct buf b = buf_capped(0);

	(void)state;
	for (size_t i = 0; i < COUNT(typed); i++) {
		struct reader r;
		struct slice name;
		struct value value;

		buf_reset(&b);
		spop_arg_encode(&b, i % 2 ? SLICE_LIT("name") : SLICE_EMPTY, &typed[i].value);
		r = reader_of(buf_slice(&b));
		spop_arg_decode(&r, &name, &value);
		assert_int_equal(reader_end(&r), ERR_OK);
		assert_bytes(name, i % 2 ? SLICE_LIT("name") : SLICE_EMPTY);
		check_same(&value, &typed[i].value);
	}
	buf_fini(&b);
}

#define ROW_MAX 8

/* Where spop_args_decode puts what it reads. */
struct row {
	struct slice names[ROW_MAX + 1];
	struct value values[ROW_MAX + 1];
	size_t count;
};

static struct value *next_place(void *arg, struct slice name)
{
	struct row *row = arg;

	row->names[row->count] = name;
	return &row->values[row->count++];
}

static void check_row(struct slice wire, unsigned count)
{
	struct reader fast = reader_of(wire), slow = fast;
	struct row row = { .count = 0 };

	spop_args_decode(&fast, count, next_place, &row);
	for (unsigned i = 0; i < count && !reader_err(&slow); i++) {
		struct slice name;
		struct value value;

		spop_arg_decode(&slow, &name, &value);
		if (reader_err(&slow))
			break;
		assert_true(i < row.count);
		assert_bytes(row.names[i], name);
		check_same(&row.values[i], &value);
	}
	assert_int_equal(reader_err(&fast), reader_err(&slow));
	if (!reader_err(&slow))
		assert_ptr_equal(fast.pos, slow.pos);
}

/* The way through a row that costs little reads what the plain one reads, rubbish included. */
static void rows_of_arguments_read_the_same_both_ways(void **state)
{
	static const uint8_t likely[] = { 0, 1, 2, 3, 8, 9, 8, 9, 4, 0x11, 0xf0, 0xff, 0x80, 6, 5, 0x10 };
	uint64_t seed = 42;
	struct buf b = buf_capped(0);

	(void)state;
	for (size_t i = 0; i < 200000; i++) {
		uint8_t room[24];
		size_t len;

		for (size_t at = 0; at < sizeof(room); at++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
			room[at] = seed >> 40 & 1 ? (uint8_t)(seed >> 48) & 0x0f : likely[seed >> 60];
		}
		len = (size_t)(seed >> 33) % (sizeof(room) + 1);
		check_row(slice_of(room, len), 1 + (unsigned)(i % ROW_MAX));
	}
	for (size_t i = 0; i < COUNT(typed); i++) {
		buf_varstr(&b, SLICE_LIT("name"));
		spop_value_encode(&b, typed[i].type, &typed[i].value);
	}
	for (size_t len = 0; len <= b.len; len++)
		check_row(slice_sub(buf_slice(&b), 0, len), ROW_MAX);
	buf_fini(&b);
}

static void lengths_of_texts_around_each_border(void **state)
{
	static const size_t lengths[] = { 0, 1, 239, 240, 241, 255, 256, 2287, 2288, 2289, 70000, 264431, 264432 };
	uint8_t *text = calloc(1, 264432);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct value value = { .kind = VALUE_BINARY, .bytes = slice_of(text, lengths[i]) };
		struct buf b = buf_capped(0);
		struct row row = { .count = 0 };
		struct reader r;

		spop_arg_encode(&b, slice_of(text, lengths[i]), &value);
		check_row(buf_slice(&b), 1);
		check_row(slice_sub(buf_slice(&b), 0, b.len - 1), 1);
		r = reader_of(buf_slice(&b));
		spop_args_decode(&r, 1, next_place, &row);
		assert_int_equal(reader_end(&r), ERR_OK);
		assert_int_equal(row.values[0].bytes.len, lengths[i]);
		buf_fini(&b);
	}
	free(text);
}

static void messages_both_ways(void **state)
{
	struct buf b = buf_capped(0);
	struct spop_message message = { SLICE_LIT("check-client-cert"), 255 };
	struct reader r;

	(void)state;
	spop_message_encode(&b, &message);
	assert_bytes(buf_slice(&b), bytes("11 \"check-client-cert\" ff"));
	for (size_t len = 0; len < b.len; len++) {
		r = reader_of(slice_sub(buf_slice(&b), 0, len));
		assert_false(spop_message_decode(&r, &message));
		assert_int_equal(reader_err(&r), len ? ERR_SHORT : ERR_OK);
	}
	r = reader_of(buf_slice(&b));
	assert_true(spop_message_decode(&r, &message));
	assert_int_equal(message.args, 255);
	assert_slice(message.name, "check-client-cert");
	assert_false(spop_message_decode(&r, &message));
	assert_int_equal(reader_err(&r), ERR_OK);
	buf_fini(&b);
}

static void actions_both_ways(void **state)
{
	static const struct {
		const char *wire;
		struct spop_action action;
	} actions[] = {
		{ "01 03 02 07 \"verdict\" 08 05 \"allow\"",
		  { SPOP_SET_VAR, SPOP_TXN, SLICE_INIT("verdict"),
		    { .kind = VALUE_TEXT, .bytes = SLICE_INIT("allow") } } },
		{ "01 03 00 01 \"a\" 11",
		  { SPOP_SET_VAR, SPOP_PROC, SLICE_INIT("a"), { .kind = VALUE_BOOL, .boolean = true } } },
		{ "02 02 04 03 \"hdr\"", { SPOP_UNSET_VAR, SPOP_RES, SLICE_INIT("hdr"), { 0 } } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(actions); i++) {
		struct slice wire = bytes(actions[i].wire);
		struct buf b = buf_capped(0);
		struct spop_action action;
		struct reader r = reader_of(wire);

		spop_action_encode(&b, &actions[i].action);
		assert_bytes(buf_slice(&b), wire);
		buf_fini(&b);
		assert_true(spop_action_decode(&r, &action));
		assert_int_equal(action.kind, actions[i].action.kind);
		assert_int_equal(action.scope, actions[i].action.scope);
		assert_bytes(action.name, actions[i].action.name);
		assert_false(spop_action_decode(&r, &action));
		assert_int_equal(reader_err(&r), ERR_OK);
		for (size_t len = 1; len < wire.len; len++) {
			r = reader_of(slice_sub(wire, 0, len));
			assert_false(spop_action_decode(&r, &action));
			assert_int_not_equal(reader_err(&r), ERR_OK);
		}
	}
}

static void wrong_actions_are_refused(void **state)
{
	static const char *const bad[] = {
		"03 03 02 01 61 01", "01 02 02 01 61 01", "02 03 02 01 61", "01 03 05 01 61 01",
		"00 00 00 00",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct reader r = reader_of(bytes(bad[i]));
		struct spop_action action;

		assert_false(spop_action_decode(&r, &action));
		assert_int_not_equal(reader_err(&r), ERR_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(varints_truncated_at_every_byte),
		cmocka_unit_test(a_varint_of_eleven_bytes_or_65_bits_is_refused),
		cmocka_unit_test(varint_vectors_both_ways),
		cmocka_unit_test(random_varints_round_trip),
		cmocka_unit_test(values_truncated_at_every_byte),
		cmocka_unit_test(reserved_types_flags_and_wide_numbers_are_refused),
		cmocka_unit_test(every_type_both_ways),
		cmocka_unit_test(a_negative_int32_without_sign_extension_is_understood),
		cmocka_unit_test(arguments_choose_their_own_type),
		cmocka_unit_test(rows_of_arguments_read_the_same_both_ways),
		cmocka_unit_test(lengths_of_texts_around_each_border),
		cmocka_unit_test(messages_both_ways),
		cmocka_unit_test(wrong_actions_are_refused),
		cmocka_unit_test(actions_both_ways),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
