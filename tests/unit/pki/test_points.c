/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/crls.h"
#include "pki/points.h"

static struct certs *ca;

static int set_up(void **state)
{
	(void)state;
	ca = certs_ca("/CN=Points CA", NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	certs_free(ca);
	return 0;
}

static struct certs *leaf_with(const char *first, const char *second, const char *conf)
{
	const char *const extensions[] = { first, second, NULL };

	return certs_make(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = ca,
						.extensions = extensions, .conf = conf });
}

static void assert_uri(struct slice got, const char *want)
{
	assert_true(slice_eq(got, slice_str(want)));
}

static void refuses_cut_certificates(void **state)
{
	struct certs *leaf = leaf_with("crlDistributionPoints=URI:http://a.test/x.crl", NULL, NULL);
	struct points points;

	(void)state;
	for (size_t n = 0; n < leaf->der.len; n++) {
		assert_int_not_equal(points_read(slice_of(leaf->der.ptr, n), &points), ERR_OK);
		assert_int_equal(points.full.count, 0);
	}
	certs_free(leaf);
}

static void refuses_malformed_points(void **state)
{
	static const char *const bad[] = { "2.5.29.31=DER:3003", "2.5.29.31=DER:0500", "2.5.29.31=DER:300430020000",
					   "1.3.6.1.5.5.7.1.1=DER:30023000" };
	struct points points;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct certs *leaf = leaf_with(bad[i], NULL, NULL);

		if (!points_read(leaf->der, &points))
			fail_msg("taken: %s", bad[i]);
		certs_free(leaf);
	}
}

static void passes_other_schemes_by(void **state)
{
	struct certs *leaf = leaf_with("crlDistributionPoints=URI:ldap://a.test/x,URI:file:///etc/passwd,"
				       "URI:HTTPS://a.test/y.crl",
				       "authorityInfoAccess=OCSP;URI:ftp://a.test/,OCSP;DNS:a.test", NULL);
	struct points points;

	(void)state;
	assert_int_equal(points_read(leaf->der, &points), ERR_OK);
	assert_int_equal(points.full.count, 3);
	assert_int_equal(points.full.items[0].uri_count, 0);
	assert_int_equal(points.full.items[1].uri_count, 0);
	assert_true(points.full.items[1].names.len > 0);
	assert_uri(points.full.items[2].uris[0], "HTTPS://a.test/y.crl");
	assert_int_equal(points.ocsp_count, 0);
	certs_free(leaf);
}

static void reads_all_kinds(void **state)
{
	struct certs *leaf = leaf_with("crlDistributionPoints=URI:http://a.test/x.crl",
				       "authorityInfoAccess=OCSP;URI:http://o.test/,caIssuers;URI:http://c.test/ca.der",
				       NULL);
	struct certs *delta = leaf_with("freshestCRL=URI:http://a.test/d.crl", NULL, NULL);
	struct points points;

	(void)state;
	assert_int_equal(points_read(leaf->der, &points), ERR_OK);
	assert_int_equal(points.full.count, 1);
	assert_uri(points.full.items[0].uris[0], "http://a.test/x.crl");
	assert_int_equal(points.ocsp_count, 1);
	assert_uri(points.ocsp[0], "http://o.test/");
	assert_int_equal(points.ca_issuers_count, 1);
	assert_false(points.is_ca);
	assert_int_equal(points_read(delta->der, &points), ERR_OK);
	assert_int_equal(points.delta.count, 1);
	assert_uri(points.delta.items[0].uris[0], "http://a.test/d.crl");
	assert_int_equal(points_read(ca->der, &points), ERR_OK);
	assert_true(points.is_ca);
	assert_int_equal(points.full.count, 0);
	certs_free(leaf);
	certs_free(delta);
}

static void bounds_what_it_takes(void **state)
{
	char text[4096] = "crlDistributionPoints=";
	struct points points;
	struct certs *leaf;

	(void)state;
	for (int i = 0; i < 20; i++)
		sprintf(text + strlen(text), "%sURI:http://a.test/%d.crl", i ? "," : "", i);
	leaf = leaf_with(text, NULL, NULL);
	assert_int_equal(points_read(leaf->der, &points), ERR_OK);
	assert_int_equal(points.full.count, POINTS_MAX);
	certs_free(leaf);
}

