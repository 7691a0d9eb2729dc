/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"
#include "core/answer.h"
#include "core/certcache.h"
#include "core/decision.h"
#include "core/request_id.h"
#include "core/stages.h"

#define RECORD_MAX 16384
/* A check of known lists, distribution points one after the other, then OCSP; no more within one deadline. */
#define WAITS_MAX 8
/* Certificates have dates in seconds: the wall clock is read anew after this long. */
#define WALL_NS INT64_C(10000000)
/* A worker's call runs this long, then everybody else has a turn; most end in a hundredth of it. */
#define SLICE_NS INT64_C(100000)
/* One connection may bring so many calls that use up their slice in one wake-up, the rest of it queues. */
#define SLOW_MAX 2

/* A configuration in use on this loop; old ones live on until their last request is released. */
struct world {
	struct snapshot *snapshot;
	struct policy_set *policies;
	unsigned pins;
	struct world *prev, *next;
};

struct engine {
	struct engine_env env;
	struct world *world;  /* the present one */
	struct world *worlds; /* all that are in use */
	struct certcache *cache;
	struct metrics metrics;
	struct ticket *pending; /* their workers have begun */
	struct ticket *queued;	/* and these have not */
	unsigned slow;		/* calls of this batch that used up their slice */
	struct request_ids ids;
	bool awake;	     /* in a batch */
	bool clock_known;    /* clock_ns is of this batch */
	int64_t clock_ns;    /* monotonic */
	int64_t wall_read_ns; /* monotonic, when wall_s was read */
	int64_t wall_s;
	struct buf record;
};

static void use_world(struct engine *engine, struct snapshot *snapshot, struct policy_set *policies)
{
	struct world *world = mem_new(sizeof(*world));

	world->snapshot = snapshot;
	world->policies = policies;
	world->pins = 1;
	engine->world = world;
	DL_APPEND(engine->worlds, world);
}

static HOT void world_unpin(struct engine *engine, struct world *world)
{
	if (likely(--world->pins))
		return;
	DL_DELETE(engine->worlds, world);
	engine->env.retire(engine->env.arg, world->snapshot, world->policies);
	free(world);
}

static struct certcache *cache_for(const struct engine_env *env, const struct snapshot *snapshot)
{
	unsigned loops = env->loops ? env->loops : 1;

	return certcache_new(snapshot_config(snapshot)->limits.certificate_cache / loops, env->chains);
}

struct engine *engine_new(const struct engine_env *env, struct snapshot *snapshot,
			  struct policy_set *policies)
{
	struct engine *engine = mem_new(sizeof(*engine));

	engine->env = *env;
	use_world(engine, snapshot, policies);
	engine->cache = cache_for(env, snapshot);
	certcache_ops(engine->cache, env->revocation, env->revocation_arg);
	engine->record = buf_capped(RECORD_MAX);
	request_ids_init(&engine->ids);
	return engine;
}

void engine_switch(struct engine *engine, struct snapshot *snapshot, struct policy_set *policies)
{
	struct world *before = engine->world;

	use_world(engine, snapshot, policies);
	world_unpin(engine, before);
}

void engine_revocation(struct engine *engine, struct revocation *state)
{
	certcache_revocation(engine->cache, state);
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	assert(!engine->pending && !engine->queued && engine->world->pins == 1);
	certcache_free(engine->cache);
	world_unpin(engine, engine->world);
	buf_fini(&engine->record);
	free(engine);
}

struct snapshot *engine_snapshot(const struct engine *engine)
{
	return engine->world->snapshot;
}

const struct metrics *engine_metrics(const struct engine *engine)
{
	return &engine->metrics;
}

static void give_id(struct engine *engine, struct request *req)
{
	uint8_t *id = arena_take(req->arena, REQUEST_ID_DIGITS);

	if (!id)
		return;
	request_ids_next(&engine->ids, req->now_s, id);
	req->verdict.id = slice_of(id, REQUEST_ID_DIGITS);
}

void engine_wake(struct engine *engine, int64_t now_ns)
{
	engine->awake = true;
	engine->clock_ns = now_ns;
	engine->clock_known = true;
	engine->slow = 0;
}

static int64_t read_clock(struct engine *engine)
{
	engine->clock_ns = engine->env.mono_ns();
	engine->clock_known = engine->awake;
	return engine->clock_ns;
}

static void read_clocks(struct engine *engine, struct request *req)
{
	req->started_ns = likely(engine->clock_known) ? engine->clock_ns : read_clock(engine);
	if (unlikely(!engine->awake || req->started_ns - engine->wall_read_ns >= WALL_NS || !engine->wall_s)) {
		engine->wall_s = engine->env.wall_s();
		engine->wall_read_ns = req->started_ns;
	}
	req->now_s = engine->wall_s;
}

