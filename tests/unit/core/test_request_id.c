/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/request_id.h"

#define NOW INT64_C(1764000000) /* 69248100 in hex */

static void next(struct request_ids *ids, int64_t now, char *out)
{
	request_ids_next(ids, now, (uint8_t *)out);
	out[REQUEST_ID_DIGITS] = '\0';
}

static void digits_are_lower_hex_of_time_and_number(void **state)
{
	struct request_ids ids;
	char id[REQUEST_ID_DIGITS + 1], wanted[REQUEST_ID_DIGITS + 1];

	(void)state;
	request_ids_init(&ids);
	for (int64_t i = 0; i < 2000; i++) {
		/* The second changes now and then, and sometimes goes back. */
		int64_t now = NOW + i / 7 - i % 3;

		snprintf(wanted, sizeof(wanted), "%08llx%016llx", (unsigned long long)now,
			 (unsigned long long)(ids.start + (uint64_t)i + 1));
		next(&ids, now, id);
		assert_string_equal(id, wanted);
	}
}

/* The number's upper half is kept with the second: it must follow when the lower half runs over. */
static void the_number_runs_over(void **state)
{
	struct request_ids ids;
	char id[REQUEST_ID_DIGITS + 1];

	(void)state;
	request_ids_init(&ids);
	ids.start = UINT64_C(0x00000009fffffffe);
	next(&ids, NOW, id);
	assert_string_equal(id, "6924810000000009ffffffff");
	next(&ids, NOW, id);
	assert_string_equal(id, "692481000000000a00000000");
	ids.start = UINT64_MAX;
	ids.count = 0;
	next(&ids, NOW, id);
	assert_string_equal(id, "692481000000000000000000");
}

static void two_makers_differ(void **state)
{
	struct request_ids a, b;
	char x[REQUEST_ID_DIGITS + 1], y[REQUEST_ID_DIGITS + 1];

	(void)state;
	request_ids_init(&a);
	request_ids_init(&b);
	next(&a, NOW, x);
	next(&b, NOW, y);
	assert_string_not_equal(x, y);
	assert_memory_equal(x, y, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digits_are_lower_hex_of_time_and_number),
		cmocka_unit_test(the_number_runs_over),
		cmocka_unit_test(two_makers_differ),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
