/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_FACTS_H
#define MTLSGUARD_CORE_FACTS_H

#include "base/slice.h"
#include "core/request.h"

/*
 * The 21 properties of Cloudflare's request.cf.tlsClientAuth, in Cloudflare's
 * order, names and formats (reference: Workers "IncomingRequestCfProperties").
 * Workers, headers, eval and logs read them from here and from nowhere else.
 */
enum fact {
	FACT_PRESENTED, FACT_VERIFIED, FACT_REVOKED, FACT_ISSUER_DN, FACT_SUBJECT_DN,
	FACT_ISSUER_DN_RFC2253, FACT_SUBJECT_DN_RFC2253, FACT_ISSUER_DN_LEGACY,
	FACT_SUBJECT_DN_LEGACY, FACT_SERIAL, FACT_ISSUER_SERIAL, FACT_SKI, FACT_ISSUER_SKI,
	FACT_FINGERPRINT_SHA1, FACT_FINGERPRINT_SHA256, FACT_NOT_BEFORE, FACT_NOT_AFTER,
	FACT_RFC9440, FACT_RFC9440_TOO_LARGE, FACT_CHAIN_RFC9440, FACT_CHAIN_RFC9440_TOO_LARGE,
	FACT_COUNT
};

struct fact_info {
	const char *property; /* "certSubjectDN" */
	const char *header;   /* "cf-cert-subject-dn", NULL for the four RFC 9440 ones */
	bool boolean;	      /* true: the property is a boolean, else a string */
};

/* The row of a fact. */
const struct fact_info *fact_info(enum fact fact);

/* The fact of that property name ("certSKI"), or FACT_COUNT. */
enum fact fact_find(struct slice property);

/*
 * The string form of a fact for a request: "1", "SUCCESS", a DN …; "" when there
 * is none. For boolean facts "true" or "false". The bytes live as long as the request.
 */
struct slice fact_text(const struct request *req, enum fact fact);

/* A boolean fact's value; false for string facts. */
bool fact_true(const struct request *req, enum fact fact);

/* Same certificate facts, same number: a worker runtime may keep what it made of the facts of one
 * certificate under this key, for as long as it compares equal. 0: no certificate. Never reused within a process. */
uint64_t facts_key(const struct request *req);

/*
 * request.tls, what Cloudflare lacks. Kinds of SAN in the order dns, uri, email,
 * ip, dir, other.
 */
enum san_kind { SAN_DNS, SAN_URI, SAN_EMAIL, SAN_IP, SAN_DIR, SAN_OTHER, SAN_KIND_COUNT };

struct slice_list {
	const struct slice *items;
	size_t count;
};

enum revocation_status {
	REVOCATION_UNCHECKED = 0, REVOCATION_GOOD, REVOCATION_REVOKED,
	REVOCATION_STALE,   /* the answer was valid once; within `grace` it still counts */
	REVOCATION_UNKNOWN,
	REVOCATION_STATUS_COUNT
};

struct tls_facts {
	struct slice_list san[SAN_KIND_COUNT];
	struct slice spiffe_id;	  /* the one spiffe:// URI, empty when none or several */
	struct slice_list eku;	  /* "clientAuth", "serverAuth", … or the dotted OID */
	struct slice spki_sha256; /* lower-case hex */
	const char *key_type;	  /* "RSA", "EC", "ED25519", …; "" without certificate */
	unsigned key_bits;
	int64_t not_before, not_after; /* epoch seconds */
	int verify_error;	       /* X509_V_ERR number, 0: fine or no certificate */
	struct slice authority;	       /* name of the authority that it chains to, or empty */
	enum reason reason;	       /* what the stages up to "requirement" say */
	enum revocation_status revocation;
	const char *revocation_source; /* "deny", "crl", "ocsp" or "" */
	const char *revocation_reason; /* "keyCompromise" … when a list or a responder revokes it, or "" */
	int64_t revocation_age; /* seconds since this_update; -1: there is none */
	int64_t revocation_this_update, revocation_next_update; /* epoch seconds; 0: none, not said */
};

/* Fills out for a request whose certificate stage has run. */
void tls_facts_get(const struct request *req, struct tls_facts *out);

/* "dns", "uri", "email", "ip", "dir", "other". */
const char *san_kind_name(enum san_kind kind);

/* "unchecked", "good", "revoked", "stale", "unknown". */
const char *revocation_status_name(enum revocation_status status);

#endif
