/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <openssl/x509.h>

#include "core/revlist.h"
#include "lib/certs.h"
#include "lib/crls.h"
#include "pki/der_values.h"
#include "pki/x509.h"

struct fixture {
	struct certs *ca, *other;
	uint8_t key[32], other_key[32];
};

static int setup(void **state)
{
	static struct fixture f;

	f.ca = certs_ca("/CN=List CA", NULL);
	f.other = certs_ca("/CN=Other CA", NULL);
	assert_true(x509_issuer_key(f.ca->x509, f.key) && x509_issuer_key(f.other->x509, f.other_key));
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	certs_free(f->ca);
	certs_free(f->other);
	return 0;
}

static enum err build(struct fixture *f, const struct crls_spec *full, const struct crls_spec *delta,
		      struct revlist **out)
{
	struct slice a = crls_make(full), b = delta ? crls_make(delta) : SLICE_EMPTY;
	struct crl x, y;
	enum err err;

	assert_int_equal(crl_parse(a, &x), ERR_OK);
	if (delta)
		assert_int_equal(crl_parse(b, &y), ERR_OK);
	err = revlist_build(&x, delta ? &y : NULL, f->key, false, out);
	free((void *)(uintptr_t)a.ptr);
	free((void *)(uintptr_t)b.ptr);
	return err;
}

static bool find(const struct revlist *list, const struct certs *ca, struct slice serial,
		 struct revlist_hit *hit)
{
	struct revlist_subject subject = { 0 };
	unsigned char *name = NULL;
	uint8_t key[32];
	bool found;
	int n = i2d_X509_NAME(X509_get_subject_name(ca->x509), &name);

	assert_true(n > 0 && x509_issuer_key(ca->x509, key));
	subject.issuer_key = key;
	subject.issuer_name = slice_of(name, (size_t)n);
	found = revlist_find(list, &subject, serial, hit);
	OPENSSL_free(name);
	return found;
}

static bool has(const struct revlist *list, const struct certs *ca, const char *octets, size_t len)
{
	struct revlist_hit hit;

	return find(list, ca, slice_of(octets, len), &hit);
}

static void test_lookup(void **state)
{
	struct fixture *f = *state;
	const struct crls_entry entries[] = { { .serial = "0B", .reason = 4, .date = CERTS_NOW },
		{ .serial = "0A", .reason = 1 }, { .serial = "936EACBE07F201DF" },
		{ .serial = "0B", .date = CERTS_FROM }, { .serial = "00" },
		{ .serial = "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF" }, { 0 } };
	struct revlist *list;
	struct revlist_info info;
	struct revlist_hit hit;

	assert_int_equal(build(f, &(struct crls_spec){ .issuer = f->ca, .number = "09", .entries = entries },
			       NULL, &list), ERR_OK);
	assert_false(has(list, f->ca, "\x0c", 1));
	assert_false(has(list, f->ca, "\x0a\x0a", 2));
	assert_false(has(list, f->other, "\x0a", 1));
	assert_true(has(list, f->ca, "", 0));
	assert_true(has(list, f->ca, "\x93\x6e\xac\xbe\x07\xf2\x01\xdf", 8));
	assert_true(find(list, f->ca, SLICE_LIT("\x0a"), &hit));
	assert_int_equal(hit.reason, 1);
	/* Twice listed: the earlier date counts. */
	assert_true(find(list, f->ca, SLICE_LIT("\x0b"), &hit));
	assert_int_equal(hit.date, CERTS_FROM);
	revlist_info(list, &info);
	assert_int_equal(info.entries, 5);
	assert_true(slice_eq(info.number, SLICE_LIT("\x09")));
	assert_int_equal(info.next_update, CERTS_NOW + 3600);
	revlist_unref(list);
}

