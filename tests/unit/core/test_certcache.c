/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/certcache.h"
#include "lib/certs.h"
#include "lib/config_dir.h"

static struct config_dir *dir;
static struct certs *root, *middle, *leaf, *child, *stranger;

static int set_up(void **state)
{
	(void)state;
	dir = config_dir_new();
	root = certs_ca("/CN=Root", NULL);
	middle = certs_ca("/CN=Middle", root);
	leaf = certs_leaf("/CN=leaf", root);
	child = certs_leaf("/CN=child", middle);
	stranger = certs_leaf("/CN=stranger", NULL);
	config_dir_put(dir, "root.pem", root->pem);
	config_dir_put(dir, "stranger.pem", stranger->pem);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	certs_free(stranger);
	certs_free(child);
	certs_free(leaf);
	certs_free(middle);
	certs_free(root);
	config_dir_free(dir);
	return 0;
}

static const char usual[] =
	"return { headers = { client_cert = true },\n"
	"authorities = { a = { certificates = 'root.pem' }, b = { certificates = 'stranger.pem' } },\n"
	"hosts = { ['a.example'] = { authorities = { 'a' } },\n"
	"['b.example'] = { authorities = { 'b' } } } }\n";

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

struct world {
	struct snapshot *snapshot;
	struct chaincache *chains;
	struct certcache *cache;
	int64_t now;
};

static struct world world_of(size_t max)
{
	struct world w = { .snapshot = build(usual, NULL), .chains = chaincache_new(1 << 20),
			   .now = CERTS_NOW };

	w.cache = certcache_new(max, w.chains);
	return w;
}

static void world_fini(struct world *w)
{
	certcache_free(w->cache);
	chaincache_free(w->chains);
	snapshot_unref(w->snapshot);
}

static enum err look(struct world *w, const char *host, struct slice der, struct slice chain,
		     bool resumed, struct cert_entry **out)
{
	struct certcache_query query = {
		.snapshot = w->snapshot, .rule = snapshot_host(w->snapshot, slice_str(host)),
		.leaf = der, .chain = chain, .resumed = resumed, .now = w->now,
	};

	return certcache_get(w->cache, &query, out);
}

/* The verification error of a certificate at a.example. */
static int error_of(struct world *w, struct slice der, struct slice chain, bool resumed)
{
	struct cert_entry *entry;
	int error;

	assert_int_equal(look(w, "a.example", der, chain, resumed, &entry), ERR_OK);
	error = entry->result.error;
	cert_entry_unref(entry);
	return error;
}

static struct certcache_stats stats_of(const struct world *w)
{
	struct certcache_stats stats;

	certcache_stats_get(w->cache, &stats);
	return stats;
}

static void test_rubbish_is_not_kept(void **state)
{
	struct world w = world_of(100);
	struct cert_entry *entry;
	uint8_t many[66];

	(void)state;
	assert_int_equal(look(&w, "a.example", SLICE_EMPTY, SLICE_EMPTY, false, &entry), ERR_FORMAT);
	assert_int_equal(look(&w, "a.example", SLICE_LIT("rubbish"), SLICE_EMPTY, false, &entry),
			 ERR_FORMAT);
	assert_int_equal(look(&w, "a.example", slice_sub(leaf->der, 0, leaf->der.len - 1),
			      SLICE_EMPTY, false, &entry), ERR_FORMAT);
	assert_int_equal(look(&w, "a.example", leaf->der, SLICE_LIT("rubbish"), false, &entry),
			 ERR_FORMAT);
	for (size_t i = 0; i < sizeof(many); i += 2)
		memcpy(many + i, "\x30\x00", 2);
	assert_int_equal(look(&w, "a.example", leaf->der, slice_of(many, 66), false, &entry), ERR_LIMIT);
	assert_int_equal(stats_of(&w).verified + stats_of(&w).unverified, 0);
	world_fini(&w);
	certcache_free(NULL);
	cert_entry_unref(NULL);
}

