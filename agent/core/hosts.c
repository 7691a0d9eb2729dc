/* SPDX-License-Identifier: Apache-2.0 */
#include "core/hosts.h"

#include <stdlib.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/canon.h"

#define FIRST_SLOTS 16

enum pattern_kind { PATTERN_EXACT, PATTERN_BELOW, PATTERN_WITHIN, PATTERN_ANY, PATTERN_KIND_COUNT };

struct key {
	struct slice name; /* without "*." and "*" */
	enum pattern_kind kind;
};

/*
 * With a hundred thousand hosts a lookup costs what it misses in the caches:
 * one slot, then one record with the name behind it. Half of the slots at most
 * are taken, and a lookup goes on to the next one until it meets a free one.
 */
struct slot {
	uint32_t hash;
	uint32_t record; /* its place in records, plus 1; 0: free */
};

struct record {
	uint32_t value;
	uint16_t len;
	uint8_t kind;
};

struct host_index {
	struct slot *slots;
	size_t slot_count, used; /* a power of two; all patterns but "*" */
	struct buf records;
	size_t count[PATTERN_KIND_COUNT];
	size_t longest; /* name of a wildcard */
	size_t any;	/* the value of "*" */
	uint64_t seed;
};

static uint32_t hash_key(const struct host_index *index, const struct key *key)
{
	uint64_t hash = XXH3_64bits_withSeed(key->name.ptr, key->name.len, index->seed + key->kind);

	return (uint32_t)(hash ^ hash >> 32);
}

struct host_index *host_index_new(void)
{
	struct host_index *index = mem_new(sizeof(*index));

	/* Clients pick what is looked up: an unknown seed keeps them from picking one run of slots. */
	if (getrandom(&index->seed, sizeof(index->seed), 0) != (ssize_t)sizeof(index->seed))
		abort();
	index->records = buf_capped(0);
	index->slot_count = FIRST_SLOTS;
	index->slots = mem_array(index->slot_count, sizeof(*index->slots));
	return index;
}

void host_index_free(struct host_index *index)
{
	if (!index)
		return;
	buf_fini(&index->records);
	free(index->slots);
	free(index);
}

static struct key key_of(struct slice pattern)
{
	if (slice_eq(pattern, SLICE_LIT("*")))
		return (struct key){ SLICE_EMPTY, PATTERN_ANY };
	if (slice_starts(pattern, SLICE_LIT("*.")))
		return (struct key){ slice_sub(pattern, 2, pattern.len), PATTERN_BELOW };
	if (slice_starts(pattern, SLICE_LIT("*")))
		return (struct key){ slice_sub(pattern, 1, pattern.len), PATTERN_WITHIN };
	return (struct key){ pattern, PATTERN_EXACT };
}

static struct record record_at(const struct host_index *index, const struct slot *slot)
{
	struct record record;

	memcpy(&record, index->records.ptr + slot->record - 1, sizeof(record));
	return record;
}

static bool is_key(const struct host_index *index, const struct slot *slot, const struct key *key)
{
	struct record record = record_at(index, slot);

	return record.kind == key->kind && record.len == key->name.len &&
	       (record.len == 0 || memcmp(index->records.ptr + slot->record - 1 + sizeof(record),
					  key->name.ptr, record.len) == 0);
}

/* The key's slot, or the free one where it would go. */
static inline struct slot *slot_of(const struct host_index *index, const struct key *key, uint32_t hash)
{
	size_t mask = index->slot_count - 1, i = hash & mask;

	while (index->slots[i].record &&
	       (index->slots[i].hash != hash || !is_key(index, &index->slots[i], key)))
		i = (i + 1) & mask;
	return &index->slots[i];
}

static inline bool find(const struct host_index *index, const struct key *key, size_t *value)
{
	const struct slot *slot;

	if (index->count[key->kind] == 0 ||
	    (key->kind != PATTERN_EXACT && key->name.len > index->longest))
		return false;
	if (key->kind == PATTERN_ANY) {
		*value = index->any;
		return true;
	}
	slot = slot_of(index, key, hash_key(index, key));
	if (!slot->record)
		return false;
	*value = record_at(index, slot).value;
	return true;
}

static void grow(struct host_index *index)
{
	struct slot *old = index->slots;
	size_t count = index->slot_count;

	index->slot_count *= 2;
	index->slots = mem_array(index->slot_count, sizeof(*index->slots));
	for (size_t i = 0; i < count; i++) {
		size_t at = old[i].hash & (index->slot_count - 1);

		if (!old[i].record)
			continue;
		while (index->slots[at].record)
			at = (at + 1) & (index->slot_count - 1);
		index->slots[at] = old[i];
	}
	free(old);
}

enum err host_index_put(struct host_index *index, struct slice pattern, size_t *value)
{
	struct key key = key_of(pattern);
	struct record record = { (uint32_t)*value, (uint16_t)key.name.len, (uint8_t)key.kind };
	uint32_t hash = hash_key(index, &key);

