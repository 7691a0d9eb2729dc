/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_CHAINCACHE_H
#define MTLSGUARD_CORE_CHAINCACHE_H

#include "base/buf.h"
#include "base/slice.h"

/*
 * The chains that verified certificates came with, for the whole process: a
 * resumed TLS session brings none, on whichever loop it lands, and its requests
 * get the same Client-Cert-Chain as the first ones. Bounded in bytes, oldest
 * out first. Safe from any thread.
 */
struct chaincache;

/* max: bytes of chains kept, overhead not counted. */
struct chaincache *chaincache_new(size_t max);
void chaincache_free(struct chaincache *cache);

/* Remembers the chain (concatenated DER) that a verified leaf came with. sha256: 32 octets, of the leaf's DER. */
void chaincache_put(struct chaincache *cache, const uint8_t *sha256, struct slice chain);

/* Appends the leaf's chain to out; false and nothing appended when none is known. */
bool chaincache_get(struct chaincache *cache, const uint8_t *sha256, struct buf *out);

/* Whether the leaf's chain is known. */
bool chaincache_has(struct chaincache *cache, const uint8_t *sha256);

/* How often something was put in that was not there: a lookup that failed need not be
 * repeated while it stands. Atomic read. */
uint64_t chaincache_number(const struct chaincache *cache);

#endif
