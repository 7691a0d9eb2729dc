/* SPDX-License-Identifier: Apache-2.0 */
#include "core/hosts.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/canon.h"

#define SLOT_SIZE 64
#define SLOT_NAME 32

enum pattern_kind { PATTERN_EXACT, PATTERN_BELOW, PATTERN_WITHIN, PATTERN_ANY, PATTERN_KIND_COUNT };

struct key {
	struct slice name; /* without "*." and "*" */
	enum pattern_kind kind;
};

/*
 * With a hundred thousand hosts a lookup costs what it misses in the caches: a slot is one line of theirs,
 * with the name in it, and only a long name stands elsewhere. Half of the slots at most are taken, and a lookup
 * goes on to the next one until it meets a free one.
 */
struct slot {
	uint32_t hash;
	uint32_t far; /* where a long name begins in far_names */
	uint16_t len;
	uint8_t kind;
	bool taken;
	struct host_rule rule;
	uint8_t name[SLOT_NAME];
};
static_assert(sizeof(struct slot) == SLOT_SIZE, "a slot is one cache line");

struct host_index {
	struct slot *slots;
	size_t slot_count, used; /* a power of two; all patterns but "*" */
	struct buf far_names;
	size_t count[PATTERN_KIND_COUNT];
	size_t longest; /* name of a wildcard */
	struct host_rule any; /* of "*" */
	uint64_t seed;
};

static uint32_t hash_key(const struct host_index *index, const struct key *key)
{
	uint64_t hash = XXH3_64bits_withSeed(key->name.ptr, key->name.len, index->seed + key->kind);

	return (uint32_t)(hash ^ hash >> 32);
}

struct host_index *host_index_new(size_t most)
{
	struct host_index *index = mem_new(sizeof(*index));

	/* Clients pick what is looked up: an unknown seed keeps them from picking one run of slots. */
	if (getrandom(&index->seed, sizeof(index->seed), 0) != (ssize_t)sizeof(index->seed))
		abort();
	index->far_names = buf_capped(0);
	index->slot_count = 1;
	while (index->slot_count < 2 * most)
		index->slot_count *= 2;
	index->slots = mem_scattered(index->slot_count, sizeof(*index->slots));
	return index;
}

void host_index_free(struct host_index *index)
{
	if (!index)
		return;
	buf_fini(&index->far_names);
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

static bool is_key(const struct host_index *index, const struct slot *slot, const struct key *key)
{
	const uint8_t *name = likely(slot->len <= SLOT_NAME) ? slot->name : index->far_names.ptr + slot->far;

	return slot->kind == key->kind && slice_eq(slice_of(name, slot->len), key->name);
}

/* The key's slot, or the free one where it would go. */
static inline struct slot *slot_of(const struct host_index *index, const struct key *key, uint32_t hash)
{
	size_t mask = index->slot_count - 1, i = hash & mask;

	while (likely(index->slots[i].taken) &&
	       unlikely(index->slots[i].hash != hash || !is_key(index, &index->slots[i], key)))
		i = (i + 1) & mask;
	return &index->slots[i];
}

static inline const struct host_rule *find_hashed(const struct host_index *index, const struct key *key,
						  uint32_t hash)
{
	const struct slot *slot = slot_of(index, key, hash);

	return slot->taken ? &slot->rule : NULL;
}

static const struct host_rule *find(const struct host_index *index, const struct key *key)
{
	if (index->count[key->kind] == 0 ||
	    (key->kind != PATTERN_EXACT && key->name.len > index->longest))
		return NULL;
	if (key->kind == PATTERN_ANY)
		return &index->any;
	return find_hashed(index, key, hash_key(index, key));
}

static void fill(struct host_index *index, struct slot *slot, const struct key *key, uint32_t hash,
		 const struct host_rule *rule)
{
	*slot = (struct slot){ .hash = hash, .far = (uint32_t)index->far_names.len, .len = (uint16_t)key->name.len,
			       .kind = (uint8_t)key->kind, .taken = true, .rule = *rule };
	if (key->name.len > SLOT_NAME)
		buf_put(&index->far_names, key->name);
	else if (key->name.len)
		memcpy(slot->name, key->name.ptr, key->name.len);
}

enum err host_index_put(struct host_index *index, struct slice pattern, struct host_rule *rule)
{
	struct key key = key_of(pattern);
	const struct host_rule *there = find(index, &key);
	uint32_t hash = hash_key(index, &key);

	if (there) {
		*rule = *there;
		return ERR_DUPLICATE;
	}
	if (key.kind == PATTERN_ANY) {
		index->any = *rule;
		index->count[PATTERN_ANY] = 1;
		return ERR_OK;
	}
	index->used++;
	assert(index->used * 2 <= index->slot_count);
	fill(index, slot_of(index, &key, hash), &key, hash, rule);
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

const struct host_rule *host_index_next(const struct host_index *index, struct host_walk *walk)
{
	const struct host_rule *rule;
	struct key key;

	while (walk->step < 5 && next_key(index, walk, &key)) {
		rule = find(index, &key);
		if (rule)
			return rule;
	}
	walk->step = 5;
	return NULL;
}

struct host_name host_index_expect(const struct host_index *index, struct slice name)
{
	uint32_t hash = hash_key(index, &(struct key){ name, PATTERN_EXACT });

	__builtin_prefetch(&index->slots[hash & (index->slot_count - 1)]);
	return (struct host_name){ name, hash };
}

const struct host_rule *host_index_named(const struct host_index *index, const struct host_name *name)
{
	return find_hashed(index, &(struct key){ name->name, PATTERN_EXACT }, name->hash);
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
