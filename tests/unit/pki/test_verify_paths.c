/* SPDX-License-Identifier: Apache-2.0 */
/* How a path is found: intermediates, namesakes, several authorities, memory, floods. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "lib/certs.h"
#include "lib/trusts.h"

#define EXTENSIONS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define LINKS_MAX 40

static struct certs *root;

static int set_up(void **state)
{
	(void)state;
	root = certs_ca("/O=Test/CN=Root", NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	certs_free(root);
	return 0;
}

/* root, links[0] … links[count-1], leaf: fills run->chain as TLS would send it. */
static struct certs *make_links(struct certs **links, size_t count, struct trusts_run *run)
{
	const struct certs *issuer = root;

	for (size_t i = 0; i < count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "/CN=Link %zu", i);
		links[i] = certs_ca(name, issuer);
		issuer = links[i];
		run->chain[count - 1 - i] = links[i];
	}
	run->chain[count] = NULL;
	return certs_leaf("/CN=leaf", issuer);
}

static void free_links(struct certs **links, size_t count, struct certs *leaf)
{
	for (size_t i = 0; i < count; i++)
		certs_free(links[i]);
	certs_free(leaf);
}

static void takes_ten_intermediates_and_no_more(void **state)
{
	struct trust *trust = trusts_one(root);

	(void)state;
	for (size_t count = 1; count <= 12; count++) {
		struct certs *links[12], *leaf;
		struct trusts_run run = { .trusts = { trust }, .trust_count = 1 };

		leaf = make_links(links, count, &run);
		assert_int_equal(trusts_verify(&run, leaf), count <= 10 ? 0 : 22);
		if (count <= 10)
			assert_int_equal(run.result.path_len, count + 1);
		free_links(links, count, leaf);
	}
	trust_unref(trust);
}

static void takes_the_chain_in_any_order(void **state)
{
	struct certs *links[4], *leaf;
	struct trusts_run run = { .trusts = { trusts_one(root) }, .trust_count = 1 };
	const struct certs *first;

	(void)state;
	leaf = make_links(links, 4, &run);
	first = run.chain[0];
	run.chain[0] = run.chain[3];
	run.chain[3] = first;
	run.chain[4] = root;
	run.chain[5] = leaf;
	assert_int_equal(trusts_verify(&run, leaf), 0);
	assert_int_equal(run.result.path_len, 5);
	trust_unref(run.trusts[0]);
	free_links(links, 4, leaf);
}

static void passes_by_what_is_no_certificate(void **state)
{
	struct certs *links[1], *leaf, junk = { .der = SLICE_INIT("\x30\x03\x02\x01\x01") };
	struct trusts_run run = { .trusts = { trusts_one(root) }, .trust_count = 1 };

	(void)state;
	leaf = make_links(links, 1, &run);
	run.chain[1] = run.chain[0];
	run.chain[0] = &junk;
	assert_int_equal(trusts_verify(&run, leaf), 0);
	trust_unref(run.trusts[0]);
	free_links(links, 1, leaf);
}

static void builds_over_helpers(void **state)
{
	struct certs *links[3], *leaf;
	struct trusts_run run = { .trust_count = 1 };

	(void)state;
	leaf = make_links(links, 3, &run);
	run.chain[0] = NULL;
	run.trusts[0] = trusts_of((const struct certs *const *)&root, 1,
				  (const struct certs *const *)links, 3);
	assert_int_equal(trusts_verify(&run, leaf), 0);
	assert_int_equal(run.result.path_len, 4);
	assert_int_equal(trust_memory(run.trusts[0]), 0);
	trust_unref(run.trusts[0]);
	free_links(links, 3, leaf);
}

/* A helper is no anchor. */
static void trusts_no_helper(void **state)
{
	struct certs *other = certs_ca("/CN=Other", NULL), *middle = certs_ca("/CN=Middle", root);
	struct certs *leaf = certs_leaf("/CN=leaf", middle);
	struct trust *trust = trusts_of((const struct certs *const *)&other, 1,
					(const struct certs *const[]){ middle, root }, 2);

	(void)state;
	assert_int_equal(trusts_error(trust, leaf, NULL, NULL, NULL), 20);
	assert_int_equal(trusts_error(trust, leaf, middle, root, NULL), 19);
	trust_unref(trust);
	certs_free(leaf);
	certs_free(middle);
	certs_free(other);
}

