/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/io.h"
#include "lib/revoker_rig.h"
#include "lib/trusts.h"

static void waits_for_files_that_are_missing(void **state)
{
	struct rig *rig = *state;
	const char *path = path_of(rig, "a.crl");
	struct expectation want = { rig, SOURCE_FILE, path, "\x01", NULL };

	configure_with(rig, path, false, false);
	assert_non_null(source(rig, SOURCE_FILE, path)->error);
	assert_int_equal(source(rig, SOURCE_FILE, path)->list_count, 0);
	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .number = "05" });
	assert_true(io_until(rig->loop, is_revoked, &want, 2000));
	assert_null(source(rig, SOURCE_FILE, path)->error);
	assert_true(source(rig, SOURCE_FILE, path)->last_good >= rig->now);
}

static void keeps_the_old_list_when_the_new_is_bad(void **state)
{
	struct rig *rig = *state;
	const char *path = path_of(rig, "a.crl");
	struct expectation want = { rig, SOURCE_FILE, path, "\x01", "older" };
	static const struct {
		struct list_spec spec;
		const char *error;
	} bad[] = {
		{ { .number = "04", .serial = "02" }, "older" },
		{ { .number = "06", .serial = "02", .bad_signature = true }, "signature" },
		{ { .number = "07", .serial = "02", .this_update = 4000000000 }, "future" },
	};

	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .number = "05" });
	configure_with(rig, path, false, false);
	assert_true(is_revoked(&want));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_list(rig, rig->folder, "a.crl", bad[i].spec);
		want.error = bad[i].error;
		assert_true(io_until(rig->loop, has_failed, &want, 2000));
		assert_true(is_revoked(&want));
		assert_false(revokes(rig, SOURCE_FILE, path, "\x02"));
	}
	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .number = "08", .serial = "02", .issuer = rig->other });
	want.error = "no CA of this authority";
	assert_true(io_until(rig->loop, has_failed, &want, 2000));
	put_file(rig->folder, "a.crl", SLICE_LIT("\x30\x82\x01"));
	want.error = "whole";
	assert_true(io_until(rig->loop, has_failed, &want, 2000));
	assert_true(is_revoked(&want));
	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .number = "09", .serial = "02" });
	want.serial = "\x02";
	assert_true(io_until(rig->loop, is_revoked, &want, 2000));
}

/* The last count is never a loop's: lists are freed by the revoker, however late a loop turns. */
static void loops_free_no_lists(void **state)
{
	struct rig *rig = *state;
	const char *path = path_of(rig, "a.crl");
	struct expectation want = { rig, SOURCE_FILE, path, "\x02", NULL };
	struct revocation *before;

	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .number = "05" });
	configure_with(rig, path, false, false);
	before = revocation_ref(rig->state);
	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .number = "06", .serial = "02" });
	assert_true(io_until(rig->loop, is_revoked, &want, 2000));
	io_turn(rig->loop, 300);
	assert_ptr_not_equal(before, rig->state);
	assert_false(revocation_is_last(before));
	revocation_unref(before);
}

static void a_start_finds_what_was_good(void **state)
{
	struct rig *rig = *state;
	const char *path = path_of(rig, "a.crl");
	struct expectation want = { rig, SOURCE_FILE, path, "\x01", NULL };

	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .number = "05" });
	configure_with(rig, path, false, false);
	rig_stop(rig);
	/* While nobody looked, the file went back. */
	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .number = "04", .serial = "02" });
	rig_start(rig);
	configure_with(rig, path, false, false);
	assert_true(is_revoked(&want));
	assert_non_null(source(rig, SOURCE_FILE, path)->error);
	rig_stop(rig);
	unlink(path);
	rig_start(rig);
	configure_with(rig, path, false, false);
	assert_true(is_revoked(&want));
	assert_non_null(source(rig, SOURCE_FILE, path)->error);
}

/* Without one in use it revokes: the clock may be wrong. With one it waits for its time, which "keeps_the_old_list" tests. */
static void a_list_from_tomorrow_revokes(void **state)
{
	struct rig *rig = *state;
	const char *path = path_of(rig, "a.crl");
	struct expectation want = { rig, SOURCE_FILE, path, "\x01", NULL };

	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .number = "05", .this_update = rig->now + 86400,
								.next_update = rig->now + 90000 });
	configure_with(rig, path, false, false);
	assert_true(is_revoked(&want));
	assert_null(source(rig, SOURCE_FILE, path)->error);
}

