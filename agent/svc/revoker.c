/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/revoker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/config.h"
#include "svc/revoker_inside.h"

/* How long after a state its predecessors are looked at. */
#define FORMER_NS INT64_C(100000000)
#define BUILDER_NICE 5
/* Answers of OCSP that are kept. */
#define OCSP_MAX 100000

/* A configuration on its way, and what is left of it until it is done. */
struct configuring {
	struct mail mail;
	struct revoker_authority *authorities; /* with copies of all that they name */
	size_t count;
	void (*done)(void *arg);
	void *arg;
};

static void configuring_free(struct configuring *config);

struct revocation *revoker_change(struct revoker *revoker)
{
	if (!revoker->next) {
		revoker->next = revocation_next(revoker->state);
		loop_timer_set(revoker->publish_timer, 0);
	}
	return revoker->next;
}

const struct revocation *revoker_view(const struct revoker *revoker)
{
	return revoker->next ? revoker->next : revoker->state;
}

/* A loop that gave the last count back would free lists while its requests wait. */
static void keep_former(struct revoker *revoker, struct revocation *state)
{
	revoker->former = mem_grow(revoker->former, (revoker->former_count + 1) * sizeof(struct revocation *));
	revoker->former[revoker->former_count++] = state;
	loop_timer_set(revoker->former_timer, FORMER_NS);
}

static void on_former(void *arg)
{
	struct revoker *revoker = arg;
	size_t kept = 0;

	for (size_t i = 0; i < revoker->former_count; i++)
		if (revocation_is_last(revoker->former[i]))
			revocation_unref(revoker->former[i]);
		else
			revoker->former[kept++] = revoker->former[i];
	revoker->former_count = kept;
	if (kept)
		loop_timer_set(revoker->former_timer, FORMER_NS);
}

static size_t publish(struct revoker *revoker, bool ack)
{
	if (revoker->next) {
		loop_timer_clear(revoker->publish_timer);
		keep_former(revoker, revoker->state);
		revoker->state = revoker->next;
		revoker->next = NULL;
		revoker->count.states++;
	} else if (!ack) {
		return 0;
	}
	return ports_send(revoker, ack);
}

void revoker_publish(struct revoker *revoker)
{
	publish(revoker, false);
}

static void on_publish(void *arg)
{
	revoker_publish(arg);
}

double revoker_share(struct revoker *revoker)
{
	return (double)rand_r(&revoker->seed) / ((double)RAND_MAX + 1);
}

struct authority *revoker_authority(struct revoker *revoker, const char *name)
{
	struct authority *authority;

	HASH_FIND_STR(revoker->authorities, name, authority);
	return authority;
}

static void finish_configuring(struct revoker *revoker)
{
	struct configuring *config = revoker->configuring;

	if (!config || revoker->awaited || revoker->unacked)
		return;
	revoker->configuring = NULL;
	config->done(config->arg);
	configuring_free(config);
}

void revoker_acked(struct revoker *revoker)
{
	revoker->unacked--;
	finish_configuring(revoker);
}

void revoker_arrived(struct revoker *revoker)
{
	if (--revoker->awaited || !revoker->configuring)
		return;
	/* What the last file said is put into the state right after this, hence not from here. */
	(void)revoker_change(revoker);
	revoker->unacked = 1;
	loop_timer_set(revoker->ack_timer, 0);
}

static void on_ack_due(void *arg)
{
	struct revoker *revoker = arg;

	revoker->unacked += publish(revoker, true);
	revoker_acked(revoker);
}

static void authority_free(struct revoker *revoker, struct authority *authority)
{
	while (authority->sources)
		source_free(revoker, authority->sources);
	HASH_DEL(revoker->authorities, authority);
	bulk_budget_end(authority->fetched);
	trust_unref(authority->trust);
	free(authority->name);
	free(authority);
}

