/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pki/der.h"
#include "pki/points.h"
#include "svc/revoker_inside.h"

/* Sources: what they are called, when they are loaded, and where from. */
#define FETCH_MS 60000L

struct source *source_find(struct authority *authority, enum source_kind kind, const char *name)
{
	struct source *source = authority->sources;

	while (source && (source->kind != kind || strcmp(source->name, name) != 0))
		source = source->next;
	return source;
}

static void on_timer(void *arg)
{
	struct source *source = arg;

	source_due(source->authority->revoker, source);
}

static char *copy_path(const struct revoker *revoker, const struct source *source)
{
	if (!revoker->folder || source->kind == SOURCE_DENY)
		return NULL;
	return list_copy_path(revoker->folder, source->authority->name, source->kind, source->name);
}

struct source *source_get(struct revoker *revoker, struct authority *authority, enum source_kind kind,
			  const char *name)
{
	struct source *source = source_find(authority, kind, name);

	if (source)
		return source;
	source = mem_new(sizeof(*source));
	source->authority = authority;
	source->kind = kind;
	source->name = mem_dup(slice_str(name));
	source->copy = copy_path(revoker, source);
	source->timer = loop_timer_new(revoker->loop, on_timer, source);
	source->watch = -1;
	if (source_is_file(source))
		watch_add(revoker, source);
	DL_APPEND(authority->sources, source);
	return source;
}

void source_free(struct revoker *revoker, struct source *source)
{
	if (source->get) {
		http_cancel(source->get);
		revoker->fetching--;
	}
	if (source->job)
		source->job->source = NULL;
	if (source->is_due)
		DL_DELETE2(*source->due_list, source, prev_due, next_due);
	if (source->is_awaited)
		revoker_arrived(revoker);
	if (source->is_learned)
		source->authority->learned--;
	waiters_tell(revoker, &source->waiters);
	loop_timer_free(source->timer);
	DL_DELETE(source->authority->sources, source);
	for (size_t i = 0; i < source->delta_count; i++)
		delta_unref(source->deltas[i]);
	free(source->deltas);
	free(source->marks);
	free(source->name);
	free(source->copy);
	free(source->etag);
	free(source->last_modified);
	free(source->error);
	free(source);
}

void source_await(struct revoker *revoker, struct source *source)
{
	if (source->is_awaited)
		return;
	source->is_awaited = true;
	revoker->awaited++;
}

static void add_delta(struct list_job *job, struct delta *delta)
{
	if (job->delta_count < LIST_PER_SOURCE)
		job->deltas[job->delta_count++] = delta_ref(delta);
}

static struct list_job *job_new(struct source *source, enum list_from from)
{
	struct list_job *job = mem_new(sizeof(*job));
	const struct source *other;

	job->mail.deliver = source_job_run;
	job->source = source;
	job->from = from;
	job->is_deny = source->kind == SOURCE_DENY;
	job->trust = trust_ref(source->authority->trust);
	job->now = clock_wall_s();
	memcpy(job->hash_before, source->hash, sizeof(job->hash_before));
	job->must_build = source->rebuild;
	job->mark_count = source->mark_count;
	if (source->mark_count)
		memcpy(job->marks, source->marks, source->mark_count * sizeof(*job->marks));
	if (from != LIST_FROM_BODY)
		job->path = mem_dup(slice_str(from == LIST_FROM_COPY ? source->copy : source->name));
	if (source->copy && from != LIST_FROM_COPY)
		job->copy = mem_dup(slice_str(source->copy));
	for (other = source->authority->sources; other; other = other->next)
		for (size_t i = 0; i < other->delta_count; i++)
			add_delta(job, other->deltas[i]);
	return job;
}

/* Whether what the source has now was vouched for. */
static bool has_verified(const struct source *source)
{
	const struct revocation_source *said = revocation_find(revoker_view(source->authority->revoker),
							       source->authority->name, source->kind,
							       source->name);

	for (size_t i = 0; said && i < said->list_count; i++)
		if (said->lists[i].verified)
			return true;
	return false;
}

void source_work(struct source *source, enum list_from from, struct bulk body)
{
	struct revoker *revoker = source->authority->revoker;
	struct list_job *job = job_new(source, from);

	job->body = body;
	job->had_verified = has_verified(source);
	source->rebuild = false;
	source->job = job;
	revoker->jobs++;
	mailbox_post(revoker->worker_box, &job->mail);
}

static void fetch(struct revoker *revoker, struct source *source)
{
	struct http_request request = {
		.url = source->name,
		.public_only = source->authority->public_only,
		.max_bytes = LIST_TEXT_MAX,
		.budget = source->authority->fetched,
		.timeout_ms = FETCH_MS,
		.accept = "application/pkix-crl, */*",
		.on_done = source_fetched,
		.arg = source,
	};

	if (!source->rebuild) {
		request.etag = source->etag;
		request.last_modified = source->last_modified;
	}
	source->last_try = clock_wall_s();
	source->tries++;
	revoker->count.fetches++;
	source->get = http_start(revoker->http, &request);
	if (source->get) {
		revoker->fetching++;
		return;
	}
	revoker->count.fetch_failures++;
	source_failed(revoker, source, "this URL cannot be fetched, or too many are");
}

/* The copy first, so that what was known before the start is known again at once, and a list
 * older than it is seen to be that. Later it stands for bytes that need not be fetched again. */
static bool is_from_copy(const struct source *source)
{
	return source->copy &&
	       (!source->copy_tried || (source->rebuild && !source_is_file(source) && !source->copy_useless));
}

