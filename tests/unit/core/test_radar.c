/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/radar.h"

#define NOW INT64_C(1780000000)
#define DAY INT64_C(86400)

static void see(struct radar *radar, const char *authority, const char *serial, int64_t not_after, int64_t now)
{
	radar_see(radar, slice_str(authority), not_after, slice_str(serial), SLICE_LIT("CN=x"), now);
}

/* The serials of those that come first, in a row. */
static void tells(struct radar *radar, const char *authority, int64_t now, const char *want)
{
	struct radar_leaf leafs[RADAR_LEAFS];
	size_t count = radar_leafs(radar, slice_str(authority), now, leafs);
	char text[100] = "";

	for (size_t i = 0; i < count; i++) {
		strcat(text, leafs[i].serial);
		assert_string_equal(leafs[i].subject, "CN=x");
		assert_true(i == 0 || leafs[i - 1].not_after <= leafs[i].not_after);
	}
	assert_string_equal(text, want);
	assert_int_equal(radar_soonest(radar, slice_str(authority), now), count ? leafs[0].not_after : 0);
	radar_leafs_fini(leafs, count);
}

static void the_nearest_of_a_day(void **state)
{
	struct radar *radar = radar_new();

	(void)state;
	tells(radar, "a", NOW, "");
	see(radar, "a", "9", NOW + 9 * DAY, NOW);
	see(radar, "a", "7", NOW + 7 * DAY, NOW + 3600);
	see(radar, "a", "8", NOW + 8 * DAY, NOW + 3600);
	see(radar, "b", "1", NOW + DAY, NOW);
	tells(radar, "a", NOW + 3600, "789");
	tells(radar, "b", NOW + 3600, "1");
	tells(radar, "aa", NOW, "");
	/* Seen more than a day ago, and expired. */
	tells(radar, "a", NOW + 2 * DAY, "");
	see(radar, "b", "2", NOW + 2 * DAY, NOW + 2 * DAY);
	tells(radar, "b", NOW + 2 * DAY + 1, "");
	radar_free(radar);
	radar_free(NULL);
}

static void no_more_than_the_nearest(void **state)
{
	struct radar *radar = radar_new();
	static const char *const serials[] = { "5", "3", "6", "1", "4", "2" };

	(void)state;
	/* In one hour and over several; every loop tells of the same ones. */
	for (int64_t hour = 0; hour < 3; hour++)
		for (size_t i = 0; i < 12; i++)
			see(radar, "a", serials[i % 6], NOW + (serials[i % 6][0] - '0') * DAY, NOW + hour * 3600);
	tells(radar, "a", NOW + 2 * 3600, "123");
	/* The first has expired: it hides none of the others. */
	see(radar, "b", "1", NOW + 10, NOW);
	see(radar, "b", "2", NOW + 20, NOW);
	tells(radar, "b", NOW + 10, "12");
	tells(radar, "b", NOW + 11, "2");
	/* Another CA's with the same serial. */
	see(radar, "b", "2", NOW + 30, NOW);
	tells(radar, "b", NOW + 11, "22");
	/* A clock that has gone back knows nothing of what is to come. */
	tells(radar, "a", NOW - 7200, "");
	radar_free(radar);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_nearest_of_a_day),
					    cmocka_unit_test(no_more_than_the_nearest) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
