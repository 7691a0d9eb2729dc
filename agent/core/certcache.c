/* SPDX-License-Identifier: Apache-2.0 */
#include "core/certcache.h"

#include <stdlib.h>
#include <sys/random.h>

/* Keys are compared as a whole, not as the bytes of a struct. */
#define HASH_KEYCMP(a, b, len) key_differs(a, b)
#include <uthash.h>
#include <utlist.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/mem.h"
#include "core/cert_entry.h"

/* Certificates that do not verify get this part of the room. */
#define UNVERIFIED_SHARE 8
#define UNVERIFIED_MIN 64
/* The room is meant for certificates of a usual size; larger ones take up more of it. */
#define USUAL_SIZE 2048
/* How many that are in use get another round before one has to go. */
#define LOOKS_MAX 64
/* So many places for each certificate that few push each other out. */
#define PLACES_EACH 4
#define FIRST_PLACES 64
#define PLACES_A_LINE 4 /* of 64 bytes */

struct key {
	struct slice leaf, chain;
	size_t set;
	bool resumed; /* no chain was sent, and one may be remembered */
};

struct slot {
	struct key key; /* views into the entry */
	struct cert_entry *entry;
	bool verified;
	bool used; /* found since it was last looked at for its place */
	size_t weight;
	struct slot *prev, *next;
	UT_hash_handle hh;
};

struct shelf {
	struct slot *table;
	struct slot *oldest; /* utlist: the newest is oldest->prev; what is used gets another round */
	size_t count;
	size_t weight, max; /* of all slots together, at most */
};

/*
 * Where verified certificates were found last, two a place, by the end of their signature: most
 * lookups need no more than this and the comparison of the whole. Nothing of strangers stands here,
 * who could pick that end; who was pushed out of its place is found by the keyed hash.
 */
struct place {
	struct slot *slots[2]; /* the later one first */
};

struct recent {
	struct place *places;
	size_t count; /* a power of two */
};

struct certcache {
	struct shelf verified, unverified;
	struct recent recent;
	struct chaincache *chains;
	struct cert_entry_env env;
	uint64_t state; /* revocation_number() of env.state */
	uint8_t secret[XXH_SECRET_DEFAULT_SIZE];
	uint64_t next_key;
	struct certcache_stats stats;
};

static HOT int key_differs(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	return unlikely(x->set != y->set || x->resumed != y->resumed || !slice_eq(x->leaf, y->leaf) ||
			!slice_eq(x->chain, y->chain));
}