/* What the certificate itself says of its issuer, where verification found none. */
static void test_issuer_that_is_not_there(void **state)
{
	struct world w = world_of(100);
	struct cert_entry *entry;

	(void)state;
	assert_int_equal(look(&w, "a.example", child->der, SLICE_EMPTY, false, &entry), ERR_OK);
	assert_int_not_equal(entry->result.error, 0);
	assert_int_equal(entry->facts[FACT_ISSUER_SERIAL].len, 0);
	assert_int_equal(entry->facts[FACT_ISSUER_SKI].len, 40);
	assert_true(slice_eq(entry->facts[FACT_ISSUER_SKI], entry->cert->issuer_ski));
	cert_entry_unref(entry);
	world_fini(&w);
}

static void test_found_only_as_a_whole(void **state)
{
	struct world w = world_of(100);
	struct slice chain = slice_of(middle->der.ptr, middle->der.len);
	struct cert_entry *first, *again;

	(void)state;
	assert_int_equal(look(&w, "a.example", leaf->der, SLICE_EMPTY, false, &first), ERR_OK);
	assert_int_equal(look(&w, "a.example", leaf->der, SLICE_EMPTY, false, &again), ERR_OK);
	assert_ptr_equal(first, again);
	assert_int_equal(stats_of(&w).hits, 1);
	cert_entry_unref(again);
	/* Another chain, another host's authorities, a resumed session: each is looked at anew. */
	assert_int_equal(look(&w, "a.example", leaf->der, chain, false, &again), ERR_OK);
	assert_ptr_not_equal(first, again);
	cert_entry_unref(again);
	assert_int_equal(look(&w, "b.example", leaf->der, SLICE_EMPTY, false, &again), ERR_OK);
	assert_ptr_not_equal(first, again);
	assert_int_not_equal(again->result.error, 0);
	cert_entry_unref(again);
	assert_int_equal(error_of(&w, stranger->der, SLICE_EMPTY, false), 18);
	assert_int_equal(stats_of(&w).verified, 2);
	assert_int_equal(stats_of(&w).unverified, 2);
	cert_entry_unref(first);
	world_fini(&w);
}

static void test_verified_again_when_a_date_passes(void **state)
{
	struct world w = world_of(100);

	(void)state;
	assert_int_equal(error_of(&w, leaf->der, SLICE_EMPTY, false), 0);
	w.now = CERTS_UNTIL + 1;
	assert_int_equal(error_of(&w, leaf->der, SLICE_EMPTY, false), 10);
	assert_int_equal(stats_of(&w).verified, 0);
	w.now = CERTS_FROM - 1;
	assert_int_equal(error_of(&w, leaf->der, SLICE_EMPTY, false), 9);
	w.now = CERTS_NOW;
	assert_int_equal(error_of(&w, leaf->der, SLICE_EMPTY, false), 0);
	assert_int_equal(stats_of(&w).verifications, 4);
	/* Parsed once. */
	assert_int_equal(stats_of(&w).misses, 1);
	world_fini(&w);
}

static void reload(struct world *w, const char *source)
{
	struct snapshot *before = w->snapshot;

	w->snapshot = build(source, before);
	snapshot_unref(before);
}

static void test_holds_over_a_reload(void **state)
{
	struct world w = world_of(100);
	struct cert_entry *old, *same;

	(void)state;
	assert_int_equal(look(&w, "a.example", leaf->der, SLICE_EMPTY, false, &old), ERR_OK);
	assert_int_equal(error_of(&w, child->der, SLICE_EMPTY, false), 20);
	reload(&w, "return { headers = { client_cert = true },\n"
		   "authorities = { a = { certificates = 'root.pem' }, b = { certificates = 'stranger.pem' } },\n"
		   "hosts = { ['a.example'] = { authorities = { 'a' }, require = 'none' },\n"
		   "['b.example'] = { authorities = { 'b' } }, ['c.example'] = { authorities = { 'a' } } } }\n");
	assert_int_equal(look(&w, "c.example", leaf->der, SLICE_EMPTY, false, &same), ERR_OK);
	assert_ptr_equal(same, old);
	cert_entry_unref(same);
	cert_entry_unref(old);
	assert_int_equal(error_of(&w, child->der, SLICE_EMPTY, false), 20);
	assert_int_equal(stats_of(&w).verifications, 2);
	/* A failure does not outlive what was missing: a CA certificate that comes is remembered for both. */
	assert_int_equal(error_of(&w, child->der, middle->der, false), 0);
	assert_int_equal(error_of(&w, child->der, SLICE_EMPTY, false), 0);
	world_fini(&w);
}

