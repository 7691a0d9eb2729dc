/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "svc/revoker_inside.h"

/* What came of a try to load a source, and when the next one is due. */
#define SECOND INT64_C(1000000000)
#define PAUSE_MAX 60
#define REFRESH_MAX 86400.0
/* How often a list is looked for that says no nextUpdate. */
#define WITHOUT_NEXT 3600.0

static void try_after(struct source *source, int64_t ns)
{
	source->next_try = clock_mono_ns() + ns;
	loop_timer_set(source->timer, ns);
}

/* A reload reads again what there is; when the next one is looked for has been planned before, and stays. */
static void keep_plan(struct source *source)
{
	int64_t left = source->next_try - clock_mono_ns();

	loop_timer_set(source->timer, left > 0 ? left : 0);
}

static void pause_for(struct source *source, unsigned failed)
{
	int64_t seconds = failed < 7 ? INT64_C(1) << (failed - 1) : PAUSE_MAX;

	try_after(source, (seconds > PAUSE_MAX ? PAUSE_MAX : seconds) * SECOND);
}

/* 70 to 90 % of the list's life; a list that stays past that is asked for more and more seldom. */
static void plan_refresh(struct revoker *revoker, struct source *source, bool unchanged)
{
	double life = (double)(source->next_update - source->this_update), wait = WITHOUT_NEXT;
	int64_t now = clock_wall_s();

	if (source->next_update)
		wait = (double)(source->this_update - now) + life * (0.7 + 0.2 * revoker_share(revoker));
	if (wait < 1.0 && unchanged) {
		pause_for(source, ++source->failed);
		return;
	}
	source->failed = 0;
	if (wait < 1.0)
		wait = 1.0;
	if (wait > REFRESH_MAX)
		wait = REFRESH_MAX * (0.9 + 0.1 * revoker_share(revoker));
	try_after(source, (int64_t)(wait * (double)SECOND));
}

/* Says in the next state what is known of the source; lists NULL: those that it said before. */
static void say(struct revoker *revoker, struct source *source, const struct list_job *job)
{
	struct revocation *next = revoker_change(revoker);
	const struct revocation_source *before =
		revocation_find(next, source->authority->name, source->kind, source->name);
	struct revocation_source said = {
		.kind = source->kind, .name = source->name, .loaded = source->loaded,
		.last_try = source->last_try, .last_good = source->last_good, .error = source->error,
		.bytes = source->bytes, .tries = source->tries, .failures = source->failures,
	};

	if (job) {
		said.lists = job->lists;
		said.list_count = job->list_count;
		said.deny = job->deny;
	} else if (before) {
		said.lists = before->lists;
		said.list_count = before->list_count;
		said.deny = before->deny;
	}
	revocation_put(next, source->authority->name, &said);
	source->put = true;
}

static bool is_under_way(const struct source *source)
{
	return source->is_due || source->job;
}

static void no_longer_awaited(struct revoker *revoker, struct source *source)
{
	if (!source->is_awaited)
		return;
	source->is_awaited = false;
	revoker_arrived(revoker);
}

static void arrived(struct revoker *revoker, struct source *source)
{
	/* What is loaded again at once was configured meanwhile, or a delta came for it. */
	if (!source->again && !is_under_way(source))
		no_longer_awaited(revoker, source);
	waiters_tell(revoker, &source->waiters);
}

void source_failed(struct revoker *revoker, struct source *source, const char *why)
{
	if (!source->error || strcmp(source->error, why) != 0)
		log_warning("authority %s: %s: %s; what was known of it stays", source->authority->name,
			    source->name, why);
	free(source->error);
	source->error = mem_dup(slice_str(why));
	/* What was refused must not come back as "not modified". */
	free(source->etag);
	free(source->last_modified);
	source->etag = source->last_modified = NULL;
	source->failures++;
	pause_for(source, ++source->failed);
	say(revoker, source, NULL);
	arrived(revoker, source);
}

void source_fetched(void *arg, struct http_result *result)
{
	struct source *source = arg;
	struct revoker *revoker = source->authority->revoker;

	source->get = NULL;
	revoker->fetching--;
	if (result->err) {
		revoker->count.fetch_failures++;
		source_failed(revoker, source, result->why);
	} else if (result->status == 304) {
		source->last_good = clock_wall_s();
		free(source->error);
		source->error = NULL;
		say(revoker, source, NULL);
		plan_refresh(revoker, source, true);
		arrived(revoker, source);
	} else {
		free(source->etag);
		free(source->last_modified);
		source->etag = mem_dup(slice_str(result->etag));
		source->last_modified = mem_dup(slice_str(result->last_modified));
		source_work(source, LIST_FROM_BODY, http_take_body(result));
	}
	if (source->again && !source->job) {
		source->again = false;
		source_due(revoker, source);
	}
	sources_start(revoker);
}

void source_job_run(struct mail *mail, void *arg)
{
	struct list_job *job = (struct list_job *)(void *)mail;
	struct revoker *revoker = arg;

	list_job_run(job);
	job->mail.deliver = source_job_done;
	mailbox_post(revoker->box, &job->mail);
}

static bool has_new_deltas(const struct source *source, const struct list_job *job)
{
	return memcmp(source->hash, job->hash, sizeof(job->hash)) != 0 &&
	       (source->delta_count || job->new_delta_count);
}

/* Full lists of the authority are built again, with what the deltas say now. */
static void rebuild_others(struct revoker *revoker, struct source *changed)
{
	for (struct source *source = changed->authority->sources; source; source = source->next) {
		/* What is being read was begun without them. */
		if (source->kind == SOURCE_DENY || !(source->has_full || source->job))
			continue;
		source->rebuild = true;
		source_rebuild_first(revoker, source);
		source_due(revoker, source);
	}
}

