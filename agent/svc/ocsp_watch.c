/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "svc/revoker_inside.h"

/*
 * Answers that end while their certificate is in use: asked for anew at 70 to 90 %
 * of their life, whether or not a request comes just then, so that none has to
 * wait. What nobody looked at in the second half of its life is left to end; the
 * next request that needs it asks, and waits.
 */
#define WATCHES_MAX 100000
#define AT_ONCE 256 /* flights that are begun in one turn */
/* Due are dates, and clocks are set: how long at most until it is looked whether one has come. */
#define TURN_MAX_S 30

struct ocsp_watch {
	UT_hash_handle hh;
	struct ocsp_key key;
	struct ocsp_target *target;
	int64_t due;
};

static void drop(struct revoker *revoker, struct ocsp_watch *watch)
{
	HASH_DEL(revoker->watches, watch);
	ocsp_target_unref(revoker, watch->target);
	free(watch);
}

static void plan(struct revoker *revoker, int64_t due)
{
	int64_t wait = due - clock_wall_s();

	wait = wait < 1 ? 1 : wait > TURN_MAX_S ? TURN_MAX_S : wait;
	loop_timer_set(revoker->ocsp_timer, wait * 1000000000);
}

void ocsp_watch_put(struct revoker *revoker, const struct ocsp_key *key, struct ocsp_target *target, int64_t due)
{
	struct ocsp_watch *watch;

	HASH_FIND(hh, revoker->watches, key->octets, sizeof(key->octets), watch);
	if (!watch) {
		if (HASH_COUNT(revoker->watches) >= WATCHES_MAX)
			drop(revoker, revoker->watches);
		watch = mem_new(sizeof(*watch));
		watch->key = *key;
		watch->target = ocsp_target_ref(target);
		HASH_ADD(hh, revoker->watches, key.octets, sizeof(watch->key.octets), watch);
	}
	watch->due = due;
	if (!revoker->first_due || due < revoker->first_due) {
		revoker->first_due = due;
		plan(revoker, due);
	}
}

/* When it is due next; 0: it is not watched any more. */
static int64_t refresh(struct revoker *revoker, struct ocsp_watch *watch, int64_t now, unsigned *begun)
{
	struct authority *authority = revoker_authority(revoker, watch->target->authority);
	struct ocsp_seen seen;

	if (!authority || !authority->ocsp || !ocsp_cache_peek(revoker->cache, &watch->key, now, &seen) ||
	    !seen.answered || !seen.used || now > seen.record.until) {
		drop(revoker, watch);
		return 0;
	}
	/* Somebody else asked meanwhile, in vain or not. */
	watch->due = seen.vain_until > seen.record.look_again ? seen.vain_until : seen.record.look_again;
	if (now < watch->due)
		return watch->due;
	/* What comes of it says when the next one is. */
	watch->due = now + 1;
	*begun += ocsp_start(revoker, &watch->key, watch->target);
	return now + 1;
}

void ocsp_watch_due(void *arg)
{
	struct revoker *revoker = arg;
	struct ocsp_watch *watch, *next;
	int64_t now = clock_wall_s(), first = 0;
	unsigned begun = 0;

	HASH_ITER(hh, revoker->watches, watch, next) {
		int64_t due = watch->due;

		if (now >= due && begun < AT_ONCE)
			due = refresh(revoker, watch, now, &begun);
		if (due && (!first || due < first))
			first = due;
	}
	revoker->first_due = first;
	if (first)
		plan(revoker, first);
}

void ocsp_watch_close(struct revoker *revoker)
{
	while (revoker->watches)
		drop(revoker, revoker->watches);
}
