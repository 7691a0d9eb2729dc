/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "eval.h"
#include "lib/config_dir.h"
#include "lib/crls.h"
#include "lists_offline.h"
#include "pki/points.h"
#include "svc/list_job.h"

/* What check and eval know of revocation: files, and the copies that an agent has left. */
#define POINT "http://lists.test/point.crl"
#define FRESHEST "http://lists.test/delta.crl"
#define URL "https://lists.test/a.crl"

static struct certs *ca, *leaf;
static struct config_dir *dir;

static int set_up(void **state)
{
	static const char *const point[] = { "crlDistributionPoints=URI:" POINT, NULL };
	char folder[300];

	(void)state;
	ca = certs_ca("/CN=Offline", NULL);
	leaf = certs_make(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = ca, .serial = "0A", .extensions = point });
	dir = config_dir_new();
	config_dir_put(dir, "ca.pem", ca->pem);
	config_dir_put(dir, "state/.there", "");
	snprintf(folder, sizeof(folder), "cd %s/state && chmod 700 . && mkdir lists", config_dir_path(dir));
	return system(folder);
}

static int tear_down(void **state)
{
	(void)state;
	config_dir_free(dir);
	certs_free(ca);
	certs_free(leaf);
	return 0;
}

static struct setup *setup_of(const char *revocation)
{
	struct diag_list diag = { 0 };
	struct setup *setup = NULL;
	char text[1000];

	snprintf(text, sizeof(text),
		 "return { threads = 1, state = 'state', listen = { spop = {}, admin = {}, control = {} },"
		 " authorities = { ca = { certificates = 'ca.pem', revocation = { %s } } },"
		 " hosts = { ['*'] = { authorities = { 'ca' } } } }", revocation);
	config_dir_put(dir, "main.lua", text);
	if (setup_new(config_dir_file(dir, "main.lua"), NULL, 1, &diag, &setup))
		fail_msg("%s", config_dir_text(dir, &diag));
	diag_fini(&diag);
	return setup;
}

/* A list of the CA, or what else spec says, as PEM beside the configuration. */
static void put_list(const char *name, struct crls_spec spec)
{
	struct slice der;
	char *pem;

	spec.issuer = spec.issuer ? spec.issuer : ca;
	der = crls_make(&spec);
	pem = crls_pem(der);
	config_dir_put(dir, name, pem);
	free(pem);
	free((void *)(uintptr_t)der.ptr);
}

/* The same as an agent keeps it for that URL. */
static void keep_list(enum source_kind kind, const char *authority, const char *url, struct crls_spec spec)
{
	char folder[300];
	struct slice der;
	char *path;

	spec.issuer = ca;
	der = crls_make(&spec);
	snprintf(folder, sizeof(folder), "%s/state/lists", config_dir_path(dir));
	path = list_copy_path(folder, authority, kind, url);
	assert_int_equal(list_draft(path, der), ERR_OK);
	assert_int_equal(list_keep(path), ERR_OK);
	free(path);
	free((void *)(uintptr_t)der.ptr);
}