static struct authority *authority_get(struct revoker *revoker, const char *name)
{
	struct authority *authority = revoker_authority(revoker, name);

	if (authority)
		return authority;
	authority = mem_new(sizeof(*authority));
	authority->revoker = revoker;
	authority->name = mem_dup(slice_str(name));
	authority->fetched = bulk_budget_new(revoker->fetched, FETCHED_EACH);
	HASH_ADD_KEYPTR(hh, revoker->authorities, authority->name, strlen(authority->name), authority);
	return authority;
}

static void want(struct revoker *revoker, struct authority *authority, enum source_kind kind, const char *name)
{
	struct source *source = source_get(revoker, authority, kind, name);

	if (source->is_wanted)
		return;
	source->is_wanted = true;
	/* Of a URL only the copy is waited for: what was denied before a start is denied by its first answer. */
	if (source_is_file(source) || (source->copy && !source->copy_tried))
		source_await(revoker, source);
}

static void drop_unwanted(struct revoker *revoker, struct authority *authority)
{
	struct source *source = authority->sources, *next;

	for (; source; source = next) {
		next = source->next;
		if (source->is_wanted || (source->is_learned && authority->distribution_points))
			continue;
		source_free(revoker, source);
	}
}

/* Another trust may vouch for other lists: each is looked at again. */
static void apply(struct revoker *revoker, const struct revoker_authority *said)
{
	struct authority *authority = authority_get(revoker, said->name);
	struct source *source;

	authority->is_wanted = true;
	authority->distribution_points = said->distribution_points;
	authority->ocsp = said->ocsp;
	authority->public_only = said->public_only;
	if (authority->trust != said->trust) {
		trust_unref(authority->trust);
		authority->trust = trust_ref(said->trust);
	}
	for (source = authority->sources; source; source = source->next)
		source->is_wanted = false;
	for (size_t i = 0; i < said->list_count; i++)
		want(revoker, authority, crl_is_url(said->lists[i]) ? SOURCE_URL : SOURCE_FILE, said->lists[i]);
	for (size_t i = 0; i < said->deny_count; i++)
		want(revoker, authority, SOURCE_DENY, said->deny_files[i]);
	drop_unwanted(revoker, authority);
}

static void load_all(struct revoker *revoker, struct authority *authority)
{
	struct source *source = authority->sources, *next;

	for (; source; source = next) {
		next = source->next;
		source->rebuild = source->put;
		source_due(revoker, source);
	}
}

static void configure(struct mail *mail, void *arg)
{
	struct configuring *config = (struct configuring *)(void *)mail;
	struct revoker *revoker = arg;
	struct authority *authority, *next;

	revoker->configuring = config;
	/* One more, so that it is not over before all are wanted. */
	revoker->awaited++;
	HASH_ITER(hh, revoker->authorities, authority, next)
		authority->is_wanted = false;
	for (size_t i = 0; i < config->count; i++)
		apply(revoker, &config->authorities[i]);
	HASH_ITER(hh, revoker->authorities, authority, next)
		if (!authority->is_wanted)
			authority_free(revoker, authority);
	HASH_ITER(hh, revoker->authorities, authority, next)
		load_all(revoker, authority);
	revoker_arrived(revoker);
}

static bool keep_authority(void *arg, const char *name)
{
	return revoker_authority(arg, name) != NULL;
}

static void forget_sources(struct revoker *revoker, struct authority *authority)
{
	const struct revocation_source *said;
	size_t i = 0;

	while ((said = revocation_source(revoker_view(revoker), authority->name, i)) != NULL)
		if (source_find(authority, said->kind, said->name))
			i++;
		else
			revocation_drop(revoker_change(revoker), authority->name, said->kind, said->name);
}

static void settle(struct mail *mail, void *arg)
{
	struct revoker *revoker = arg;
	struct authority *authority, *next;

	free(mail);
	/* Another configuration is on its way: what this one names may be all that loops have for now. */
	if (revoker->configuring)
		return;
	revocation_retain(revoker_change(revoker), keep_authority, revoker);
	HASH_ITER(hh, revoker->authorities, authority, next)
		forget_sources(revoker, authority);
}

