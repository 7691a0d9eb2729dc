/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pemcache.h"

#include <stdlib.h>

#include "base/mem.h"

#define SETS 1024u
#define WAYS 4u

/* The text, and behind it what it came to. */
struct slot {
	uint8_t *bytes; /* NULL: free */
	uint64_t hash;
	size_t text_len, der_len, first, count;
};

struct pemcache {
	struct pemcache_stats stats;
	struct slot sets[SETS][WAYS]; /* the newest first */
};

struct pemcache *pemcache_new(void)
{
	return mem_new(sizeof(struct pemcache));
}

void pemcache_free(struct pemcache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < SETS * WAYS; i++)
		free(cache->sets[i / WAYS][i % WAYS].bytes);
	free(cache);
}

/*
 * Eight of every 32 octets: no key and no signature is so short that they would miss it. Nobody gains by making
 * texts collide: they are decoded then, as ever.
 */
static uint64_t hash_of(struct slice text)
{
	const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t hash = text.len, word;

	for (size_t at = 0; at + sizeof(word) <= text.len; at += 32) {
		memcpy(&word, text.ptr + at, sizeof(word));
		hash = hash * odd + word;
	}
	return (hash ^ hash >> 32) * odd;
}

static struct slot *set_of(struct pemcache *cache, uint64_t hash)
{
	return cache->sets[hash >> 32 & (SETS - 1)];
}

static struct slot *find(struct pemcache *cache, uint64_t hash, struct slice text, size_t max)
{
	struct slot *set = set_of(cache, hash);

	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].bytes && set[i].hash == hash && set[i].count <= max &&
		    slice_eq(slice_of(set[i].bytes, set[i].text_len), text))
			return &set[i];
	return NULL;
}

static void empty(struct pemcache *cache, struct slot *slot)
{
	cache->stats.size -= slot->text_len + slot->der_len;
	free(slot->bytes);
	*slot = (struct slot){ .bytes = NULL };
}

static void keep(struct pemcache *cache, uint64_t hash, struct slice text, const struct dialect_chain *chain)
{
	struct slot *set = set_of(cache, hash);
	size_t size = text.len + chain->der.len;
	uint8_t *bytes;

	empty(cache, &set[WAYS - 1]);
	if (cache->stats.size + size > PEMCACHE_SIZE_MAX)
		return;
	bytes = malloc(size);
	if (!bytes)
		return;
	memcpy(bytes, text.ptr, text.len);
	memcpy(bytes + text.len, chain->der.ptr, chain->der.len);
	memmove(set + 1, set, (WAYS - 1) * sizeof(*set));
	set[0] = (struct slot){ bytes, hash, text.len, chain->der.len, chain->first, chain->count };
	cache->stats.size += size;
}

enum err pemcache_get(struct pemcache *cache, struct arena *arena, struct slice text, size_t max,
		      struct dialect_chain *out)
{
	const struct slot *slot;
	uint64_t hash;
	enum err err;

	if (!cache || text.len == 0 || text.len > PEMCACHE_TEXT_MAX)
		return dialect_pem(arena, text, max, out);
	hash = hash_of(text);
	slot = find(cache, hash, text, max);
	if (slot) {
		cache->stats.hits++;
		*out = (struct dialect_chain){
			.der = arena_copy(arena, slice_of(slot->bytes + slot->text_len, slot->der_len)),
			.first = slot->first,
			.count = slot->count,
		};
		return out->der.len ? ERR_OK : ERR_MEMORY;
	}
	cache->stats.misses++;
	err = dialect_pem(arena, text, max, out);
	if (!err)
		keep(cache, hash, text, out);
	return err;
}

void pemcache_stats_get(const struct pemcache *cache, struct pemcache_stats *out)
{
	*out = cache->stats;
}
