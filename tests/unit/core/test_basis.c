/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/snapshot.h"
#include "lib/certs.h"
#include "lib/config_dir.h"
#include "pki/trust.h"
#include "pki/verify.h"

static struct config_dir *dir;
static struct certs *root, *other, *middle, *leaf;

static int set_up(void **state)
{
	(void)state;
	dir = config_dir_new();
	root = certs_ca("/CN=Root", NULL);
	other = certs_ca("/CN=Other", NULL);
	middle = certs_ca("/CN=Middle", other);
	leaf = certs_leaf("/CN=leaf", middle);
	config_dir_put(dir, "root.pem", root->pem);
	config_dir_put(dir, "same.pem", root->pem);
	config_dir_put(dir, "other.pem", other->pem);
	config_dir_put(dir, "w.lua", "return { fetch = fetch }");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	certs_free(leaf);
	certs_free(middle);
	certs_free(other);
	certs_free(root);
	config_dir_free(dir);
	return 0;
}

/* What a configuration consists of; NULL: as in `usual`. */
struct parts {
	const char *headers, *ca, *deny, *second, *hosts, *more;
};

static const struct parts usual = {
	.headers = "managed_transform = true, owned = { 'x-a' }",
	.ca = "certificates = 'root.pem'",
	.deny = "deny = { 'FF' }, ocsp = true, grace = 60, crl = { 'https://pki.example.com/a.crl' }",
	.second = "b = { certificates = 'other.pem' }",
	.hosts = "['a.example'] = { authorities = { 'a' } }, ['b.example'] = { authorities = { 'a', 'b' } }",
	.more = "",
};

static const char *first(const char *a, const char *b)
{
	return a ? a : b;
}

static struct snapshot *build(const struct parts *parts, struct snapshot *before)
{
	struct diag_list diag = { 0 };
	struct snapshot *snapshot;
	char source[2048];

	snprintf(source, sizeof(source),
		 "return { headers = { %s }, authorities = { a = { %s, revocation = { %s } }, %s }, hosts = { %s }, %s }",
		 first(parts->headers, usual.headers), first(parts->ca, usual.ca), first(parts->deny, usual.deny),
		 first(parts->second, usual.second), first(parts->hosts, usual.hosts), first(parts->more, usual.more));
	if (snapshot_build(config_dir_take(dir, source), before, &diag, &snapshot))
		fail_msg("%s: %s", source, diag.count ? diag.items[0].message : "no fault");
	diag_fini(&diag);
	return snapshot;
}

static bool number_stays(struct parts parts)
{
	struct snapshot *before = build(&usual, NULL), *next = build(&parts, before);
	uint64_t number = snapshot_number(before);
	bool stays = snapshot_number(next) == number;

	assert_true(stays || snapshot_number(next) > number);
	snapshot_unref(before);
	snapshot_unref(next);
	return stays;
}

static void what_no_certificate_depends_on(void **state)
{
	(void)state;
	assert_true(number_stays((struct parts){ 0 }));
	assert_true(number_stays((struct parts){ .more = "deadline = 0.7, decisions = { level = 'all', log = 'stdout' }" }));
	assert_true(number_stays((struct parts){ .more = "workers = { { name = 'w', script = 'w.lua', routes = { 'a.example/*' } } }" }));
	assert_true(number_stays((struct parts){ .ca = "certificates = 'same.pem'" }));
	/* Hosts come in the order of their names: a later one with known authorities has no number of its own. */
	assert_true(number_stays((struct parts){ .hosts = "['a.example'] = { authorities = { 'a' }, require = 'none' },\n"
		"['b.example'] = { authorities = { 'a', 'b' }, enforce = 'observe' }, ['c.example'] = { authorities = { 'a' } }" }));
}

