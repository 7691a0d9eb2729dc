/* SPDX-License-Identifier: Apache-2.0 */
#include "lists_offline.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "pki/trust.h"
#include "svc/list_job.h"

struct loading {
	const struct snapshot *snapshot;
	struct revocation *state;
	struct diag_list *diag;
	const struct authority_conf *authority;
	struct trust *trust;
	int64_t now;
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

static struct list_job *run(const struct loading *loading, const char *path, bool is_deny)
{
	struct list_job *job = mem_new(sizeof(*job));

	job->from = LIST_FROM_FILE;
	job->is_deny = is_deny;
	job->path = mem_dup(slice_str(path));
	job->trust = trust_ref(loading->trust);
	job->now = loading->now;
	list_job_run(job);
	return job;
}

static void load_file(const struct loading *loading, const char *path, enum source_kind kind)
{
	struct list_job *job = run(loading, path, kind == SOURCE_DENY);

	if (job->err)
		fault(loading, DIAG_ERROR, path, job->why);
	else
		tell_lists(loading, job, path);
	put(loading, job, kind, path);
	list_job_free(job);
}

/* A copy that is missing is no fault: only a running agent fetches. */
static void load_copy(const struct loading *loading, const char *url)
{
	char *folder = NULL, *path = NULL;
	struct list_job *job;

	if (asprintf(&folder, "%s/lists", snapshot_config(loading->snapshot)->state) < 0)
		return;
	path = list_copy_path(folder, loading->authority->name, SOURCE_URL, url);
	if (path) {
		job = run(loading, path, false);
		put(loading, job, SOURCE_URL, url);
		list_job_free(job);
	}
	free(path);
	free(folder);
}

struct revocation *lists_offline(const struct snapshot *snapshot, int64_t now, struct diag_list *diag)
{
	const struct config *config = snapshot_config(snapshot);
	struct loading loading = { .snapshot = snapshot, .state = revocation_new(), .diag = diag,
				   .now = now };

	for (size_t i = 0; i < config->authority_count; i++) {
		const struct revocation_conf *conf = &config->authorities[i].revocation;

		loading.authority = &config->authorities[i];
		loading.trust = snapshot_trust(snapshot, i);
		for (size_t j = 0; j < conf->crl_count; j++)
			if (crl_is_url(conf->crls[j]))
				load_copy(&loading, conf->crls[j]);
			else
				load_file(&loading, conf->crls[j], SOURCE_FILE);
		for (size_t j = 0; j < conf->deny_file_count; j++)
			load_file(&loading, conf->deny_files[j], SOURCE_DENY);
	}
	return loading.state;
}
