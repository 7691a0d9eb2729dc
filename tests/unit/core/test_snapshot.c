/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/snapshot.h"
#include "core/verdict.h"
#include "lib/certs.h"
#include "lib/config_dir.h"
#include "pki/trust.h"
#include "pki/verify.h"

static struct config_dir *dir;
static struct certs *root, *middle, *leaf;

static int set_up(void **state)
{
	(void)state;
	dir = config_dir_new();
	root = certs_ca("/CN=Root", NULL);
	middle = certs_ca("/CN=Middle", root);
	leaf = certs_leaf("/CN=leaf", middle);
	config_dir_put(dir, "root.pem", root->pem);
	config_dir_put(dir, "copy.pem", root->pem);
	config_dir_put(dir, "middle.pem", middle->pem);
	config_dir_put(dir, "w.lua", "return {}");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	certs_free(leaf);
	certs_free(middle);
	certs_free(root);
	config_dir_free(dir);
	return 0;
}

static struct snapshot *build(const char *source, struct snapshot *before)
{
	struct diag_list diag = { 0 };
	struct config *config = config_dir_take(dir, source);
	struct snapshot *snapshot;

	if (snapshot_build(config, before, &diag, &snapshot))
		fail_msg("%s", diag.count ? diag.items[0].message : "no fault");
	diag_fini(&diag);
	return snapshot;
}

static void refuses(const char *source, const char *wanted)
{
	struct diag_list diag = { 0 };
	struct config *config = config_dir_load(dir, source);
	struct snapshot *snapshot;
	char *text;

	assert_non_null(config);
	assert_int_equal(snapshot_build(config, NULL, &diag, &snapshot), ERR_CONFIG);
	assert_null(snapshot);
	text = config_dir_text(dir, &diag);
	if (!strstr(text, wanted))
		fail_msg("%s", text);
	free(text);
	diag_fini(&diag);
}