static void test_the_later_end_counts(void **state)
{
	struct fixture *f = *state;
	struct crls_spec full = { .issuer = f->ca, .number = "05" };
	struct crls_spec delta = { .issuer = f->ca, .number = "06", .base = "05", .next_update = CERTS_NOW + 60 };
	struct revlist_info info;
	struct revlist *list;

	assert_int_equal(build(f, &full, &delta, &list), ERR_OK);
	revlist_info(list, &info);
	assert_int_equal(info.next_update, CERTS_NOW + 3600);
	revlist_unref(list);
	full.next_update = CERTS_NOW + 30;
	assert_int_equal(build(f, &full, &delta, &list), ERR_OK);
	revlist_info(list, &info);
	assert_int_equal(info.next_update, CERTS_NOW + 60);
	revlist_unref(list);
}

static void test_bad_entry_spoils_the_list(void **state)
{
	struct fixture *f = *state;
	const char *const critical[] = { "1.2.3.4=critical,ASN1:NULL", NULL };
	const struct crls_entry entries[] = { { .serial = "01" }, { .serial = "02", .extensions = critical }, { 0 } };
	const struct crls_entry foreign[] = { { .serial = "01", .issuer = f->other }, { 0 } };
	struct revlist *list;

	assert_int_equal(build(f, &(struct crls_spec){ .issuer = f->ca, .entries = entries }, NULL, &list), ERR_TYPE);
	/* Entries of another issuer stand in indirect lists only. */
	assert_int_equal(build(f, &(struct crls_spec){ .issuer = f->ca, .entries = foreign }, NULL, &list), ERR_FORMAT);
}

static void test_delta(void **state)
{
	struct fixture *f = *state;
	const struct crls_entry full[] = { { .serial = "01", .reason = 6 }, { .serial = "02" }, { 0 } };
	const struct crls_entry changes[] = { { .serial = "01", .reason = 8 }, { .serial = "03", .reason = 1 }, { 0 } };
	struct crls_spec base = { .issuer = f->ca, .number = "07", .entries = full };
	struct revlist *list;

	assert_int_equal(build(f, &base, &(struct crls_spec){ .issuer = f->ca, .number = "09", .base = "07",
							      .entries = changes }, &list), ERR_OK);
	assert_false(has(list, f->ca, "\x01", 1));
	assert_true(has(list, f->ca, "\x02", 1));
	assert_true(has(list, f->ca, "\x03", 1));
	revlist_unref(list);
	/* Built on a newer list, not newer than ours, of another issuer, no delta at all. */
	assert_int_equal(build(f, &base, &(struct crls_spec){ .issuer = f->ca, .number = "09", .base = "08" }, &list), ERR_RANGE);
	assert_int_equal(build(f, &base, &(struct crls_spec){ .issuer = f->ca, .number = "07", .base = "07" }, &list), ERR_RANGE);
	assert_int_equal(build(f, &base, &(struct crls_spec){ .issuer = f->other, .number = "09", .base = "07" }, &list), ERR_RANGE);
	assert_int_equal(build(f, &base, &(struct crls_spec){ .issuer = f->ca, .number = "09" }, &list), ERR_RANGE);
	assert_int_equal(build(f, &(struct crls_spec){ .issuer = f->ca, .number = "09", .base = "07" }, NULL, &list), ERR_RANGE);
}

static const char *const indirect[] = { "issuingDistributionPoint=critical,@idp", NULL };
#define INDIRECT .extensions = indirect, .conf = "[idp]\nindirectCRL=TRUE\n"

static void test_indirect(void **state)
{
	struct fixture *f = *state;
	const struct crls_entry entries[] = { { .serial = "01" }, { .serial = "02", .issuer = f->other },
					      { .serial = "03" }, { .serial = "04", .issuer = f->ca },
					      { 0 } };
	struct certs *third = certs_ca("/CN=Third CA", NULL);
	struct revlist *list;

	assert_int_equal(build(f, &(struct crls_spec){ .issuer = f->ca, .entries = entries, INDIRECT }, NULL, &list),
			 ERR_OK);
	assert_false(has(list, f->ca, "\x02", 1));
	assert_false(has(list, f->ca, "\x03", 1));
	assert_false(has(list, f->other, "\x01", 1));
	assert_false(has(list, f->other, "\x04", 1));
	for (int serial = 1; serial < 5; serial++)
		assert_false(has(list, third, (const char[]){ (char)serial }, 1));
	assert_true(has(list, f->ca, "\x01", 1));
	assert_true(has(list, f->other, "\x02", 1));
	assert_true(has(list, f->other, "\x03", 1));
	assert_true(has(list, f->ca, "\x04", 1));
	revlist_unref(list);
	certs_free(third);
}