static int64_t life_of(struct rig *rig, const char *path)
{
	struct revlist_info info;

	revlist_info(source(rig, SOURCE_FILE, path)->lists[0].list, &info);
	return info.next_update - info.this_update;
}

/* What is found at a start and is known not to be the last list revokes, and is over; the source's own, with the same bytes, is not. */
static void an_outdated_copy_only_revokes(void **state)
{
	struct rig *rig = *state;
	const char *path = path_of(rig, "a.crl");
	struct expectation want = { rig, SOURCE_FILE, path, "\x01", NULL };
	char command[256];

	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .number = "05" });
	configure_with(rig, path, false, false);
	assert_int_equal(life_of(rig, path), 3610);
	rig_stop(rig);
	snprintf(command, sizeof(command), "cd %s/lists && for f in *.crl; do mv $f $f.outdated; done && mv %s %s.away",
		 rig->state_folder, path, path);
	assert_int_equal(system(command), 0);
	rig_start(rig);
	configure_with(rig, path, false, false);
	assert_true(is_revoked(&want));
	assert_int_equal(life_of(rig, path), 0);
	snprintf(command, sizeof(command), "mv %s.away %s", path, path);
	assert_int_equal(system(command), 0);
	configure_with(rig, path, false, false);
	assert_int_equal(life_of(rig, path), 3610);
	/* It is kept again, under its own name. */
	rig_stop(rig);
	snprintf(command, sizeof(command), "cd %s/lists && ls *.crl && ! ls *.outdated 2>/dev/null && rm %s", rig->state_folder, path);
	assert_int_equal(system(command), 0);
	rig_start(rig);
	configure_with(rig, path, false, false);
	assert_int_equal(life_of(rig, path), 3610);
}

static void a_spoiled_copy_counts_for_nothing(void **state)
{
	struct rig *rig = *state;
	const char *path = path_of(rig, "a.crl");
	struct expectation want = { rig, SOURCE_FILE, path, "\x01", NULL };
	char command[256];

	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .number = "05" });
	configure_with(rig, path, false, false);
	rig_stop(rig);
	unlink(path);
	snprintf(command, sizeof(command), "for f in %s/lists/*.crl; do printf x >> $f; done", rig->state_folder);
	assert_int_equal(system(command), 0);
	rig_start(rig);
	configure_with(rig, path, false, false);
	assert_false(is_revoked(&want));
	assert_non_null(source(rig, SOURCE_FILE, path)->error);
}

static void a_disk_that_takes_nothing_stops_nobody(void **state)
{
	struct rig *rig = *state;
	const char *path = path_of(rig, "a.crl");
	struct expectation want = { rig, SOURCE_FILE, path, "\x01", NULL };
	struct revoker_stats stats;
	char command[256];

	rig_stop(rig);
	snprintf(command, sizeof(command), "rm -r %s/lists; touch %s/lists", rig->state_folder, rig->state_folder);
	assert_int_equal(system(command), 0);
	rig_start(rig);
	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .number = "05" });
	configure_with(rig, path, false, false);
	assert_true(is_revoked(&want));
	assert_null(source(rig, SOURCE_FILE, path)->error);
	revoker_stats(rig->revoker, &stats);
	assert_int_equal(stats.keep_failures, 1);
}

static void fetches_and_refreshes_urls(void **state)
{
	struct rig *rig = *state;
	const char *url = server_url(&rig->server, "/a.crl");
	struct revoker_authority authority = { .name = "a", .trust = rig->trust, .lists = &url, .list_count = 1,
					       .public_only = true };
	struct expectation want = { rig, SOURCE_URL, url, "\x01", NULL };

	put_list(rig, rig->served, "a.crl", (struct list_spec){ .number = "05", .this_update = rig->now - 10,
								.next_update = rig->now + 1 });
	configure_with(rig, url, false, false);
	assert_true(io_until(rig->loop, is_revoked, &want, 5000));
	put_list(rig, rig->served, "a.crl", (struct list_spec){ .number = "06", .serial = "02" });
	want.serial = "\x02";
	assert_true(io_until(rig->loop, is_revoked, &want, 5000));
	/* After a start it is known before anything is decided. */
	rig_stop(rig);
	rig_start(rig);
	assert_true(revokes_once_configured(&authority, &want));
}