static void bad_authorities(void **state)
{
	(void)state;
	config_dir_put(dir, "bad.pem", "\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	refuses("return { authorities = { x = { certificates = 'bad.pem' } } }", "bad.pem:2: error: ");
	config_dir_put(dir, "bad.pem", "nothing\n");
	refuses("return { authorities = { x = { certificates = 'bad.pem' } } }", "bad.pem:");
	refuses("return { authorities = { x = { certificates = 'root.pem', intermediates = 'bad.pem' } } }",
		"bad.pem:");
	/* The good one doesn't hide the bad one. */
	refuses("return { authorities = { x = { certificates = 'bad.pem' }, y = { certificates = 'root.pem' } } }",
		"bad.pem:");
}

/* A config that was made by hand names its files only. */
static void files_read_late(void **state)
{
	struct diag_list diag = { 0 };
	struct config *config = config_dir_load(dir, "return { authorities = { x = { certificates = 'root.pem' } } }");
	struct authority_conf *authority;
	struct snapshot *snapshot;

	(void)state;
	assert_non_null(config);
	authority = &config->authorities[0];
	free(authority->certificates_text);
	authority->certificates_text = NULL;
	assert_int_equal(snapshot_build(config, NULL, &diag, &snapshot), ERR_OK);
	assert_int_equal(trust_count(snapshot_trust(snapshot, 0)), 1);
	snapshot_unref(snapshot);

	config = config_dir_load(dir, "return {\n authorities = { x = { certificates = 'root.pem' } } }");
	assert_non_null(config);
	authority = &config->authorities[0];
	free(authority->certificates_text);
	authority->certificates_text = NULL;
	authority->certificates[strlen(authority->certificates) - 1] = 'x';
	assert_int_equal(snapshot_build(config, NULL, &diag, &snapshot), ERR_CONFIG);
	assert_int_equal(diag.count, 1);
	assert_int_equal(diag.items[0].line, 2);
	assert_non_null(strstr(diag.items[0].message, "authorities.x: "));
	diag_fini(&diag);
}

/* The host entry whose rule counts for a canonical name, "" for none. */
static const char *pattern_of(const struct snapshot *snapshot, const struct host_rule *rule)
{
	return rule ? snapshot_host_conf(snapshot, rule)->pattern : "";
}

static const char *found(const struct snapshot *snapshot, const char *host)
{
	return pattern_of(snapshot, snapshot_host(snapshot, slice_str(host)));
}

static const char *named(const struct snapshot *snapshot, const char *raw)
{
	struct host_name name = snapshot_expect_host(snapshot, slice_str(raw));

	return pattern_of(snapshot, snapshot_named_host(snapshot, &name));
}

static void lookups(void **state)
{
	struct snapshot *snapshot = build("return { authorities = { x = { certificates = 'root.pem' } },\n"
		"hosts = { ['a.example'] = { authorities = { 'x' } }, ['*.b.example'] = { authorities = { 'x' } },\n"
		"['*.c.b.example'] = { authorities = { 'x' }, require = 'none' } },\n"
		"workers = { { name = 'w', script = 'w.lua', routes = { 'a.example/x*' } } } }", NULL);

	(void)state;
	assert_string_equal(found(snapshot, "b.example"), "");
	assert_string_equal(found(snapshot, ""), "");
	assert_string_equal(named(snapshot, "A.example"), "");
	assert_string_equal(named(snapshot, "a.example."), "");
	assert_string_equal(named(snapshot, "x.b.example"), "");
	assert_string_equal(named(snapshot, "*.b.example"), "");
	assert_string_equal(named(snapshot, "b.example"), "");
	assert_string_equal(named(snapshot, ""), "");
	assert_string_equal(named(snapshot, "a.example"), "a.example");
	assert_string_equal(found(snapshot, "a.example"), "a.example");
	assert_string_equal(found(snapshot, "x.b.example"), "*.b.example");
	assert_string_equal(found(snapshot, "c.b.example"), "*.b.example");
	assert_string_equal(found(snapshot, "y.c.b.example"), "*.c.b.example");
	assert_string_equal(snapshot_worker(snapshot, NULL, SLICE_LIT("a.example"), SLICE_LIT("/xy"))->name, "w");
	assert_null(snapshot_worker(snapshot, NULL, SLICE_LIT("a.example"), SLICE_LIT("/y")));
	/* The index has the notes of the route table: without them every request would look its routes up. */
	assert_int_not_equal(snapshot_host(snapshot, SLICE_LIT("a.example"))->routes, 0);
	assert_true(snapshot_routed(snapshot, SLICE_LIT("a.example")));
	assert_false(snapshot_routed(snapshot, SLICE_LIT("x.b.example")));
	assert_null(snapshot_deny(snapshot, 0));
	snapshot_unref(snapshot);
}

static void owned(void **state)
{
	static const char *const not_ours[] = { "", "host", "cf-cert-", "cf-cert-x", "client-certs", "client",
						"x-mtl", "x-clien", "cf-ray", "cookie", "x-mtls", "tea" };
	static const char *const ours[] = { "client-cert", "CLIENT_CERT", "Client-Cert-Chain", "cf-cert-verified",
		"CF_Cert-Verified", "cf-client-cert-der-base64", "cf-client-cert-sha256",
		"cf-access-jwt-assertion", "x-mtls-id", "X_MTLS_anything", "x-mtls-", "x-client-name",
		"X_Client_Name", "team", "TEAM" };
	struct snapshot *snapshot = build("return { headers = { owned = { 'X-Client-', 'Team' } } }", NULL);
	struct header_block block = { 0 };
	struct header_cursor cursor = { 0 };
	struct slice name;
	size_t names = 0, all = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(not_ours) / sizeof(not_ours[0]); i++)
		assert_false(snapshot_owns(snapshot, slice_str(not_ours[i])));
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		assert_true(snapshot_owns(snapshot, slice_str(ours[i])));
	assert_int_equal(header_block_add(&block, snapshot_owned_block(snapshot)), ERR_OK);
	for (; header_block_next_name(&block, &cursor, &name); names++) {
		assert_true(snapshot_owns(snapshot, name));
		assert_int_not_equal(name.ptr[name.len - 1], '-');
	}
	/* 17 of the managed transform, five others, and "team"; prefixes can't be listed. */
	assert_int_equal(names, 17 + 5 + 1);
	while (snapshot_owned_name(snapshot, all))
		all++;
	assert_int_equal(all, names + 2);
	snapshot_unref(snapshot);
}

