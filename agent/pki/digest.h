/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_PKI_DIGEST_H
#define MTLSGUARD_PKI_DIGEST_H

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

#endif
