/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/request.h"

static void every_name_is_found(void **state)
{
	(void)state;
	for (enum arg arg = 0; arg < ARG_COUNT; arg++)
		assert_int_equal(arg_find(slice_str(arg_name(arg))), arg);
}

/* Names that differ from a known one in one octet, or in their length, are other names. */
static void near_misses_are_not_found(void **state)
{
	char copy[32];

	(void)state;
	for (enum arg arg = 0; arg < ARG_COUNT; arg++) {
		size_t len = strlen(arg_name(arg));

		for (size_t i = 0; i < len; i++) {
			memcpy(copy, arg_name(arg), len + 1);
			copy[i] ^= 0x20;
			assert_int_equal(arg_find(slice_of(copy, len)), ARG_COUNT);
		}
		memcpy(copy, arg_name(arg), len + 1);
		copy[len] = 'x';
		assert_int_equal(arg_find(slice_of(copy, len + 1)), ARG_COUNT);
		if (arg != ARG_SRC_PORT)
			assert_int_equal(arg_find(slice_of(copy, len - 1)), ARG_COUNT);
	}
}

static void hostile_names_are_not_found(void **state)
{
	static uint8_t large[65536 + 4];

	(void)state;
	assert_int_equal(arg_find(SLICE_EMPTY), ARG_COUNT);
	/* Its length is that of "cert" modulo 65536, its ends are those of "cert". */
	large[0] = 'c';
	large[sizeof(large) - 1] = 't';
	assert_int_equal(arg_find(slice_of(large, sizeof(large))), ARG_COUNT);
}

static void known_once_unknown_kept_in_order(void **state)
{
	struct arena arena;
	struct request req;
	struct value *slot = NULL, yes = { .kind = VALUE_BOOL, .boolean = true };

	(void)state;
	arena_init(&arena, 65536);
	request_init(&req, &arena);
	assert_int_equal(request_set_arg(&req, SLICE_LIT("used"), yes), ERR_OK);
	assert_true(request_true(&req, ARG_USED));
	assert_int_equal(request_arg_slot(&req, SLICE_LIT("used"), &slot), ERR_DUPLICATE);
	assert_null(slot);
	assert_int_equal(request_set_arg(&req, SLICE_LIT("one"), yes), ERR_OK);
	assert_int_equal(request_set_arg(&req, SLICE_EMPTY, yes), ERR_OK);
	assert_int_equal(request_set_arg(&req, SLICE_LIT("one"), yes), ERR_OK);
	assert_true(slice_eq(req.extra->name, SLICE_LIT("one")));
	assert_int_equal(req.extra->next->name.len, 0);
	assert_true(slice_eq(req.extra->next->next->name, SLICE_LIT("one")));
	assert_false(request_sent(&req, ARG_CERT));
	arena_fini(&arena);
}

static void a_full_arena_is_told(void **state)
{
	struct arena arena;
	struct request req;
	struct value yes = { .kind = VALUE_BOOL, .boolean = true };
	enum err err = ERR_OK;

	(void)state;
	arena_init(&arena, 4096);
	request_init(&req, &arena);
	for (unsigned i = 0; i < 1000 && !err; i++)
		err = request_set_arg(&req, SLICE_LIT("more"), yes);
	assert_int_equal(err, ERR_MEMORY);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_is_found),
		cmocka_unit_test(near_misses_are_not_found),
		cmocka_unit_test(hostile_names_are_not_found),
		cmocka_unit_test(known_once_unknown_kept_in_order),
		cmocka_unit_test(a_full_arena_is_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