	if (find(index, &key, value))
		return ERR_DUPLICATE;
	if (key.kind == PATTERN_ANY) {
		index->any = *value;
		index->count[PATTERN_ANY] = 1;
		return ERR_OK;
	}
	if (++index->used * 2 > index->slot_count)
		grow(index);
	*slot_of(index, &key, hash) = (struct slot){ hash, (uint32_t)index->records.len + 1 };
	buf_put(&index->records, slice_of(&record, sizeof(record)));
	buf_put(&index->records, key.name);
	index->count[key.kind]++;
	if (key.kind != PATTERN_EXACT && key.name.len > index->longest)
		index->longest = key.name.len;
	return ERR_OK;
}

/* The key of a walk's next step; false when there is none left. */
static bool next_key(const struct host_index *index, struct host_walk *walk, struct key *key)
{
	struct slice rest;

	switch (walk->step++) {
	case 0:
		if (index->used == 0)
			break;
		*key = (struct key){ walk->host, PATTERN_EXACT };
		return true;
	case 1:
		*key = (struct key){ walk->host, PATTERN_WITHIN };
		return true;
	case 2:
		if (index->count[PATTERN_BELOW] + index->count[PATTERN_WITHIN] == 0)
			break;
		rest = slice_sub(walk->host, walk->at, walk->host.len);
		walk->at += slice_find(rest, '.') + 1;
		if (walk->at >= walk->host.len)
			break;
		*key = (struct key){ slice_sub(walk->host, walk->at, walk->host.len), PATTERN_BELOW };
		return true;
	case 3:
		walk->step = 2;
		rest = slice_sub(walk->host, walk->at, walk->host.len);
		*key = (struct key){ rest, PATTERN_WITHIN };
		return true;
	case 4:
		return false;
	default:
		break;
	}
	walk->step = 4;
	*key = (struct key){ SLICE_EMPTY, PATTERN_ANY };
	return true;
}

bool host_index_next(const struct host_index *index, struct host_walk *walk, size_t *value)
{
	struct key key;

	while (walk->step < 5 && next_key(index, walk, &key))
		if (find(index, &key, value))
			return true;
	walk->step = 5;
	return false;
}

bool host_index_named(const struct host_index *index, struct slice name, size_t *value)
{
	return find(index, &(struct key){ name, PATTERN_EXACT }, value);
}

/* What canon_host() makes of a host as written, which must be all of it but the case. */
static enum err read_name(struct slice text, char **out, const char **why)
{
	struct arena arena;
	struct slice name;
	enum err err;

	arena_init(&arena, 4096);
	*why = "it is no host name (letters, digits, - and . only; international names in their xn-- form)";
	err = canon_host(&arena, text, &name);
	if (!err && name.len != text.len) {
		*why = "a host has no port and no dot at its end here";
		err = ERR_FORMAT;
	}
	if (!err)
		*out = mem_dup(name);
	arena_fini(&arena);
	return err;
}

enum err host_pattern_read(struct slice text, bool within, char **out, const char **why)
{
	size_t star = slice_starts(text, SLICE_LIT("*.")) ? 2 : slice_starts(text, SLICE_LIT("*"));
	struct slice name = slice_sub(text, star, text.len);
	char *rest, *pattern;

	if (slice_eq(text, SLICE_LIT("*"))) {
		*out = mem_dup(text);
		return ERR_OK;
	}
	*why = within ? "* stands only at its front" : "* stands only as a whole label at its front";
	if (slice_find(name, '*') < name.len || (star == 1 && !within) ||
	    (star && name.len && name.ptr[0] == '['))
		return ERR_FORMAT;
	if (read_name(name, &rest, why))
		return ERR_FORMAT;
	pattern = mem_new(star + strlen(rest) + 1);
	memcpy(pattern, "*.", star);
	memcpy(pattern + star, rest, strlen(rest));
	free(rest);
	*out = pattern;
	return ERR_OK;
}

/* True when `host` is name, or (below only, when strict) ends in a dot and name. */
static bool is_under(struct slice host, struct slice name, bool strict)
{
	if (slice_eq(host, name))
		return !strict;
	return slice_ends(host, name) && host.len > name.len &&
	       host.ptr[host.len - name.len - 1] == '.';
}

bool host_patterns_meet(struct slice a, struct slice b)
{
	struct key x = key_of(a), y = key_of(b);

	if (x.kind == PATTERN_ANY || y.kind == PATTERN_ANY)
		return true;
	if (x.kind == PATTERN_EXACT && y.kind == PATTERN_EXACT)
		return slice_eq(x.name, y.name);
	if (x.kind == PATTERN_EXACT)
		return is_under(x.name, y.name, y.kind == PATTERN_BELOW);
	if (y.kind == PATTERN_EXACT)
		return is_under(y.name, x.name, x.kind == PATTERN_BELOW);
	return is_under(x.name, y.name, false) || is_under(y.name, x.name, false);
}
