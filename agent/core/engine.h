/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_ENGINE_H
#define MTLSGUARD_CORE_ENGINE_H

#include "base/err.h"
#include "core/chaincache.h"
#include "core/metrics.h"
#include "core/policy.h"
#include "core/radar.h"
#include "core/request.h"
#include "core/revocation.h"
#include "core/revocation_ask.h"
#include "core/snapshot.h"

/*
 * One loop's decisions. A front submits a request; the stages run in
 * Cloudflare's order (admit, certificate, revocation, requirement, worker,
 * headers, decision) and the first that refuses ends it. Any fault denies,
 * through engine_fail() and nothing else. A connection without a request
 * (req->connection) goes through the stages that need none.
 *
 * submit says DONE (req->verdict is filled) or PENDING (ticket->on_done comes
 * exactly once, unless engine_cancel is called first). A request waits for the
 * first list of a distribution point, for OCSP, or for a worker. What it had
 * learned is read again afterwards: the whole decision starts anew with the
 * configuration of that moment, and after a worker its certificate is looked
 * up once more.
 */
struct engine;

enum engine_state { ENGINE_DONE, ENGINE_PENDING };

/*
 * What an engine needs from the world: clocks, the runtime of workers, where
 * decision records go, and who frees a configuration that no request uses any
 * more (closing Lua states can take a millisecond, so never the loop itself).
 */
struct engine_env {
	int64_t (*mono_ns)(void);
	int64_t (*wall_s)(void);
	int64_t (*wall_ns)(void);
	const struct policy_ops *policy; /* NULL: no workers, a snapshot that has some cannot be used */
	const struct revocation_ops *revocation; /* NULL: nothing can be asked for */
	void *revocation_arg;
	struct radar *radar;		 /* shared by all loops; NULL: none */
	struct chaincache *chains;	 /* shared by all loops */
	struct inflight *inflight;	 /* shared by all loops */
	/* One decision record, a JSON object without its newline; NULL: nowhere. Must not block. */
	void (*record)(void *arg, struct slice line);
	void (*retire)(void *arg, struct snapshot *snapshot, struct policy_set *policies);
	/* A worker's call has used its slice and waits for the next one: call engine_run soon, after a look
	 * at the sockets. NULL: calls run to their end. */
	void (*wake)(void *arg);
	void *arg;
	unsigned loops; /* between how many the certificate cache is divided */
};

/* Requests pending or being decided in the whole process. */
struct inflight {
	_Atomic unsigned count;
};

/* Takes one count of snapshot, and policies (opened for this loop; NULL without workers). env is copied. */
struct engine *engine_new(const struct engine_env *env, struct snapshot *snapshot,
			  struct policy_set *policies);

/* Later requests use these; the former ones go to env.retire once no request pins them. */
void engine_switch(struct engine *engine, struct snapshot *snapshot, struct policy_set *policies);

/* What is known about revocation from now on, for requests that wait, too. Takes one count of state. */
void engine_revocation(struct engine *engine, struct revocation *state);

/* The present one. Borrowed. */
struct snapshot *engine_snapshot(const struct engine *engine);

/* This loop's counters; read from any thread. */
const struct metrics *engine_metrics(const struct engine *engine);

/* No request may be pending or unreleased. */
void engine_free(struct engine *engine);

struct ticket {
	struct request *req;
	void (*on_done)(struct ticket *ticket);
	void *arg;		/* the front's */
	struct policy_call call; /* the engine's from here on */
	struct revocation_wait wait;
	unsigned waits;	/* how often it has waited for revocation */
	bool asking;	/* pending for revocation, not for a worker */
	struct engine *engine;
	struct ticket *prev, *next;
	bool queued; /* pending, and its worker has not begun */
};

/* ticket->req, on_done and arg are set by the caller; it lives until done or cancelled. */
enum engine_state engine_submit(struct engine *engine, struct ticket *ticket);

/*
 * Goes on with what waits for its turn, a fraction of a millisecond at most;
 * on_done of tickets may come from in here. True while more waits: call again
 * after the next look at the sockets.
 */
bool engine_run(struct engine *engine);

/* The peer is gone: nothing comes back for this ticket any more. Only for a pending one. */
void engine_cancel(struct ticket *ticket);

/* A policy has this long to notice its own deadline; then a front cancels the ticket and refuses. */
#define ENGINE_LATE_NS INT64_C(20000000)

/*
 * A deny made by a front itself, for what never becomes a request: rubbish in a
 * message (bad_request), too much in flight (overloaded), a verdict that does
 * not fit (answer_too_large). Fills req->verdict like every other refusal, and
 * counts and logs it. `why` is for the log, copied.
 */
COLD void engine_refuse(struct engine *engine, struct request *req, enum reason reason, const char *why);

/*
 * Around a batch of requests that are submitted and released one after the
 * other in one wake-up: the first then began at now_ns (monotonic), and each
 * other one when the one before it ended, which spares readings of the clock.
 * Without them every request reads the clock.
 */
void engine_wake(struct engine *engine, int64_t now_ns);
void engine_rest(struct engine *engine);

/* True when limits.inflight requests are pending in this process. */
bool engine_full(const struct engine *engine);

/* Gives back what a decided request holds (its snapshot pin, its certificate). Call once
 * for each request that was submitted or refused, after its verdict was told. */
void engine_release(struct engine *engine, struct request *req);

#endif
