/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_PKI_VERIFY_WALK_H
#define MTLSGUARD_PKI_VERIFY_WALK_H

#include "pki/trust_store.h"
#include "pki/verify.h"

/*
 * One verification on its way. Every kind of work that a hostile chain could
 * multiply has its bound here, for all authorities of the host together.
 */
#define WALK_PRESENTED_MAX 32  /* certificates of the chain that are looked at */
#define WALK_DECODED_MAX 12    /* of those: decoded, since that costs more than a signature */
#define WALK_NODES_MAX 64      /* CA certificates that one authority's walk sees */
#define WALK_RECALL_MAX 8      /* remembered ones of one name */
#define WALK_PATHS_MAX 16      /* paths that are validated */
#define WALK_SIGNATURES_MAX 32 /* signatures that are checked */
#define WALK_STEPS_MAX 1500    /* comparisons of a certificate with a possible issuer */
#define WALK_BAD_MAX WALK_PATHS_MAX

struct x509_st;

struct node {
	struct x509_st *x509;
	uint32_t subject_hash, issuer_hash;
	unsigned distance; /* steps to the nearest anchor; WALK_FAR: none */
	struct slice presented; /* its DER, when it came with the client */
};
#define WALK_FAR 1000u

struct presented {
	struct slice der;
	uint32_t subject_hash, issuer_hash;
	struct x509_st *x509; /* NULL until it is needed */
	bool is_useless;
};

/* A pair that a signature check has refused. */
struct bad_edge {
	const struct x509_st *subject, *issuer;
};

enum rank { RANK_UNKNOWN, RANK_SIGNATURE, RANK_INVALID, RANK_VERIFIED };

/* What OpenSSL said about one path. */
struct outcome {
	int error;
	bool issuer_good; /* the leaf's signature was checked */
	const struct x509_st *bad_subject, *bad_issuer; /* whose signature failed, or NULL */
};

/* leaf, intermediates, then the anchor; a leaf that is an anchor stands alone, as the anchor. */
struct path {
	const struct node *nodes[VERIFY_CHAIN_MAX + 1];
	size_t count;
	struct x509_st *anchor; /* NULL while it is not reached */
};

struct walk {
	const struct verify_input *input;
	struct verify_result *result;
	enum rank rank; /* of what result says so far */
	struct node leaf;
	struct presented presented[WALK_PRESENTED_MAX];
	size_t presented_count;
	bool has_read_chain; /* presented[] is filled */
	size_t decoded, paths, signatures, steps;
	struct bad_edge bad[WALK_BAD_MAX];
	size_t bad_count;
	/* Of the authority that is tried now. */
	struct trust *trust;
	size_t authority;
	bool uses_presented;
	uint64_t memory; /* of trust, when it was begun */
	struct node nodes[WALK_NODES_MAX];
	size_t count;
	struct path path;
};

/* Looks for a path from the leaf to an anchor of walk->trust and validates it. True when
 * one verified; what was learned is in walk->result in any case. */
bool walk_trust(struct walk *walk);

/* Gives the references of walk->nodes back and forgets what was learned of them. */
void walk_forget(struct walk *walk);

/* Narrows the window of the result by a date that the answer depends on. */
void walk_see_date(struct walk *walk, int64_t date);

/* The error for a leaf from which no anchor was reached: 18, 19, 20 or 22. */
int walk_unknown(struct walk *walk);

/* Validates walk->path and takes the outcome over into walk->result. True: it verified. */
bool path_try(struct walk *walk);

#endif