/* What came and is of no use counts as what did not come. */
static void counts_fetches_in_vain(void **state)
{
	struct rig *rig = *state;
	const char *url = server_url(&rig->server, "/a.crl");
	struct expectation want = { rig, SOURCE_URL, url, "\x01", "signature" };
	struct revoker_stats stats;

	put_list(rig, rig->served, "a.crl", (struct list_spec){ .number = "05", .bad_signature = true });
	configure_with(rig, url, false, false);
	assert_true(io_until(rig->loop, has_failed, &want, 5000));
	put_list(rig, rig->served, "a.crl", (struct list_spec){ .number = "05" });
	assert_true(io_until(rig->loop, is_revoked, &want, 5000));
	revoker_stats(rig->revoker, &stats);
	assert_true(stats.fetch_failures >= 1);
	assert_int_equal(stats.fetches, stats.fetch_failures + 1);
}

static void a_url_that_may_not_be_asked(void **state)
{
	struct rig *rig = *state;
	const char *url = server_url(&rig->server, "/a.crl");
	struct expectation want = { rig, SOURCE_URL, url, "\x01", "may be asked" };

	put_list(rig, rig->served, "a.crl", (struct list_spec){ .number = "05" });
	configure_with(rig, url, false, true);
	assert_true(io_until(rig->loop, has_failed, &want, 5000));
}

static bool is_forgotten(void *arg)
{
	struct expectation *want = arg;

	return !source(want->rig, want->kind, want->name);
}

/* Until all loops have changed over, requests are decided by the configuration before. */
static void a_reload_forgets_nothing_too_soon(void **state)
{
	struct rig *rig = *state;
	const char *old = path_of(rig, "old.crl"), *new = path_of(rig, "new.crl");
	struct expectation want = { rig, SOURCE_FILE, old, "\x01", NULL };
	_Atomic bool told = false;

	put_list(rig, rig->folder, "old.crl", (struct list_spec){ .number = "05" });
	put_list(rig, rig->folder, "new.crl", (struct list_spec){ .number = "05" });
	configure_with(rig, old, false, false);
	configure_with(rig, new, false, false);
	assert_true(is_revoked(&want));
	assert_true(revokes(rig, SOURCE_FILE, new, "\x01"));
	revoker_settle(rig->revoker);
	assert_true(io_until(rig->loop, is_forgotten, &want, 5000));
	assert_true(revokes(rig, SOURCE_FILE, new, "\x01"));
	/* A whole authority, too. */
	revoker_configure(rig->revoker, NULL, 0, on_configured, &told);
	assert_true(io_until(rig->loop, is_told, &told, 5000));
	assert_true(revokes(rig, SOURCE_FILE, new, "\x01"));
	revoker_settle(rig->revoker);
	want.name = new;
	assert_true(io_until(rig->loop, is_forgotten, &want, 5000));
}

static void a_point_makes_its_first_request_wait(void **state)
{
	struct rig *rig = *state;
	const char *url = server_url(&rig->server, "/p.crl");
	struct revocation_question question = { .kind = ASK_LIST, .authority = "a", .cert = rig->ca->der,
						.issuer = rig->ca->der, .url = slice_str(url) };
	struct expectation want = { rig, SOURCE_POINT, url, NULL, NULL };
	struct waiting waiting;

	put_list(rig, rig->served, "p.crl", (struct list_spec){ .number = "05" });
	configure_with(rig, NULL, true, false);
	ask(rig, &waiting, &question);
	assert_true(io_until(rig->loop, has_waited, &waiting, 5000));
	assert_true(revokes(rig, SOURCE_POINT, url, "\x01"));
	/* Not where the authority does not follow points. */
	configure_with(rig, NULL, false, false);
	revoker_settle(rig->revoker);
	assert_true(io_until(rig->loop, is_forgotten, &want, 5000));
	ask(rig, &waiting, &question);
	assert_true(io_until(rig->loop, has_waited, &waiting, 5000));
	assert_null(source(rig, SOURCE_POINT, url));
}

