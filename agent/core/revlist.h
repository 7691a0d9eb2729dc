/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_REVLIST_H
#define MTLSGUARD_CORE_REVLIST_H

#include "base/err.h"
#include "base/slice.h"
#include "pki/crl.h"
#include "pki/points.h"

/*
 * What one verified revocation list says, made compact for looking up: for
 * each issuer and length of serial one sorted array of serial, date and reason,
 * 25 bytes for a serial of 20 octets. Counted atomically, immutable, any thread.
 */
struct revlist;

/*
 * full: a complete list; delta: one that changes it (RFC 5280 5.2.4), or NULL. Both are verified by
 * the caller, and their bytes are not needed afterwards. issuer_key: 32 octets, of the CA whose list it
 * is. spend: the bytes of full's entries are pages of the caller's own that nobody needs any more: they are given
 * back while they are read, so that a large list is never there twice. Entries that name their issuer (indirect lists, RFC 5280 5.3.3) count for every CA of that name.
 * ERR_FORMAT, ERR_SHORT, ERR_TYPE: an entry that cannot be used, hence none of it; ERR_LIMIT: they name more than
 * NAMES_MAX issuers; ERR_RANGE: delta does not follow on full.
 */
enum err revlist_build(const struct crl *full, const struct crl *delta, const uint8_t *issuer_key,
		       bool spend, struct revlist **out) MUST_USE;

/*
 * What a delta alone says: what it revokes is revoked, whichever list it changes and whether or not that is there; it covers nobody.
 * Errors as above.
 */
enum err revlist_build_delta(const struct crl *delta, const uint8_t *issuer_key, struct revlist **out) MUST_USE;

/* Whether delta changes full, both of one key: same scope, built on this list or an older one, and newer (RFC 5280 5.2.4). */
bool revlist_follows(const struct crl *delta, const struct crl *full);

struct revlist *revlist_ref(struct revlist *list);
void revlist_unref(struct revlist *list); /* NULL is fine */

struct revlist_hit {
	int64_t date; /* epoch seconds from which on it is revoked */
	unsigned reason;
};

/* What a list needs to know of a certificate. */
struct revlist_subject {
	const uint8_t *issuer_key;
	struct slice issuer_name;    /* DER, as the certificate has it */
	const struct points *points; /* points_read() of it; empty when that failed; revlist_find needs none */
};

/* True when the certificate with that serial (magnitude without leading zeros) is listed. */
bool revlist_find(const struct revlist *list, const struct revlist_subject *subject,
		  struct slice serial, struct revlist_hit *out);

struct revlist_info {
	const uint8_t *issuer_key;
	int64_t this_update, next_update; /* next_update 0: not said */
	struct slice number;		  /* octets; of the delta where there is one */
	size_t entries, bytes;
	bool indirect;
};

void revlist_info(const struct revlist *list, struct revlist_info *out);

/*
 * Whether not being listed means "good" for this certificate (RFC 5280 6.3.3 b):
 * the list is of its issuer, or an indirect one that one of its distribution
 * points names as CRL issuer; it is for its kind, for all reasons, and where the
 * list has a distribution point name, one of the certificate's points has it too.
 */
bool revlist_covers(const struct revlist *list, const struct revlist_subject *subject);

#endif
