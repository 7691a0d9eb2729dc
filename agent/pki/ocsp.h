/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_PKI_OCSP_H
#define MTLSGUARD_PKI_OCSP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * The online certificate status protocol (RFC 6960): a question about one
 * certificate as bytes, and what a responder's bytes say to it. No socket, no
 * clock; whoever asks brings the time.
 */
#define OCSP_NONCE 32 /* octets (RFC 9654 2.1) */
#define OCSP_RESPONSE_MAX (1024 * 1024)
#define OCSP_GET_MAX 255     /* octets that a GET may add to the responder's URL (RFC 5019 5) */
#define OCSP_WITHOUT_NEXT 60 /* seconds that an answer without nextUpdate is good for */
#define OCSP_SKEW 60	     /* seconds that a responder's clock may be ahead */

/* What is asked about: one serial of one issuer. */
struct ocsp_question {
	struct slice issuer; /* DER of a certificate with the name and key of the one asked about's issuer */
	struct slice serial; /* magnitude without leading zeros, 1 to 20 octets */
	struct slice nonce;  /* OCSP_NONCE octets; empty: none is sent */
};

/*
 * Appends the request's DER. Its CertID is made with SHA-1, the one that every
 * responder knows (RFC 5019 2.1.1). ERR_RANGE for a serial that is none,
 * ERR_FORMAT for an issuer that is no certificate, ERR_CRYPTO, ERR_LIMIT.
 */
enum err ocsp_request(const struct ocsp_question *question, struct buf *der) MUST_USE;

/*
 * Appends what a GET adds to the responder's URL (RFC 6960 A.1): a slash unless
 * url ends with one, then base64 with '+', '/' and '=' escaped. ERR_LIMIT when
 * that is longer than OCSP_GET_MAX; then POST it.
 */
enum err ocsp_get_path(struct slice url, struct slice request, struct buf *out) MUST_USE;

enum ocsp_status { OCSP_STATUS_UNKNOWN, OCSP_STATUS_GOOD, OCSP_STATUS_REVOKED };

struct ocsp_answer {
	enum ocsp_status status;
	int64_t this_update, next_update; /* epoch seconds; next_update 0: not said */
	int64_t until;		 /* the answer holds up to and including this second */
	int64_t revoked_at;	 /* only when revoked */
	unsigned reason;	 /* only when revoked: enum crl_reason, or a number RFC 5280 does not know */
	bool has_nonce;		 /* the question's came back */
	/* Who signed: the issuer itself, or a responder that it certified. */
	bool delegated;
	bool nocheck;		 /* the issuer vouches for that certificate while it is valid (RFC 6960 4.2.2.2.1) */
	uint8_t signer_serial[20]; /* of the delegated one, to be looked up where nocheck is false */
	size_t signer_serial_len;
};

/*
 * Reads a response to question at the time now. Good and revoked are told only
 * when the signature is the issuer's or a responder's that this very issuer
 * certified with id-kp-OCSPSigning, and the answer is about that very serial,
 * begun and not over. *why gets static text for people.
 *
 * ERR_LIMIT over OCSP_RESPONSE_MAX; ERR_FORMAT for bytes that are no response;
 * ERR_CLOSED: the responder says that it has no answer (tryLater,
 * unauthorized, malformedRequest, …); ERR_NOT_FOUND: it speaks of other
 * certificates; ERR_DUPLICATE: another nonce came back; ERR_TYPE: an unknown
 * critical extension; ERR_CRYPTO: nobody who may has signed it; ERR_RANGE: its
 * time has not come; ERR_TIMEOUT: its time is over, *out says what it was.
 */
enum err ocsp_read(struct slice response, const struct ocsp_question *question, int64_t now,
		   struct ocsp_answer *out, const char **why) MUST_USE;

#endif
