/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "agent_parts.h"
#include "base/clock.h"
#include "lib/config_dir.h"
#include "lib/crls.h"
#include "pki/x509.h"

/* What status and metrics tell of lists and of what expires first. */
static struct certs *ca, *brief;
static struct config_dir *dir;
static struct agent agent;
static int64_t now;

/* Two authorities, one of which ends in an hour. */
static struct snapshot *snapshot_of(void)
{
	struct diag_list diag = { 0 };
	struct setup *setup = NULL;
	struct snapshot *snapshot;

	config_dir_put(dir, "ca.pem", ca->pem);
	config_dir_put(dir, "brief.pem", brief->pem);
	config_dir_put(dir, "main.lua",
		       "return { threads = 1, state = 'state', listen = { spop = {}, admin = {}, control = {} }, authorities = {"
		       " long = { certificates = 'ca.pem' }, brief = { certificates = 'brief.pem' } },"
		       " hosts = { ['*'] = { authorities = { 'long' } } } }");
	if (setup_new(config_dir_file(dir, "main.lua"), NULL, 1, &diag, &setup))
		fail_msg("%s", config_dir_text(dir, &diag));
	diag_fini(&diag);
	snapshot = snapshot_ref(setup->snapshot);
	setup_free(setup);
	return snapshot;
}

static int set_up(void **state)
{
	(void)state;
	now = clock_wall_s();
	ca = certs_ca("/CN=Long", NULL);
	brief = certs_make(&(struct certs_spec){ .subject = "/CN=Brief", .ca = true, .not_after = now + 3600 });
	dir = config_dir_new();
	agent.snapshot = snapshot_of();
	agent.radar = radar_new();
	agent.revoker = revoker_new(NULL);
	agent.revocation = revocation_new();
	return agent.revoker ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	revocation_unref(agent.revocation);
	revoker_free(agent.revoker);
	radar_free(agent.radar);
	snapshot_unref(agent.snapshot);
	config_dir_free(dir);
	certs_free(ca);
	certs_free(brief);
	return 0;
}

static struct source_list list_of(const char *number, int64_t next_update, size_t entries)
{
	struct crls_entry revoked[4] = { { 0 } };
	struct source_list list = { .verified = true };
	struct slice der;
	struct crl crl;
	uint8_t key[32];

	for (size_t i = 0; i < entries; i++)
		revoked[i].serial = (const char *[]){ "01", "02", "03" }[i];
	der = crls_make(&(struct crls_spec){ .issuer = ca, .number = number, .entries = revoked, .this_update = now - 100,
					     .next_update = next_update });
	assert_int_equal(crl_parse(der, &crl), ERR_OK);
	assert_true(x509_issuer_key(ca->x509, key));
	assert_int_equal(revlist_build(&crl, NULL, key, false, &list.list), ERR_OK);
	free((void *)(uintptr_t)der.ptr);
	return list;
}

static void put(const struct revocation_source *source)
{
	struct revocation *next = revocation_next(agent.revocation);

	revocation_put(next, "long", source);
	revocation_unref(agent.revocation);
	agent.revocation = next;
}

static void put_lists(void)
{
	struct source_list two[] = { list_of("05", now + 500, 3), list_of("0A", now + 400, 1) };
	struct source_list over = list_of("01", now - 50, 1);

	put(&(struct revocation_source){ .kind = SOURCE_FILE, .name = "/two.crl", .lists = two, .list_count = 2,
					 .last_try = now - 5, .last_good = now - 5, .bytes = 777, .tries = 3 });
	put(&(struct revocation_source){ .kind = SOURCE_URL, .name = "http://over", .lists = &over, .list_count = 1,
					 .last_try = now - 1, .last_good = now - 90, .tries = 9, .failures = 2,
					 .error = "HTTP status 500" });
	put(&(struct revocation_source){ .kind = SOURCE_POINT, .name = "http://never", .last_try = now - 2, .tries = 1,
					 .failures = 1, .error = "timed out" });
	revlist_unref(two[0].list);
	revlist_unref(two[1].list);
	revlist_unref(over.list);
}

static json_int_t number_of(const json_t *row, const char *key)
{
	assert_true(json_is_integer(json_object_get(row, key)));
	return json_integer_value(json_object_get(row, key));
}

