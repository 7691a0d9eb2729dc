/* SPDX-License-Identifier: Apache-2.0 */
#include "front/pairs.h"

#include "base/buf.h"
#include "base/mem.h"

/* A bit of each letter is left out, so that upper and lower case are one. */
static uint64_t stir(uint64_t h, uint64_t bytes)
{
	h = (h ^ (bytes | UINT64_C(0x2020202020202020))) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

/* Names are a worker's or ours: nobody gains by making them collide. */
static unsigned slot_of(struct slice name)
{
	uint64_t h = name.len, bytes = 0;

	for (size_t at = 0; at + sizeof(bytes) <= name.len; at += sizeof(bytes)) {
		memcpy(&bytes, name.ptr + at, sizeof(bytes));
		h = stir(h, bytes);
	}
	/* The last eight, some of them for the second time. */
	if (name.len >= sizeof(bytes))
		memcpy(&bytes, name.ptr + name.len - sizeof(bytes), sizeof(bytes));
	else
		for (size_t at = 0; at < name.len; at++)
			bytes = bytes << 8 | name.ptr[at];
	return (unsigned)(stir(h, bytes) % PAIRS_SLOTS);
}

/* Where a name's number stands, or would. */
static unsigned place_of(const struct pairs *pairs, struct slice name)
{
	unsigned at = slot_of(name);

	while (pairs->slots[at] && !slice_eq_nocase(pairs->items[pairs->slots[at]].name, name))
		at = (at + 1) % PAIRS_SLOTS;
	return at;
}

void pairs_init(struct pairs *pairs)
{
	/* Not the items: few of them are ever used. */
	pairs->count = 0;
	mem_zero(pairs->slots, sizeof(pairs->slots));
}

enum err pairs_add(struct pairs *pairs, struct slice name, struct slice value)
{
	uint16_t *slot = &pairs->slots[place_of(pairs, name)];
	struct pair *first;

	if (pairs->count == PAIRS_MAX)
		return ERR_LIMIT;
	pairs->items[++pairs->count] = (struct pair){ .name = name, .value = value, .further = *slot != 0 };
	if (!*slot) {
		*slot = (uint16_t)pairs->count;
		pairs->items[pairs->count].tail = *slot;
		return ERR_OK;
	}
	first = &pairs->items[*slot];
	pairs->items[first->tail].next = (uint16_t)pairs->count;
	first->tail = (uint16_t)pairs->count;
	return ERR_OK;
}

uint16_t pairs_find(const struct pairs *pairs, struct slice name)
{
	return pairs->slots[place_of(pairs, name)];
}

struct slice pairs_separator(struct slice name)
{
	return slice_eq_nocase(name, SLICE_LIT("cookie")) ? SLICE_LIT("; ") : SLICE_LIT(", ");
}

enum err pairs_join(const struct pairs *pairs, const struct pair *first, struct arena *arena, struct slice *out)
{
	struct slice separator;
	const struct pair *pair = first;
	size_t size = first->value.len;
	uint8_t *bytes;
	struct buf b;

	*out = first->value;
	if (!first->next)
		return ERR_OK;
	separator = pairs_separator(first->name);
	while (pair->next) {
		pair = &pairs->items[pair->next];
		size += separator.len + pair->value.len;
	}
	bytes = arena_take(arena, size);
	if (!bytes)
		return ERR_MEMORY;
	b = buf_fixed(bytes, size);
	for (pair = first;; pair = &pairs->items[pair->next]) {
		buf_put(&b, pair->value);
		if (!pair->next)
			break;
		buf_put(&b, separator);
	}
	*out = buf_slice(&b);
	return ERR_OK;
}
