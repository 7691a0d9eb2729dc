/* SPDX-License-Identifier: Apache-2.0 */
#include "core/radar.h"

#include <pthread.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/mem.h"

#define HOURS 24

/* One stretch of time: `hour` says which one the slot is used for. */
struct stretch {
	int64_t hour, soonest;
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

static void drop(struct radar *radar, struct blip *blip)
{
	HASH_DEL(radar->blips, blip);
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

void radar_see(struct radar *radar, struct slice authority, int64_t not_after, int64_t now)
{
	int64_t hour = radar_hour(now);
	struct stretch *stretch;
	struct blip *blip;

	pthread_mutex_lock(&radar->lock);
	blip = find(radar, authority);
	if (!blip) {
		blip = mem_new(sizeof(*blip));
		blip->authority = mem_dup(authority);
		HASH_ADD_KEYPTR(hh, radar->blips, blip->authority, authority.len, blip);
	}
	stretch = &blip->hours[(uint64_t)hour % HOURS];
	if (stretch->hour != hour || not_after < stretch->soonest)
		*stretch = (struct stretch){ hour, not_after };
	pthread_mutex_unlock(&radar->lock);
}

int64_t radar_soonest(struct radar *radar, struct slice authority, int64_t now)
{
	int64_t hour = radar_hour(now), soonest = 0;
	struct blip *blip;

	pthread_mutex_lock(&radar->lock);
	blip = find(radar, authority);
	for (size_t i = 0; blip && i < HOURS; i++) {
		const struct stretch *stretch = &blip->hours[i];

		if (stretch->hour + HOURS > hour && stretch->hour <= hour && stretch->soonest >= now &&
		    (!soonest || stretch->soonest < soonest))
			soonest = stretch->soonest;
	}
	pthread_mutex_unlock(&radar->lock);
	return soonest;
}