static uint64_t mixed(uint64_t x)
{
	return x * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t hash_bytes(const struct certcache *cache, struct slice s)
{
	return XXH3_64bits_withSecret(s.ptr, s.len, cache->secret, sizeof(cache->secret));
}

static unsigned hash_key(const struct certcache *cache, const struct key *key)
{
	uint64_t hash = hash_bytes(cache, key->leaf) + key->set;

	if (key->chain.len)
		hash = mixed(hash ^ hash_bytes(cache, key->chain));
	return (unsigned)(hash ^ hash >> 32);
}

/* Where a leaf stands, if it is asked with nothing else; whatever it is asked with, it is in this line. */
static uint64_t first_place(const struct recent *recent, struct slice leaf)
{
	uint64_t end = 0;

	if (likely(leaf.len >= sizeof(end)))
		memcpy(&end, leaf.ptr + leaf.len - sizeof(end), sizeof(end));
	return mixed(end) >> 32 & (recent->count - 1);
}

static struct place *place_of(const struct recent *recent, const struct key *key)
{
	uint64_t first = first_place(recent, key->leaf);
	uint64_t rest = mixed(key->set + 2 * key->chain.len + key->resumed) >> 32;

	return &recent->places[first ^ (rest & (PLACES_A_LINE - 1))];
}

/* Whoever stood in a smaller one comes back when it is found by its hash. */
static void make_places(struct recent *recent, size_t count)
{
	free(recent->places);
	recent->places = mem_scattered(count, sizeof(*recent->places));
	recent->count = count;
}

static void put_in_place(struct recent *recent, struct slot *slot)
{
	struct place *place = place_of(recent, &slot->key);

	place->slots[1] = place->slots[0];
	place->slots[0] = slot;
}

struct certcache *certcache_new(size_t max, struct chaincache *chains)
{
	struct certcache *cache = mem_new(sizeof(*cache));

	cache->verified.max = max ? max : 1;
	cache->unverified.max = max / UNVERIFIED_SHARE > UNVERIFIED_MIN ? max / UNVERIFIED_SHARE :
									  UNVERIFIED_MIN;
	make_places(&cache->recent, FIRST_PLACES);
	cache->chains = chains;
	cache->env.ders = ders_new();
	certcache_revocation(cache, revocation_new());
	/* Clients pick the keys: an unknown secret keeps them from picking one bucket. */
	if (getrandom(cache->secret, sizeof(cache->secret), 0) != (ssize_t)sizeof(cache->secret))
		abort();
	return cache;
}

static struct shelf *shelf_of(struct certcache *cache, const struct slot *slot)
{
	return slot->verified ? &cache->verified : &cache->unverified;
}

static void remove_slot(struct certcache *cache, struct slot *slot)
{
	struct shelf *shelf = shelf_of(cache, slot);
	struct place *place = place_of(&cache->recent, &slot->key);

	for (int i = 0; i < 2; i++)
		if (place->slots[i] == slot)
			place->slots[i] = NULL;
	HASH_DELETE(hh, shelf->table, slot);
	DL_DELETE(shelf->oldest, slot);
	shelf->count--;
	shelf->weight -= slot->weight;
	cert_entry_unref(slot->entry);
	free(slot);
}

void certcache_free(struct certcache *cache)
{
	if (!cache)
		return;
	while (cache->verified.oldest)
		remove_slot(cache, cache->verified.oldest);
	while (cache->unverified.oldest)
		remove_slot(cache, cache->unverified.oldest);
	free(cache->recent.places);
	ders_free(cache->env.ders);
	revocation_unref(cache->env.state);
	free(cache);
}

void certcache_revocation(struct certcache *cache, struct revocation *state)
{
	revocation_unref(cache->env.state);
	cache->env.state = state;
	cache->state = revocation_number(state);
}

void certcache_ops(struct certcache *cache, const struct revocation_ops *ops, void *arg)
{
	cache->env.ops = ops;
	cache->env.ops_arg = arg;
}

size_t certcache_questions(const struct certcache *cache, const struct cert_entry *entry,
			   struct snapshot *snapshot, const struct host_rule *rule, int64_t now,
			   struct revocation_question *out)
{
	const struct certcache_query query = { .snapshot = snapshot, .rule = rule, .now = now };

	return cert_entry_questions(&cache->env, entry, &query, out);
}

static struct slot *find_on(const struct shelf *shelf, const struct key *key, unsigned hash)
{
	struct slot *slot;

	HASH_FIND_BYHASHVALUE(hh, shelf->table, key, sizeof(*key), hash, slot);
	return slot;
}

static struct slot *find_by_hash(struct certcache *cache, const struct key *key, unsigned *hash)
{
	struct slot *slot;

	*hash = hash_key(cache, key);
	slot = find_on(&cache->verified, key, *hash);
	if (slot)
		put_in_place(&cache->recent, slot);
	else if (cache->unverified.table)
		slot = find_on(&cache->unverified, key, *hash);
	return slot;
}

static struct slot *find_in_place(const struct place *place, const struct key *key)
{
	for (int i = 0; i < 2; i++)
		if (likely(place->slots[i]) && !key_differs(&place->slots[i]->key, key))
			return place->slots[i];
	return NULL;
}

/* *hash is set unless it was found. */
static struct slot *find(struct certcache *cache, const struct key *key, unsigned *hash)
{
	struct slot *slot = find_in_place(place_of(&cache->recent, key), key);

	if (unlikely(!slot))
		slot = find_by_hash(cache, key, hash);
	if (likely(slot))
		slot->used = true;
	return slot;
}

/*
 * Takes the oldest out that was not used since it became the oldest; each move forgets one use. Where all
 * are in use an early one goes: looking at a whole shelf would keep the loop for milliseconds.
 */
static void make_room(struct certcache *cache, struct shelf *shelf)
{
	struct slot *slot = shelf->oldest;

	for (int i = 0; i < LOOKS_MAX && slot->used; i++) {
		slot->used = false;
		DL_DELETE(shelf->oldest, slot);
		DL_APPEND(shelf->oldest, slot);
		slot = shelf->oldest;
	}
	cache->stats.evictions++;
	remove_slot(cache, slot);
}

/* A lone certificate of a resumed session is made anew only when a chain for it has come. */
static bool chain_came(const struct certcache *cache, struct cert_entry *entry)
{
	uint64_t number = chaincache_number(cache->chains);

	if (entry->chains == number)
		return false;
	if (chaincache_has(cache->chains, entry->cert->sha256_octets))
		return true;
	entry->chains = number;
	return false;
}

static uint64_t memories(const struct certcache_query *query)
{
	const struct host_conf *host = snapshot_host_conf(query->snapshot, query->rule);
	uint64_t sum = 0;

	for (size_t i = 0; i < host->authority_count; i++)
		sum += trust_memory(snapshot_trust(query->snapshot, host->authorities[i]));
	return sum;
}

/* Whether the verification still stands. */
static bool holds(const struct certcache *cache, const struct slot *slot,
		  const struct certcache_query *query)
{
	const struct cert_result *result = &slot->entry->result;

	if (unlikely(slot->entry->snapshot != snapshot_number(query->snapshot) ||
		     query->now < result->valid_from || query->now >= result->valid_until))
		return false;
	if (unlikely(slot->key.resumed) && slot->entry->chain.len == 0 && chain_came(cache, slot->entry))
		return false;
	return likely(result->error == 0) || result->memory == memories(query);
}

/* Whether what was said about revocation does, too: the same state, and nothing of it is due. */
static bool is_current(const struct certcache *cache, const struct cert_entry *entry, int64_t now)
{
	return entry->state == cache->state && now >= entry->from && now < entry->until;
}

static void add_slot(struct certcache *cache, struct cert_entry *entry, const struct key *key,
		     unsigned hash)
{
	struct slot *slot = mem_new(sizeof(*slot));
	struct shelf *shelf;

	slot->verified = entry->result.error == 0;
	slot->key = (struct key){ .leaf = entry->cert->der, .set = key->set, .resumed = key->resumed };
	if (!key->resumed)
		slot->key.chain = entry->chain;
	slot->entry = entry;
	slot->weight = 1 + (slot->key.leaf.len + entry->chain.len) / USUAL_SIZE;
	shelf = shelf_of(cache, slot);
	while (shelf->oldest && shelf->weight + slot->weight > shelf->max)
		make_room(cache, shelf);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, shelf->table, &slot->key, sizeof(slot->key), hash, slot);
	DL_APPEND(shelf->oldest, slot);
	shelf->count++;
	shelf->weight += slot->weight;
	if (!slot->verified)
		return;
	if (PLACES_EACH * shelf->count > cache->recent.count)
		make_places(&cache->recent, 2 * cache->recent.count);
	put_in_place(&cache->recent, slot);
}

