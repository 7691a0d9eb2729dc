/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/io.h"
#include "lib/ocsps.h"
#include "lib/revoker_rig.h"
#include "pki/x509.h"

/* Questions to a responder on loopback, whose answers OpenSSL made; a line a request says how it was asked. */

static struct certs *leaf_of(struct rig *rig, const char *serial, const char *mode, const char *file)
{
	char access[200], path[100];
	const char *const extensions[] = { access, NULL };

	snprintf(path, sizeof(path), "/ocsp/%s/%s", mode, file);
	snprintf(access, sizeof(access), "authorityInfoAccess=OCSP;URI:%s", server_url(&rig->server, path));
	return certs_make(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = rig->ca, .serial = serial,
						.extensions = extensions });
}

static struct revocation_question question_of(struct rig *rig, const struct certs *leaf)
{
	struct revocation_question question = { .kind = ASK_OCSP, .authority = "a", .cert = leaf->der,
						.issuer = rig->ca->der };
	bool positive;
	struct slice serial = x509_serial(leaf->x509, &positive);

	memcpy(question.issuer_key, rig->ca_key, sizeof(question.issuer_key));
	memcpy(question.serial, serial.ptr, serial.len);
	question.serial_len = serial.len;
	return question;
}

/* The file that the server gives for it. */
static void put_answer(struct rig *rig, const char *file, struct ocsps_spec spec)
{
	struct slice der;

	spec.issuer = rig->ca;
	spec.this_update = rig->now - 10;
	spec.next_update = spec.next_update ? spec.next_update : rig->now + 3600;
	der = ocsps_make(&spec);
	put_file(rig->served, file, der);
	free((void *)(uintptr_t)der.ptr);
}

/* How many lines of the server's record begin like that. */
static unsigned asked(struct rig *rig, const char *begin)
{
	char path[120], line[200];
	unsigned count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/requests", rig->served);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		count += strncmp(line, begin, strlen(begin)) == 0;
	if (file)
		fclose(file);
	return count;
}

static bool look(struct rig *rig, const struct certs *leaf, struct ocsp_record *out)
{
	struct revocation_question question = question_of(rig, leaf);

	return revoker_ops.ocsp(rig->port, &question, clock_wall_s(), out);
}

/* Asks and waits for what comes of it. */
static bool learn(struct rig *rig, const struct certs *leaf, struct ocsp_record *out)
{
	struct revocation_question question = question_of(rig, leaf);
	struct waiting waiting;

	ask(rig, &waiting, &question);
	assert_true(io_until(rig->loop, has_waited, &waiting, 5000));
	return look(rig, leaf, out);
}

static void asks_by_post_with_a_nonce(void **state)
{
	struct rig *rig = *state;
	struct certs *leaf = leaf_of(rig, "0A", "both", "a.ocsp");
	struct ocsp_record record;

	configure_with(rig, NULL, false, false);
	put_answer(rig, "a.ocsp", (struct ocsps_spec){ .cert = leaf, .status = OCSPS_REVOKED, .reason = 1 });
	assert_true(learn(rig, leaf, &record));
	assert_true(record.revoked);
	assert_int_equal(record.reason, 1);
	assert_true(record.used_from <= record.look_again && record.look_again <= record.until);
	assert_int_equal(asked(rig, "POST both a.ocsp nonce"), 1);
	assert_int_equal(asked(rig, ""), 1);
	certs_free(leaf);
}