static void shared_trust(void **state)
{
	struct snapshot *snapshot = build("return { authorities = { a = { certificates = 'root.pem' },\n"
		"b = { certificates = 'copy.pem', revocation = { deny = { 'FF' } } },\n"
		"c = { certificates = 'root.pem', intermediates = 'middle.pem' } } }", NULL);

	(void)state;
	assert_ptr_equal(snapshot_trust(snapshot, 0), snapshot_trust(snapshot, 1));
	assert_ptr_not_equal(snapshot_trust(snapshot, 0), snapshot_trust(snapshot, 2));
	assert_null(snapshot_deny(snapshot, 0));
	assert_non_null(snapshot_deny(snapshot, 1));
	snapshot_unref(snapshot);
}

static int verify(struct snapshot *snapshot, bool with_chain)
{
	struct trust *trust = snapshot_trust(snapshot, 0);
	struct cert *cert;
	struct verify_result result;
	struct verify_input input = { .chain = &middle->der, .chain_count = with_chain,
				      .trusts = &trust, .trust_count = 1, .now = CERTS_NOW };

	assert_int_equal(cert_parse(leaf->der, &cert), ERR_OK);
	input.leaf = cert;
	verify_run(&input, &result);
	cert_unref(cert);
	return result.error;
}

/* What a client brought before a reload still helps a resumed session after it. */
static void remembered_goes_on(void **state)
{
	const char *source = "return { authorities = { a = { certificates = 'root.pem' } } }";
	struct snapshot *before = build(source, NULL), *next, *other;

	(void)state;
	assert_int_not_equal(verify(before, false), 0);
	assert_int_equal(verify(before, true), 0);
	assert_int_equal(verify(before, false), 0);
	next = build(source, before);
	other = build("return { authorities = { z = { certificates = 'root.pem' } } }", before);
	snapshot_unref(before);
	assert_int_equal(verify(next, false), 0);
	/* Another name is another authority. */
	assert_int_not_equal(verify(other, false), 0);
	snapshot_unref(next);
	snapshot_unref(other);
}

static void counted(void **state)
{
	struct snapshot *snapshot = build("return {}", NULL);

	(void)state;
	assert_ptr_equal(snapshot_ref(snapshot), snapshot);
	snapshot_unref(snapshot);
	assert_string_equal(snapshot_config(snapshot)->state, "/var/lib/mtlsguard");
	snapshot_unref(snapshot);
	snapshot_unref(NULL);
}

static void lints(const struct snapshot *snapshot, int64_t now, const char *wanted)
{
	struct diag_list diag = { 0 };
	char *text;

	snapshot_lint(snapshot, now, &diag);
	text = config_dir_text(dir, &diag);
	assert_string_equal(text, wanted);
	assert_int_equal(diag.errors, 0);
	free(text);
	diag_fini(&diag);
}

static void expiring(void **state)
{
	struct snapshot *snapshot = build("return {\n authorities = { ca = { certificates = 'root.pem' } } }", NULL);

	(void)state;
	lints(snapshot, CERTS_UNTIL - 31 * 86400, "");
	lints(snapshot, CERTS_UNTIL - 10 * 86400,
	      "main.lua:2: lint: authorities.ca: its certificate \"CN=Root\" expires in 10 days, on 2049-01-01 "
	      "(add the one that follows it to the same file)\n");
	lints(snapshot, CERTS_UNTIL + 1,
	      "main.lua:2: lint: authorities.ca: its certificate \"CN=Root\" has expired, on 2049-01-01 "
	      "(certificates that chain to it are refused)\n");
	snapshot_unref(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_authorities), cmocka_unit_test(files_read_late),
		cmocka_unit_test(lookups), cmocka_unit_test(owned), cmocka_unit_test(shared_trust),
		cmocka_unit_test(remembered_goes_on), cmocka_unit_test(counted),
		cmocka_unit_test(expiring),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
