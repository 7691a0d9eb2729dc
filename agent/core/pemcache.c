/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pemcache.h"

#include <stdlib.h>
#include <xxhash.h>

#include "base/mem.h"

#define SLOTS 4096u

/* The text, and behind it what it came to. */
struct slot {
	uint8_t *bytes; /* NULL: free */
	size_t text_len, der_len, first, count;
};

struct pemcache {
	struct pemcache_stats stats;
	struct slot slots[SLOTS];
};

struct pemcache *pemcache_new(void)
{
	return mem_new(sizeof(struct pemcache));
}

void pemcache_free(struct pemcache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		free(cache->slots[i].bytes);
	free(cache);
}

/* Nobody gains by making texts collide: they are decoded then, as ever. */
static struct slot *slot_of(struct pemcache *cache, struct slice text)
{
	return &cache->slots[XXH3_64bits(text.ptr, text.len) % SLOTS];
}

static bool holds(const struct slot *slot, struct slice text, size_t max)
{
	return slot->bytes && slot->count <= max && slice_eq(slice_of(slot->bytes, slot->text_len), text);
}

static void empty(struct pemcache *cache, struct slot *slot)
{
	cache->stats.size -= slot->text_len + slot->der_len;
	free(slot->bytes);
	*slot = (struct slot){ .bytes = NULL };
}

static void keep(struct pemcache *cache, struct slot *slot, struct slice text,
		 const struct dialect_chain *chain)
{
	size_t size = text.len + chain->der.len;
	uint8_t *bytes;

	empty(cache, slot);
	if (cache->stats.size + size > PEMCACHE_SIZE_MAX)
		return;
	bytes = malloc(size);
	if (!bytes)
		return;
	memcpy(bytes, text.ptr, text.len);
	memcpy(bytes + text.len, chain->der.ptr, chain->der.len);
	*slot = (struct slot){ bytes, text.len, chain->der.len, chain->first, chain->count };
	cache->stats.size += size;
}

enum err pemcache_get(struct pemcache *cache, struct arena *arena, struct slice text, size_t max,
		      struct dialect_chain *out)
{
	struct slot *slot;
	enum err err;

	if (!cache || text.len == 0 || text.len > PEMCACHE_TEXT_MAX)
		return dialect_pem(arena, text, max, out);
	slot = slot_of(cache, text);
	if (holds(slot, text, max)) {
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
		keep(cache, slot, text, out);
	return err;
}

void pemcache_stats_get(const struct pemcache *cache, struct pemcache_stats *out)
{
	*out = cache->stats;
}
