/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/radar.h"

#define NOW INT64_C(1780000000)
#define DAY INT64_C(86400)

static void the_nearest_of_a_day(void **state)
{
	struct radar *radar = radar_new();

	(void)state;
	assert_int_equal(radar_soonest(radar, SLICE_LIT("a"), NOW), 0);
	radar_see(radar, SLICE_LIT("a"), NOW + 9 * DAY, NOW);
	radar_see(radar, SLICE_LIT("a"), NOW + 7 * DAY, NOW + 3600);
	radar_see(radar, SLICE_LIT("a"), NOW + 8 * DAY, NOW + 3600);
	radar_see(radar, SLICE_LIT("b"), NOW + DAY, NOW);
	assert_int_equal(radar_soonest(radar, SLICE_LIT("a"), NOW + 3600), NOW + 7 * DAY);
	assert_int_equal(radar_soonest(radar, SLICE_LIT("b"), NOW + 3600), NOW + DAY);
	assert_int_equal(radar_soonest(radar, SLICE_LIT("aa"), NOW), 0);
	/* Seen more than a day ago, and expired. */
	assert_int_equal(radar_soonest(radar, SLICE_LIT("a"), NOW + 2 * DAY), 0);
	radar_see(radar, SLICE_LIT("b"), NOW + 2 * DAY, NOW + 2 * DAY);
	assert_int_equal(radar_soonest(radar, SLICE_LIT("b"), NOW + 2 * DAY + 1), 0);
	radar_free(radar);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_nearest_of_a_day) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
