/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_PKI_TRUST_H
#define MTLSGUARD_PKI_TRUST_H

#include "base/diag.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * One authority's CA certificates: anchors, intermediates that help, and a
 * bounded memory of CA certificates that clients brought and that once chained
 * to an anchor, so that a resumed TLS session, which brings none, verifies
 * too. Shared by all loops, counted atomically; immutable but for the memory,
 * which has its own lock and a number that grows when something is added.
 */
struct trust;

struct trust_ca {
	struct slice subject; /* RFC 2253 */
	int64_t not_before, not_after; /* epoch seconds */
	bool anchor;
	bool crl_signer; /* only signs lists, for a CA of the authority */
};

/*
 * Reads PEM text: every certificate in `anchors` becomes an anchor, in
 * `intermediates` (may be empty) a helper; one that stands twice counts once. A
 * certificate of either that is no CA, whose key usage has cRLSign and which a
 * CA of the authority has issued, is a CRL signer and nothing else.
 * File names are for messages only. Faults (no certificate in it, a block that
 * is no certificate) go to diag with their line; ERR_CONFIG. What can never
 * help to verify anything (a weak key, a malformed extension) is a warning.
 */
enum err trust_load(struct slice anchors, const char *anchors_file, struct slice intermediates,
		    const char *intermediates_file, struct diag_list *diag,
		    struct trust **out) MUST_USE;

struct trust *trust_ref(struct trust *trust);
void trust_unref(struct trust *trust);

/* What `before` remembers goes on in trust; each is verified again whenever it is used. */
void trust_inherit(struct trust *trust, struct trust *before);

/* The certificates that it was loaded with, for lints, status and metrics. Borrowed. */
size_t trust_count(const struct trust *trust);
void trust_get(const struct trust *trust, size_t i, struct trust_ca *out);

/* A certificate whose key may sign lists in the name that was asked for. */
struct x509_st;
struct trust_issuer {
	struct x509_st *x509; /* borrowed for the call */
	/* SHA-256 of name and public key of the CA that its lists speak for: itself, or the CA that certified the
	 * signer. When indirect_only its own, which issues nothing: of its lists only entries that name their issuer
	 * count, and they answer where a distribution point names it. */
	uint8_t key[32];
	bool indirect_only;
};

/*
 * Calls on_issuer for each certificate of the authority whose subject is that
 * name (DER): anchors, helpers, CRL signers that are valid at now, and what is
 * remembered. Stops when it returns true, which is then the result. Any thread.
 */
bool trust_issuers(struct trust *trust, struct slice name, int64_t now,
		   bool (*on_issuer)(void *arg, const struct trust_issuer *issuer), void *arg);

/* At most this much is remembered for one authority, the oldest out first. */
#define TRUST_MEMORY_CERTS 256
#define TRUST_MEMORY_BYTES (1024 * 1024)

/* How often the memory has grown. Atomic read. */
uint64_t trust_memory(const struct trust *trust);

#endif