static void takes_an_intermediate_as_anchor(void **state)
{
	struct certs *links[3], *leaf;
	struct trusts_run run = { .trust_count = 1 };

	(void)state;
	leaf = make_links(links, 3, &run);
	run.trusts[0] = trusts_one(links[1]);
	assert_int_equal(trusts_verify(&run, leaf), 0);
	assert_int_equal(run.result.path_len, 2);
	run.chain[0] = NULL;
	assert_int_equal(trusts_verify(&run, leaf), 0);
	trust_unref(run.trusts[0]);
	free_links(links, 3, leaf);
}

static int error_through(const struct certs_spec *middle_spec)
{
	struct certs *middle = certs_make(middle_spec), *leaf = certs_leaf("/CN=leaf", middle);
	struct trust *trust = trusts_one(root);
	int error = trusts_error(trust, leaf, middle, NULL, NULL);

	assert_int_equal(trust_memory(trust), error == 0);
	trust_unref(trust);
	certs_free(leaf);
	certs_free(middle);
	return error;
}

static void refuses_bad_intermediates(void **state)
{
	struct certs_spec spec = { .subject = "/CN=Middle", .issuer = root, .ca = true };
	struct certs_spec bad = spec;

	(void)state;
	assert_int_equal(error_through(&spec), 0);
	bad.bad_signature = true;
	assert_int_equal(error_through(&bad), 7);
	bad = spec;
	bad.ca = false;
	assert_int_equal(error_through(&bad), 79);
	bad = spec;
	bad.v1 = true;
	assert_int_equal(error_through(&bad), 79);
	bad = spec;
	bad.not_after = CERTS_NOW;
	assert_int_equal(error_through(&bad), 10);
	bad = spec;
	bad.not_before = CERTS_NOW + 1;
	assert_int_equal(error_through(&bad), 9);
	bad = spec;
	bad.digest = "SHA1";
	assert_int_equal(error_through(&bad), 68);
	bad = spec;
	bad.serial = "0";
	assert_int_equal(error_through(&bad), 50);
	bad = spec;
	bad.extensions = EXTENSIONS("extendedKeyUsage=serverAuth");
	assert_int_equal(error_through(&bad), 26);
	bad.extensions = EXTENSIONS("1.2.3.4=critical,DER:05:00");
	assert_int_equal(error_through(&bad), 34);
}

static void obeys_path_lengths(void **state)
{
	struct certs *top = certs_make(&(struct certs_spec){ .subject = "/CN=Top", .issuer = root,
		.ca = true, .extensions = EXTENSIONS("basicConstraints=critical,CA:TRUE,pathlen:0") });
	struct certs *under = certs_ca("/CN=Under", top);
	struct certs *leaf = certs_leaf("/CN=leaf", under), *direct = certs_leaf("/CN=leaf", top);
	struct trust *trust = trusts_one(root), *partial = trusts_one(top);

	(void)state;
	assert_int_equal(trusts_error(trust, direct, top, NULL, NULL), 0);
	assert_int_equal(trusts_error(trust, leaf, under, top, NULL), 25);
	assert_int_equal(trusts_error(partial, leaf, under, NULL, NULL), 25);
	trust_unref(trust);
	trust_unref(partial);
	certs_free(leaf);
	certs_free(direct);
	certs_free(under);
	certs_free(top);
}

/* The window ends with the nearest date of anything in the chain. */
static void ends_with_the_nearest_date(void **state)
{
	struct certs *middle = certs_make(&(struct certs_spec){ .subject = "/CN=Middle", .issuer = root,
		.ca = true, .not_before = CERTS_NOW - 7, .not_after = CERTS_NOW + 9 });
	struct certs *leaf = certs_make(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = middle,
		.not_before = CERTS_NOW - 100, .not_after = CERTS_NOW + 5 });
	struct trusts_run run = { .trusts = { trusts_one(root) }, .trust_count = 1,
				  .chain = { middle } };

	(void)state;
	assert_int_equal(trusts_verify(&run, leaf), 0);
	assert_int_equal(run.result.valid_from, CERTS_NOW - 7);
	assert_int_equal(run.result.valid_until, CERTS_NOW + 5);
	run.now = CERTS_NOW + 7;
	assert_int_equal(trusts_verify(&run, leaf), 10);
	assert_int_equal(run.result.valid_from, CERTS_NOW + 5);
	assert_int_equal(run.result.valid_until, CERTS_NOW + 9);
	trust_unref(run.trusts[0]);
	certs_free(leaf);
	certs_free(middle);
}

