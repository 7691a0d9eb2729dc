/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_PKI_CERT_H
#define MTLSGUARD_PKI_CERT_H

#include "base/err.h"
#include "base/slice.h"

/*
 * One client certificate, parsed once into the texts that everything else
 * reads (formats: Cloudflare's field reference). Immutable; belongs to one
 * thread, where it is counted without atomics.
 */
enum cert_san { CERT_SAN_DNS, CERT_SAN_URI, CERT_SAN_EMAIL, CERT_SAN_IP, CERT_SAN_DIR,
		CERT_SAN_OTHER, CERT_SAN_COUNT };

struct cert_list {
	struct slice *items;
	size_t count;
};

struct x509_st;

struct cert {
	unsigned refs;
	struct slice der;
	struct x509_st *x509;
	struct slice subject_dn, issuer_dn;		  /* RFC 2253 */
	struct slice subject_dn_legacy, issuer_dn_legacy; /* /C=…, '/' and '+' in values escaped */
	struct slice cn;				  /* the most specific CN, UTF-8, or empty */
	struct slice serial;				  /* upper hex, no sign octet, whole octets */
	struct slice serial_octets;			  /* magnitude without leading zeros */
	bool serial_ok;					  /* positive and at most 20 octets (RFC 5280 4.1.2.2) */
	struct slice ski;				  /* upper hex or empty */
	struct slice ski_octets;
	struct slice issuer_ski;			  /* the AKI's keyid, upper hex or empty */
	struct slice sha1, sha256, spki_sha256;		  /* lower hex */
	uint8_t sha256_octets[32], spki_octets[32];
	struct slice not_before_text, not_after_text;	  /* "Mar 21 13:35:00 2022 GMT" */
	int64_t not_before, not_after;			  /* epoch seconds */
	struct slice rfc9440;				  /* ":base64:" or empty when over 10 KiB */
	bool rfc9440_too_large;
	struct slice base64;				  /* of the DER, whatever its size */
	struct cert_list san[CERT_SAN_COUNT];
	struct slice spiffe_id;
	struct cert_list eku;
	const char *key_type; /* "RSA", "EC", "ED25519", "ED448", "RSA-PSS", "DSA" or OpenSSL's name */
	unsigned key_bits;
};

/*
 * Parses one whole DER certificate (RFC 5280 4.1); der is copied. ERR_FORMAT
 * when it is none, when bytes follow it or a part of it cannot be read,
 * ERR_LIMIT when it is over 64 KiB.
 */
enum err cert_parse(struct slice der, struct cert **out) MUST_USE;

struct cert *cert_ref(struct cert *cert);
void cert_unref(struct cert *cert); /* NULL is fine */

/*
 * Splits concatenated DER certificates (HAProxy's ssl_c_chain_der) without
 * parsing them: fills out[0..*count) with views, at most max. ERR_FORMAT for
 * anything that is no sequence of whole DER SEQUENCEs, ERR_LIMIT for more than max.
 */
enum err cert_split(struct slice chain, struct slice *out, size_t max, size_t *count) MUST_USE;

/* The text for request.tls lists: "clientAuth" and the like for eku are filled in cert->eku. */

#endif
