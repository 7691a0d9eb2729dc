/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/ocsp_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <xxhash.h>

#include "base/mem.h"

/* Each shard has a lock of its own, so that loops seldom meet. */
#define SHARDS 64
#define PAUSE_MAX 60

struct entry {
	UT_hash_handle hh;
	struct ocsp_key key;
	bool answered, refreshing, used;
	struct ocsp_record record;
	int64_t vain_until, refresh_from;
	unsigned failed;
};

struct shard {
	pthread_mutex_t lock;
	struct entry *entries;
};

struct ocsp_cache {
	size_t max_per_shard;
	struct shard shards[SHARDS];
};

struct ocsp_cache *ocsp_cache_new(size_t max)
{
	struct ocsp_cache *cache = mem_new(sizeof(*cache));

	cache->max_per_shard = max / SHARDS + 1;
	for (size_t i = 0; i < SHARDS; i++)
		pthread_mutex_init(&cache->shards[i].lock, NULL);
	return cache;
}

void ocsp_cache_free(struct ocsp_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < SHARDS; i++) {
		struct entry *entry, *next;

		HASH_ITER(hh, cache->shards[i].entries, entry, next) {
			HASH_DEL(cache->shards[i].entries, entry);
			free(entry);
		}
		pthread_mutex_destroy(&cache->shards[i].lock);
	}
	free(cache);
}

/* Authorities are the configuration's, so a fast hash of their name will do. */
struct ocsp_key ocsp_key_of(const struct revocation_question *question)
{
	uint64_t authority = XXH3_64bits(question->authority, strlen(question->authority));
	struct ocsp_key key = { 0 };

	memcpy(key.octets, question->issuer_key, 32);
	memcpy(key.octets + 32, question->serial, sizeof(question->serial));
	key.octets[52] = (uint8_t)question->serial_len;
	memcpy(key.octets + 56, &authority, sizeof(authority));
	return key;
}

struct slice ocsp_key_serial(const struct ocsp_key *key)
{
	return slice_of(key->octets + 32, key->octets[52]);
}

static struct shard *shard_of(struct ocsp_cache *cache, const struct ocsp_key *key)
{
	uint64_t hash = XXH3_64bits(key->octets, sizeof(key->octets));

	return &cache->shards[hash % SHARDS];
}

static struct entry *find(struct shard *shard, const struct ocsp_key *key)
{
	struct entry *entry;

	HASH_FIND(hh, shard->entries, key->octets, sizeof(key->octets), entry);
	return entry;
}

/* The entry, made when there is none; last in the order of leaving. */
static struct entry *touch(struct ocsp_cache *cache, struct shard *shard, const struct ocsp_key *key)
{
	struct entry *entry = find(shard, key);

	if (entry) {
		HASH_DEL(shard->entries, entry);
	} else {
		if (HASH_COUNT(shard->entries) >= cache->max_per_shard) {
			struct entry *oldest = shard->entries;

			HASH_DEL(shard->entries, oldest);
			free(oldest);
		}
		entry = mem_new(sizeof(*entry));
		entry->key = *key;
	}
	HASH_ADD(hh, shard->entries, key.octets, sizeof(entry->key.octets), entry);
	return entry;
}

/* Where the clock has gone back, a pause has no longer to last than it ever has. */
static int64_t vain_until(const struct entry *entry, int64_t now)
{
	return entry->vain_until - now > PAUSE_MAX ? 0 : entry->vain_until;
}

/* Who is told to refresh has half a minute for it; then somebody else is. */
static bool is_refresh_due(struct entry *entry, int64_t now)
{
	if (!entry->answered || now < entry->record.look_again || now < vain_until(entry, now))
		return false;
	if (entry->refreshing && now < entry->refresh_from + 30 && now >= entry->refresh_from)
		return false;
	entry->refreshing = true;
	entry->refresh_from = now;
	return true;
}

static void tell(const struct entry *entry, int64_t now, struct ocsp_seen *out)
{
	out->answered = entry->answered;
	out->record = entry->record;
	out->vain_until = vain_until(entry, now);
	out->used = entry->used;
}

bool ocsp_cache_look(struct ocsp_cache *cache, const struct ocsp_key *key, int64_t now,
		     struct ocsp_seen *out)
{
	struct shard *shard = shard_of(cache, key);
	struct entry *entry;

	*out = (struct ocsp_seen){ 0 };
	pthread_mutex_lock(&shard->lock);
	entry = find(shard, key);
	if (entry) {
		entry->used |= entry->answered && now >= entry->record.used_from;
		tell(entry, now, out);
		out->refresh = is_refresh_due(entry, now);
	}
	pthread_mutex_unlock(&shard->lock);
	return entry != NULL;
}

bool ocsp_cache_peek(struct ocsp_cache *cache, const struct ocsp_key *key, int64_t now,
		     struct ocsp_seen *out)
{
	struct shard *shard = shard_of(cache, key);
	struct entry *entry;

	*out = (struct ocsp_seen){ 0 };
	pthread_mutex_lock(&shard->lock);
	entry = find(shard, key);
	if (entry)
		tell(entry, now, out);
	pthread_mutex_unlock(&shard->lock);
	return entry != NULL;
}

bool ocsp_cache_put(struct ocsp_cache *cache, const struct ocsp_key *key, const struct ocsp_record *record)
{
	struct shard *shard = shard_of(cache, key);
	struct entry *entry;
	bool differs;

	pthread_mutex_lock(&shard->lock);
	entry = touch(cache, shard, key);
	differs = entry->answered && entry->record.revoked != record->revoked;
	entry->answered = true;
	entry->record = *record;
	entry->refreshing = entry->used = false;
	entry->failed = 0;
	entry->vain_until = 0;
	pthread_mutex_unlock(&shard->lock);
	return differs;
}

void ocsp_cache_vain(struct ocsp_cache *cache, const struct ocsp_key *key, int64_t now)
{
	struct shard *shard = shard_of(cache, key);
	struct entry *entry;
	int64_t pause;

	pthread_mutex_lock(&shard->lock);
	entry = touch(cache, shard, key);
	pause = entry->failed < 6 ? INT64_C(1) << entry->failed++ : PAUSE_MAX;
	entry->vain_until = now + pause;
	entry->refreshing = false;
	pthread_mutex_unlock(&shard->lock);
}

size_t ocsp_cache_count(struct ocsp_cache *cache)
{
	size_t count = 0;

	for (size_t i = 0; i < SHARDS; i++) {
		pthread_mutex_lock(&cache->shards[i].lock);
		count += HASH_COUNT(cache->shards[i].entries);
		pthread_mutex_unlock(&cache->shards[i].lock);
	}
	return count;
}