static inline void enter_world(struct engine *engine, struct request *req)
{
	req->world = engine->world;
	req->world->pins++;
	req->snapshot = req->world->snapshot;
	req->rule = NULL;
	/* With many hosts and certificates they are in no cache of the processor. */
	req->host_name = snapshot_expect_host(req->snapshot, request_bytes(req, ARG_HOST));
	certcache_expect(engine->cache, request_bytes(req, ARG_CERT));
}

static inline void begin(struct engine *engine, struct request *req)
{
	if (unlikely(req->world))
		return;
	enter_world(engine, req);
	read_clocks(engine, req);
	req->deadline_ns = req->started_ns + snapshot_config(req->snapshot)->deadline_ns;
	if (unlikely(req->timeout_ns) && req->timeout_ns < req->deadline_ns - req->started_ns)
		req->deadline_ns = req->started_ns + req->timeout_ns;
	give_id(engine, req);
}

/* Every refusal goes through here: what a host only observes passes, all else is denied. */
static COLD void engine_fail(struct request *req, enum reason reason)
{
	if (req->rule && req->rule->observe && reason != REASON_ANSWER_TOO_LARGE) {
		req->observed = reason;
		if (!answer_allow(req, NULL))
			return;
		reason = REASON_OVERLOADED;
	}
	req->observed = REASON_INTERNAL_UNSET;
	answer_deny(req, reason);
}

static void pass(struct request *req, const struct policy_result *result)
{
	if (unlikely(answer_allow(req, result))) {
		req->error = SLICE_LIT("the request's memory is used up");
		engine_fail(req, REASON_OVERLOADED);
	}
}

static void respond(struct request *req, const struct policy_result *result)
{
	if (req->rule->observe)
		engine_fail(req, REASON_WORKER_RESPONSE);
	else if (answer_respond(req, result))
		engine_fail(req, REASON_POLICY_ERROR);
}

static inline void apply(struct engine *engine, struct request *req, const struct policy_result *result)
{
	switch (result->outcome) {
	case POLICY_PASSED:
		pass(req, result);
		return;
	case POLICY_RESPONDED:
		respond(req, result);
		return;
	case POLICY_FAILED:
		break;
	}
	metric_add(&engine->metrics.worker_faults, 1);
	req->error = result->error;
	req->worker_place = result->place;
	engine_fail(req, result->reason == REASON_INTERNAL_UNSET ? REASON_POLICY_ERROR : result->reason);
}

/* A ticket that is answered later is in one of the two lists. */
static NOINLINE void wait_in(struct engine *engine, struct ticket **list, struct ticket *ticket)
{
	ticket->engine = engine;
	ticket->queued = list == &engine->queued;
	DL_APPEND(*list, ticket);
	atomic_fetch_add(&engine->env.inflight->count, 1);
	metric_add(&engine->metrics.pending, 1);
}

static void leave(struct ticket *ticket)
{
	struct engine *engine = ticket->engine;

	if (ticket->queued)
		DL_DELETE(engine->queued, ticket);
	else
		DL_DELETE(engine->pending, ticket);
	atomic_fetch_sub(&engine->env.inflight->count, 1);
	atomic_fetch_sub_explicit(&engine->metrics.pending, 1, memory_order_relaxed);
}

static void forget_certificate(struct request *req)
{
	cert_entry_unref(req->cert);
	req->cert = NULL;
}

/* Time has passed: a batch's clock reading is not that of this request any more. */
static void read_wall(struct engine *engine, struct request *req)
{
	engine->wall_s = engine->env.wall_s();
	req->now_s = engine->wall_s;
}

/* While its worker waited the client may have been revoked: what was true before is no reason to let pass. */
static bool still_passes(struct engine *engine, struct request *req)
{
	struct cert_entry *before = req->cert;
	enum reason reason;

	req->cert = NULL;
	read_wall(engine, req);
	reason = stage_certificate(req, engine->cache);
	if (reason == REASON_ALLOWED)
		reason = stage_requirement(req);
	cert_entry_unref(before);
	if (reason == REASON_ALLOWED)
		return true;
	req->stage = "requirement";
	engine_fail(req, reason);
	return false;
}

static void on_policy_done(struct policy_call *call)
{
	struct ticket *ticket = call->arg;
	struct engine *engine = ticket->engine;

	leave(ticket);
	if (call->result.outcome == POLICY_FAILED || still_passes(engine, ticket->req))
		apply(engine, ticket->req, &call->result);
	ticket->on_done(ticket);
}

