/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_PEMCACHE_H
#define MTLSGUARD_CORE_PEMCACHE_H

#include "core/dialect.h"

/*
 * What texts of certificates came to, kept by one loop: a proxy sends the same
 * text with each request of a client, and comparing it is an eighth of the work
 * of decoding it. Found by a hash and a comparison of the whole text; only what
 * decoded is kept. A new text may push out one other, never more, so that a
 * flood of them costs the others a decoding each.
 */
struct pemcache;

struct pemcache *pemcache_new(void);
void pemcache_free(struct pemcache *cache); /* NULL is fine */

/* Texts over this many bytes are decoded each time. */
#define PEMCACHE_TEXT_MAX 16384u
/* Bytes of all that is kept. */
#define PEMCACHE_SIZE_MAX (16u * 1024 * 1024)

/* As dialect_pem, whose errors it has; the DER is in the arena. cache NULL: decoded each time. */
enum err pemcache_get(struct pemcache *cache, struct arena *arena, struct slice text, size_t max,
		      struct dialect_chain *out) MUST_USE;

struct pemcache_stats {
	uint64_t hits, misses;
	size_t size; /* bytes kept */
};
void pemcache_stats_get(const struct pemcache *cache, struct pemcache_stats *out);

#endif