static void remembers_what_clients_brought(void **state)
{
	struct certs *links[3], *leaf;
	struct trusts_run run = { .trusts = { trusts_one(root) }, .trust_count = 1 }, resumed = run;
	struct trust *next = trusts_one(root);

	(void)state;
	leaf = make_links(links, 3, &run);
	assert_int_equal(trusts_verify(&resumed, leaf), 20);
	assert_int_equal(resumed.result.memory, 0);
	assert_int_equal(trusts_verify(&run, leaf), 0);
	assert_int_equal(trust_memory(run.trusts[0]), 3);
	assert_int_equal(trusts_verify(&resumed, leaf), 0);
	assert_int_equal(resumed.result.path_len, 4);
	assert_int_equal(resumed.result.memory, 3);
	assert_int_equal(trusts_verify(&run, leaf), 0);
	assert_int_equal(trust_memory(run.trusts[0]), 3);
	trust_inherit(next, run.trusts[0]);
	trust_unref(run.trusts[0]);
	resumed.trusts[0] = next;
	assert_int_equal(trusts_verify(&resumed, leaf), 0);
	trust_unref(next);
	free_links(links, 3, leaf);
}

/* What was remembered under other anchors is verified again, and fails. */
static void verifies_memories_again(void **state)
{
	struct certs *links[1], *leaf, *other = certs_ca("/CN=Other", NULL);
	struct trusts_run run = { .trusts = { trusts_one(root) }, .trust_count = 1 };
	struct trust *next = trusts_one(other);

	(void)state;
	leaf = make_links(links, 1, &run);
	assert_int_equal(trusts_verify(&run, leaf), 0);
	trust_inherit(next, run.trusts[0]);
	assert_int_equal(trusts_error(next, leaf, NULL, NULL, NULL), 20);
	trust_unref(next);
	trust_unref(run.trusts[0]);
	free_links(links, 1, leaf);
	certs_free(other);
}

static void remembers_within_bounds(void **state)
{
	struct trust *trust = trusts_one(root);
	struct certs *first = NULL, *first_leaf = NULL, *last_leaf = NULL;

	(void)state;
	for (unsigned i = 0; i < TRUST_MEMORY_CERTS + 4; i++) {
		char name[32];
		struct certs *middle, *leaf;

		snprintf(name, sizeof(name), "/CN=Middle %u", i);
		middle = certs_ca(name, root);
		leaf = certs_leaf("/CN=leaf", middle);
		assert_int_equal(trusts_error(trust, leaf, middle, NULL, NULL), 0);
		if (i == 0) {
			first = middle;
			first_leaf = leaf;
			continue;
		}
		certs_free(middle);
		certs_free(last_leaf);
		last_leaf = leaf;
	}
	assert_int_equal(trust_memory(trust), TRUST_MEMORY_CERTS + 4);
	assert_int_equal(trusts_error(trust, last_leaf, NULL, NULL, NULL), 0);
	assert_int_equal(trusts_error(trust, first_leaf, NULL, NULL, NULL), 20);
	assert_int_equal(trusts_error(trust, first_leaf, first, NULL, NULL), 0);
	trust_unref(trust);
	certs_free(first);
	certs_free(first_leaf);
	certs_free(last_leaf);
}

/* Old and new root have one name and vouch for each other; leaves carry no key identifiers. */
static void tells_namesakes_apart(void **state)
{
	struct certs_spec spec = { .subject = "/CN=Rollover", .ca = true };
	struct certs *old = certs_make(&spec), *new = certs_make(&spec);
	struct certs *leaves[2];
	const struct certs *const both[] = { old, new };
	struct trust *trust = trusts_of(both, 2, NULL, 0);
	struct certs *cross;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		leaves[i] = certs_make(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = both[i],
			.extensions = EXTENSIONS("authorityKeyIdentifier=") });
		assert_int_equal(trusts_error(trust, leaves[i], NULL, NULL, NULL), 0);
	}
	trust_unref(trust);
	/* Only the old root is known; the new one comes as a certificate that the old one signed. */
	trust = trusts_one(old);
	cross = certs_make(&(struct certs_spec){ .subject = "/CN=Rollover", .issuer = old, .ca = true,
		.same_key = new });
	assert_int_equal(trusts_error(trust, leaves[1], NULL, NULL, NULL), 7);
	assert_int_equal(trusts_error(trust, leaves[1], new, NULL, NULL), 7);
	assert_int_equal(trusts_error(trust, leaves[1], new, cross, NULL), 0);
	assert_int_equal(trusts_error(trust, leaves[1], NULL, NULL, NULL), 0);
	assert_int_equal(trusts_error(trust, leaves[0], cross, NULL, NULL), 0);
	trust_unref(trust);
	certs_free(cross);
	certs_free(leaves[0]);
	certs_free(leaves[1]);
	certs_free(old);
	certs_free(new);
}

