/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_PKI_VERIFY_H
#define MTLSGUARD_PKI_VERIFY_H

#include "base/err.h"
#include "base/slice.h"
#include "pki/cert.h"
#include "pki/trust.h"

/*
 * Path building and validation (RFC 5280 6) with OpenSSL, purpose sslclient,
 * against a host's authorities at a given time. First the names alone are
 * walked, from the leaf over what was presented, what helps and what is
 * remembered, to the anchors: when no anchor is reached no signature is
 * checked. Otherwise X509_verify_cert decides, on one path after the other, so
 * that CAs which share a name (cross-signed, with a new key) do not hide each
 * other. It checks from the anchor down, hence never with a key that a
 * stranger chose.
 *
 * Stricter than OpenSSL alone: keys, and signatures below the anchor, have at
 * least 112 bits of security (no RSA or DSA under 2048 bits, no MD5 or SHA-1),
 * as in Debian's TLS default; an anchor that issued something is a CA by its
 * basicConstraints (no version 1); anchors obey their dates, which end with
 * the second of notAfter; a serial below the anchor that is not positive or
 * over 20 octets is error 50, a malformed or doubled extension 41.
 *
 * A leaf whose issuer nobody knows is 18 (self-signed), 19 (its chain ends in
 * a self-signed certificate) or 20. Of several failures the first that has
 * good signatures is told, else the first bad signature (7), else that.
 */
#define VERIFY_CHAIN_MAX 10 /* intermediates */
#define VERIFY_SECURITY_BITS 112

struct verify_input {
	const struct cert *leaf;
	const struct slice *chain; /* presented intermediates, DER, as sent */
	size_t chain_count;
	struct trust *const *trusts; /* the host's authorities, in order */
	size_t trust_count;
	int64_t now; /* epoch seconds */
	struct verify_path *path; /* filled when the leaf verifies; NULL: not wanted */
};

/*
 * The certificates of a verified path, each counted: the leaf first, every other one the issuer of
 * the one before. The last is the anchor; a leaf that is an anchor stands alone.
 */
struct x509_st;

struct verify_path {
	struct x509_st *certs[VERIFY_CHAIN_MAX + 2];
	size_t count;
};

void verify_path_fini(struct verify_path *path);

/* A certificate of the path below the anchor, for revocation. */
struct verify_node {
	/* SHA-256 of the issuer's name and public key (DER of both); zeros for a leaf that
	 * is itself an anchor and not self-signed: its issuer is unknown. */
	uint8_t issuer_key[32];
	uint8_t sha256[32], spki_sha256[32];
	uint8_t serial[20]; /* magnitude, serial_len octets without leading zeros */
	size_t serial_len;
	uint8_t ski[64];
	size_t ski_len; /* 0: none, or longer than what is compared */
};

struct verify_result {
	int error;	  /* X509_V_ERR number, 0: verified */
	size_t authority; /* index into trusts; only when error is 0 */
	struct verify_node path[VERIFY_CHAIN_MAX + 1]; /* [0] is the leaf; the anchor is not in it */
	size_t path_len;  /* 0 unless error is 0; a leaf that is itself an anchor has 1 */
	/* Upper hex of the direct issuer. "" when the leaf's signature was not checked with its key. */
	char issuer_serial[48];
	char issuer_ski[132];
	/* This result holds while valid_from <= now < valid_until and the memories
	 * of the trusts (their sum) still say `memory`, or whatever they say when error is 0. */
	int64_t valid_from, valid_until;
	uint64_t memory;
};

/*
 * Never fails: what cannot be verified has error set. CA certificates of the
 * presented chain that led to the anchor are remembered in that authority's
 * trust; elements of the chain that are no certificate are passed by. Safe in
 * any thread, with one leaf a thread and trusts that all share. Takes up to a
 * few hundred microseconds; bounded (a few milliseconds) whatever is presented.
 */
void verify_run(const struct verify_input *input, struct verify_result *result);

/* Cloudflare's word for a result: "SUCCESS", "FAILED:self signed certificate",
 * "FAILED" … in OpenSSL 1.1.1's wording by number. Static text. */
const char *verify_text(int error);

#endif
