/* SPDX-License-Identifier: Apache-2.0 */
#include "lists_offline.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "pki/points.h"
#include "pki/trust.h"
#include "svc/list_job.h"

#define POINTS_KNOWN_MAX 256

/* One authority while its lists are read: twice where deltas are among them, since each full list needs them all. */
struct loading {
	const struct snapshot *snapshot;
	struct revocation *state;
	struct diag_list *diag; /* NULL in the second round: what is wrong was said */
	struct offline_points *points;
	const struct authority_conf *authority;
	struct trust *trust;
	int64_t now;
	struct delta *deltas[LIST_PER_SOURCE]; /* counted */
	size_t delta_count;
};

static void fault(const struct loading *loading, enum diag_severity severity, const char *path,
		  const char *what)
{
	const struct authority_conf *authority = loading->authority;

	if (loading->diag)
		diag_add(loading->diag, severity, authority->file, authority->line, NULL,
			 "authorities.%s.revocation: %s: %s", authority->name, path, what);
}

static void tell_lists(const struct loading *loading, const struct list_job *job, const char *path)
{
	char text[64] = "the list has expired", date[32];
	bool unverified = false;
	time_t end = (time_t)job->next_update;
	struct tm parts;

	for (size_t i = 0; i < job->list_count; i++)
		unverified |= !job->lists[i].verified;
	if (unverified)
		fault(loading, DIAG_WARNING, path,
		      "a list in it is of a CA that is not configured: it counts once a client brings that CA");
	if (!job->next_update || loading->now <= job->next_update)
		return;
	if (gmtime_r(&end, &parts) && strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &parts))
		snprintf(text, sizeof(text), "the list has expired, on %s", date);
	fault(loading, DIAG_ERROR, path, text);
}

static void put(const struct loading *loading, const struct list_job *job, enum source_kind kind,
		const char *name)
{
	const struct revocation_source source = {
		.kind = kind, .name = name, .lists = job->lists, .list_count = job->list_count,
		.deny = job->deny, .loaded = job->is_deny && !job->err, .last_try = loading->now,
		.last_good = job->err ? 0 : loading->now, .error = job->err ? job->why : NULL,
		.bytes = job->bytes,
	};

	revocation_put(loading->state, loading->authority->name, &source);
}

static struct list_job *run(struct loading *loading, const char *path, enum list_from from, bool is_deny)
{
	struct list_job *job = mem_new(sizeof(*job));

	job->from = from;
	job->is_deny = is_deny;
	job->path = mem_dup(slice_str(path));
	job->trust = trust_ref(loading->trust);
	job->now = loading->now;
	for (size_t i = 0; i < loading->delta_count; i++)
		job->deltas[job->delta_count++] = delta_ref(loading->deltas[i]);
	list_job_run(job);
	return job;
}

static bool has_point(const struct offline_points *points, const char *authority, const char *url)
{
	for (size_t i = 0; i < points->count; i++)
		if (strcmp(points->items[i].authority, authority) == 0 && strcmp(points->items[i].url, url) == 0)
			return true;
	return false;
}

static bool add_point(struct offline_points *points, const char *authority, const char *url)
{
	if (points->count >= POINTS_KNOWN_MAX || has_point(points, authority, url))
		return false;
	points->items = mem_grow(points->items, (points->count + 1) * sizeof(*points->items));
	points->items[points->count++] = (struct offline_point){ mem_dup(slice_str(authority)),
								 mem_dup(slice_str(url)) };
	return true;
}

static void note_deltas(struct loading *loading, struct list_job *job)
{
	for (size_t i = 0; i < job->new_delta_count && loading->delta_count < LIST_PER_SOURCE; i++)
		loading->deltas[loading->delta_count++] = delta_ref(job->new_deltas[i]);
	/* Where deltas are is asked of full lists, and the copies of those are points as well. */
	for (size_t i = 0; loading->points && loading->authority->revocation.points && i < job->freshest_count; i++)
		add_point(loading->points, loading->authority->name, job->freshest[i]);
}