static void a_wait_ends_at_its_deadline(void **state)
{
	struct rig *rig = *state;
	const char *url = server_url(&rig->server, "/mute");
	struct revocation_question question = { .kind = ASK_LIST, .authority = "a", .cert = rig->ca->der,
						.issuer = rig->ca->der, .url = slice_str(url) };
	struct waiting late, cancelled;
	int64_t start_ns;

	configure_with(rig, NULL, true, false);
	ask(rig, &cancelled, &question);
	revoker_ops.cancel(rig->port, &cancelled.wait);
	late = (struct waiting){ .wait = { .questions = &question, .count = 1, .on_done = on_waited, .arg = &late } };
	start_ns = clock_mono_ns();
	late.wait.deadline_ns = start_ns + 200000000;
	assert_true(revoker_ops.ask(rig->port, &late.wait));
	assert_true(io_until(rig->loop, has_waited, &late, 3000));
	assert_true(clock_mono_ns() - start_ns < 1000000000);
	assert_int_equal(late.done, 1);
	assert_int_equal(cancelled.done, 0);
}

static void deltas_change_their_list(void **state)
{
	struct rig *rig = *state;
	char full[256], delta[256];
	const char *lists[] = { full, delta };
	struct revoker_authority authority = { .name = "a", .trust = rig->trust, .lists = lists, .list_count = 2 };
	struct expectation want = { rig, SOURCE_FILE, full, "\x02", NULL };
	_Atomic bool told = false;

	snprintf(full, sizeof(full), "%s/full.crl", rig->folder);
	snprintf(delta, sizeof(delta), "%s/delta.crl", rig->folder);
	put_list(rig, rig->folder, "full.crl", (struct list_spec){ .number = "05" });
	put_list(rig, rig->folder, "delta.crl", (struct list_spec){ .number = "06", .base = "05", .serial = "02" });
	revoker_configure(rig->revoker, &authority, 1, on_configured, &told);
	assert_true(io_until(rig->loop, is_told, &told, 5000));
	assert_true(io_until(rig->loop, is_revoked, &want, 3000));
	assert_true(revokes(rig, SOURCE_FILE, full, "\x01"));
	/* Released by the next delta. */
	put_list(rig, rig->folder, "delta.crl", (struct list_spec){ .number = "07", .base = "05", .serial = "03" });
	want.serial = "\x03";
	assert_true(io_until(rig->loop, is_revoked, &want, 3000));
	assert_false(revokes(rig, SOURCE_FILE, full, "\x02"));
	/* A full list that is newer than the delta stands alone. */
	put_list(rig, rig->folder, "full.crl", (struct list_spec){ .number = "08", .serial = "04" });
	want.serial = "\x04";
	assert_true(io_until(rig->loop, is_revoked, &want, 3000));
	assert_false(revokes(rig, SOURCE_FILE, full, "\x03"));
}

static void an_unknown_issuers_list_is_kept_until_a_chain_brings_it(void **state)
{
	struct rig *rig = *state;
	struct certs *middle = certs_ca("/CN=Middle", rig->ca), *leaf = certs_leaf("/CN=leaf", middle);
	struct trusts_run run = { .trusts = { rig->trust }, .trust_count = 1, .chain = { middle }, .now = rig->now };
	const char *path = path_of(rig, "m.crl");
	struct revocation_question question = { .kind = ASK_CHECK, .authority = "a", .cert = leaf->der,
						.issuer = middle->der };
	struct waiting waiting;

	put_list(rig, rig->folder, "m.crl", (struct list_spec){ .issuer = middle, .number = "01" });
	configure_with(rig, path, false, false);
	assert_int_equal(source(rig, SOURCE_FILE, path)->list_count, 1);
	assert_false(source(rig, SOURCE_FILE, path)->lists[0].verified);
	assert_int_equal(trusts_verify(&run, leaf), 0);
	memcpy(rig->ca_key, run.result.path[0].issuer_key, 32);
	ask(rig, &waiting, &question);
	assert_true(io_until(rig->loop, has_waited, &waiting, 5000));
	assert_true(source(rig, SOURCE_FILE, path)->lists[0].verified);
	assert_true(revokes(rig, SOURCE_FILE, path, "\x01"));
	certs_free(middle);
	certs_free(leaf);
}

