/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/revocation_look.h"
#include "lib/certs.h"

/* What is said of one certificate that names a list and a responder, without an engine around. */
static struct ocsp_record record;

static bool answer(void *arg, const struct revocation_question *question, int64_t now, struct ocsp_record *out)
{
	(void)arg, (void)question, (void)now;
	*out = record;
	return true;
}

static const struct revocation_ops ops = { .ocsp = answer };

/* A list that never comes hides nothing that a responder has revoked. */
static void revoked_while_a_list_is_waited_for(void **state)
{
	const char *const names[] = { "crlDistributionPoints=URI:http://crl.example/1.crl",
				      "authorityInfoAccess=OCSP;URI:http://ocsp.example/", NULL };
	struct certs *root = certs_ca("/CN=Root", NULL);
	struct certs *leaf = certs_make(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = root, .serial = "0A",
							      .extensions = names });
	const struct verify_node node = { .serial = { 0x0a }, .serial_len = 1 };
	const struct revocation_subject subject = { .node = &node, .cert = leaf->der, .issuer = root->der };
	const struct authority_conf authority = { .name = (char[]){ "ca" },
						  .revocation = { .points = true, .ocsp = true, .allow = true } };
	const struct revocation_view view = { .state = revocation_new(), .ops = &ops, .authority = &authority,
					      .now = CERTS_NOW };
	struct revocation_answer out;

	(void)state;
	record = (struct ocsp_record){ .revoked = true, .this_update = CERTS_NOW - 20, .until = CERTS_NOW - 10,
				       .revoked_at = CERTS_NOW - 30, .reason = 1 };
	revocation_look(&view, &subject, 1, &out);
	assert_int_equal(revocation_refusal(&out), REASON_CERTIFICATE_REVOKED);
	assert_int_equal(out.by, REVOCATION_BY_OCSP);
	assert_int_equal(out.reason, 1);
	/* What it calls good, or revoked from tomorrow on, does not make the list less wanted. */
	record.revoked_at = CERTS_NOW + 86400;
	revocation_look(&view, &subject, 1, &out);
	assert_int_equal(out.status, REVOCATION_UNKNOWN);
	assert_true(out.asks);
	record = (struct ocsp_record){ .this_update = CERTS_NOW - 20, .until = CERTS_NOW + 10,
				       .look_again = CERTS_NOW + 5 };
	revocation_look(&view, &subject, 1, &out);
	assert_int_equal(out.status, REVOCATION_UNKNOWN);
	assert_true(out.asks);
	revocation_unref((struct revocation *)(uintptr_t)view.state);
	certs_free(leaf);
	certs_free(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(revoked_while_a_list_is_waited_for),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