/* Whatever a responder says to POST instead of an answer, it gets a GET, which the next question begins with. */
static void falls_back_to_get(void **state)
{
	static const char *const modes[] = { "get", "html", "unauthorized" };
	struct rig *rig = *state;
	struct ocsp_record record;

	configure_with(rig, NULL, false, false);
	for (size_t i = 0; i < 3; i++) {
		struct certs *leaf = leaf_of(rig, "0B", modes[i], "b.ocsp");
		char line[100];

		/* Another issuer's key is another entry of the cache. */
		rig->ca_key[0] ^= (uint8_t)(i + 1);
		put_answer(rig, "b.ocsp", (struct ocsps_spec){ .cert = leaf });
		assert_true(learn(rig, leaf, &record));
		assert_false(record.revoked);
		snprintf(line, sizeof(line), "POST %s b.ocsp nonce", modes[i]);
		assert_int_equal(asked(rig, line), 1);
		snprintf(line, sizeof(line), "GET %s b.ocsp plain", modes[i]);
		assert_int_equal(asked(rig, line), 1);
		rig->ca_key[1] ^= (uint8_t)(i + 1);
		assert_false(look(rig, leaf, &record));
		assert_true(learn(rig, leaf, &record));
		assert_int_equal(asked(rig, line), 2);
		assert_int_equal(asked(rig, "POST"), i + 1);
		certs_free(leaf);
	}
}

static void start_again(struct rig *rig)
{
	rig_stop(rig);
	rig_start(rig);
	configure_with(rig, NULL, false, false);
}

struct released {
	struct rig *rig;
	const struct certs *leaf;
};

static bool is_released(void *arg)
{
	const struct released *released = arg;
	struct ocsp_record record;

	return look(released->rig, released->leaf, &record) && !record.revoked;
}

/* What was denied is, whether or not a responder is there, until it says something else. */
static void revoked_over_a_start(void **state)
{
	struct rig *rig = *state;
	struct certs *good = leaf_of(rig, "0A", "both", "a.ocsp"), *bad = leaf_of(rig, "0B", "both", "b.ocsp");
	struct released released = { .rig = rig };
	struct ocsp_record record;
	char command[256];

	configure_with(rig, NULL, false, false);
	put_answer(rig, "a.ocsp", (struct ocsps_spec){ .cert = good });
	put_answer(rig, "b.ocsp", (struct ocsps_spec){ .cert = bad, .status = OCSPS_REVOKED, .reason = 1 });
	assert_true(learn(rig, good, &record) && !record.revoked);
	assert_true(learn(rig, bad, &record) && record.revoked);
	put_answer(rig, "b.ocsp", (struct ocsps_spec){ .cert = bad });
	/* A row that was cut short. */
	snprintf(command, sizeof(command), "printf xxx >> %s/lists/ocsp", rig->state_folder);
	assert_int_equal(system(command), 0);
	start_again(rig);
	assert_false(look(rig, good, &record));
	assert_true(look(rig, bad, &record));
	assert_true(record.revoked);
	assert_int_equal(record.reason, 1);
	assert_int_equal(record.this_update, rig->now - 10);
	/* That look has made it be asked for. */
	released.leaf = bad;
	assert_true(io_until(rig->loop, is_released, &released, 5000));
	start_again(rig);
	assert_false(look(rig, bad, &record));
	put_answer(rig, "b.ocsp", (struct ocsps_spec){ .cert = bad, .status = OCSPS_REVOKED });
	assert_true(learn(rig, bad, &record) && record.revoked);
	snprintf(command, sizeof(command), "printf x | dd of=%s/lists/ocsp bs=1 seek=70 conv=notrunc 2>/dev/null", rig->state_folder);
	assert_int_equal(system(command), 0);
	start_again(rig);
	assert_false(look(rig, bad, &record));
	certs_free(good);
	certs_free(bad);
}

/* A part of a row that a start could not take away is written over by the next row. */
static void rows_stand_behind_whole_ones(void **state)
{
	struct rig *rig = *state;
	struct certs *one = leaf_of(rig, "0A", "both", "a.ocsp"), *other = leaf_of(rig, "0B", "both", "b.ocsp");
	struct ocsp_record record;
	char command[256];

	configure_with(rig, NULL, false, false);
	put_answer(rig, "a.ocsp", (struct ocsps_spec){ .cert = one, .status = OCSPS_REVOKED });
	put_answer(rig, "b.ocsp", (struct ocsps_spec){ .cert = other, .status = OCSPS_REVOKED });
	assert_true(learn(rig, one, &record) && record.revoked);
	snprintf(command, sizeof(command), "cd %s/lists && printf xxx >> ocsp && mkdir ocsp.new", rig->state_folder);
	assert_int_equal(system(command), 0);
	start_again(rig);
	assert_true(look(rig, one, &record) && record.revoked);
	assert_true(learn(rig, other, &record) && record.revoked);
	snprintf(command, sizeof(command), "rmdir %s/lists/ocsp.new", rig->state_folder);
	assert_int_equal(system(command), 0);
	start_again(rig);
	assert_true(look(rig, one, &record) && record.revoked);
	assert_true(look(rig, other, &record) && record.revoked);
	certs_free(one);
	certs_free(other);
}

