/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/crls.h"
#include "lib/trusts.h"
#include "pki/crl.h"
#include "pki/x509.h"

static const char *const signs_lists[] = { "keyUsage=critical,cRLSign", "extendedKeyUsage=", NULL };

struct found {
	size_t count, indirect;
	bool stop;
	struct crl *crl; /* NULL: no list is checked */
	size_t verified;
	uint8_t key[32]; /* of the last */
};

static bool on_issuer(void *arg, const struct trust_issuer *issuer)
{
	struct found *found = arg;

	found->count++;
	found->indirect += issuer->indirect_only;
	memcpy(found->key, issuer->key, 32);
	if (found->crl && !crl_verify(found->crl, issuer->x509))
		found->verified++;
	return found->stop;
}

static struct slice list_of(const struct certs *issuer, struct crl *crl)
{
	struct slice der = crls_make(&(struct crls_spec){ .issuer = issuer });

	assert_int_equal(crl_parse(der, crl), ERR_OK);
	return der;
}

static void finds_nothing_for_strangers(void **state)
{
	struct certs *ca = certs_ca("/CN=A", NULL), *other = certs_ca("/CN=B", NULL);
	struct trust *trust = trusts_one(ca);
	struct found found = { 0 };
	struct crl crl;
	struct slice der = list_of(other, &crl);

	(void)state;
	assert_false(trust_issuers(trust, crl.issuer, CERTS_NOW, on_issuer, &found));
	assert_false(trust_issuers(trust, SLICE_EMPTY, CERTS_NOW, on_issuer, &found));
	assert_false(trust_issuers(trust, SLICE_LIT("rubbish"), CERTS_NOW, on_issuer, &found));
	assert_int_equal(found.count, 0);
	free((void *)(uintptr_t)der.ptr);
	trust_unref(trust);
	certs_free(ca);
	certs_free(other);
}

static void finds_all_of_a_name(void **state)
{
	struct certs *a = certs_ca("/CN=A", NULL), *again = certs_ca("/CN=A", NULL);
	const struct certs *both[] = { a, again };
	struct trust *trust = trusts_of(both, 2, NULL, 0);
	struct crl crl;
	struct slice der = list_of(again, &crl);
	struct found found = { .crl = &crl };

	(void)state;
	assert_false(trust_issuers(trust, crl.issuer, CERTS_NOW, on_issuer, &found));
	assert_int_equal(found.count, 2);
	assert_int_equal(found.verified, 1);
	found = (struct found){ .stop = true };
	assert_true(trust_issuers(trust, crl.issuer, CERTS_NOW, on_issuer, &found));
	assert_int_equal(found.count, 1);
	free((void *)(uintptr_t)der.ptr);
	trust_unref(trust);
	certs_free(a);
	certs_free(again);
}

static void finds_what_is_remembered(void **state)
{
	struct certs *root = certs_ca("/CN=Root", NULL), *middle = certs_ca("/CN=Middle", root);
	struct certs *leaf = certs_leaf("/CN=leaf", middle);
	struct trusts_run run = { .trusts = { trusts_one(root) }, .trust_count = 1, .chain = { middle } };
	struct crl crl;
	struct slice der = list_of(middle, &crl);
	struct found found = { .crl = &crl };

	(void)state;
	assert_false(trust_issuers(run.trusts[0], crl.issuer, CERTS_NOW, on_issuer, &found));
	assert_int_equal(found.count, 0);
	assert_int_equal(trusts_verify(&run, leaf), 0);
	trust_issuers(run.trusts[0], crl.issuer, CERTS_NOW, on_issuer, &found);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.verified, 1);
	assert_memory_equal(found.key, run.result.path[0].issuer_key, 32);
	free((void *)(uintptr_t)der.ptr);
	trust_unref(run.trusts[0]);
	certs_free(root);
	certs_free(middle);
	certs_free(leaf);
}