static void take_deltas(struct source *source, struct list_job *job)
{
	for (size_t i = 0; i < source->delta_count; i++)
		delta_unref(source->deltas[i]);
	free(source->deltas);
	source->delta_count = job->new_delta_count;
	source->deltas = mem_array(job->new_delta_count, sizeof(struct delta *));
	for (size_t i = 0; i < job->new_delta_count; i++)
		source->deltas[i] = job->new_deltas[i];
	job->new_delta_count = 0;
}

/* Marks of lists that are not there any more stay behind the new ones, as far as there is room: one between does not make the
 * way free for an older one. */
static void take_marks(struct source *source, const struct list_job *job)
{
	struct list_mark *marks = mem_array(LIST_PER_SOURCE, sizeof(*marks));
	size_t count = job->new_mark_count;

	if (count)
		memcpy(marks, job->new_marks, count * sizeof(*marks));
	for (size_t i = 0; i < source->mark_count && count < LIST_PER_SOURCE; i++) {
		size_t k = 0;

		while (k < count && marks[k].what != source->marks[i].what)
			k++;
		if (k == count)
			marks[count++] = source->marks[i];
	}
	free(source->marks);
	source->marks = marks;
	source->mark_count = count;
}

static void take_over(struct revoker *revoker, struct source *source, struct list_job *job)
{
	bool deltas_changed = has_new_deltas(source, job);

	take_marks(source, job);
	source->has_full = job->new_mark_count > job->new_delta_count;
	take_deltas(source, job);
	memcpy(source->hash, job->hash, sizeof(source->hash));
	source->bytes = job->bytes;
	source->this_update = job->this_update;
	source->next_update = job->next_update;
	say(revoker, source, job);
	if (deltas_changed)
		rebuild_others(revoker, source);
	for (size_t i = 0; i < job->freshest_count; i++)
		source_learn(revoker, source->authority, slice_str(job->freshest[i]));
}

static void note_copy(struct revoker *revoker, const struct source *source, const struct list_job *job)
{
	if (!job->copy_failed)
		return;
	revoker->count.keep_failures++;
	log_warning("authority %s: the list of %s cannot be kept for the next start: %s",
		    source->authority->name, source->name, job->why);
}

/* What was loaded, and yet calls nobody good. */
static void note_doubts(const struct source *source, const struct list_job *job)
{
	size_t unverified = 0;

	for (size_t i = 0; i < job->list_count; i++)
		unverified += !job->lists[i].verified;
	if (unverified)
		log_warning("authority %s: %s: a list in it is of a CA that is not configured: it counts once a client brings that CA",
			    source->authority->name, source->name);
	if (!job->unchanged && job->next_update && job->next_update < job->now)
		log_warning("authority %s: %s: %s: it revokes, and nobody is good by it", source->authority->name,
			    source->name, job->is_outdated ? "what was kept of it is not the last list" :
							     "nextUpdate of the list has passed");
	if (job->is_ahead)
		log_warning("authority %s: %s: " LIST_AHEAD "; until then it revokes, and nobody is good by it",
			    source->authority->name, source->name);
}

void source_replan(struct revoker *revoker, struct source *source)
{
	if (source->get || source->job)
		return;
	if (source->failed)
		source_due(revoker, source);
	else if (!source_is_file(source) && source->last_good)
		plan_refresh(revoker, source, false);
}

/* What the copy gave is better than nothing, but no answer of the source: that is asked now. */
static void done_copy(struct revoker *revoker, struct source *source, struct list_job *job)
{
	bool was_rebuilt = source->put && source->last_try;

	if (!job->err && !job->unchanged) {
		take_over(revoker, source, job);
		note_doubts(source, job);
		waiters_tell(revoker, &source->waiters);
	} else if (source->put && job->err) {
		source->rebuild = source->copy_useless = true;
	}
	/* A delta may have come while the copy was read: then it is read once more before anybody decides. */
	if (!source_is_file(source) && !is_under_way(source) && !(source->again && source->rebuild))
		no_longer_awaited(revoker, source);
	if (!was_rebuilt || job->err)
		source->again = true;
	else
		keep_plan(source);
}

static void done_new(struct revoker *revoker, struct source *source, struct list_job *job)
{
	if (job->err) {
		revoker->count.fetch_failures += job->from == LIST_FROM_BODY;
		source_failed(revoker, source, job->why);
		return;
	}
	if (source->error)
		log_info("authority %s: %s: loaded again", source->authority->name, source->name);
	free(source->error);
	source->error = NULL;
	source->last_good = job->now;
	source->loaded = true;
	if (!job->unchanged)
		source->copy_useless = job->copy_failed;
	if (job->unchanged)
		say(revoker, source, NULL);
	else
		take_over(revoker, source, job);
	note_doubts(source, job);
	note_copy(revoker, source, job);
	if (!source_is_file(source))
		plan_refresh(revoker, source, job->unchanged);
	else
		source->failed = 0;
	arrived(revoker, source);
}

void source_job_done(struct mail *mail, void *arg)
{
	struct list_job *job = (struct list_job *)(void *)mail;
	struct revoker *revoker = arg;
	struct source *source = job->source;

	revoker->jobs--;
	if (source) {
		source->job = NULL;
		if (job->from == LIST_FROM_COPY)
			done_copy(revoker, source, job);
		else
			done_new(revoker, source, job);
		if (source->again) {
			source->again = false;
			source_due(revoker, source);
		}
	}
	list_job_free(job);
	sources_start(revoker);
}