static void lists_in_status(void **state)
{
	json_t *rows = agent_lists(&agent), *row;

	(void)state;
	assert_int_equal(json_array_size(rows), 0);
	json_decref(rows);
	put_lists();
	rows = agent_lists(&agent);
	assert_int_equal(json_array_size(rows), 3);
	/* Of several lists in a file the one that ends first, and all their entries. */
	row = json_array_get(rows, 0);
	assert_string_equal(json_string_value(json_object_get(row, "kind")), "file");
	assert_string_equal(json_string_value(json_object_get(row, "number")), "0A");
	assert_int_equal(number_of(row, "entries"), 4);
	assert_int_equal(number_of(row, "lists"), 2);
	assert_int_equal(number_of(row, "next_update"), now + 400);
	assert_int_equal(number_of(row, "bytes"), 777);
	assert_true(number_of(row, "age") >= 100);
	assert_true(json_is_true(json_object_get(row, "verified")) && json_is_false(json_object_get(row, "stale")));
	assert_true(json_is_null(json_object_get(row, "error")));
	row = json_array_get(rows, 1);
	assert_true(json_is_true(json_object_get(row, "stale")));
	assert_string_equal(json_string_value(json_object_get(row, "error")), "HTTP status 500");
	assert_int_equal(number_of(row, "failures"), 2);
	row = json_array_get(rows, 2);
	assert_true(json_is_null(json_object_get(row, "number")) && json_is_null(json_object_get(row, "age")));
	assert_true(json_is_false(json_object_get(row, "verified")) && json_is_null(json_object_get(row, "last_good")));
	json_decref(rows);
}

static void what_expires_first(void **state)
{
	json_t *found = agent_expiries(&agent), *item;

	(void)state;
	item = json_object_get(found, "authority");
	assert_string_equal(json_string_value(json_object_get(item, "authority")), "brief");
	assert_int_equal(number_of(item, "expires"), now + 3600);
	assert_true(json_is_null(json_object_get(found, "list")));
	assert_int_equal(json_object_size(json_object_get(found, "certificates")), 0);
	json_decref(found);
	put_lists();
	radar_see(agent.radar, SLICE_LIT("long"), now + 900, SLICE_LIT("0B"), SLICE_LIT("CN=bob"), now);
	radar_see(agent.radar, SLICE_LIT("long"), now + 800, SLICE_LIT("0A"), SLICE_LIT("CN=alice"), now);
	found = agent_expiries(&agent);
	/* What is over already comes first of all. */
	item = json_object_get(found, "list");
	assert_string_equal(json_string_value(json_object_get(item, "source")), "http://over");
	assert_int_equal(number_of(item, "expires"), now - 50);
	item = json_object_get(json_object_get(found, "certificates"), "long");
	assert_int_equal(json_array_size(item), 2);
	assert_int_equal(number_of(json_array_get(item, 0), "expires"), now + 800);
	assert_string_equal(json_string_value(json_object_get(json_array_get(item, 0), "serial")), "0A");
	assert_string_equal(json_string_value(json_object_get(json_array_get(item, 1), "subject")), "CN=bob");
	json_decref(found);
}

static void has_line(const char *page, const char *line)
{
	if (!strstr(page, line))
		fail_msg("%s is not in:\n%s", line, page);
}

static void lists_in_metrics(void **state)
{
	struct buf out = buf_capped(0);
	char line[200];

	(void)state;
	put_lists();
	radar_see(agent.radar, SLICE_LIT("brief"), now + 800, SLICE_LIT("0A"), SLICE_LIT("CN=alice"), now);
	agent_lists_metrics(&agent, &out);
	buf_u8(&out, 0);
	has_line((char *)out.ptr, "\nmtlsguard_revocation_list_entries{authority=\"long\",kind=\"file\",source=\"/two.crl\"} 4\n");
	has_line((char *)out.ptr, "\nmtlsguard_revocation_list_stale{authority=\"long\",kind=\"url\",source=\"http://over\"} 1\n");
	has_line((char *)out.ptr, "\nmtlsguard_revocation_list_failing{authority=\"long\",kind=\"point\",source=\"http://never\"} 1\n");
	has_line((char *)out.ptr, "\nmtlsguard_revocation_fetches_total 0\n");
	snprintf(line, sizeof(line), "\nmtlsguard_certificate_expiry_seconds{authority=\"brief\"} %lld\n", (long long)now + 800);
	has_line((char *)out.ptr, line);
	/* What was never loaded has no dates, and is not called fresh either. */
	assert_null(strstr((char *)out.ptr, "next_update_seconds{authority=\"long\",kind=\"point\""));
	assert_null(strstr((char *)out.ptr, "stale{authority=\"long\",kind=\"point\""));
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lists_in_status, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_expires_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lists_in_metrics, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
