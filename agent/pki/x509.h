/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_PKI_X509_H
#define MTLSGUARD_PKI_X509_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/* What certificate, trust and verification share: OpenSSL's objects as our values. */
struct x509_st;
struct X509_name_st;
struct asn1_string_st;

#define X509_DER_MAX (64 * 1024)

/*
 * Decodes one whole DER certificate; NULL when it is none, when bytes follow
 * or when it is not encoded the one way that DER allows. Its extensions are
 * decoded too, so that threads which share it only read. Free with X509_free.
 */
struct x509_st *x509_decode(struct slice der);

/* Appends its DER. */
void x509_der(const struct x509_st *x509, struct buf *out);

/* Copies as text: RFC 2253 (most specific RDN first), and OpenSSL's one-line form. ERR_FORMAT. */
enum err x509_name_rfc2253(struct buf *b, const struct X509_name_st *name) MUST_USE;
enum err x509_name_legacy(struct buf *b, const struct X509_name_st *name) MUST_USE;

/* A hash of the name that is the same for all spellings that RFC 5280 7.1 calls equal. */
uint32_t x509_name_hash(const struct X509_name_st *name);

/* The serial's magnitude without leading zeros; *positive is false for zero and below. */
struct slice x509_serial(const struct x509_st *x509, bool *positive);
#define X509_SERIAL_MAX 20

/* The serial as text: upper hex, whole octets, "-" in front of a negative one. */
void x509_serial_text(struct buf *b, const struct x509_st *x509);

/* Octets of the subject key identifier, or of the authority's; empty when there is none. */
struct slice x509_ski(struct x509_st *x509);
struct slice x509_aki(struct x509_st *x509);

/* Epoch seconds. ERR_FORMAT. */
enum err x509_dates(const struct x509_st *x509, int64_t *not_before, int64_t *not_after) MUST_USE;

/* SHA-256 of the subject public key info; of the subject's name and that. False: OpenSSL refused. */
bool x509_spki_sha256(const struct x509_st *x509, uint8_t *out);
bool x509_issuer_key(const struct x509_st *x509, uint8_t *out);

/*
 * True when signatures of that kind are not taken: their digest is as short as that of SHA-1, or nobody knows
 * what it is. It is the same line for chains (security level 2), lists and OCSP answers.
 */
struct X509_algor_st;
bool x509_is_weak(const struct X509_algor_st *algorithm);

/* A string of the certificate as UTF-8 without control characters, appended; false, and
 * nothing appended, when it is not such a text. */
bool x509_string(struct buf *b, const struct asn1_string_st *string);

/* True when s is UTF-8 and holds no control character (C0, DEL, C1). */
bool x509_is_text(struct slice s);

#endif
