/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/verify.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "pki/verify_walk.h"
#include "pki/x509.h"

static uint64_t memories(const struct verify_input *input)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < input->trust_count; i++)
		sum += trust_memory(input->trusts[i]);
	return sum;
}

/* Counted, or decoded for this verification; NULL only without memory. */
static X509 *leaf_of(const struct cert *leaf)
{
	return leaf->x509 && X509_up_ref(leaf->x509) ? leaf->x509 : x509_decode(leaf->der);
}

static void start(struct walk *walk, X509 *x509)
{
	const struct cert *leaf = walk->input->leaf;
	const int64_t dates[] = { leaf->not_before, leaf->not_after };

	*walk->result = (struct verify_result){
		.error = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
		.valid_from = INT64_MIN,
		.valid_until = INT64_MAX,
		.memory = memories(walk->input),
	};
	if (!x509) {
		walk->result->error = X509_V_ERR_OUT_OF_MEM;
		return;
	}
	walk->leaf = (struct node){
		.x509 = x509,
		.subject_hash = x509_name_hash(X509_get_subject_name(x509)),
		.issuer_hash = x509_name_hash(X509_get_issuer_name(x509)),
	};
	for (size_t i = 0; i < 2; i++)
		walk_see_date(walk, dates[i]);
}

static void finish(struct walk *walk)
{
	walk_forget(walk);
	for (size_t i = 0; i < walk->presented_count; i++)
		X509_free(walk->presented[i].x509);
	X509_free(walk->leaf.x509);
	ERR_clear_error();
}

static void run(struct walk *walk)
{
	const struct verify_input *input = walk->input;

	for (size_t i = 0; i < input->trust_count; i++) {
		walk_forget(walk);
		walk->trust = input->trusts[i];
		walk->authority = i;
		if (walk_trust(walk))
			return;
	}
	if (walk->rank == RANK_UNKNOWN)
		walk->result->error = walk_unknown(walk);
}

void verify_run(const struct verify_input *input, struct verify_result *result)
{
	struct walk walk = { .input = input, .result = result };

	start(&walk, leaf_of(input->leaf));
	/* Without its extensions nobody could say what the leaf may be used for. */
	if (walk.leaf.x509 && X509_get_extension_flags(walk.leaf.x509) & EXFLAG_INVALID)
		result->error = X509_V_ERR_INVALID_EXTENSION;
	else if (walk.leaf.x509)
		run(&walk);
	finish(&walk);
}