static void test_verified_again_when_authorities_change(void **state)
{
	struct world w = world_of(100);
	struct cert_entry *old;

	(void)state;
	assert_int_equal(look(&w, "a.example", leaf->der, SLICE_EMPTY, false, &old), ERR_OK);
	reload(&w, "return { headers = { client_cert = true },\n"
		   "authorities = { a = { certificates = 'root.pem' }, c = { certificates = 'stranger.pem' } },\n"
		   "hosts = { ['a.example'] = { authorities = { 'a' } } } }\n");
	assert_int_equal(error_of(&w, leaf->der, SLICE_EMPTY, false), 0);
	assert_int_equal(stats_of(&w).verifications, 2);
	/* Who still holds the old one can read it. */
	assert_string_equal((const char *)slice_sub(old->facts[FACT_VERIFIED], 0, 7).ptr, "SUCCESS");
	cert_entry_unref(old);
	world_fini(&w);
}

static void test_failure_is_looked_at_again_when_a_ca_is_remembered(void **state)
{
	struct world w = world_of(100);

	(void)state;
	assert_int_equal(error_of(&w, child->der, SLICE_EMPTY, false), 20);
	assert_int_equal(error_of(&w, child->der, SLICE_EMPTY, false), 20);
	assert_int_equal(stats_of(&w).verifications, 1);
	assert_int_equal(error_of(&w, child->der, middle->der, false), 0);
	assert_int_equal(error_of(&w, child->der, SLICE_EMPTY, false), 0);
	assert_int_equal(stats_of(&w).unverified, 0);
	world_fini(&w);
}

static void test_resumed_session_gets_its_chain_back(void **state)
{
	struct world w = world_of(100);
	struct cert_entry *entry;

	(void)state;
	assert_int_equal(error_of(&w, leaf->der, SLICE_EMPTY, true), 0);
	assert_int_equal(error_of(&w, child->der, middle->der, false), 0);
	assert_int_equal(look(&w, "a.example", child->der, SLICE_EMPTY, true, &entry), ERR_OK);
	assert_int_equal(entry->result.error, 0);
	assert_true(slice_eq(entry->chain, middle->der));
	assert_true(entry->chain_headers.len > 0);
	cert_entry_unref(entry);
	/* One that says it is fresh, and sends none, has none. */
	assert_int_equal(look(&w, "a.example", child->der, SLICE_EMPTY, false, &entry), ERR_OK);
	assert_int_equal(entry->chain.len, 0);
	cert_entry_unref(entry);
	world_fini(&w);
}

static void test_chains_of_others_cost_nothing(void **state)
{
	struct world w = world_of(100);
	uint64_t before;

	(void)state;
	assert_int_equal(error_of(&w, leaf->der, SLICE_EMPTY, true), 0);
	assert_int_equal(error_of(&w, child->der, middle->der, false), 0);
	before = stats_of(&w).verifications;
	assert_int_equal(error_of(&w, leaf->der, SLICE_EMPTY, true), 0);
	assert_int_equal(stats_of(&w).verifications, before);
	/* Its own is another matter. */
	assert_int_equal(error_of(&w, leaf->der, middle->der, false), 0);
	before = stats_of(&w).verifications;
	assert_int_equal(error_of(&w, leaf->der, SLICE_EMPTY, true), 0);
	assert_int_equal(stats_of(&w).verifications, before + 1);
	world_fini(&w);
}

static struct certs *padded(const char *cn, const struct certs *issuer, size_t size)
{
	static char value[40000];
	const char *extensions[] = { value, NULL };
	struct certs_spec spec = { .subject = cn, .issuer = issuer, .same_key = leaf,
				   .extensions = extensions };

	strcpy(value, "1.2.3.4=ASN1:UTF8String:");
	memset(value + strlen(value), 'x', size);
	value[24 + size] = '\0';
	return certs_make(&spec);
}

static void test_flood_pushes_no_good_one_out(void **state)
{
	struct world w = world_of(100);
	char cn[32];

	(void)state;
	assert_int_equal(error_of(&w, leaf->der, SLICE_EMPTY, false), 0);
	for (unsigned i = 0; i < 200; i++) {
		struct certs *flood;

		snprintf(cn, sizeof(cn), "/CN=flood %u", i);
		flood = padded(cn, NULL, 1);
		(void)error_of(&w, flood->der, SLICE_EMPTY, false);
		certs_free(flood);
	}
	assert_int_equal(stats_of(&w).verified, 1);
	assert_int_equal(stats_of(&w).unverified, 64);
	assert_int_equal(stats_of(&w).evictions, 136);
	(void)error_of(&w, leaf->der, SLICE_EMPTY, false);
	assert_int_equal(stats_of(&w).hits, 1);
	world_fini(&w);
}

