/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "lib/certs.h"
#include "lib/trusts.h"

static struct certs *root, *middle;

static int set_up(void **state)
{
	(void)state;
	root = certs_ca("/O=Test/CN=Root", NULL);
	middle = certs_ca("/CN=Middle", root);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	certs_free(root);
	certs_free(middle);
	return 0;
}

static enum err load(const char *anchors, const char *helpers, struct diag_list *diag,
		     struct trust **out)
{
	*diag = (struct diag_list){ 0 };
	*out = NULL;
	return trust_load(slice_str(anchors), "anchors.pem", slice_str(helpers), "helpers.pem",
			  diag, out);
}

static void assert_fault(const char *anchors, const char *helpers, const char *file, unsigned line,
			 const char *part)
{
	struct diag_list diag;
	struct trust *trust;

	assert_int_equal(load(anchors, helpers, &diag, &trust), ERR_CONFIG);
	assert_null(trust);
	assert_int_equal(diag.errors, 1);
	assert_string_equal(diag.items[0].file, file);
	assert_int_equal(diag.items[0].line, line);
	assert_non_null(strstr(diag.items[0].message, part));
	diag_fini(&diag);
}

static char *join(const char *first, const char *second, const char *third)
{
	char *text = NULL;

	assert_true(asprintf(&text, "%s%s%s", first, second, third) > 0);
	return text;
}

static void refuses_files_without_certificates(void **state)
{
	(void)state;
	assert_fault("", "", "anchors.pem", 0, "no certificate");
	assert_fault("hello\nworld\n", "", "anchors.pem", 0, "no certificate");
	assert_fault(root->pem, "hello\n", "helpers.pem", 0, "no certificate");
}

static void hints_at_der(void **state)
{
	struct diag_list diag = { 0 };
	struct trust *trust;

	(void)state;
	assert_int_equal(trust_load(root->der, "ca.der", SLICE_EMPTY, "", &diag, &trust), ERR_CONFIG);
	assert_non_null(strstr(diag.items[0].hint, "-inform DER"));
	diag_fini(&diag);
}

static void refuses_other_blocks_with_their_line(void **state)
{
	char *text = join("# ours\n", root->pem, root->key_pem);
	unsigned line = 2;

	(void)state;
	for (const char *p = root->pem; *p; p++)
		line += *p == '\n';
	assert_fault(text, "", "anchors.pem", line, "another kind: PRIVATE KEY");
	free(text);
}

static void refuses_damaged_blocks(void **state)
{
	char *cut = strdup(root->pem), *junk, *open;

	(void)state;
	*strstr(cut, "-----END") = '\0';
	assert_fault(cut, "", "anchors.pem", 1, "malformed or has no end");
	open = join(cut, root->pem, "");
	assert_fault(open, "", "anchors.pem", 1, "malformed or has no end");
	junk = join("\n-----BEGIN CERTIFICATE-----\nMAMCAQE=\n", "-----END CERTIFICATE-----\n", root->pem);
	assert_fault(junk, "", "anchors.pem", 2, "not one whole certificate");
	free(cut);
	free(open);
	free(junk);
}

static void tells_every_fault(void **state)
{
	const char *junk = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
	char *text = join(junk, root->pem, junk);
	struct diag_list diag;
	struct trust *trust;

	(void)state;
	assert_int_equal(load(text, junk, &diag, &trust), ERR_CONFIG);
	assert_int_equal(diag.errors, 3);
	diag_fini(&diag);
	free(text);
}

static void lists_what_it_holds(void **state)
{
	char *text = join("Subject: someone\r\n", middle->pem, root->pem);
	struct diag_list diag;
	struct trust *trust;
	struct trust_ca ca;

	(void)state;
	assert_int_equal(load(root->pem, text, &diag, &trust), ERR_OK);
	assert_int_equal(diag.count, 0);
	assert_int_equal(trust_count(trust), 2);
	trust_get(trust, 0, &ca);
	assert_true(ca.anchor);
	assert_true(slice_eq(ca.subject, SLICE_LIT("CN=Root,O=Test")));
	assert_int_equal(ca.not_before, CERTS_FROM);
	assert_int_equal(ca.not_after, CERTS_UNTIL);
	trust_get(trust, 1, &ca);
	assert_false(ca.anchor);
	assert_true(slice_eq(ca.subject, SLICE_LIT("CN=Middle")));
	assert_ptr_equal(trust_ref(trust), trust);
	trust_unref(trust);
	trust_unref(trust);
	trust_unref(NULL);
	free(text);
}