void revoker_settle(struct revoker *revoker)
{
	struct mail *mail = mem_new(sizeof(*mail));

	mail->deliver = settle;
	mailbox_post(revoker->box, mail);
}

static const char *const *copy_names(const char *const *names, size_t count)
{
	char **copy = mem_array(count, sizeof(*copy));

	for (size_t i = 0; i < count; i++)
		copy[i] = mem_dup(slice_str(names[i]));
	return (const char *const *)copy;
}

static void free_names(const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free((void *)(uintptr_t)names[i]);
	free((void *)(uintptr_t)names);
}

static void configuring_free(struct configuring *config)
{
	for (size_t i = 0; i < config->count; i++) {
		struct revoker_authority *authority = &config->authorities[i];

		free((void *)(uintptr_t)authority->name);
		trust_unref(authority->trust);
		free_names(authority->lists, authority->list_count);
		free_names(authority->deny_files, authority->deny_count);
	}
	free(config->authorities);
	free(config);
}

void revoker_configure(struct revoker *revoker, const struct revoker_authority *authorities, size_t count,
		       void (*done)(void *arg), void *arg)
{
	struct configuring *config = mem_new(sizeof(*config));

	config->mail.deliver = configure;
	config->count = count;
	config->authorities = mem_array(count, sizeof(*authorities));
	config->done = done;
	config->arg = arg;
	for (size_t i = 0; i < count; i++) {
		struct revoker_authority *copy = &config->authorities[i];

		*copy = authorities[i];
		copy->name = mem_dup(slice_str(authorities[i].name));
		copy->trust = trust_ref(authorities[i].trust);
		copy->lists = copy_names(authorities[i].lists, copy->list_count);
		copy->deny_files = copy_names(authorities[i].deny_files, copy->deny_count);
	}
	mailbox_post(revoker->box, &config->mail);
}

void revoker_stats(struct revoker *revoker, struct revoker_stats *out)
{
	*out = (struct revoker_stats){
		.fetches = revoker->count.fetches,
		.fetch_failures = revoker->count.fetch_failures,
		.ocsp_queries = revoker->count.ocsp_queries,
		.ocsp_failures = revoker->count.ocsp_failures,
		.ocsp_answers = ocsp_cache_count(revoker->cache),
		.keep_failures = revoker->count.keep_failures,
		.states = revoker->count.states,
	};
}

static void *run_loop(void *arg)
{
	loop_run(arg);
	return NULL;
}

/* Where cores are few, requests come before the building of lists. */
static void *run_builder(void *arg)
{
	/* Of this thread alone, as Linux has it. */
	errno = 0;
	if (nice(BUILDER_NICE) == -1 && errno)
		log_warning("cannot lower the priority of building lists: %s", strerror(errno));
	return run_loop(arg);
}

/* Signals are the main loop's. */
static bool start_thread(pthread_t *thread, const char *name, void *(*run)(void *), struct loop *loop)
{
	sigset_t all, before;
	int fault;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	fault = pthread_create(thread, NULL, run, loop);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (fault)
		log_error("cannot start the thread %s: %s", name, strerror(fault));
	else
		pthread_setname_np(*thread, name);
	return fault == 0;
}

static void stop_loop(struct mail *mail, void *arg)
{
	struct stop_mail *stop = (struct stop_mail *)(void *)mail;

	(void)arg;
	loop_stop(stop->loop);
}

static void end_thread(pthread_t thread, struct loop *loop, struct mailbox *box)
{
	struct stop_mail stop = { .mail.deliver = stop_loop, .loop = loop };

	mailbox_post(box, &stop.mail);
	pthread_join(thread, NULL);
}

