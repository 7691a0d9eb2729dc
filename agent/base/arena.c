/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdlib.h>

#define FIRST_BLOCK 8192u
/* A pooled arena keeps no block that one large request needed. */
#define KEEP_MAX 65536u

struct arena_block {
	struct arena_block *next;
	size_t size;
	alignas(max_align_t) uint8_t data[];
};

void arena_init(struct arena *a, size_t cap)
{
	*a = (struct arena){ .cap = cap };
}

void arena_fini(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *next = a->blocks->next;

		free(a->blocks);
		a->blocks = next;
	}
	arena_init(a, a->cap);
}

static void use_block(struct arena *a, struct arena_block *block)
{
	a->pos = block->data;
	a->end = block->data + block->size;
}

void arena_reset(struct arena *a)
{
	/* The list ends with the oldest block, the one of the usual size. */
	while (likely(a->blocks) && unlikely(a->blocks->next || a->blocks->size > KEEP_MAX)) {
		struct arena_block *next = a->blocks->next;

		free(a->blocks);
		a->blocks = next;
	}
	a->used = 0;
	a->pos = a->end = NULL;
	if (likely(a->blocks))
		use_block(a, a->blocks);
}

static COLD bool add_block(struct arena *a, size_t n)
{
	size_t size = n > FIRST_BLOCK ? n : FIRST_BLOCK;
	struct arena_block *block = malloc(sizeof(*block) + size);

	if (!block)
		return false;
	block->size = size;
	block->next = a->blocks;
	a->blocks = block;
	use_block(a, block);
	return true;
}

void *arena_take_more(struct arena *a, size_t n)
{
	uint8_t *p;

	/* Nothing is a piece too: NULL says that the cap was reached. */
	if (n == 0)
		n = 1;
	if (n > a->cap - a->used || n > SIZE_MAX / 2)
		return NULL;
	n = (n + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	if (n > (size_t)(a->end - a->pos) && !add_block(a, n))
		return NULL;
	p = a->pos;
	a->pos += n;
	a->used = n > a->cap - a->used ? a->cap : a->used + n;
	return p;
}

void *arena_zero(struct arena *a, size_t n)
{
	void *p = arena_take(a, n);

	if (p)
		memset(p, 0, n);
	return p;
}

struct slice arena_copy(struct arena *a, struct slice s)
{
	uint8_t *p = arena_take(a, s.len + 1);

	if (!p)
		return SLICE_EMPTY;
	if (s.len)
		memcpy(p, s.ptr, s.len);
	p[s.len] = '\0';
	return slice_of(p, s.len);
}