/* One CA, certified by two roots, of which only the second is an anchor; both certificates come. */
static void takes_the_cross_that_leads_home(void **state)
{
	struct certs *foreign = certs_ca("/CN=Foreign", NULL);
	struct certs *one = certs_ca("/CN=Middle", foreign);
	struct certs *two = certs_make(&(struct certs_spec){ .subject = "/CN=Middle", .issuer = root,
							      .ca = true, .same_key = one });
	struct certs *stale = certs_make(&(struct certs_spec){ .subject = "/CN=Middle", .issuer = root,
		.ca = true, .same_key = one, .not_after = CERTS_NOW - 1 });
	struct certs *leaf = certs_leaf("/CN=leaf", one);
	struct trust *trust = trusts_one(root);

	(void)state;
	assert_int_equal(trusts_error(trust, leaf, one, foreign, NULL), 19);
	assert_int_equal(trusts_error(trust, leaf, one, stale, NULL), 10);
	assert_int_equal(trusts_error(trust, leaf, one, stale, two), 0);
	trust_unref(trust);
	certs_free(leaf);
	certs_free(stale);
	certs_free(two);
	certs_free(one);
	certs_free(foreign);
}

static void tries_authorities_in_order(void **state)
{
	struct certs *other = certs_ca("/CN=Other", NULL), *leaf = certs_leaf("/CN=leaf", root);
	struct certs *late = certs_make(&(struct certs_spec){ .subject = "/CN=late", .issuer = root,
							       .not_after = CERTS_NOW });
	struct certs *namesake = certs_make(&(struct certs_spec){ .subject = "/O=Test/CN=Root",
		.ca = true, .extensions = EXTENSIONS("subjectKeyIdentifier=") });
	struct trusts_run run = { .trust_count = 3, .trusts = {
		trusts_one(other), trusts_one(namesake), trusts_one(root) } };

	(void)state;
	assert_int_equal(trusts_verify(&run, leaf), 0);
	assert_int_equal(run.result.authority, 2);
	/* "expired" says more than "bad signature", and that more than "unknown". */
	assert_int_equal(trusts_verify(&run, late), 10);
	run.trust_count = 2;
	assert_int_equal(trusts_verify(&run, late), 7);
	run.trust_count = 1;
	assert_int_equal(trusts_verify(&run, late), 20);
	for (size_t i = 0; i < 3; i++)
		trust_unref(run.trusts[i]);
	certs_free(other);
	certs_free(leaf);
	certs_free(late);
	certs_free(namesake);
}

/* Names are compared by RFC 5280 7.1: case and inner blanks do not count, nor the string type. */
static void compares_names_loosely(void **state)
{
	struct certs *ca = certs_ca("/O=The Org/CN=Some CA", NULL);
	struct certs *twin = certs_make(&(struct certs_spec){ .subject = "/O=the  ORG/CN=some ca",
							       .ca = true, .same_key = ca });
	struct certs *leaf = certs_leaf("/CN=leaf", twin);
	struct trust *trust = trusts_one(ca);

	(void)state;
	assert_int_equal(trusts_error(trust, leaf, NULL, NULL, NULL), 0);
	trust_unref(trust);
	certs_free(leaf);
	certs_free(twin);
	certs_free(ca);
}

/* Milliseconds of CPU for one verification. */
static double cost_ms(struct trusts_run *run, const struct certs *leaf, int error)
{
	int64_t start = clock_thread_cpu_ns();

	assert_int_equal(trusts_verify(run, leaf), error);
	return (double)(clock_thread_cpu_ns() - start) / 1e6;
}

#define COST_MAX_MS 100 /* a few where no sanitizer runs; unbounded search would take hours */

/* Junk that all has the anchor's name and vouches for each other, so that names lead everywhere. */
static void bears_floods_of_namesakes(void **state)
{
	const char *const *plain = EXTENSIONS("authorityKeyIdentifier=", "subjectKeyIdentifier=");
	struct trusts_run run = { .trusts = { trusts_one(root) }, .trust_count = 1 };
	struct certs *junk[32], *other = certs_make(&(struct certs_spec){
		.subject = "/O=Test/CN=Root", .ca = true, .extensions = plain });
	struct certs *leaf;

	(void)state;
	for (size_t i = 0; i < 32; i++) {
		/* Not self-signed in OpenSSL's eyes: its key identifiers differ. */
		junk[i] = certs_make(&(struct certs_spec){ .subject = "/O=Test/CN=Root", .issuer = other,
			.ca = true, .extensions = EXTENSIONS("authorityKeyIdentifier=",
				"subjectKeyIdentifier=", "2.5.29.35=DER:30:03:80:01:05") });
		run.chain[i] = junk[i];
	}
	leaf = certs_make(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = other,
		.extensions = EXTENSIONS("authorityKeyIdentifier=") });
	assert_true(cost_ms(&run, leaf, 7) < COST_MAX_MS);
	trust_unref(run.trusts[0]);
	for (size_t i = 0; i < 32; i++)
		certs_free(junk[i]);
	certs_free(leaf);
	certs_free(other);
}