static bool covered(const struct certs *leaf, const char *scope)
{
	char conf[512], idp[] = "issuingDistributionPoint=critical,@idp";
	const char *const extensions[] = { idp, NULL };
	struct points points;
	struct slice der;
	struct crl crl;
	bool yes;

	snprintf(conf, sizeof(conf), "[idp]\n%s\n", scope);
	der = crls_make(&(struct crls_spec){ .issuer = ca, .extensions = extensions, .conf = conf });
	assert_int_equal(crl_parse(der, &crl), ERR_OK);
	assert_int_equal(points_read(leaf->der, &points), ERR_OK);
	yes = points_covered(&points, &crl.scope);
	free((void *)(uintptr_t)der.ptr);
	return yes;
}

static void compares_scopes(void **state)
{
	struct certs *leaf = leaf_with("crlDistributionPoints=URI:http://a.test/1.crl,URI:http://a.test/2.crl", NULL, NULL);
	struct certs *bare = leaf_with(NULL, NULL, NULL);

	(void)state;
	assert_false(covered(leaf, "fullname=URI:http://a.test/3.crl"));
	assert_false(covered(leaf, "fullname=DNS:a.test"));
	assert_false(covered(bare, "fullname=URI:http://a.test/1.crl"));
	assert_false(covered(leaf, "onlyCA=TRUE"));
	assert_false(covered(ca, "onlyuser=TRUE"));
	assert_false(covered(leaf, "onlyAA=TRUE"));
	assert_false(covered(leaf, "onlysomereasons=keyCompromise"));
	assert_true(covered(leaf, "fullname=URI:http://a.test/2.crl"));
	assert_true(covered(leaf, "fullname=URI:http://b.test/,URI:http://a.test/1.crl"));
	assert_true(covered(leaf, "onlyuser=TRUE"));
	assert_true(covered(ca, "onlyCA=TRUE"));
	assert_true(covered(bare, "indirectCRL=TRUE"));
	certs_free(leaf);
	certs_free(bare);
}

static void finds_list_issuers(void **state)
{
	struct certs *leaf = leaf_with("crlDistributionPoints=point", NULL,
				       "[point]\nfullname=URI:http://a.test/\nCRLissuer=dirName:issuer\n"
				       "[issuer]\nCN=Points CA\n");
	struct slice der = crls_make(&(struct crls_spec){ .issuer = ca });
	struct points points;
	struct crl crl;

	(void)state;
	assert_int_equal(crl_parse(der, &crl), ERR_OK);
	assert_int_equal(points_read(leaf->der, &points), ERR_OK);
	assert_true(points_issued_by(&points, crl.issuer));
	assert_false(points_issued_by(&points, SLICE_LIT("\x30\x00")));
	assert_int_equal(points_read(ca->der, &points), ERR_OK);
	assert_false(points_issued_by(&points, crl.issuer));
	free((void *)(uintptr_t)der.ptr);
	certs_free(leaf);
}

static void reads_the_freshest_of_a_list(void **state)
{
	const char *const extensions[] = { "freshestCRL=URI:http://a.test/d.crl", NULL };
	struct slice der = crls_make(&(struct crls_spec){ .issuer = ca, .extensions = extensions });
	struct point_list list;
	struct crl crl;

	(void)state;
	assert_int_equal(crl_parse(der, &crl), ERR_OK);
	assert_int_equal(points_freshest(crl.freshest, &list), ERR_OK);
	assert_int_equal(list.count, 1);
	assert_uri(list.items[0].uris[0], "http://a.test/d.crl");
	assert_int_not_equal(points_freshest(SLICE_LIT("\x30\x05"), &list), ERR_OK);
	assert_int_equal(list.count, 0);
	free((void *)(uintptr_t)der.ptr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_cut_certificates),
		cmocka_unit_test(refuses_malformed_points),
		cmocka_unit_test(passes_other_schemes_by),
		cmocka_unit_test(reads_all_kinds),
		cmocka_unit_test(bounds_what_it_takes),
		cmocka_unit_test(compares_scopes),
		cmocka_unit_test(finds_list_issuers),
		cmocka_unit_test(reads_the_freshest_of_a_list),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