static void load_file(struct loading *loading, const char *path, enum source_kind kind, bool first)
{
	struct list_job *job = run(loading, path, LIST_FROM_FILE, kind == SOURCE_DENY);

	if (first && job->err)
		fault(loading, DIAG_ERROR, path, job->why);
	else if (first)
		tell_lists(loading, job, path);
	put(loading, job, kind, path);
	if (first)
		note_deltas(loading, job);
	list_job_free(job);
}

/* A copy that is missing is no fault: only a running agent fetches. */
static void load_copy(struct loading *loading, const char *url, enum source_kind kind, bool first)
{
	char *folder = NULL, *path = NULL;
	struct list_job *job;

	if (asprintf(&folder, "%s/lists", snapshot_config(loading->snapshot)->state) < 0)
		return;
	path = list_copy_path(folder, loading->authority->name, kind, url);
	if (path) {
		job = run(loading, path, LIST_FROM_COPY, false);
		put(loading, job, kind, url);
		if (first)
			note_deltas(loading, job);
		list_job_free(job);
	}
	free(path);
	free(folder);
}

static void load_round(struct loading *loading, bool first)
{
	const struct revocation_conf *conf = &loading->authority->revocation;

	for (size_t i = 0; i < conf->crl_count; i++)
		if (crl_is_url(conf->crls[i]))
			load_copy(loading, conf->crls[i], SOURCE_URL, first);
		else
			load_file(loading, conf->crls[i], SOURCE_FILE, first);
	/* It grows while it is gone through, by what the lists name. */
	for (size_t i = 0; loading->points && i < loading->points->count; i++)
		if (strcmp(loading->points->items[i].authority, loading->authority->name) == 0)
			load_copy(loading, loading->points->items[i].url, SOURCE_POINT, first);
}

static void load_authority(struct loading *loading)
{
	const struct revocation_conf *conf = &loading->authority->revocation;

	load_round(loading, true);
	if (loading->delta_count)
		load_round(loading, false);
	for (size_t i = 0; i < conf->deny_file_count; i++)
		load_file(loading, conf->deny_files[i], SOURCE_DENY, true);
	while (loading->delta_count)
		delta_unref(loading->deltas[--loading->delta_count]);
}

struct revocation *lists_offline(const struct snapshot *snapshot, int64_t now, struct offline_points *points,
				 struct diag_list *diag)
{
	const struct config *config = snapshot_config(snapshot);
	struct loading loading = { .snapshot = snapshot, .state = revocation_new(), .diag = diag,
				   .points = points, .now = now };

	for (size_t i = 0; i < config->authority_count; i++) {
		loading.authority = &config->authorities[i];
		loading.trust = snapshot_trust(snapshot, i);
		load_authority(&loading);
	}
	return loading.state;
}

static bool follows_points(const struct snapshot *snapshot, const char *authority)
{
	const struct config *config = snapshot_config(snapshot);

	for (size_t i = 0; i < config->authority_count; i++)
		if (strcmp(config->authorities[i].name, authority) == 0)
			return config->authorities[i].revocation.points;
	return false;
}

static bool add_url(struct offline_points *points, const char *authority, struct slice url)
{
	char text[POINTS_URI_LENGTH + 1];

	if (url.len == 0 || url.len > POINTS_URI_LENGTH)
		return false;
	memcpy(text, url.ptr, url.len);
	text[url.len] = 0;
	return add_point(points, authority, text);
}

bool offline_points_add(struct offline_points *points, const struct snapshot *snapshot,
			const struct revocation_question *questions, size_t count)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		const struct revocation_question *question = &questions[i];
		struct points named;

		if (question->kind != ASK_LIST || !follows_points(snapshot, question->authority))
			continue;
		any |= add_url(points, question->authority, question->url);
		if (points_read(question->cert, &named))
			continue;
		for (size_t k = 0; k < named.delta.count; k++)
			for (size_t n = 0; n < named.delta.items[k].uri_count; n++)
				any |= add_url(points, question->authority, named.delta.items[k].uris[n]);
	}
	return any;
}

void offline_points_fini(struct offline_points *points)
{
	for (size_t i = 0; i < points->count; i++) {
		free(points->items[i].authority);
		free(points->items[i].url);
	}
	free(points->items);
	*points = (struct offline_points){ 0 };
}