static void reads_dos_line_ends(void **state)
{
	struct buf text = buf_capped(0);
	struct diag_list diag;
	struct trust *trust;

	(void)state;
	for (const char *p = root->pem; *p; p++)
		buf_str(&text, *p == '\n' ? "\r\n" : (char[]){ *p, '\0' });
	buf_u8(&text, '\0');
	assert_int_equal(load((const char *)text.ptr, "", &diag, &trust), ERR_OK);
	assert_int_equal(trust_count(trust), 1);
	trust_unref(trust);
	buf_fini(&text);
}

static void warns_of_what_cannot_help(void **state)
{
	struct certs *weak = certs_make(&(struct certs_spec){ .subject = "/CN=Weak", .ca = true,
							       .key = CERTS_RSA_1024 });
	struct certs *odd = certs_make(&(struct certs_spec){ .subject = "/CN=Odd", .ca = true,
		.extensions = (const char *const[]){ "2.5.29.17=DER:01:01:00", NULL } });
	char *text = join(weak->pem, root->pem, odd->pem);
	struct diag_list diag;
	struct trust *trust;

	(void)state;
	assert_int_equal(load(text, "", &diag, &trust), ERR_OK);
	assert_int_equal(diag.count, 2);
	assert_int_equal(diag.items[0].severity, DIAG_WARNING);
	assert_int_equal(diag.items[0].line, 1);
	assert_non_null(strstr(diag.items[0].message, "too weak: CN=Weak"));
	assert_non_null(strstr(diag.items[1].message, "malformed: CN=Odd"));
	diag_fini(&diag);
	trust_unref(trust);
	certs_free(weak);
	certs_free(odd);
	free(text);
}

/* OpenSSL's own trust settings could widen or narrow what ours say. */
static void refuses_openssl_trust_settings(void **state)
{
	char *text = strdup(root->pem), *other;

	(void)state;
	*strstr(text, "BEGIN ") = '\0';
	other = join(text, "BEGIN TRUSTED CERTIFICATE-----\nMAMCAQE=\n",
		     "-----END TRUSTED CERTIFICATE-----\n");
	assert_fault(other, "", "anchors.pem", 1, "another kind: TRUSTED CERTIFICATE");
	free(other);
	free(text);
}

static void keeps_the_certificates_of_a_path(void **state)
{
	struct certs *leaf = certs_leaf("/CN=leaf", middle);
	struct trust *trust = trusts_one(root);
	struct verify_path path = { 0 };
	struct verify_result result;
	struct verify_input input = { .chain = &middle->der, .chain_count = 1, .trusts = &trust,
				      .trust_count = 1, .now = CERTS_UNTIL, .path = &path };
	struct cert *cert;

	(void)state;
	assert_int_equal(cert_parse(leaf->der, &cert), ERR_OK);
	input.leaf = cert;
	verify_run(&input, &result);
	assert_int_not_equal(result.error, 0);
	assert_int_equal(path.count, 0);
	input.now = CERTS_NOW;
	verify_run(&input, &result);
	assert_int_equal(path.count, 3);
	assert_int_equal(X509_cmp(path.certs[0], leaf->x509), 0);
	assert_int_equal(X509_cmp(path.certs[1], middle->x509), 0);
	assert_int_equal(X509_cmp(path.certs[2], root->x509), 0);
	verify_path_fini(&path);
	cert_unref(cert);
	trust_unref(trust);
	certs_free(leaf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_files_without_certificates),
		cmocka_unit_test(hints_at_der),
		cmocka_unit_test(refuses_other_blocks_with_their_line),
		cmocka_unit_test(refuses_damaged_blocks),
		cmocka_unit_test(tells_every_fault),
		cmocka_unit_test(lists_what_it_holds),
		cmocka_unit_test(reads_dos_line_ends),
		cmocka_unit_test(warns_of_what_cannot_help),
		cmocka_unit_test(refuses_openssl_trust_settings),
		cmocka_unit_test(keeps_the_certificates_of_a_path),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
