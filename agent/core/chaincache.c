/* SPDX-License-Identifier: Apache-2.0 */
#include "core/chaincache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/mem.h"

struct chain {
	uint8_t sha256[32];
	uint8_t *bytes;
	size_t len;
	UT_hash_handle hh;
};

struct chaincache {
	pthread_mutex_t lock;
	struct chain *chains; /* in the order of insertion: uthash keeps it */
	size_t used, max;
	_Atomic uint64_t number;
};

struct chaincache *chaincache_new(size_t max)
{
	struct chaincache *cache = mem_new(sizeof(*cache));

	pthread_mutex_init(&cache->lock, NULL);
	cache->max = max;
	return cache;
}

static void drop(struct chaincache *cache, struct chain *chain)
{
	HASH_DEL(cache->chains, chain);
	cache->used -= chain->len;
	free(chain->bytes);
	free(chain);
}

void chaincache_free(struct chaincache *cache)
{
	if (!cache)
		return;
	while (cache->chains)
		drop(cache, cache->chains);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

static struct chain *find(struct chaincache *cache, const uint8_t *sha256)
{
	struct chain *chain;

	HASH_FIND(hh, cache->chains, sha256, sizeof(chain->sha256), chain);
	return chain;
}

static void add(struct chaincache *cache, const uint8_t *sha256, struct slice bytes)
{
	struct chain *chain = mem_new(sizeof(*chain));

	memcpy(chain->sha256, sha256, sizeof(chain->sha256));
	chain->bytes = (uint8_t *)mem_dup(bytes);
	chain->len = bytes.len;
	HASH_ADD(hh, cache->chains, sha256, sizeof(chain->sha256), chain);
	cache->used += bytes.len;
	while (cache->used > cache->max)
		drop(cache, cache->chains);
	atomic_fetch_add(&cache->number, 1);
}

void chaincache_put(struct chaincache *cache, const uint8_t *sha256, struct slice chain)
{
	struct chain *old;

	if (chain.len == 0 || chain.len > cache->max)
		return;
	pthread_mutex_lock(&cache->lock);
	old = find(cache, sha256);
	if (!old || !slice_eq(slice_of(old->bytes, old->len), chain)) {
		if (old)
			drop(cache, old);
		add(cache, sha256, chain);
	}
	pthread_mutex_unlock(&cache->lock);
}

bool chaincache_get(struct chaincache *cache, const uint8_t *sha256, struct buf *out)
{
	struct chain *chain;

	pthread_mutex_lock(&cache->lock);
	chain = find(cache, sha256);
	if (chain)
		buf_put(out, slice_of(chain->bytes, chain->len));
	pthread_mutex_unlock(&cache->lock);
	return chain != NULL;
}

bool chaincache_has(struct chaincache *cache, const uint8_t *sha256)
{
	bool known;

	pthread_mutex_lock(&cache->lock);
	known = find(cache, sha256) != NULL;
	pthread_mutex_unlock(&cache->lock);
	return known;
}

uint64_t chaincache_number(const struct chaincache *cache)
{
	return atomic_load_explicit(&cache->number, memory_order_relaxed);
}
