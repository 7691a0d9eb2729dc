/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_PKI_CERT_H
#define MTLSGUARD_PKI_CERT_H

#include "base/err.h"
#include "base/slice.h"

/*
 * One client certificate, parsed once into the texts that everything else
 * reads (formats: Cloudflare's field reference). Immutable; belongs to one
 * thread, where it is counted without atomics.
 *
 * No text can pass for another: DNs are escaped, and a CN or SAN that holds a
 * control character (a NUL, say) or is no UTF-8 is left out. A SAN of kind
 * DNS, URI or EMAIL that has bytes outside printable ASCII is left out, too.
 * IP: dotted or RFC 5952. DIR: RFC 2253. OTHER: the type's OID, ':', and the
 * text of the value, or '#' and the upper hex of its DER when the value is no
 * text or begins with '#' itself; "registeredID:OID"; "x400Address:#HEX",
 * "ediPartyName:#HEX".
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
	struct x509_st *x509; /* NULL once it was forgotten */
	struct slice subject_dn, issuer_dn;		  /* RFC 2253 */
	struct slice subject_dn_legacy, issuer_dn_legacy; /* /C=…, '/' and '+' in values escaped */
	struct slice cn;				  /* the most specific CN, UTF-8, or empty */
	struct slice serial;				  /* upper hex, no sign octet, whole octets; '-' before a negative one */
	struct slice serial_octets;			  /* magnitude without leading zeros */
	bool serial_ok;					  /* positive and at most 20 octets of magnitude (RFC 5280 4.1.2.2) */
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
	struct slice spiffe_id; /* the only URI, if it is a SPIFFE id (X.509-SVID 2), or empty */
	struct cert_list eku; /* OpenSSL's short names ("clientAuth"), else dotted OIDs */
	const char *key_type; /* "RSA", "EC", "ED25519", "ED448", "RSA-PSS", "DSA" OpenSSL's name, or "unknown" */
	unsigned key_bits;
	uint8_t *storage; /* of every text above */
};

/*
 * Parses one whole DER certificate (RFC 5280 4.1); der is copied. ERR_FORMAT
 * when it is none, when bytes follow it or a part of it cannot be read,
 * ERR_LIMIT when it is over 64 KiB. A known extension that is malformed or
 * stands twice leaves its fields empty, and the certificate never verifies.
 */
enum err cert_parse(struct slice der, struct cert **out) MUST_USE;

/*
 * Gives OpenSSL's object back, which takes twice what all the rest does:
 * verify_run() decodes the DER again where it needs one.
 */
void cert_forget_x509(struct cert *cert);

struct cert *cert_ref(struct cert *cert);
void cert_unref(struct cert *cert); /* NULL is fine */

/*
 * Splits concatenated DER certificates (HAProxy's ssl_c_chain_der) without
 * parsing them: fills out[0..*count) with views, at most max. ERR_FORMAT for
 * anything that is no sequence of whole DER SEQUENCEs, ERR_LIMIT for more than max.
 */
enum err cert_split(struct slice chain, struct slice *out, size_t max, size_t *count) MUST_USE;

#endif
