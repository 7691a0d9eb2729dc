/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_TRUSTS_H
#define TESTS_LIB_TRUSTS_H

#include "lib/certs.h"
#include "pki/trust.h"
#include "pki/verify.h"

/* Trusts and verifications for tests; a fault of the caller ends the program. */

/* A trust of those anchors and helpers (count may be 0 for helpers only). */
struct trust *trusts_of(const struct certs *const *anchors, size_t anchor_count,
			const struct certs *const *helpers, size_t helper_count);
struct trust *trusts_one(const struct certs *anchor);

#define TRUSTS_CHAIN_MAX 40

/* One verification; chain ends with NULL. Returns the result's error. */
struct trusts_run {
	struct trust *trusts[4];
	size_t trust_count;
	int64_t now; /* 0: CERTS_NOW */
	const struct certs *chain[TRUSTS_CHAIN_MAX + 1];
	struct verify_result result;
};
int trusts_verify(struct trusts_run *run, const struct certs *leaf);

/* The same with one trust and at most three presented certificates, and no result. */
int trusts_error(struct trust *trust, const struct certs *leaf, const struct certs *first,
		 const struct certs *second, const struct certs *third);

#endif