static void deny_files_are_watched(void **state)
{
	struct rig *rig = *state;
	const char *path = path_of(rig, "deny.txt"), *files[] = { path };
	struct revoker_authority authority = { .name = "a", .trust = rig->trust, .deny_files = files, .deny_count = 1 };
	_Atomic bool told = false;
	struct expectation want = { rig, SOURCE_DENY, path, NULL, "line 2" };

	put_file(rig->folder, "deny.txt", SLICE_LIT("0A\n0B\n"));
	revoker_configure(rig->revoker, &authority, 1, on_configured, &told);
	assert_true(io_until(rig->loop, is_told, &told, 5000));
	assert_int_equal(deny_count(source(rig, SOURCE_DENY, path)->deny), 2);
	put_file(rig->folder, "deny.txt", SLICE_LIT("0A\nrubbish!\n"));
	assert_true(io_until(rig->loop, has_failed, &want, 2000));
	assert_int_equal(deny_count(source(rig, SOURCE_DENY, path)->deny), 2);
	/* What reload says is true when it is done. */
	put_file(rig->folder, "deny.txt", SLICE_LIT("0A\n"));
	atomic_store(&told, false);
	revoker_configure(rig->revoker, &authority, 1, on_configured, &told);
	assert_true(io_until(rig->loop, is_told, &told, 5000));
	assert_int_equal(deny_count(source(rig, SOURCE_DENY, path)->deny), 1);
}

/* Nothing else would fetch it: a copy that is gone is not looked for again and again. */
static void a_url_whose_copy_is_gone_is_fetched(void **state)
{
	struct rig *rig = *state;
	const char *url = server_url(&rig->server, "/a.crl");
	struct expectation want = { rig, SOURCE_URL, url, "\x01", NULL };
	char command[256];

	put_list(rig, rig->served, "a.crl", (struct list_spec){ .number = "05" });
	configure_with(rig, url, false, false);
	assert_true(io_until(rig->loop, is_revoked, &want, 5000));
	snprintf(command, sizeof(command), "rm %s/lists/*.crl", rig->state_folder);
	assert_int_equal(system(command), 0);
	put_list(rig, rig->served, "a.crl", (struct list_spec){ .number = "06", .serial = "02" });
	configure_with(rig, url, false, false);
	want.serial = "\x02";
	assert_true(io_until(rig->loop, is_revoked, &want, 5000));
}

static void one_unknown_list_of_a_file_does_not_hold_the_others_back(void **state)
{
	struct rig *rig = *state;
	const char *path = path_of(rig, "both.crl");
	struct expectation want = { rig, SOURCE_FILE, path, "\x02", NULL };
	static const char *const serials[] = { "01", "02" }, *const numbers[] = { "05", "06" };

	for (size_t i = 0; i < 2; i++) {
		const struct crls_entry entries[] = { { .serial = serials[i] }, { 0 } };
		struct crls_spec spec = { .issuer = rig->ca, .number = numbers[i], .entries = entries,
					  .this_update = rig->now - 10, .next_update = rig->now + 3600 };
		struct slice known = crls_make(&spec), unknown;
		struct buf both = buf_capped(0);

		spec.issuer = rig->other;
		unknown = crls_make(&spec);
		buf_put(&both, known);
		buf_put(&both, unknown);
		put_file(rig->folder, "both.crl", buf_slice(&both));
		if (i == 0)
			configure_with(rig, path, false, false);
		buf_fini(&both);
		free((void *)(uintptr_t)known.ptr);
		free((void *)(uintptr_t)unknown.ptr);
	}
	assert_true(io_until(rig->loop, is_revoked, &want, 3000));
	assert_int_equal(source(rig, SOURCE_FILE, path)->list_count, 2);
}

/* Without the list that it changes, or with one that is too old for it, what it revokes is revoked nevertheless. */
static void a_delta_without_its_list_revokes(void **state)
{
	struct rig *rig = *state;
	const char *path = path_of(rig, "delta.crl");
	const struct points none = { .is_ca = false };
	const struct revlist_subject subject = { .issuer_key = rig->ca_key, .points = &none };

	put_list(rig, rig->folder, "delta.crl", (struct list_spec){ .number = "09", .base = "08", .serial = "02" });
	configure_with(rig, path, false, false);
	assert_true(revokes(rig, SOURCE_FILE, path, "\x02"));
	assert_int_equal(source(rig, SOURCE_FILE, path)->list_count, 1);
	assert_false(revlist_covers(source(rig, SOURCE_FILE, path)->lists[0].list, &subject));
	put_list(rig, rig->folder, "delta.crl", (struct list_spec){ .number = "0A", .base = "08", .serial = "02",
								  .reason = CRL_REASON_REMOVE_FROM_CRL });
	configure_with(rig, path, false, false);
	assert_false(revokes(rig, SOURCE_FILE, path, "\x02"));
}