/* An entry gives a name and no key: it is for every CA that bears the name, in whichever spelling. */
static void test_name_that_two_share(void **state)
{
	struct fixture *f = *state;
	struct certs *twin = certs_ca("/CN=Other CA", NULL), *spelt = certs_ca("/CN=other  CA", NULL);
	const struct crls_entry entries[] = { { .serial = "01", .issuer = f->other, .date = CERTS_NOW },
					      { .serial = "02", .issuer = f->ca }, { .serial = "03", .issuer = spelt },
					      { 0 } };
	struct revlist_hit hit;
	struct revlist *list;

	assert_int_equal(build(f, &(struct crls_spec){ .issuer = f->ca, .entries = entries, INDIRECT }, NULL, &list),
			 ERR_OK);
	assert_false(has(list, twin, "\x02", 1));
	assert_false(has(list, f->ca, "\x01", 1));
	assert_true(find(list, twin, SLICE_LIT("\x01"), &hit));
	assert_int_equal(hit.date, CERTS_NOW);
	assert_true(has(list, f->other, "\x01", 1));
	assert_true(has(list, f->other, "\x03", 1));
	assert_true(has(list, twin, "\x03", 1));
	assert_true(has(list, spelt, "\x01", 1));
	revlist_unref(list);
	certs_free(twin);
	certs_free(spelt);
}

/* The list's own front entries are its signer's; a twin is meant only where its name stands. */
static void test_twin_of_the_lists_own_ca(void **state)
{
	struct fixture *f = *state;
	struct certs *twin = certs_ca("/CN=List CA", NULL);
	const struct crls_entry entries[] = { { .serial = "01" }, { .serial = "05", .date = CERTS_NOW },
					      { .serial = "02", .issuer = twin }, { .serial = "05" }, { 0 } };
	struct revlist_hit hit;
	struct revlist *list;

	assert_int_equal(build(f, &(struct crls_spec){ .issuer = f->ca, .entries = entries, INDIRECT }, NULL, &list),
			 ERR_OK);
	assert_false(has(list, twin, "\x01", 1));
	assert_true(has(list, twin, "\x02", 1));
	assert_true(has(list, f->ca, "\x02", 1));
	/* Once by key and once by name: the earlier date counts. */
	assert_true(find(list, f->ca, SLICE_LIT("\x05"), &hit));
	assert_int_equal(hit.date, CERTS_FROM);
	revlist_unref(list);
	certs_free(twin);
}

static void test_delta_of_an_indirect_list(void **state)
{
	struct fixture *f = *state;
	struct certs *twin = certs_ca("/CN=Other CA", NULL);
	const struct crls_entry full[] = { { .serial = "01", .issuer = f->other }, { .serial = "02" }, { 0 } };
	const struct crls_entry changes[] = { { .serial = "01", .reason = 8, .issuer = twin }, { .serial = "03" }, { 0 } };
	struct revlist *list;

	assert_int_equal(build(f, &(struct crls_spec){ .issuer = f->ca, .number = "07", .entries = full, INDIRECT },
			       &(struct crls_spec){ .issuer = f->ca, .number = "08", .base = "07", .entries = changes,
						    INDIRECT }, &list), ERR_OK);
	assert_false(has(list, f->other, "\x01", 1));
	assert_true(has(list, f->other, "\x02", 1));
	assert_true(has(list, f->other, "\x03", 1));
	assert_true(has(list, twin, "\x03", 1));
	revlist_unref(list);
	certs_free(twin);
}

