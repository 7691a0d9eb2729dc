/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "wire/pb.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static enum err walk(struct slice message, unsigned *fields)
{
	struct reader r = reader_of(message);
	struct pb_field field;

	*fields = 0;
	while (pb_next(&r, &field))
		++*fields;
	return reader_err(&r);
}

static void faults_are_refused(void **state)
{
	static const struct {
		struct slice message;
		enum err err;
	} cases[] = {
		{ SLICE_INIT("\x0b"), ERR_FORMAT },	      /* a group begins */
		{ SLICE_INIT("\x0c"), ERR_FORMAT },	      /* a group ends */
		{ SLICE_INIT("\x0e\x01"), ERR_FORMAT },	      /* types that do not exist */
		{ SLICE_INIT("\x0f\x01"), ERR_FORMAT },
		{ SLICE_INIT("\x00\x01"), ERR_FORMAT },	      /* field number 0 */
		{ SLICE_INIT("\x02\x01x"), ERR_FORMAT },
		{ SLICE_INIT("\x80\x80\x80\x80\x10\x01"), ERR_FORMAT }, /* field number over 29 bits */
		{ SLICE_INIT("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), ERR_FORMAT },
		{ SLICE_INIT("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), ERR_FORMAT }, /* 65 bits */
		{ SLICE_INIT("\x08"), ERR_SHORT },
		{ SLICE_INIT("\x0a"), ERR_SHORT },
		{ SLICE_INIT("\x08\x80"), ERR_SHORT },
		{ SLICE_INIT("\x80"), ERR_SHORT },
		{ SLICE_INIT("\x09\x01\x02\x03\x04\x05\x06\x07"), ERR_SHORT },
		{ SLICE_INIT("\x0d\x01\x02\x03"), ERR_SHORT },
		{ SLICE_INIT("\x0a\x02x"), ERR_SHORT },
		{ SLICE_INIT("\x0a\xff\xff\xff\xff\x0f"), ERR_SHORT },
		{ SLICE_INIT("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), ERR_FORMAT },
		{ SLICE_INIT("\x0a\x80\x80\x80\x80\x80\x00"), ERR_FORMAT }, /* a length, a tag in six bytes */
		{ SLICE_INIT("\x88\x80\x80\x80\x80\x00\x01"), ERR_FORMAT },
	};
	unsigned fields;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (walk(cases[i].message, &fields) != cases[i].err)
			fail_msg("case %zu: %s", i, err_name(walk(cases[i].message, &fields)));
}

static void every_type_is_read(void **state)
{
	struct slice message = SLICE_INIT("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" "\x11" "12345678"
					  "\x1a\x03" "abc" "\x25" "1234" "\xfa\xff\xff\xff\x0f\x00");
	struct reader r = reader_of(message);
	struct pb_field field;

	(void)state;
	assert_true(pb_next(&r, &field));
	assert_int_equal(field.number, 1);
	assert_true(field.value == UINT64_MAX);
	assert_true(pb_next(&r, &field));
	assert_int_equal(field.type, PB_FIXED64);
	assert_true(pb_next(&r, &field));
	assert_true(slice_eq(field.bytes, SLICE_LIT("abc")));
	assert_true(pb_next(&r, &field));
	assert_int_equal(field.number, 4);
	assert_true(pb_next(&r, &field));
	assert_int_equal(field.number, 536870911);
	assert_int_equal(field.bytes.len, 0);
	assert_false(pb_next(&r, &field));
	assert_int_equal(reader_err(&r), ERR_OK);
}

static void a_known_field_has_one_type_and_comes_once(void **state)
{
	struct pb_field field = { .number = 3, .type = PB_BYTES };
	struct reader r = reader_of(SLICE_EMPTY);
	uint32_t seen = 0;

	(void)state;
	assert_true(pb_is(&r, &field, PB_BYTES, &seen));
	assert_false(pb_is(&r, &field, PB_BYTES, &seen));
	assert_int_equal(reader_err(&r), ERR_DUPLICATE);
	r = reader_of(SLICE_EMPTY);
	seen = 0;
	assert_false(pb_is(&r, &field, PB_VARINT, &seen));
	assert_int_equal(reader_err(&r), ERR_TYPE);
}

static void varints_have_their_sizes(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		struct buf b = buf_capped(0);
		struct reader r;
		struct pb_field field;

		pb_number(&b, 1, UINT64_C(1) << bit);
		assert_int_equal(b.len, 1 + pb_varint_size(UINT64_C(1) << bit));
		r = reader_of(buf_slice(&b));
		assert_true(pb_next(&r, &field));
		assert_true(field.value == UINT64_C(1) << bit);
		buf_fini(&b);
	}
}

static void lengths_are_made_room_for(void **state)
{
	static const size_t lens[] = { 0, 1, 127, 128, 16383, 16384, 70000 };
	static uint8_t bytes[70000];

	(void)state;
	for (size_t i = 0; i < COUNT(lens); i++) {
		struct buf b = buf_capped(0);
		size_t outer = pb_begin(&b, 3), inner = pb_begin(&b, 2);
		struct reader r;
		struct pb_field field;

		buf_put(&b, slice_of(bytes, lens[i]));
		pb_end(&b, inner);
		pb_end(&b, outer);
		r = reader_of(buf_slice(&b));
		assert_true(pb_next(&r, &field));
		assert_int_equal(field.number, 3);
		assert_int_equal(reader_left(&r), 0);
		r = reader_of(field.bytes);
		assert_true(pb_next(&r, &field));
		assert_int_equal(field.bytes.len, lens[i]);
		buf_fini(&b);
	}
}

static void a_full_buffer_stays_at_fault(void **state)
{
	uint8_t room[20];

	(void)state;
	for (size_t n = 0; n < sizeof(room); n++) {
		struct buf b = buf_fixed(room, n);
		size_t begun = pb_begin(&b, 1);

		pb_bytes(&b, 2, SLICE_LIT("0123456789abcdef"));
		pb_end(&b, begun);
		if (n < 20)
			assert_int_equal(buf_err(&b), ERR_LIMIT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults_are_refused),
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(a_known_field_has_one_type_and_comes_once),
		cmocka_unit_test(varints_have_their_sizes),
		cmocka_unit_test(lengths_are_made_room_for),
		cmocka_unit_test(a_full_buffer_stays_at_fault),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
