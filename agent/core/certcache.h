/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_CERTCACHE_H
#define MTLSGUARD_CORE_CERTCACHE_H

#include "core/chaincache.h"
#include "core/ders.h"
#include "core/facts.h"
#include "core/revocation_look.h"
#include "core/snapshot.h"
#include "pki/cert.h"
#include "pki/verify.h"

/*
 * What one loop knows of the certificates that it meets: parsed once, verified
 * once for each set of authorities, together with everything that is made of
 * them (property texts, encoded headers). Entries are immutable and counted; a
 * request holds one until it is released.
 *
 * An entry is found by the leaf's whole DER, the presented chain and the host's
 * set of authorities; a fast keyed hash only finds the bucket. It is used again
 * while its verification holds: the same snapshot, inside its window of time,
 * and, where it failed, with nothing new in the memories of CA certificates.
 * When only the state of revocation has another number, or what it said is
 * due, that alone is looked at again and the verification is kept.
 * Verified and other certificates live apart, so that a flood of worthless ones
 * pushes no good one out.
 */
struct certcache;

/* What stays of a struct verify_result: see there. */
struct cert_result {
	int error;
	size_t authority;
	struct verify_node *path; /* path_len of them, or NULL: its authority knows of no revocation */
	size_t path_len;
	int64_t valid_from, valid_until;
	uint64_t memory;
};

struct cert_entry {
	unsigned refs;
	uint64_t key; /* facts_key() */
	struct cert *cert;
	struct cert_result result;
	struct slice authority; /* name, or empty; lives in the entry */
	struct revocation_answer revocation; /* of a certificate that verified */
	/* DER of the certificates above the leaf in the verified path, the anchor last; where its
	 * authority has lists or OCSP. */
	struct der_kept **above;
	size_t above_count;
	struct ders *ders; /* the cache's */
	bool revoked;
	struct slice facts[FACT_COUNT];
	struct slice headers;	     /* the cf-cert-* pairs, encoded */
	struct slice der_headers;    /* cf-client-cert-der-base64 and -sha256, encoded */
	struct slice client_cert;    /* the client-cert pair, encoded; empty unless it may be sent */
	struct slice chain_headers;  /* the client-cert-chain pair, encoded; empty unless it may be sent */
	struct slice chain;	     /* concatenated DER: as sent, or as remembered */
	uint64_t snapshot;	     /* snapshot_number() of the verification */
	uint64_t state;		     /* revocation_number() of what was looked at */
	int64_t from, until;	     /* all of it holds while from <= now < until */
	uint64_t chains;	     /* chaincache_number() when a chain was looked up */
	struct log_values log;
	struct slice encoded, encoded_edits; /* of fronts: see struct verdict */
	int64_t seen_hour;	     /* radar_hour() of when the radar was told */
	void *storage;
};

/* `max` certificates at most, fewer when they are larger than usual (every 2 KiB of leaf and chain
 * count as one more); chains is shared by all loops and outlives the cache. */
struct certcache *certcache_new(size_t max, struct chaincache *chains);
void certcache_free(struct certcache *cache);

/* What is known about revocation from now on; takes one count. It begins with nothing known. */
void certcache_revocation(struct certcache *cache, struct revocation *state);

/* Who answers about OCSP, and says whether there is anybody to ask. Before the first certcache_get. */
void certcache_ops(struct certcache *cache, const struct revocation_ops *ops, void *arg);

/* What may be asked for so that the entry's answer gets better; at most REVOCATION_ASK_MAX. */
size_t certcache_questions(const struct certcache *cache, const struct cert_entry *entry,
			   struct snapshot *snapshot, const struct host_rule *rule, int64_t now,
			   struct revocation_question *out);

struct certcache_query {
	struct snapshot *snapshot;
	const struct host_rule *rule; /* of the host, in that snapshot */
	struct slice leaf, chain; /* DER; chain empty: none sent */
	bool resumed;		  /* the session was resumed: a chain may be remembered */
	int64_t now;		  /* epoch seconds */
};

/* A leaf that will be asked for: what finds it is fetched into the processor's caches meanwhile. */
void certcache_expect(const struct certcache *cache, struct slice leaf);

/*
 * The entry of a presented certificate, counted for the caller. ERR_FORMAT when
 * the leaf is not one whole certificate or the chain is no row of DER values,
 * ERR_LIMIT when the chain has more than 32 of them.
 */
enum err certcache_get(struct certcache *cache, const struct certcache_query *query,
		       struct cert_entry **out) MUST_USE;

void cert_entry_unref(struct cert_entry *entry); /* NULL is fine */

struct certcache_stats {
	uint64_t hits, misses, verifications, evictions, looks;
	size_t verified, unverified; /* entries at present */
};

void certcache_stats_get(const struct certcache *cache, struct certcache_stats *out);

#endif