/* Pages of a large list are given back while it is read; what was in them is in the list. */
static void test_spends_what_it_has_read(void **state)
{
	enum { COUNT = 60000 };
	static char serials[COUNT][24];
	struct fixture *f = *state;
	struct crls_entry *entries = calloc(COUNT + 1, sizeof(*entries));
	struct revlist_info info;
	struct revlist *list;
	struct slice der;
	uint8_t *pages;
	struct crl crl;

	for (unsigned i = 0; i < COUNT; i++) {
		snprintf(serials[i], sizeof(serials[i]), "7FFFFFFFFFFFFF%08X", i);
		entries[i].serial = serials[i];
	}
	der = crls_make(&(struct crls_spec){ .issuer = f->ca, .number = "01", .entries = entries });
	assert_true(der.len > (3u << 20) / 2);
	pages = mmap(NULL, der.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(pages, MAP_FAILED);
	memcpy(pages, der.ptr, der.len);
	assert_int_equal(crl_parse(slice_of(pages, der.len), &crl), ERR_OK);
	assert_int_equal(revlist_build(&crl, NULL, f->key, true, &list), ERR_OK);
	revlist_info(list, &info);
	assert_int_equal(info.entries, COUNT);
	for (unsigned i = 0; i < COUNT; i++)
		assert_true(has(list, f->ca, (const char[]){ 0x7f, -1, -1, -1, -1, -1, -1, 0, 0, (char)(i >> 8), (char)i }, 11));
	/* The middle of the first step is gone, what follows the entries is not. */
	assert_int_equal(pages[512 * 1024], 0);
	assert_memory_equal(pages + der.len - 4096, der.ptr + der.len - 4096, 4096);
	revlist_unref(list);
	munmap(pages, der.len);
	free((void *)(uintptr_t)der.ptr);
	free(entries);
}

static bool covers(struct fixture *f, const char *scope, bool is_ca, const char *point)
{
	const char *const list_extensions[] = { "issuingDistributionPoint=critical,@idp", NULL };
	const char *const leaf_extensions[] = { point, NULL };
	struct certs *leaf = certs_make(&(struct certs_spec){ .subject = "/CN=x", .issuer = f->ca,
							      .extensions = point ? leaf_extensions : NULL });
	struct points points;
	struct revlist_subject subject = { .issuer_key = f->key, .points = &points };
	struct revlist *list;
	char conf[200];
	bool yes;

	snprintf(conf, sizeof(conf), "[idp]\n%s\n", scope ? scope : "");
	assert_int_equal(build(f, &(struct crls_spec){ .issuer = f->ca, .conf = conf,
			       .extensions = scope ? list_extensions : NULL }, NULL, &list), ERR_OK);
	assert_int_equal(points_read(leaf->der, &points), ERR_OK);
	points.is_ca = is_ca;
	yes = revlist_covers(list, &subject);
	subject.issuer_key = f->other_key;
	assert_false(revlist_covers(list, &subject));
	revlist_unref(list);
	certs_free(leaf);
	return yes;
}

static void test_scope(void **state)
{
	struct fixture *f = *state;
	const char *a = "crlDistributionPoints=URI:http://a.test/1", *b = "crlDistributionPoints=URI:http://a.test/2";

	assert_true(covers(f, NULL, false, NULL));
	assert_true(covers(f, NULL, true, a));
	assert_false(covers(f, "onlyuser=TRUE", true, NULL));
	assert_true(covers(f, "onlyuser=TRUE", false, NULL));
	assert_false(covers(f, "onlyCA=TRUE", false, NULL));
	assert_false(covers(f, "onlyAA=TRUE", false, NULL));
	assert_false(covers(f, "onlysomereasons=keyCompromise", false, NULL));
	assert_false(covers(f, "fullname=URI:http://a.test/1", false, NULL));
	assert_false(covers(f, "fullname=URI:http://a.test/1", false, b));
	assert_true(covers(f, "fullname=URI:http://a.test/1", false, a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_the_later_end_counts),
		cmocka_unit_test(test_bad_entry_spoils_the_list),
		cmocka_unit_test(test_delta),
		cmocka_unit_test(test_indirect),
		cmocka_unit_test(test_name_that_two_share),
		cmocka_unit_test(test_twin_of_the_lists_own_ca),
		cmocka_unit_test(test_delta_of_an_indirect_list),
		cmocka_unit_test(test_spends_what_it_has_read),
		cmocka_unit_test(test_scope),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