/* Genuine CAs, three on each of ten levels, all certified by all of the level above: 3^10 paths,
 * and every one ends in an expired leaf. */
static void bears_many_genuine_paths(void **state)
{
	const char *const *plain = EXTENSIONS("authorityKeyIdentifier=", "subjectKeyIdentifier=");
	struct trusts_run run = { .trusts = { trusts_one(root) }, .trust_count = 1 };
	struct certs *made[30], *leaf;
	const struct certs *issuer = root;

	(void)state;
	for (size_t i = 0; i < 30; i++) {
		char name[32];

		snprintf(name, sizeof(name), "/CN=Level %zu", i / 3);
		made[i] = certs_make(&(struct certs_spec){ .subject = name, .issuer = issuer, .ca = true,
			.extensions = plain, .same_key = i % 3 ? made[i - i % 3] : NULL });
		run.chain[i] = made[i];
		if (i % 3 == 2)
			issuer = made[i - 2];
	}
	leaf = certs_make(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = issuer,
		.not_after = CERTS_NOW, .extensions = plain });
	/* 12 of the 30 are decoded, so no path reaches the root: refused without a signature. */
	assert_true(cost_ms(&run, leaf, 20) < COST_MAX_MS);
	for (size_t i = 0; i < 12; i++)
		run.chain[i] = made[18 + i];
	run.chain[12] = NULL;
	trust_unref(run.trusts[0]);
	run.trusts[0] = trusts_one(made[15]);
	assert_true(cost_ms(&run, leaf, 10) < COST_MAX_MS);
	trust_unref(run.trusts[0]);
	for (size_t i = 0; i < 30; i++)
		certs_free(made[i]);
	certs_free(leaf);
}

/* Thousands of anchors of one name, told apart by their key identifiers. */
static void finds_one_of_many_namesakes(void **state)
{
	enum { COUNT = 2000 };
	struct certs **anchors = calloc(COUNT, sizeof(*anchors)), *leaf;
	struct trusts_run run = { .trust_count = 1 };

	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		anchors[i] = certs_ca("/CN=Device CA", NULL);
	run.trusts[0] = trusts_of((const struct certs *const *)anchors, COUNT, NULL, 0);
	assert_int_equal(trust_count(run.trusts[0]), COUNT);
	leaf = certs_leaf("/CN=leaf", anchors[COUNT - 1]);
	assert_true(cost_ms(&run, leaf, 0) < COST_MAX_MS);
	/* It is found as an anchor; as a leaf its key usage is wrong. */
	assert_true(cost_ms(&run, anchors[COUNT - 2], 26) < COST_MAX_MS);
	trust_unref(run.trusts[0]);
	for (size_t i = 0; i < COUNT; i++)
		certs_free(anchors[i]);
	free(anchors);
	certs_free(leaf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_ten_intermediates_and_no_more),
		cmocka_unit_test(takes_the_chain_in_any_order),
		cmocka_unit_test(passes_by_what_is_no_certificate),
		cmocka_unit_test(builds_over_helpers),
		cmocka_unit_test(trusts_no_helper),
		cmocka_unit_test(takes_an_intermediate_as_anchor),
		cmocka_unit_test(refuses_bad_intermediates),
		cmocka_unit_test(obeys_path_lengths),
		cmocka_unit_test(ends_with_the_nearest_date),
		cmocka_unit_test(remembers_what_clients_brought),
		cmocka_unit_test(verifies_memories_again),
		cmocka_unit_test(remembers_within_bounds),
		cmocka_unit_test(tells_namesakes_apart),
		cmocka_unit_test(takes_the_cross_that_leads_home),
		cmocka_unit_test(tries_authorities_in_order),
		cmocka_unit_test(compares_names_loosely),
		cmocka_unit_test(bears_floods_of_namesakes),
		cmocka_unit_test(bears_many_genuine_paths),
		cmocka_unit_test(finds_one_of_many_namesakes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
