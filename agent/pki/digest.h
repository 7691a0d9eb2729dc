/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_PKI_DIGEST_H
#define MTLSGUARD_PKI_DIGEST_H

#include "base/err.h"
#include "base/slice.h"

/*
 * SHA-256 (FIPS 180-4) of bytes that come in pieces, for sums that are shown
 * to others while some of the bytes are secret.
 */
#define DIGEST_OCTETS 32

struct digest;

struct digest *digest_new(void);
void digest_add(struct digest *digest, struct slice bytes);

/* Writes DIGEST_OCTETS octets and frees the digest. */
void digest_finish(struct digest *digest, uint8_t *out);

#define DIGEST_MAX 64

/*
 * Digest of data by name (any case): MD5, SHA-1, SHA-256, SHA-384, SHA-512, the
 * set of Workers' crypto.subtle.digest. out has DIGEST_MAX bytes, *len of them
 * are filled. ERR_NOT_FOUND for another name, ERR_CRYPTO.
 */
enum err digest_make(struct slice algorithm, struct slice data, uint8_t *out, size_t *len) MUST_USE;

/* Compares in a time that depends on the lengths only. */
bool digest_equal(struct slice a, struct slice b);

#endif
