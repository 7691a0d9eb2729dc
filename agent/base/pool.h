/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BASE_POOL_H
#define MTLSGUARD_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Things of one kind that are kept for the next who needs one. Zeroed to begin
 * with; one owner, one thread. What is in them is the owner's to reset and free:
 *
 *	thing = pool_take(&pool);
 *	if (!thing)
 *		thing = make();
 *	…
 *	if (!pool_give(&pool, thing))
 *		destroy(thing);
 */
#define POOL_MAX 64u

struct pool {
	void *items[POOL_MAX];
	unsigned count;
};

/* The one that was given last; NULL: there is none. */
static inline void *pool_take(struct pool *pool)
{
	return pool->count ? pool->items[--pool->count] : NULL;
}

/* False: there are enough, and it stays the caller's. */
static inline bool pool_give(struct pool *pool, void *item)
{
	if (unlikely(pool->count == POOL_MAX))
		return false;
	pool->items[pool->count++] = item;
	return true;
}

#endif