static void start(struct revoker *revoker, struct source *source)
{
	bool from_copy = is_from_copy(source);

	loop_timer_clear(source->timer);
	source->copy_tried = true;
	if (from_copy) {
		source_work(source, LIST_FROM_COPY, (struct bulk){ 0 });
	} else if (source_is_file(source)) {
		watch_note(source);
		source->last_try = clock_wall_s();
		source->tries++;
		source_work(source, LIST_FROM_FILE, (struct bulk){ 0 });
	} else {
		fetch(revoker, source);
	}
}

void source_rebuild_first(struct revoker *revoker, struct source *source)
{
	if (!revoker->awaited || !(source_is_file(source) || is_from_copy(source)))
		return;
	if (source->get) {
		http_cancel(source->get);
		source->get = NULL;
		revoker->fetching--;
		source->again = true;
	}
	source_await(revoker, source);
}

static void start_first(struct revoker *revoker, struct source **list)
{
	struct source *source = *list;

	DL_DELETE2(*list, source, prev_due, next_due);
	source->is_due = false;
	start(revoker, source);
}

void sources_start(struct revoker *revoker)
{
	if (revoker->ending)
		return;
	while (revoker->due_files && revoker->jobs < JOBS_MAX)
		start_first(revoker, &revoker->due_files);
	while (revoker->due_fetches && revoker->fetching < FETCHES_MAX)
		start_first(revoker, &revoker->due_fetches);
}

void source_due(struct revoker *revoker, struct source *source)
{
	if (source->get || source->job) {
		source->again = true;
		return;
	}
	if (!source->is_due) {
		source->is_due = true;
		source->due_list = source_is_file(source) || is_from_copy(source) ? &revoker->due_files :
									     &revoker->due_fetches;
		DL_APPEND2(*source->due_list, source, prev_due, next_due);
	}
	sources_start(revoker);
}

/* When a new point comes and there is no room, one that never gave a list makes it. */
static bool make_room(struct revoker *revoker, struct authority *authority)
{
	struct source *source;

	if (authority->learned < SOURCES_LEARNED_MAX)
		return true;
	for (source = authority->sources; source; source = source->next)
		if (source->is_learned && !source->mark_count && !source->last_good && !source->get && !source->job)
			break;
	if (!source)
		return false;
	revocation_drop(revoker_change(revoker), authority->name, source->kind, source->name);
	source_free(revoker, source);
	return true;
}

struct source *source_learn(struct revoker *revoker, struct authority *authority, struct slice url)
{
	struct source *source;
	char *name;

	if (!authority->distribution_points || url.len == 0 || url.len > POINTS_URI_LENGTH ||
	    memchr(url.ptr, 0, url.len))
		return NULL;
	name = mem_dup(url);
	source = source_find(authority, SOURCE_POINT, name);
	if (!source && make_room(revoker, authority)) {
		source = source_get(revoker, authority, SOURCE_POINT, name);
		source->is_learned = true;
		authority->learned++;
		/* What lists name while they are read for the first time belongs to them. */
		if (revoker->awaited && source->copy)
			source_await(revoker, source);
		source_due(revoker, source);
	}
	free(name);
	return source;
}

void lists_ask(struct revoker *revoker, struct asking *asking, const struct revocation_question *question)
{
	struct authority *authority = revoker_authority(revoker, question->authority);
	struct source *source = authority ? source_learn(revoker, authority, question->url) : NULL;
	struct points points;

	if (source && !source->put)
		waiter_add(&source->waiters, asking);
	else
		asking_answered(asking);
	if (!authority || points_read(question->cert, &points))
		return;
	for (size_t i = 0; i < points.delta.count; i++)
		for (size_t k = 0; k < points.delta.items[i].uri_count; k++)
			source_learn(revoker, authority, points.delta.items[i].uris[k]);
}

/* True the first time that this issuer comes for the source. */
static bool is_new_issuer(struct source *source, struct slice issuer)
{
	size_t room = sizeof(source->vain) / sizeof(source->vain[0]);
	uint64_t hash = XXH3_64bits_withSeed(issuer.ptr, issuer.len, source->hash[0]);

	for (size_t i = 0; i < room; i++)
		if (source->vain[i] == hash)
			return false;
	source->vain[source->vain_count++ % room] = hash;
	return true;
}

static bool waits_for(const struct source *source, struct slice name)
{
	const struct revocation_source *said = revocation_find(revoker_view(source->authority->revoker),
							       source->authority->name, source->kind,
							       source->name);

	for (size_t i = 0; said && i < said->list_count; i++)
		if (!said->lists[i].verified && slice_eq(said->lists[i].issuer, name))
			return true;
	return false;
}

/* The path that brought the issuer has put it into the trust's memory, where the job finds it. */
void lists_check(struct revoker *revoker, struct asking *asking, const struct revocation_question *question)
{
	struct authority *authority = revoker_authority(revoker, question->authority);
	struct slice above, name;
	struct source *source;

	if (!authority || der_names(question->issuer, &above, &name)) {
		asking_answered(asking);
		return;
	}
	asking->pending++;
	for (source = authority->sources; source; source = source->next) {
		bool fits = waits_for(source, name);

		if (!fits || (!source->job && !is_new_issuer(source, question->issuer)))
			continue;
		asking->pending++;
		waiter_add(&source->waiters, asking);
		source->rebuild = true;
		source_due(revoker, source);
	}
	/* One for the question itself, one so that nothing is told while it is counted. */
	asking_answered(asking);
	asking_answered(asking);
}