static void comes_back_to_post(void **state)
{
	struct rig *rig = *state;
	struct certs *leaf = leaf_of(rig, "0C", "told", "c.ocsp");
	struct ocsp_record record;

	configure_with(rig, NULL, false, false);
	put_answer(rig, "c.ocsp", (struct ocsps_spec){ .cert = leaf });
	put_file(rig->served, "mode", SLICE_LIT("get"));
	assert_true(learn(rig, leaf, &record));
	assert_int_equal(asked(rig, ""), 2);
	put_file(rig->served, "mode", SLICE_LIT("post"));
	for (uint8_t i = 1; i < 3; i++) {
		rig->ca_key[0] ^= i;
		assert_true(learn(rig, leaf, &record));
	}
	assert_int_equal(asked(rig, "GET told c.ocsp plain"), 2);
	assert_int_equal(asked(rig, "POST told c.ocsp nonce"), 3);
	certs_free(leaf);
}

static void refuses_what_neither_way_brings(void **state)
{
	struct rig *rig = *state;
	struct certs *leaf = leaf_of(rig, "0D", "none", "d.ocsp");
	struct revocation_question question = question_of(rig, leaf);
	struct revocation_wait wait = { .questions = &question, .count = 1, .on_done = on_waited,
					.deadline_ns = clock_mono_ns() + 1000000000 };
	struct revoker_stats stats;
	struct ocsp_record record;

	configure_with(rig, NULL, false, false);
	put_answer(rig, "d.ocsp", (struct ocsps_spec){ .cert = leaf });
	assert_false(learn(rig, leaf, &record));
	assert_int_equal(asked(rig, "POST none"), 1);
	assert_int_equal(asked(rig, "GET none"), 1);
	revoker_stats(rig->revoker, &stats);
	assert_int_equal(stats.ocsp_queries, 2);
	assert_int_equal(stats.ocsp_failures, 1);
	/* Asked in vain just now: nobody is made to wait for the same again. */
	assert_false(revoker_ops.ask(rig->port, &wait));
	certs_free(leaf);
}

/* RFC 6960 4.2.2.2.1: a delegated responder's certificate can be revoked, unless its issuer says not to look. */
static void a_revoked_responder_says_nothing(void **state)
{
	static const char *const checked[] = { "extendedKeyUsage=OCSPSigning", NULL };
	static const char *const unchecked[] = { "extendedKeyUsage=OCSPSigning", "noCheck=ignored", NULL };
	struct rig *rig = *state;
	const char *path = path_of(rig, "a.crl");
	struct certs *signer = certs_make(&(struct certs_spec){ .subject = "/CN=Responder", .issuer = rig->ca,
		.serial = "77", .extensions = checked });
	struct certs *vouched = certs_make(&(struct certs_spec){ .subject = "/CN=Responder", .issuer = rig->ca,
		.serial = "77", .extensions = unchecked });
	struct certs *leaves[3];
	struct ocsp_record record;

	for (size_t i = 0; i < 3; i++)
		leaves[i] = leaf_of(rig, (const char *[]){ "1A", "1B", "1C" }[i], "both",
				    (const char *[]){ "1.ocsp", "2.ocsp", "3.ocsp" }[i]);
	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .number = "05", .serial = "78" });
	configure_with(rig, path, false, false);
	put_answer(rig, "1.ocsp", (struct ocsps_spec){ .cert = leaves[0], .responder = signer });
	assert_true(learn(rig, leaves[0], &record));
	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .number = "06", .serial = "77" });
	assert_true(io_until(rig->loop, is_revoked,
			     &(struct expectation){ rig, SOURCE_FILE, path, "\x77", NULL }, 3000));
	put_answer(rig, "3.ocsp", (struct ocsps_spec){ .cert = leaves[2], .responder = vouched });
	assert_true(learn(rig, leaves[2], &record));
	put_answer(rig, "2.ocsp", (struct ocsps_spec){ .cert = leaves[1], .responder = signer });
	assert_false(learn(rig, leaves[1], &record));
	for (size_t i = 0; i < 3; i++)
		certs_free(leaves[i]);
	certs_free(signer);
	certs_free(vouched);
}

