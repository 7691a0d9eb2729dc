/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_PKI_CRL_H
#define MTLSGUARD_PKI_CRL_H

#include <stdbool.h>

#include "base/err.h"
#include "base/slice.h"

/*
 * A certificate revocation list (RFC 5280 5), read in place: a list of a
 * million entries costs OpenSSL's decoder several times its size in memory, so
 * only names, algorithm and signature go to OpenSSL, and the entries are walked
 * over. Every slice views the bytes that were parsed, which must stay.
 */
struct x509_st;

enum crl_reason {
	CRL_REASON_UNSPECIFIED = 0,
	CRL_REASON_KEY_COMPROMISE = 1,
	CRL_REASON_CA_COMPROMISE = 2,
	CRL_REASON_AFFILIATION_CHANGED = 3,
	CRL_REASON_SUPERSEDED = 4,
	CRL_REASON_CESSATION_OF_OPERATION = 5,
	CRL_REASON_CERTIFICATE_HOLD = 6,
	CRL_REASON_REMOVE_FROM_CRL = 8,
	CRL_REASON_PRIVILEGE_WITHDRAWN = 9,
	CRL_REASON_AA_COMPROMISE = 10
};

/* A number of up to 20 octets, without leading zeros (RFC 5280 5.2.3). */
struct crl_number {
	uint8_t octets[20];
	size_t len;
};

/* The issuing distribution point (RFC 5280 5.2.5): which certificates the list covers. */
struct crl_scope {
	struct slice names;    /* content of fullName: DER GeneralName values in a row; empty: none */
	struct slice relative; /* content of nameRelativeToCRLIssuer; empty: none */
	bool only_user, only_ca, only_attribute, some_reasons, indirect;
};

struct crl {
	struct slice tbs, algorithm, signature; /* what is signed, how (DER), and the signature's octets */
	struct slice issuer;			/* DER of the name */
	int64_t this_update, next_update;	/* epoch seconds; next_update 0: not said */
	bool has_number, is_delta, has_scope;
	struct crl_number number, base; /* base: of the full list that a delta changes */
	struct slice authority_key;	/* keyIdentifier of the AKI, or empty */
	struct crl_scope scope;
	struct slice freshest; /* value of the freshest CRL extension, for points_freshest(), or empty */
	struct slice entries; /* content of revokedCertificates */
};

/*
 * Reads one whole DER CertificateList; allocates nothing. ERR_FORMAT or
 * ERR_SHORT when it is none, when bytes follow it, or when a date, a number or
 * an extension is malformed or stands twice; ERR_TYPE for a critical extension
 * that is not known here, because such a list must not be used (RFC 5280 5.2).
 * The entries are looked at by crl_next() only.
 */
enum err crl_parse(struct slice der, struct crl *out) MUST_USE;

struct crl_entry {
	struct slice serial; /* magnitude without leading zeros */
	int64_t date;	     /* epoch seconds from which on it is revoked */
	unsigned reason;     /* enum crl_reason, or a number that RFC 5280 does not know */
	struct slice issuer; /* indirect lists: DER of the name that issued it; empty: as the entry before,
				at the front the list's own issuer */
};

/* Steps through the entries. Start with {0}. */
struct crl_cursor {
	size_t at;
	enum err err;
};

/*
 * False at the end, or when an entry is malformed or has a critical extension
 * that is not known here: then cursor->err is ERR_FORMAT, ERR_SHORT or
 * ERR_TYPE, and the whole list must not be used.
 */
bool crl_next(const struct crl *crl, struct crl_cursor *cursor, struct crl_entry *out);

/* True when a list with such a signature is not taken, whoever made it: SHA-1 or weaker, or unknown. */
bool crl_is_weak(const struct crl *crl);

/*
 * Whether issuer's key made the signature, its name is the list's issuer, its
 * key identifier the list's AKI where both stand, and its key usage, where it
 * has one, lets it sign lists (RFC 5280 6.3.3 f, g). ERR_CRYPTO when not, or when the signature or the key is too
 * weak.
 */
enum err crl_verify(const struct crl *crl, struct x509_st *issuer) MUST_USE;

/* True when both say the same of what they cover: only then one continues the other (RFC 5280 5.2.3, 5.2.4). */
bool crl_scope_eq(const struct crl_scope *a, const struct crl_scope *b);

/* -1, 0 or 1, by value. */
int crl_number_cmp(const struct crl_number *a, const struct crl_number *b);

#endif
