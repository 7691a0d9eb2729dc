/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_PKI_TRUST_STORE_H
#define MTLSGUARD_PKI_TRUST_STORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "pki/trust.h"

/*
 * The inside of struct trust, for the walk over names. Certificates are found
 * by the hash of their subject, so that an authority may have thousands.
 */
struct x509_st;

struct ca {
	struct x509_st *x509;
	uint32_t subject_hash;
	bool anchor;
	struct x509_st *signs_for; /* a CRL signer: the CA that certified it, borrowed; else NULL */
	struct trust_ca info;
};

struct memory_item {
	struct x509_st *x509;
	uint32_t subject_hash;
	size_t bytes; /* of its DER */
};

/* A ring: the oldest at `first`. */
struct memory {
	pthread_mutex_t lock;
	struct memory_item *items; /* NULL until something is remembered */
	size_t first, count, bytes;
	_Atomic size_t seen; /* == count; lets readers of an empty memory pass by the lock */
	_Atomic uint64_t number;
};

struct trust {
	_Atomic unsigned refs;
	struct ca *cas; /* in the order of the files */
	size_t count;
	uint32_t *by_subject; /* indices into cas, sorted by subject_hash, else in order */
	struct memory memory;
};

/* Sets signs_for of those that only sign lists; they are no anchors. */
void signers_find(struct trust *trust);

/* The range of by_subject whose hash it is: returns its start, sets *count. */
size_t trust_find(const struct trust *trust, uint32_t subject_hash, size_t *count);

static inline const struct ca *trust_at(const struct trust *trust, size_t i)
{
	return &trust->cas[trust->by_subject[i]];
}

void memory_init(struct memory *memory);
void memory_fini(struct memory *memory);

/* Remembers a CA certificate whose chain verified; the memory takes its own count. */
void memory_put(struct memory *memory, struct x509_st *x509, uint32_t subject_hash, size_t bytes);

/* Fills out with at most max certificates of that subject, newest first, each with a count for the caller. */
size_t memory_get(struct memory *memory, uint32_t subject_hash, struct x509_st **out, size_t max);

/* True when one of that subject is remembered. */
bool memory_has(struct memory *memory, uint32_t subject_hash);

#endif
