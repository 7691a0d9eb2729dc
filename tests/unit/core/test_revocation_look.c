/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/revocation_look.h"
#include "lib/certs.h"

/* What is said of one certificate that names a list and a responder, without an engine around. */
static struct certs *root, *leaf;
static struct ocsp_record record;

static bool answer(void *arg, const struct revocation_question *question, int64_t now, struct ocsp_record *out)
{
	(void)arg, (void)question, (void)now;
	*out = record;
	return true;
}

static const struct revocation_ops ops = { .ocsp = answer };

static struct revocation_answer look(struct ocsp_record said, bool points)
{
	const struct verify_node node = { .serial = { 0x0a }, .serial_len = 1 };
	const struct revocation_subject subject = { .node = &node, .cert = leaf->der, .issuer = root->der };
	const struct authority_conf authority = { .name = (char[]){ "ca" },
						  .revocation = { .points = points, .ocsp = true, .allow = true } };
	struct revocation *state = revocation_new();
	const struct revocation_view view = { .state = state, .ops = &ops, .authority = &authority, .now = CERTS_NOW };
	struct revocation_answer out;

	record = said;
	revocation_look(&view, &subject, 1, &out);
	revocation_unref(state);
	return out;
}

/* A list that never comes hides nothing that a responder has revoked. */
static void revoked_while_a_list_is_waited_for(void **state)
{
	struct ocsp_record said = { .revoked = true, .this_update = CERTS_NOW - 20, .until = CERTS_NOW - 10,
				    .revoked_at = CERTS_NOW - 30, .reason = 1 };
	struct revocation_answer out = look(said, true);

	(void)state;
	assert_int_equal(revocation_refusal(&out), REASON_CERTIFICATE_REVOKED);
	assert_int_equal(out.by, REVOCATION_BY_OCSP);
	assert_int_equal(out.reason, 1);
	/* What it calls good, or revoked from tomorrow on, does not make the list less wanted. */
	said.revoked_at = CERTS_NOW + 86400;
	out = look(said, true);
	assert_int_equal(out.status, REVOCATION_UNKNOWN);
	assert_true(out.asks);
	said = (struct ocsp_record){ .this_update = CERTS_NOW - 20, .until = CERTS_NOW + 10, .look_again = CERTS_NOW + 5 };
	out = look(said, true);
	assert_int_equal(out.status, REVOCATION_UNKNOWN);
	assert_true(out.asks);
}

/* That somebody uses an answer is seen in the second half of its life only if it is looked at then. */
static void looks_again_where_an_answer_wants_it(void **state)
{
	static const struct {
		int64_t used_from, look_again, until, holds_until;
	} rows[] = {
		{ 5, 7, 10, 5 }, { 0, 7, 10, 7 }, { -3, 7, 10, 7 }, { -3, 0, 10, 1 }, { -3, -1, 10, 1 }, { -3, -1, 0, 1 },
	};

	(void)state;
	for (size_t revoked = 0; revoked < 2; revoked++)
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct revocation_answer out = look((struct ocsp_record){ .revoked = revoked,
				.this_update = CERTS_NOW - 20, .until = CERTS_NOW + rows[i].until,
				.revoked_at = CERTS_NOW - 30, .used_from = CERTS_NOW + rows[i].used_from,
				.look_again = CERTS_NOW + rows[i].look_again }, false);

			assert_int_equal(out.status, revoked ? REVOCATION_REVOKED : REVOCATION_GOOD);
			assert_int_equal(out.holds_until, CERTS_NOW + rows[i].holds_until);
		}
}

static int set_up(void **state)
{
	const char *const names[] = { "crlDistributionPoints=URI:http://crl.example/1.crl",
				      "authorityInfoAccess=OCSP;URI:http://ocsp.example/", NULL };

	(void)state;
	root = certs_ca("/CN=Root", NULL);
	leaf = certs_make(&(struct certs_spec){ .subject = "/CN=leaf", .issuer = root, .serial = "0A", .extensions = names });
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	certs_free(leaf);
	certs_free(root);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(revoked_while_a_list_is_waited_for),
		cmocka_unit_test(looks_again_where_an_answer_wants_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
