/* SPDX-License-Identifier: Apache-2.0 */
#include "front/pairs.h"

#include "base/buf.h"
#include "base/mem.h"

/* Names are a worker's or ours: nobody gains by making them collide. */
static unsigned slot_of(struct slice name)
{
	unsigned h = (unsigned)name.len;

	for (size_t i = 0; i < name.len; i++)
		h = h * 31 + ascii_lower(name.ptr[i]);
	return h % PAIRS_SLOTS;
}

/* Where a name's number stands, or would. */
static unsigned place_of(const struct pairs *pairs, struct slice name)
{
	unsigned at = slot_of(name);

	while (pairs->slots[at] && !slice_eq_nocase(pairs->items[pairs->slots[at]].name, name))
		at = (at + 1) % PAIRS_SLOTS;
	return at;
}

enum err pairs_init(struct pairs *pairs, struct arena *arena)
{
	mem_zero(pairs, sizeof(*pairs));
	pairs->items = arena_take(arena, (PAIRS_MAX + 1) * sizeof(*pairs->items));
	return pairs->items ? ERR_OK : ERR_MEMORY;
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
	struct slice separator = pairs_separator(first->name);
	const struct pair *pair = first;
	size_t size = first->value.len;
	uint8_t *bytes;
	struct buf b;

	*out = first->value;
	if (!first->next)
		return ERR_OK;
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
