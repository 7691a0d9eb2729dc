/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SVC_OCSP_CACHE_H
#define MTLSGUARD_SVC_OCSP_CACHE_H

#include "core/revocation_ask.h"

/*
 * What OCSP has answered, for every thread: found by authority, issuer and
 * serial. Bounded: the entry longest untouched by an answer goes first.
 */
struct ocsp_cache;

struct ocsp_cache *ocsp_cache_new(size_t max);
void ocsp_cache_free(struct ocsp_cache *cache); /* NULL is fine */

/* A question's key: the issuer's key first. */
struct ocsp_key {
	uint8_t octets[64];
};
struct ocsp_key ocsp_key_of(const struct revocation_question *question);

/* The serial that is in it; it views the key. */
struct slice ocsp_key_serial(const struct ocsp_key *key);

struct ocsp_seen {
	bool answered;		   /* record is set */
	struct ocsp_record record; /* the last answer, over or not */
	int64_t vain_until;	   /* asked in vain: not again before this second; 0 */
	bool refresh;		   /* true for the one who sees that it is due: asks for it */
	bool used;		   /* somebody looked after record.used_from */
};

/* For whoever decides. True when something is known. */
bool ocsp_cache_look(struct ocsp_cache *cache, const struct ocsp_key *key, int64_t now,
		     struct ocsp_seen *out);

/* For whoever asks responders: the same, but it neither counts as use, nor does it tell to refresh. */
bool ocsp_cache_peek(struct ocsp_cache *cache, const struct ocsp_key *key, int64_t now,
		     struct ocsp_seen *out);

/* Returns true when it says something else than before about good or revoked. */
bool ocsp_cache_put(struct ocsp_cache *cache, const struct ocsp_key *key, const struct ocsp_record *record);

/* Nobody answered: the pause doubles from 1 s to 60 s. An answer that was there stays. */
void ocsp_cache_vain(struct ocsp_cache *cache, const struct ocsp_key *key, int64_t now);

size_t ocsp_cache_count(struct ocsp_cache *cache);

#endif