/* True when it is done; else it is pending from here on. */
static bool start_call(struct engine *engine, struct ticket *ticket)
{
	struct policy_set *policies = ticket->req->world->policies;

	if (likely(engine->env.policy->start(policies, &ticket->call) == POLICY_DONE))
		return true;
	engine->slow++;
	/* It has used a slice of time: the next of the batch does not begin where the last one ended. */
	engine->clock_known = false;
	wait_in(engine, &engine->pending, ticket);
	return false;
}

static enum engine_state run_worker(struct engine *engine, struct ticket *ticket,
				    const struct worker_conf *worker)
{
	struct request *req = ticket->req;

	req->stage = "worker";
	req->worker = slice_str(worker->name);
	metric_add(&engine->metrics.worker_runs, 1);
	mem_zero(&ticket->call, sizeof(ticket->call));
	ticket->call.req = req;
	ticket->call.worker = worker;
	ticket->call.slice_ns = engine->env.wake ? SLICE_NS : 0;
	ticket->call.on_done = on_policy_done;
	ticket->call.arg = ticket;
	if (unlikely(engine->slow >= SLOW_MAX) && engine->env.wake) {
		wait_in(engine, &engine->queued, ticket);
	} else if (likely(start_call(engine, ticket))) {
		apply(engine, req, &ticket->call.result);
		return ENGINE_DONE;
	}
	if (engine->env.wake)
		engine->env.wake(engine->env.arg);
	return ENGINE_PENDING;
}

static void start_queued(struct engine *engine)
{
	struct ticket *ticket = engine->queued;

	if (!ticket)
		return;
	leave(ticket);
	if (still_passes(engine, ticket->req)) {
		if (!start_call(engine, ticket))
			return;
		apply(engine, ticket->req, &ticket->call.result);
	}
	ticket->on_done(ticket);
}

bool engine_run(struct engine *engine)
{
	struct world *next;
	bool more = false;

	start_queued(engine);
	/* Whoever is answered may give worlds back: the one in hand is held until the next one is known. */
	for (struct world *world = engine->worlds; world; world = next) {
		world->pins++;
		if (world->policies)
			more |= engine->env.policy->run(world->policies);
		next = world->next;
		world_unpin(engine, world);
	}
	engine->slow = 0;
	return more || engine->queued;
}

static void on_revocation_known(struct revocation_wait *wait);

static bool may_ask(const struct engine *engine, const struct ticket *ticket)
{
	const struct request *req = ticket->req;

	return req->cert && unlikely(req->cert->revocation.asks) && engine->env.revocation &&
	       ticket->waits < WAITS_MAX && engine->env.mono_ns() < req->deadline_ns;
}

/* True when the request now waits for what would make its revocation known. */
static COLD bool ask(struct engine *engine, struct ticket *ticket)
{
	struct revocation_question questions[REVOCATION_ASK_MAX];
	struct request *req = ticket->req;
	size_t count = certcache_questions(engine->cache, req->cert, req->snapshot, req->rule, req->now_s, questions);
	struct slice kept;

	kept = arena_copy(req->arena, slice_of(questions, count * sizeof(questions[0])));
	if (count == 0 || kept.len == 0)
		return false;
	ticket->wait = (struct revocation_wait){
		.questions = (const struct revocation_question *)(const void *)kept.ptr, .count = count,
		.deadline_ns = req->deadline_ns, .on_done = on_revocation_known, .arg = ticket,
	};
	if (!engine->env.revocation->ask(engine->env.revocation_arg, &ticket->wait))
		return false;
	ticket->waits++;
	ticket->asking = true;
	metric_add(&engine->metrics.revocation_waits, 1);
	wait_in(engine, &engine->pending, ticket);
	return true;
}

static enum reason know_certificate(struct engine *engine, struct request *req)
{
	enum reason reason;

	req->stage = "admit";
	reason = stage_admit(req);
	if (reason != REASON_ALLOWED)
		return reason;
	req->stage = "certificate";
	return stage_certificate(req, engine->cache);
}

static HOT enum engine_state decide(struct engine *engine, struct ticket *ticket)
{
	struct request *req = ticket->req;
	const struct worker_conf *worker;
	enum reason reason = know_certificate(engine, req);

	if (likely(reason == REASON_ALLOWED)) {
		if (may_ask(engine, ticket) && ask(engine, ticket))
			return ENGINE_PENDING;
		req->stage = "requirement";
		reason = stage_requirement(req);
	}
	if (unlikely(req->connection) && reason == REASON_ALLOWED) {
		req->stage = "worker";
		reason = stage_connection(req);
	}
	if (unlikely(reason != REASON_ALLOWED)) {
		engine_fail(req, reason);
		return ENGINE_DONE;
	}
	worker = req->connection ? NULL : snapshot_worker(req->snapshot, req->rule, req->host,
							  req->path);
	if (likely(worker))
		return run_worker(engine, ticket, worker);
	req->stage = "decision";
	pass(req, NULL);
	return ENGINE_DONE;
}