static bool open_parts(struct revoker *revoker, const char *state)
{
	static const struct http_limits lists = { .connections = 16, .per_host = 4, .requests = 2 * FETCHES_MAX };
	static const struct http_limits ocsp = { .connections = 64, .per_host = 16, .requests = 2048 };

	revoker->inotify = -1;
	revoker->loop = loop_new();
	revoker->worker_loop = loop_new();
	if (!revoker->loop || !revoker->worker_loop)
		return false;
	revoker->box = mailbox_new(revoker->loop, revoker);
	revoker->worker_box = mailbox_new(revoker->worker_loop, revoker);
	revoker->http = http_client_new(revoker->loop, &lists);
	revoker->ocsp_http = http_client_new(revoker->loop, &ocsp);
	revoker->publish_timer = loop_timer_new(revoker->loop, on_publish, revoker);
	revoker->ack_timer = loop_timer_new(revoker->loop, on_ack_due, revoker);
	revoker->ocsp_timer = loop_timer_new(revoker->loop, ocsp_watch_due, revoker);
	revoker->former_timer = loop_timer_new(revoker->loop, on_former, revoker);
	revoker->cache = ocsp_cache_new(OCSP_MAX);
	revoker->state = revocation_new();
	revoker->seed = (unsigned)clock_wall_ns();
	if (state && asprintf(&revoker->folder, "%s/lists", state) < 0)
		revoker->folder = NULL;
	if (revoker->folder && mkdir(revoker->folder, 0700) && errno != EEXIST)
		log_warning("%s: %s; lists are not kept for the next start", revoker->folder, strerror(errno));
	if (revoker->folder)
		list_sweep(revoker->folder);
	ocsp_keep_open(revoker);
	return revoker->http && revoker->ocsp_http && watch_open(revoker);
}

static void close_parts(struct revoker *revoker)
{
	struct authority *authority, *next;

	revoker->ending = true;
	ocsp_close(revoker);
	ocsp_watch_close(revoker);
	HASH_ITER(hh, revoker->authorities, authority, next)
		authority_free(revoker, authority);
	mailbox_free(revoker->worker_box);
	mailbox_free(revoker->box);
	bulk_budget_end(revoker->fetched);
	if (revoker->configuring)
		configuring_free(revoker->configuring);
	http_client_free(revoker->http);
	http_client_free(revoker->ocsp_http);
	watch_close(revoker);
	loop_timer_free(revoker->publish_timer);
	loop_timer_free(revoker->ack_timer);
	loop_timer_free(revoker->former_timer);
	loop_timer_free(revoker->ocsp_timer);
	loop_free(revoker->worker_loop);
	loop_free(revoker->loop);
	ocsp_keep_close(revoker);
	ocsp_cache_free(revoker->cache);
	for (size_t i = 0; i < revoker->former_count; i++)
		revocation_unref(revoker->former[i]);
	free(revoker->former);
	revocation_unref(revoker->next);
	revocation_unref(revoker->state);
	free(revoker->folder);
	free(revoker);
}

struct revoker *revoker_new(const char *state)
{
	struct revoker *revoker = mem_new(sizeof(*revoker));

	revoker->fetched = bulk_budget_new(NULL, FETCHED_ALL);
	if (!open_parts(revoker, state) || !start_thread(&revoker->worker, "list-builder", run_builder, revoker->worker_loop)) {
		close_parts(revoker);
		return NULL;
	}
	if (!start_thread(&revoker->thread, "revoker", run_loop, revoker->loop)) {
		end_thread(revoker->worker, revoker->worker_loop, revoker->worker_box);
		close_parts(revoker);
		return NULL;
	}
	return revoker;
}

void revoker_free(struct revoker *revoker)
{
	if (!revoker)
		return;
	end_thread(revoker->worker, revoker->worker_loop, revoker->worker_box);
	end_thread(revoker->thread, revoker->loop, revoker->box);
	close_parts(revoker);
}
