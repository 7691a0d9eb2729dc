/* SPDX-License-Identifier: Apache-2.0 */
#include "core/radar.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/mem.h"

#define HOURS 24

/* One stretch of time: `hour` says which one the slot is used for. The nearest leaf is in front. */
struct stretch {
	int64_t hour;
	struct radar_leaf leafs[RADAR_LEAFS];
	size_t count;
};

struct blip {
	char *authority;
	struct stretch hours[HOURS];
	UT_hash_handle hh;
};

struct radar {
	pthread_mutex_t lock;
	struct blip *blips;
};

struct radar *radar_new(void)
{
	struct radar *radar = mem_new(sizeof(*radar));

	pthread_mutex_init(&radar->lock, NULL);
	return radar;
}

void radar_leafs_fini(struct radar_leaf *leafs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(leafs[i].serial);
		free(leafs[i].subject);
	}
}

static void drop(struct radar *radar, struct blip *blip)
{
	HASH_DEL(radar->blips, blip);
	for (size_t i = 0; i < HOURS; i++)
		radar_leafs_fini(blip->hours[i].leafs, blip->hours[i].count);
	free(blip->authority);
	free(blip);
}

void radar_free(struct radar *radar)
{
	if (!radar)
		return;
	while (radar->blips)
		drop(radar, radar->blips);
	pthread_mutex_destroy(&radar->lock);
	free(radar);
}

static struct blip *find(struct radar *radar, struct slice authority)
{
	struct blip *blip;

	HASH_FIND(hh, radar->blips, authority.ptr, authority.len, blip);
	return blip;
}

/* Puts a copy of the leaf among those that come first, unless it is there. Returns how many there are. */
static size_t insert(struct radar_leaf *leafs, size_t count, const struct radar_leaf *leaf)
{
	size_t at = 0;

	for (size_t i = 0; i < count; i++)
		if (leafs[i].not_after == leaf->not_after && strcmp(leafs[i].serial, leaf->serial) == 0)
			return count;
	while (at < count && leafs[at].not_after <= leaf->not_after)
		at++;
	if (at == RADAR_LEAFS)
		return count;
	if (count == RADAR_LEAFS)
		radar_leafs_fini(&leafs[--count], 1);
	memmove(leafs + at + 1, leafs + at, (count - at) * sizeof(*leafs));
	leafs[at] = (struct radar_leaf){ leaf->not_after, mem_dup(slice_str(leaf->serial)),
					 mem_dup(slice_str(leaf->subject)) };
	return count + 1;
}

static struct blip *blip_of(struct radar *radar, struct slice authority)
{
	struct blip *blip = find(radar, authority);

	if (!blip) {
		blip = mem_new(sizeof(*blip));
		blip->authority = mem_dup(authority);
		HASH_ADD_KEYPTR(hh, radar->blips, blip->authority, authority.len, blip);
	}
	return blip;
}

void radar_see(struct radar *radar, struct slice authority, int64_t not_after, struct slice serial,
	       struct slice subject, int64_t now)
{
	struct radar_leaf leaf = { not_after, mem_dup(serial), mem_dup(subject) };
	int64_t hour = radar_hour(now);
	struct stretch *stretch;

	pthread_mutex_lock(&radar->lock);
	stretch = &blip_of(radar, authority)->hours[(uint64_t)hour % HOURS];
	if (stretch->hour != hour) {
		radar_leafs_fini(stretch->leafs, stretch->count);
		*stretch = (struct stretch){ .hour = hour };
	}
	stretch->count = insert(stretch->leafs, stretch->count, &leaf);
	pthread_mutex_unlock(&radar->lock);
	radar_leafs_fini(&leaf, 1);
}

size_t radar_leafs(struct radar *radar, struct slice authority, int64_t now, struct radar_leaf out[RADAR_LEAFS])
{
	int64_t hour = radar_hour(now);
	const struct blip *blip;
	size_t count = 0;

	pthread_mutex_lock(&radar->lock);
	blip = find(radar, authority);
	for (size_t i = 0; blip && i < HOURS; i++) {
		const struct stretch *stretch = &blip->hours[i];

		if (stretch->hour + HOURS <= hour || stretch->hour > hour)
			continue;
		for (size_t k = 0; k < stretch->count; k++)
			if (stretch->leafs[k].not_after >= now)
				count = insert(out, count, &stretch->leafs[k]);
	}
	pthread_mutex_unlock(&radar->lock);
	return count;
}

int64_t radar_soonest(struct radar *radar, struct slice authority, int64_t now)
{
	struct radar_leaf leafs[RADAR_LEAFS];
	size_t count = radar_leafs(radar, authority, now, leafs);
	int64_t soonest = count ? leafs[0].not_after : 0;

	radar_leafs_fini(leafs, count);
	return soonest;
}