/* Whatever the request had learned is of before: it starts again, with its id and its deadline. */
static void on_revocation_known(struct revocation_wait *wait)
{
	struct ticket *ticket = wait->arg;
	struct engine *engine = ticket->engine;
	struct request *req = ticket->req;
	struct world *before = req->world;

	leave(ticket);
	ticket->asking = false;
	forget_certificate(req);
	enter_world(engine, req);
	world_unpin(engine, before);
	read_wall(engine, req);
	if (decide(engine, ticket) == ENGINE_DONE)
		ticket->on_done(ticket);
}

enum engine_state engine_submit(struct engine *engine, struct ticket *ticket)
{
	struct request *req = ticket->req;

	begin(engine, req);
	ticket->waits = 0;
	ticket->asking = false;
	if (likely(!engine_full(engine)))
		return decide(engine, ticket);
	req->stage = "admit";
	req->error = SLICE_LIT("limits.inflight requests are waiting already");
	engine_fail(req, REASON_OVERLOADED);
	return ENGINE_DONE;
}

void engine_cancel(struct ticket *ticket)
{
	struct engine *engine = ticket->engine;

	if (ticket->asking)
		engine->env.revocation->cancel(engine->env.revocation_arg, &ticket->wait);
	else if (!ticket->queued)
		engine->env.policy->cancel(&ticket->call);
	ticket->asking = false;
	leave(ticket);
}

void engine_refuse(struct engine *engine, struct request *req, enum reason reason, const char *why)
{
	begin(engine, req);
	if (!req->stage)
		req->stage = "admit";
	request_explain(req, why, SLICE_EMPTY);
	engine_fail(req, reason);
}

bool engine_full(const struct engine *engine)
{
	return atomic_load_explicit(&engine->env.inflight->count, memory_order_relaxed) >=
	       snapshot_config(engine->world->snapshot)->limits.inflight;
}

static void record(struct engine *engine, const struct request *req, int64_t took_ns)
{
	buf_reset(&engine->record);
	decision_write(&engine->record, req, engine->env.wall_ns(), took_ns);
	if (!buf_err(&engine->record))
		engine->env.record(engine->env.arg, buf_slice(&engine->record));
}

static inline void count_cache(struct engine *engine)
{
	struct metrics *metrics = &engine->metrics;
	struct certcache_stats stats;

	certcache_stats_get(engine->cache, &stats);
	atomic_store_explicit(&metrics->cache_hits, stats.hits, memory_order_relaxed);
	atomic_store_explicit(&metrics->cache_misses, stats.misses, memory_order_relaxed);
	atomic_store_explicit(&metrics->verifications, stats.verifications, memory_order_relaxed);
	atomic_store_explicit(&metrics->revocation_looks, stats.looks, memory_order_relaxed);
	atomic_store_explicit(&metrics->cache_evictions, stats.evictions, memory_order_relaxed);
	atomic_store_explicit(&metrics->cache_verified, stats.verified, memory_order_relaxed);
	atomic_store_explicit(&metrics->cache_unverified, stats.unverified, memory_order_relaxed);
}

void engine_rest(struct engine *engine)
{
	engine->awake = false;
	engine->clock_known = false;
	count_cache(engine);
}

static void note_certificate(struct engine *engine, const struct request *req)
{
	struct cert_entry *entry = req->cert;
	int64_t hour = radar_hour(req->now_s);

	metric_add(&engine->metrics.revocation[entry->revocation.status], 1);
	if (likely(!engine->env.radar || entry->seen_hour == hour))
		return;
	entry->seen_hour = hour;
	radar_see(engine->env.radar, entry->authority, entry->cert->not_after, entry->cert->serial,
		  entry->cert->subject_dn, req->now_s);
}

HOT void engine_release(struct engine *engine, struct request *req)
{
	int64_t took_ns = read_clock(engine) - req->started_ns;

	if (likely(req->verdict.reason != REASON_INTERNAL_UNSET)) {
		metrics_decision(&engine->metrics, req->verdict.kind, req->verdict.reason, took_ns);
		if (req->observed)
			metric_add(&engine->metrics.observed[req->observed], 1);
		if (likely(req->cert) && req->cert->result.error == 0)
			note_certificate(engine, req);
		if (!engine->awake)
			count_cache(engine);
		if (engine->env.record &&
		    decision_wanted(req, snapshot_config(req->snapshot)->decisions_level))
			record(engine, req, took_ns);
	}
	forget_certificate(req);
	world_unpin(engine, req->world);
	req->world = NULL;
}