static void signers_are_no_anchors(void **state)
{
	struct certs *ca = certs_ca("/CN=A", NULL);
	struct certs *same = certs_make(&(struct certs_spec){ .subject = "/CN=A", .issuer = ca, .extensions = signs_lists });
	struct certs *other = certs_make(&(struct certs_spec){ .subject = "/CN=Signer", .issuer = ca,
							       .extensions = signs_lists });
	const struct certs *all[] = { ca, same, other };
	struct trust *trust = trusts_of(all, 3, NULL, 0);
	struct found found = { 0 };
	struct crl crl;
	struct slice der = list_of(other, &crl);
	uint8_t key[32];

	(void)state;
	/* Neither verifies as a leaf that is an anchor. */
	assert_int_not_equal(trusts_error(trust, other, NULL, NULL, NULL), 0);
	assert_int_not_equal(trusts_error(trust, same, NULL, NULL, NULL), 0);
	trust_issuers(trust, crl.issuer, CERTS_NOW, on_issuer, &found);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.indirect, 1);
	/* Another name's list speaks for no CA: it is looked for under its own. */
	assert_true(x509_issuer_key(other->x509, key));
	assert_memory_equal(found.key, key, 32);
	free((void *)(uintptr_t)der.ptr);
	/* A signer of the CA's own name speaks for the CA's key. */
	der = list_of(same, &crl);
	found = (struct found){ .crl = &crl };
	trust_issuers(trust, crl.issuer, CERTS_NOW, on_issuer, &found);
	assert_int_equal(found.count, 2);
	assert_int_equal(found.indirect, 0);
	assert_int_equal(found.verified, 1);
	assert_true(x509_issuer_key(ca->x509, key));
	assert_memory_equal(found.key, key, 32);
	free((void *)(uintptr_t)der.ptr);
	trust_unref(trust);
	certs_free(ca);
	certs_free(same);
	certs_free(other);
}

static void signers_end_with_their_dates(void **state)
{
	struct certs *ca = certs_ca("/CN=A", NULL);
	struct certs *old = certs_make(&(struct certs_spec){ .subject = "/CN=Signer", .issuer = ca,
		.extensions = signs_lists, .not_after = CERTS_NOW - 1 });
	const struct certs *all[] = { ca, old };
	struct trust *trust = trusts_of(all, 2, NULL, 0);
	struct found found = { 0 };
	struct crl crl;
	struct slice der = list_of(old, &crl);

	(void)state;
	trust_issuers(trust, crl.issuer, CERTS_NOW, on_issuer, &found);
	assert_int_equal(found.count, 0);
	trust_issuers(trust, crl.issuer, CERTS_NOW - 1, on_issuer, &found);
	assert_int_equal(found.count, 1);
	free((void *)(uintptr_t)der.ptr);
	trust_unref(trust);
	certs_free(ca);
	certs_free(old);
}

static void a_stranger_is_no_signer(void **state)
{
	struct certs *ca = certs_ca("/CN=A", NULL), *namesake = certs_ca("/CN=A", NULL);
	struct certs *forged = certs_make(&(struct certs_spec){ .subject = "/CN=Signer", .issuer = namesake,
								.extensions = signs_lists });
	const struct certs *all[] = { ca, forged };
	struct trust *trust = trusts_of(all, 2, NULL, 0);
	struct trust_ca info;

	(void)state;
	trust_get(trust, 1, &info);
	assert_false(info.crl_signer);
	assert_true(info.anchor);
	trust_unref(trust);
	certs_free(ca);
	certs_free(namesake);
	certs_free(forged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_nothing_for_strangers),
		cmocka_unit_test(finds_all_of_a_name),
		cmocka_unit_test(finds_what_is_remembered),
		cmocka_unit_test(signers_are_no_anchors),
		cmocka_unit_test(signers_end_with_their_dates),
		cmocka_unit_test(a_stranger_is_no_signer),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