/* Another CA's list at the same place does not make the way free for the one before. */
static void a_list_between_lets_no_older_one_back(void **state)
{
	struct rig *rig = *state;
	struct certs *middle = certs_ca("/CN=Middle", rig->ca), *leaf = certs_leaf("/CN=leaf", middle);
	struct trusts_run run = { .trusts = { rig->trust }, .trust_count = 1, .chain = { middle }, .now = rig->now };
	const char *path = path_of(rig, "a.crl");
	struct expectation want = { rig, SOURCE_FILE, path, "\x01", "older" };

	assert_int_equal(trusts_verify(&run, leaf), 0);
	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .number = "05" });
	configure_with(rig, path, false, false);
	assert_true(is_revoked(&want));
	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .issuer = middle, .number = "01", .serial = "07" });
	configure_with(rig, path, false, false);
	assert_null(source(rig, SOURCE_FILE, path)->error);
	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .number = "04", .serial = "02" });
	configure_with(rig, path, false, false);
	assert_true(has_failed(&want));
	certs_free(middle);
	certs_free(leaf);
}

static void learn(struct rig *rig, const char *url)
{
	struct revocation_question question = { .kind = ASK_LIST, .authority = "a", .cert = rig->ca->der,
						.issuer = rig->ca->der, .url = slice_str(url) };
	struct waiting waiting;

	ask(rig, &waiting, &question);
	assert_true(io_until(rig->loop, has_waited, &waiting, 5000));
}

/* However many points come that give no list: what a copy revokes is not forgotten for them. */
static void points_without_a_list_make_room(void **state)
{
	struct rig *rig = *state;
	char url[256], other[300];

	snprintf(url, sizeof(url), "%s", server_url(&rig->server, "/p.crl"));
	put_list(rig, rig->served, "p.crl", (struct list_spec){ .number = "05" });
	configure_with(rig, NULL, true, false);
	learn(rig, url);
	rig_stop(rig);
	rig_start(rig);
	/* From now on nobody may be asked. */
	configure_with(rig, NULL, true, true);
	learn(rig, url);
	assert_true(revokes(rig, SOURCE_POINT, url, "\x01"));
	for (size_t i = 0; i < 258; i++) {
		snprintf(other, sizeof(other), "%s.%zu", url, i);
		learn(rig, other);
	}
	assert_true(revokes(rig, SOURCE_POINT, url, "\x01"));
	assert_non_null(source(rig, SOURCE_POINT, other));
	snprintf(other, sizeof(other), "%s.0", url);
	assert_null(source(rig, SOURCE_POINT, other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(waits_for_files_that_are_missing, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(keeps_the_old_list_when_the_new_is_bad, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(loops_free_no_lists, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(a_start_finds_what_was_good, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(a_spoiled_copy_counts_for_nothing, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(a_list_from_tomorrow_revokes, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(an_outdated_copy_only_revokes, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(a_disk_that_takes_nothing_stops_nobody, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(fetches_and_refreshes_urls, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(counts_fetches_in_vain, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(a_url_that_may_not_be_asked, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(a_point_makes_its_first_request_wait, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(a_wait_ends_at_its_deadline, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(deltas_change_their_list, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(an_unknown_issuers_list_is_kept_until_a_chain_brings_it, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(a_url_whose_copy_is_gone_is_fetched, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(one_unknown_list_of_a_file_does_not_hold_the_others_back, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(a_list_between_lets_no_older_one_back, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(points_without_a_list_make_room, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(a_delta_without_its_list_revokes, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(a_reload_forgets_nothing_too_soon, revoker_rig_set_up, revoker_rig_tear_down),
		cmocka_unit_test_setup_teardown(deny_files_are_watched, revoker_rig_set_up, revoker_rig_tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