static struct cert_entry *make(struct certcache *cache, struct cert *cert, const struct key *key,
			       const struct certcache_query *query)
{
	struct buf remembered = buf_capped(0);
	uint64_t chains = chaincache_number(cache->chains);
	struct slice chain = key->chain;
	struct cert_entry *entry;

	if (key->resumed && chaincache_get(cache->chains, cert->sha256_octets, &remembered))
		chain = buf_slice(&remembered);
	entry = cert_entry_make(&cache->env, cert, chain, query, ++cache->next_key);
	entry->chains = chains;
	cache->stats.verifications++;
	if (entry->result.error == 0 && !key->resumed)
		chaincache_put(cache->chains, cert->sha256_octets, chain);
	buf_fini(&remembered);
	return entry;
}

static enum err learn(struct certcache *cache, const struct key *key, unsigned hash,
		      const struct certcache_query *query, struct cert_entry **out)
{
	struct slice ders[CHAIN_CERTS_MAX];
	struct cert *cert;
	size_t count;
	enum err err;

	cache->stats.misses++;
	err = cert_split(key->chain, ders, CHAIN_CERTS_MAX, &count);
	if (!err)
		err = cert_parse(key->leaf, &cert);
	if (err)
		return err;
	*out = make(cache, cert, key, query);
	cert_unref(cert);
	add_slot(cache, *out, key, hash);
	return ERR_OK;
}

static void renew(struct certcache *cache, struct slot *slot, const struct key *key,
		  const struct certcache_query *query, struct cert_entry **out)
{
	struct cert *cert = cert_ref(slot->entry->cert);
	unsigned hash = slot->hh.hashv;

	remove_slot(cache, slot);
	*out = make(cache, cert, key, query);
	cert_unref(cert);
	add_slot(cache, *out, key, hash);
}

static void look(struct certcache *cache, struct slot *slot, const struct key *key,
		 const struct certcache_query *query, struct cert_entry **out)
{
	unsigned hash = slot->hh.hashv;

	cache->stats.looks++;
	if (!cert_entry_look(&cache->env, slot->entry, query, cache->next_key + 1, out))
		return;
	cache->next_key++;
	remove_slot(cache, slot);
	add_slot(cache, *out, key, hash);
}

void certcache_expect(const struct certcache *cache, struct slice leaf)
{
	__builtin_prefetch(&cache->recent.places[first_place(&cache->recent, leaf)]);
}

enum err certcache_get(struct certcache *cache, const struct certcache_query *query,
		       struct cert_entry **out)
{
	/* Field by field, as the query was filled just now: a copy of its slices would wait for that. */
	struct key key = { slice_of(query->leaf.ptr, query->leaf.len),
			   slice_of(query->chain.ptr, query->chain.len), query->rule->set,
			   query->resumed && query->chain.len == 0 };
	unsigned hash = 0;
	struct slot *slot = find(cache, &key, &hash);
	enum err err = ERR_OK;

	if (likely(slot && holds(cache, slot, query))) {
		cache->stats.hits++;
		if (likely(is_current(cache, slot->entry, query->now)))
			*out = slot->entry;
		else
			look(cache, slot, &key, query, out);
	} else if (slot) {
		renew(cache, slot, &key, query, out);
	} else {
		err = learn(cache, &key, hash, query, out);
	}
	if (likely(!err))
		(*out)->refs++;
	return err;
}

void certcache_stats_get(const struct certcache *cache, struct certcache_stats *out)
{
	*out = cache->stats;
	out->verified = cache->verified.count;
	out->unverified = cache->unverified.count;
}