static void remove_copies(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -f %s/state/lists/*", config_dir_path(dir));
	assert_int_equal(system(command), 0);
}

/* status of the leaf by `eval`. */
static const char *decided(const char *revocation, int64_t at)
{
	static char status[20];
	struct setup *setup = setup_of(revocation);
	const struct eval_input input = { .method = SLICE_INIT("GET"), .scheme = SLICE_INIT("https"),
		.host = SLICE_INIT("x.test"), .path = SLICE_INIT("/"), .cert = leaf->der, .at = at };
	json_t *found = eval_run(setup, &input, false);
	const char *text = json_string_value(json_object_get(json_object_get(json_object_get(found, "tls"),
									      "revocation"), "status"));

	assert_non_null(text);
	snprintf(status, sizeof(status), "%s", text);
	json_decref(found);
	setup_free(setup);
	return status;
}

static char *faults_of(const char *revocation)
{
	struct setup *setup = setup_of(revocation);
	struct diag_list diag = { 0 };
	char *text;

	revocation_unref(lists_offline(setup->snapshot, CERTS_NOW, NULL, &diag));
	text = config_dir_text(dir, &diag);
	diag_fini(&diag);
	setup_free(setup);
	return text;
}

static void tells(const char *revocation, const char *want)
{
	char *text = faults_of(revocation);

	if (want ? !strstr(text, want) : *text)
		fail_msg("%s is not %s", text, want ? want : "empty");
	free(text);
}

static const struct crls_entry has_leaf[] = { { .serial = "0A" }, { 0 } };
static const struct crls_entry has_none[] = { { .serial = "0B" }, { 0 } };
static const struct crls_entry frees_leaf[] = { { .serial = "0A", .reason = 8 }, { 0 } };

static void tells_what_is_wrong_with_files(void **state)
{
	struct certs *stranger = certs_ca("/CN=Stranger", NULL), *twin = certs_ca("/CN=Offline", NULL);

	(void)state;
	tells("crl = { 'missing.crl' }", "missing.crl: No such file");
	config_dir_put(dir, "rubbish.crl", "rubbish");
	tells("crl = { 'rubbish.crl' }", "rubbish.crl: neither a whole DER list");
	put_list("old.crl", (struct crls_spec){ .next_update = CERTS_NOW - 60 });
	tells("crl = { 'old.crl' }", "old.crl: the list has expired, on 2026-05-28");
	put_list("stranger.crl", (struct crls_spec){ .issuer = stranger });
	tells("crl = { 'stranger.crl' }", "warning: authorities.ca.revocation");
	put_list("twin.crl", (struct crls_spec){ .issuer = twin });
	tells("crl = { 'twin.crl' }", "the signature of the list is not its issuer's");
	config_dir_put(dir, "denied.txt", "0A\n!\n");
	tells("deny = { 'file:denied.txt' }", "denied.txt: line 2 is no entry");
	/* What no agent has fetched yet is no fault. */
	tells("crl = { '" URL "' }", NULL);
	put_list("good.crl", (struct crls_spec){ .entries = has_none });
	tells("crl = { 'good.crl' }", NULL);
	certs_free(stranger);
	certs_free(twin);
}

static void decides_by_files(void **state)
{
	(void)state;
	assert_string_equal(decided("crl = { 'missing.crl' }", CERTS_NOW), "unknown");
	put_list("a.crl", (struct crls_spec){ .entries = has_none });
	assert_string_equal(decided("crl = { 'a.crl' }", CERTS_NOW), "good");
	assert_string_equal(decided("crl = { 'a.crl' }", CERTS_NOW + 7200), "stale");
	put_list("a.crl", (struct crls_spec){ .entries = has_leaf });
	assert_string_equal(decided("crl = { 'a.crl' }", CERTS_NOW), "revoked");
	config_dir_put(dir, "denied.txt", "0A\n");
	assert_string_equal(decided("deny = { 'file:denied.txt' }", CERTS_NOW), "revoked");
}

/* A delta counts in whichever order the two are named. */
static void deltas_change_what_is_decided(void **state)
{
	(void)state;
	put_list("full.crl", (struct crls_spec){ .number = "05", .entries = has_none });
	put_list("delta.crl", (struct crls_spec){ .number = "06", .base = "05", .entries = has_leaf });
	assert_string_equal(decided("crl = { 'full.crl' }", CERTS_NOW), "good");
	assert_string_equal(decided("crl = { 'full.crl', 'delta.crl' }", CERTS_NOW), "revoked");
	assert_string_equal(decided("crl = { 'delta.crl', 'full.crl' }", CERTS_NOW), "revoked");
	put_list("full.crl", (struct crls_spec){ .number = "05", .entries = has_leaf });
	put_list("delta.crl", (struct crls_spec){ .number = "06", .base = "05", .entries = frees_leaf });
	assert_string_equal(decided("crl = { 'delta.crl', 'full.crl' }", CERTS_NOW), "good");
}

static void decides_by_copies(void **state)
{
	(void)state;
	remove_copies();
	assert_string_equal(decided("crl = { '" URL "' }", CERTS_NOW), "unknown");
	keep_list(SOURCE_URL, "other", URL, (struct crls_spec){ .entries = has_leaf });
	keep_list(SOURCE_POINT, "ca", URL, (struct crls_spec){ .entries = has_leaf });
	assert_string_equal(decided("crl = { '" URL "' }", CERTS_NOW), "unknown");
	keep_list(SOURCE_URL, "ca", URL, (struct crls_spec){ .entries = has_none });
	assert_string_equal(decided("crl = { '" URL "' }", CERTS_NOW), "good");
	keep_list(SOURCE_URL, "ca", URL, (struct crls_spec){ .entries = has_leaf });
	assert_string_equal(decided("crl = { '" URL "' }", CERTS_NOW), "revoked");
}

/* What the certificate names is looked for in the state folder, where the authority follows points. */
static void decides_by_copies_of_points(void **state)
{
	static const char *const freshest[] = { "freshestCRL=URI:" FRESHEST, NULL };

	(void)state;
	remove_copies();
	assert_string_equal(decided("distribution_points = true", CERTS_NOW), "unknown");
	keep_list(SOURCE_POINT, "ca", POINT, (struct crls_spec){ .number = "05", .entries = has_none, .extensions = freshest });
	assert_string_equal(decided("distribution_points = true", CERTS_NOW), "good");
	assert_string_equal(decided("crl = { '" URL "' }", CERTS_NOW), "unknown");
	/* Where the delta of it is, the list itself says. */
	keep_list(SOURCE_POINT, "ca", FRESHEST, (struct crls_spec){ .number = "06", .base = "05", .entries = has_leaf });
	assert_string_equal(decided("distribution_points = true", CERTS_NOW), "revoked");
	remove_copies();
	keep_list(SOURCE_POINT, "ca", POINT, (struct crls_spec){ .entries = has_leaf });
	assert_string_equal(decided("distribution_points = true", CERTS_NOW), "revoked");
}

static void takes_in_points(void **state)
{
	struct setup *setup = setup_of("distribution_points = true"), *other;
	struct offline_points points = { 0 };
	char longer[POINTS_URI_LENGTH + 2];
	struct revocation_question questions[] = {
		{ .kind = ASK_LIST, .authority = "ca", .cert = leaf->der, .url = SLICE_INIT(POINT) },
		{ .kind = ASK_OCSP, .authority = "ca", .cert = leaf->der },
	};

	(void)state;
	assert_true(offline_points_add(&points, setup->snapshot, questions, 2));
	assert_false(offline_points_add(&points, setup->snapshot, questions, 2));
	assert_int_equal(points.count, 1);
	questions[0].authority = "nobody";
	assert_false(offline_points_add(&points, setup->snapshot, questions, 2));
	questions[0].authority = "ca";
	memset(longer, 'x', sizeof(longer));
	questions[0].url = slice_of(longer, sizeof(longer));
	assert_false(offline_points_add(&points, setup->snapshot, questions, 1));
	setup_free(setup);
	other = setup_of("crl = { 'a.crl' }");
	questions[0].url = SLICE_LIT("http://b.test/");
	assert_false(offline_points_add(&points, other->snapshot, questions, 1));
	setup_free(other);
	offline_points_fini(&points);
	assert_int_equal(points.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_is_wrong_with_files), cmocka_unit_test(decides_by_files),
		cmocka_unit_test(deltas_change_what_is_decided),  cmocka_unit_test(decides_by_copies),
		cmocka_unit_test(decides_by_copies_of_points),	  cmocka_unit_test(takes_in_points),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
