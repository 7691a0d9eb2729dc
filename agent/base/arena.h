/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BASE_ARENA_H
#define MTLSGUARD_BASE_ARENA_H

#include <stdalign.h>

#include "base/err.h"
#include "base/slice.h"

/*
 * A request's memory: taken piece by piece, given back in one go, never over a
 * cap. Nothing in it is freed alone. One owner, one thread. A pooled arena is
 * reset and used again; its first block stays.
 */
struct arena_block;

struct arena {
	uint8_t *pos;
	uint8_t *end;
	struct arena_block *blocks;
	size_t used;
	size_t cap;
};

/* An empty arena that gives at most cap bytes. Free with arena_fini. */
void arena_init(struct arena *a, size_t cap);
void arena_fini(struct arena *a);

/* Everything taken is gone; the first block is kept for the next request unless it is over 64 KiB. */
void arena_reset(struct arena *a);

#define ARENA_ALIGN alignof(max_align_t)

/* What arena_take does when the block at hand is too small, or the cap near. */
COLD void *arena_take_more(struct arena *a, size_t n);

/* n bytes aligned for any type, not zeroed, or NULL when the cap is reached. */
static inline void *arena_take(struct arena *a, size_t n)
{
	size_t whole = (n + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	uint8_t *p = a->pos;

	/* For nothing, n - 1 is more than any room. A block's room is a multiple of the alignment. */
	if (unlikely(n - 1 >= (size_t)(a->end - p) || whole > a->cap - a->used))
		return arena_take_more(a, n);
	a->pos = p + whole;
	a->used += whole;
	return p;
}

/* The same, zeroed. */
void *arena_zero(struct arena *a, size_t n);

/* A copy of s with a NUL after it (not counted). ptr is NULL when the cap is reached. */
struct slice arena_copy(struct arena *a, struct slice s);

#endif
