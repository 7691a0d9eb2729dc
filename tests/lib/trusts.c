/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/trusts.h"

#include <stdio.h>
#include <stdlib.h>

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "tests/lib/trusts.c: %s\n", what);
	abort();
}

struct trust *trusts_of(const struct certs *const *anchors, size_t anchor_count,
			const struct certs *const *helpers, size_t helper_count)
{
	char *first = certs_pem(anchors, anchor_count), *second = certs_pem(helpers, helper_count);
	struct diag_list diag = { 0 };
	struct trust *trust = NULL;
	enum err err = trust_load(slice_str(first), "anchors.pem", slice_str(second), "helpers.pem",
				  &diag, &trust);

	must(!err && trust, diag.count ? diag.items[0].message : "trust_load failed");
	diag_fini(&diag);
	free(first);
	free(second);
	return trust;
}

struct trust *trusts_one(const struct certs *anchor)
{
	return trusts_of(&anchor, 1, NULL, 0);
}

int trusts_verify(struct trusts_run *run, const struct certs *leaf)
{
	struct slice chain[TRUSTS_CHAIN_MAX];
	struct cert *cert = NULL;
	struct verify_input input = {
		.chain = chain, .trusts = run->trusts, .trust_count = run->trust_count,
		.now = run->now ? run->now : CERTS_NOW,
	};

	must(!cert_parse(leaf->der, &cert), "the leaf does not parse");
	while (run->chain[input.chain_count]) {
		chain[input.chain_count] = run->chain[input.chain_count]->der;
		input.chain_count++;
	}
	input.leaf = cert;
	verify_run(&input, &run->result);
	must(run->result.valid_from <= input.now && input.now < run->result.valid_until,
	     "the window of a result leaves its own time out");
	must((run->result.error == 0) == (run->result.path_len > 0), "a path without success");
	cert_unref(cert);
	return run->result.error;
}

int trusts_error(struct trust *trust, const struct certs *leaf, const struct certs *first,
		 const struct certs *second, const struct certs *third)
{
	struct trusts_run run = { .trusts = { trust }, .trust_count = 1,
				  .chain = { first, second, third } };

	return trusts_verify(&run, leaf);
}
