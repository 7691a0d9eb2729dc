/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/revoker_rig.h"

/* A delta counts from the first decision on, as the list that it changes does. */
static void a_start_waits_for_what_deltas_change(void **state)
{
	struct rig *rig = *state;
	char full[256], delta[256];
	const char *lists[] = { full, delta };
	struct revoker_authority authority = { .name = "a", .trust = rig->trust, .lists = lists, .list_count = 2 };
	struct expectation want = { rig, SOURCE_FILE, full, "\x02", NULL };

	snprintf(full, sizeof(full), "%s/full.crl", rig->folder);
	snprintf(delta, sizeof(delta), "%s/delta.crl", rig->folder);
	put_list(rig, rig->folder, "full.crl", (struct list_spec){ .number = "05" });
	put_list(rig, rig->folder, "delta.crl", (struct list_spec){ .number = "06", .base = "05", .serial = "02" });
	assert_true(revokes_once_configured(&authority, &want));
}

/* Copies of URLs, whichever of the two is read first, and though nobody may be asked. */
static void copies_wait_for_what_deltas_change(void **state)
{
	struct rig *rig = *state;
	char full[256], delta[256];
	struct expectation want = { rig, SOURCE_URL, full, "\x02", NULL };

	snprintf(full, sizeof(full), "%s", server_url(&rig->server, "/full.crl"));
	snprintf(delta, sizeof(delta), "%s", server_url(&rig->server, "/delta.crl"));
	put_list(rig, rig->served, "full.crl", (struct list_spec){ .number = "05" });
	put_list(rig, rig->served, "delta.crl", (struct list_spec){ .number = "06", .base = "05", .serial = "02" });
	for (size_t i = 0; i < 3; i++) {
		const char *lists[] = { i % 2 ? delta : full, i % 2 ? full : delta };
		struct revoker_authority authority = { .name = "a", .trust = rig->trust, .lists = lists, .list_count = 2,
						       .public_only = i > 0 };
		bool known = revokes_once_configured(&authority, &want);

		/* The first time there are no copies yet. */
		assert_true(known || (i == 0 && io_until(rig->loop, is_revoked, &want, 5000)));
		rig_stop(rig);
		rig_start(rig);
	}
}

static void configure_and_read_log(struct rig *rig, const char *list, char *text, size_t room)
{
	const char *path = path_of(rig, "log");
	int saved = dup(STDERR_FILENO), fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	ssize_t n;

	assert_true(saved >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
	configure_with(rig, list, false, false);
	dup2(saved, STDERR_FILENO);
	n = pread(fd, text, room - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	close(saved);
	close(fd);
}

/* Who is denied by a list that calls nobody good finds out why. */
static void says_what_calls_nobody_good(void **state)
{
	struct rig *rig = *state;
	const char *path = path_of(rig, "a.crl");
	char text[4096];

	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .number = "01", .issuer = rig->other });
	configure_and_read_log(rig, path, text, sizeof(text));
	assert_non_null(strstr(text, "a CA that is not configured"));
	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .number = "05" });
	configure_and_read_log(rig, path, text, sizeof(text));
	assert_string_equal(text, "");
	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .number = "06", .this_update = rig->now - 20,
								.next_update = rig->now - 10 });
	configure_and_read_log(rig, path, text, sizeof(text));
	assert_non_null(strstr(text, "nextUpdate of the list has passed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_start_waits_for_what_deltas_change, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(copies_wait_for_what_deltas_change, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(says_what_calls_nobody_good, revoker_rig_set_up, revoker_rig_tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