/* More than there are places to begin with, and than the cache has room for: none is mistaken for another. */
static void test_many_are_kept_apart(void **state)
{
	struct world w = world_of(150);
	struct certs *many[200];
	char cn[32];

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		snprintf(cn, sizeof(cn), "/CN=good %u", i);
		many[i] = padded(cn, root, 1);
	}
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < 200; i++) {
			struct cert_entry *entry;

			assert_int_equal(look(&w, "a.example", many[i]->der, SLICE_EMPTY, round == 1,
					      &entry), ERR_OK);
			assert_int_equal(entry->result.error, 0);
			assert_true(slice_eq(entry->cert->der, many[i]->der));
			cert_entry_unref(entry);
			if (i % 2)
				assert_int_equal(error_of(&w, many[i - 1]->der, SLICE_EMPTY, round == 1), 0);
		}
	assert_int_equal(stats_of(&w).verified, 150);
	assert_int_equal(stats_of(&w).hits, 300);
	for (unsigned i = 0; i < 200; i++)
		certs_free(many[i]);
	world_fini(&w);
}

/* Those who stood in fewer places too. */
static void test_all_are_found_again(void **state)
{
	struct world w = world_of(150);
	struct certs *many[100];
	char cn[32];

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(cn, sizeof(cn), "/CN=good %u", i);
		many[i] = padded(cn, root, 1);
		assert_int_equal(error_of(&w, many[i]->der, SLICE_EMPTY, false), 0);
	}
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(error_of(&w, many[i]->der, SLICE_EMPTY, false), 0);
	assert_int_equal(stats_of(&w).hits, 100);
	assert_int_equal(stats_of(&w).verified, 100);
	for (unsigned i = 0; i < 100; i++)
		certs_free(many[i]);
	world_fini(&w);
}

static void test_large_certificates_take_more_room(void **state)
{
	struct world w = world_of(100);
	struct cert_entry *held = NULL;
	char cn[32];

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct cert_entry *entry;
		struct certs *flood;

		snprintf(cn, sizeof(cn), "/CN=large %u", i);
		flood = padded(cn, NULL, 30000);
		assert_int_equal(look(&w, "a.example", flood->der, SLICE_EMPTY, false, &entry), ERR_OK);
		if (i == 0)
			held = entry;
		else
			cert_entry_unref(entry);
		certs_free(flood);
	}
	assert_in_range(stats_of(&w).unverified, 1, 5);
	/* Evicted, but still whole for its request. */
	assert_true(slice_eq(slice_sub(held->cert->subject_dn, 0, 10), SLICE_LIT("CN=large 0")));
	cert_entry_unref(held);
	world_fini(&w);
}

static void test_room_for_one(void **state)
{
	struct world w = world_of(1);

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(error_of(&w, leaf->der, SLICE_EMPTY, false), 0);
		assert_int_equal(error_of(&w, child->der, middle->der, false), 0);
	}
	assert_int_equal(stats_of(&w).verified, 1);
	world_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rubbish_is_not_kept),
		cmocka_unit_test(test_issuer_that_is_not_there),
		cmocka_unit_test(test_found_only_as_a_whole),
		cmocka_unit_test(test_verified_again_when_a_date_passes),
		cmocka_unit_test(test_holds_over_a_reload),
		cmocka_unit_test(test_verified_again_when_authorities_change),
		cmocka_unit_test(test_failure_is_looked_at_again_when_a_ca_is_remembered),
		cmocka_unit_test(test_resumed_session_gets_its_chain_back),
		cmocka_unit_test(test_chains_of_others_cost_nothing),
		cmocka_unit_test(test_flood_pushes_no_good_one_out),
		cmocka_unit_test(test_many_are_kept_apart),
		cmocka_unit_test(test_all_are_found_again),
		cmocka_unit_test(test_large_certificates_take_more_room),
		cmocka_unit_test(test_room_for_one),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