static bool has_ended(void *arg)
{
	return clock_mono_ns() > *(int64_t *)arg;
}

static bool is_asked_again(void *arg)
{
	return asked(arg, "POST both used.ocsp") == 2;
}

/* What somebody looked at in the second half of its life is asked for again before it ends, by nobody's request. */
static void refreshes_what_is_in_use(void **state)
{
	struct rig *rig = *state;
	struct certs *used = leaf_of(rig, "2A", "both", "used.ocsp"), *idle = leaf_of(rig, "2B", "both", "idle.ocsp");
	struct ocsp_record first, record;
	int64_t end;

	configure_with(rig, NULL, false, false);
	rig->now = clock_wall_s();
	put_answer(rig, "used.ocsp", (struct ocsps_spec){ .cert = used, .next_update = rig->now + 5 });
	put_answer(rig, "idle.ocsp", (struct ocsps_spec){ .cert = idle, .next_update = rig->now + 5 });
	assert_true(learn(rig, used, &first) && learn(rig, idle, &record));
	assert_true(first.used_from > rig->now && first.used_from < first.until);
	put_answer(rig, "used.ocsp", (struct ocsps_spec){ .cert = used, .status = OCSPS_REVOKED });
	while (clock_wall_s() < first.used_from)
		io_turn(rig->loop, 50);
	assert_true(look(rig, used, &record));
	assert_true(io_until(rig->loop, is_asked_again, rig, (int)(first.until - first.used_from) * 1000));
	end = clock_mono_ns() + INT64_C(1500000000);
	io_until(rig->loop, has_ended, &end, 2000);
	assert_true(look(rig, used, &record));
	assert_true(record.revoked && record.until > first.until);
	assert_int_equal(asked(rig, "POST both idle.ocsp"), 1);
	certs_free(used);
	certs_free(idle);
}

static bool have_all_waited(void *arg)
{
	struct waiting *waiting = arg;

	for (size_t i = 0; i < 100; i++)
		if (!waiting[i].done)
			return false;
	return true;
}

static void a_hundred_ask_once(void **state)
{
	static struct waiting waiting[100];
	struct rig *rig = *state;
	struct certs *leaf = leaf_of(rig, "3A", "both", "e.ocsp");
	struct revocation_question question = question_of(rig, leaf);

	configure_with(rig, NULL, false, false);
	put_answer(rig, "e.ocsp", (struct ocsps_spec){ .cert = leaf });
	for (size_t i = 0; i < 100; i++)
		ask(rig, &waiting[i], &question);
	assert_true(io_until(rig->loop, have_all_waited, waiting, 5000));
	assert_int_equal(asked(rig, ""), 1);
	certs_free(leaf);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, revoker_rig_set_up, revoker_rig_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_RIG(refuses_what_neither_way_brings), WITH_RIG(a_revoked_responder_says_nothing),
		WITH_RIG(asks_by_post_with_a_nonce),	   WITH_RIG(falls_back_to_get),
		WITH_RIG(revoked_over_a_start),
		WITH_RIG(rows_stand_behind_whole_ones),
		WITH_RIG(comes_back_to_post),		   WITH_RIG(refreshes_what_is_in_use),
		WITH_RIG(a_hundred_ask_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