static void what_they_depend_on(void **state)
{
	static const struct parts changed[] = {
		{ .headers = "managed_transform = false, owned = { 'x-a' }" },
		{ .headers = "managed_transform = true, client_cert = true, owned = { 'x-a' }" },
		{ .headers = "managed_transform = true, forward_certificate = true, owned = { 'x-a' }" },
		{ .headers = "managed_transform = true, owned = { 'x-b' }" },
		{ .headers = "managed_transform = true, owned = { 'x-a', 'x-b' }" },
		{ .ca = "certificates = 'other.pem'" },
		{ .ca = "certificates = 'root.pem', intermediates = 'other.pem'" },
		{ .deny = "ocsp = true, grace = 60, crl = { 'https://pki.example.com/a.crl' }" },
		{ .deny = "deny = { 'FE' }, ocsp = true, grace = 60, crl = { 'https://pki.example.com/a.crl' }" },
		{ .deny = "deny = { 'FF' }, ocsp = false, grace = 60, crl = { 'https://pki.example.com/a.crl' }" },
		{ .deny = "deny = { 'FF' }, ocsp = true, grace = 61, crl = { 'https://pki.example.com/a.crl' }" },
		{ .deny = "deny = { 'FF' }, ocsp = true, grace = 60, crl = { 'https://pki.example.com/b.crl' }" },
		{ .deny = "deny = { 'FF' }, ocsp = true, grace = 60, crl = { 'https://pki.example.com/a.crl' }, when_unknown = 'allow'" },
		{ .deny = "deny = { 'FF' }, ocsp = true, grace = 60, crl = { 'https://pki.example.com/a.crl' }, chain = true" },
		{ .deny = "deny = { 'FF' }, ocsp = true, grace = 60, crl = { 'https://pki.example.com/a.crl' }, distribution_points = true" },
		{ .deny = "deny = { 'FF' }, ocsp = true, grace = 60, crl = { 'https://pki.example.com/a.crl' }, fetch = 'public'" },
		{ .second = "c = { certificates = 'other.pem' }, b = { certificates = 'other.pem' }" },
		{ .second = "b = { certificates = 'root.pem' }" },
		{ .hosts = "['a.example'] = { authorities = { 'b' } }, ['b.example'] = { authorities = { 'a', 'b' } }" },
		{ .hosts = "['a.example'] = { authorities = { 'a' } }, ['b.example'] = { authorities = { 'b', 'a' } }" },
		{ .hosts = "['a.example'] = { authorities = { 'a', 'b' } }, ['b.example'] = { authorities = { 'a' } }" },
		{ .hosts = "['a.example'] = { authorities = { 'a' } }" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++)
		if (number_stays(changed[i]))
			fail_msg("change %zu is not seen", i);
}

static void it_is_that_of_the_snapshot_before(void **state)
{
	struct snapshot *a = build(&usual, NULL), *b = build(&(struct parts){ .ca = "certificates = 'other.pem'" }, a),
			*back = build(&usual, b), *alone = build(&usual, NULL);

	(void)state;
	assert_true(snapshot_number(b) > snapshot_number(a));
	assert_true(snapshot_number(back) > snapshot_number(b));
	assert_true(snapshot_number(alone) > snapshot_number(back));
	snapshot_unref(a);
	snapshot_unref(b);
	snapshot_unref(back);
	snapshot_unref(alone);
}

static void trusts_go_on_with_the_number(void **state)
{
	struct snapshot *before = build(&usual, NULL), *same = build(&(struct parts){ .more = "deadline = 0.7" }, before),
			*changed = build(&(struct parts){ .deny = "" }, before);

	(void)state;
	assert_ptr_equal(snapshot_trust(same, 0), snapshot_trust(before, 0));
	assert_ptr_equal(snapshot_trust(same, 1), snapshot_trust(before, 1));
	assert_ptr_not_equal(snapshot_trust(changed, 0), snapshot_trust(before, 0));
	snapshot_unref(before);
	snapshot_unref(same);
	snapshot_unref(changed);
}

/* A snapshot may be dropped yet, so one in use learns nothing from it, also where two authorities become one. */
static void a_trust_in_use_is_left_alone(void **state)
{
	const struct parts merged = { .second = "b = { certificates = 'root.pem' }" };
	struct snapshot *before = build(&usual, NULL), *next;
	struct cert *cert;
	struct trust *trust = snapshot_trust(before, 1);
	struct verify_result result;
	struct verify_input input = { .chain = &middle->der, .chain_count = 1, .trusts = &trust, .trust_count = 1,
				      .now = CERTS_NOW };

	(void)state;
	assert_int_equal(cert_parse(leaf->der, &cert), ERR_OK);
	input.leaf = cert;
	verify_run(&input, &result);
	cert_unref(cert);
	assert_int_equal(result.error, 0);
	assert_int_equal(trust_memory(trust), 1);
	next = build(&merged, before);
	assert_ptr_equal(snapshot_trust(next, 0), snapshot_trust(next, 1));
	assert_int_equal(trust_memory(snapshot_trust(next, 0)), 1);
	assert_int_equal(trust_memory(snapshot_trust(before, 0)), 0);
	snapshot_unref(next);
	snapshot_unref(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_no_certificate_depends_on),
		cmocka_unit_test(what_they_depend_on),
		cmocka_unit_test(it_is_that_of_the_snapshot_before),
		cmocka_unit_test(trusts_go_on_with_the_number),
		cmocka_unit_test(a_trust_in_use_is_left_alone),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
