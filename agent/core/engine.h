/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_ENGINE_H
#define MTLSGUARD_CORE_ENGINE_H

#include "base/err.h"
#include "core/policy.h"
#include "core/request.h"
#include "core/snapshot.h"

/*
 * One loop's decisions. A front submits a request; the stages run in
 * Cloudflare's order (admit, certificate, revocation, requirement, worker,
 * headers, decision) and the first that refuses ends it. Any fault denies,
 * through engine_fail() and nothing else.
 *
 * submit says DONE (req->verdict is filled) or PENDING (ticket->on_done comes
 * exactly once, unless engine_cancel is called first).
 */
struct engine;

enum engine_state { ENGINE_DONE, ENGINE_PENDING };

struct ticket {
	struct request *req;
	void (*on_done)(struct ticket *ticket);
	void *arg;		/* the front's */
	struct policy_call call; /* the engine's from here on */
	struct engine *engine;
	struct ticket *prev, *next;
};

/* ticket->req, on_done and arg are set by the caller; it lives until done or cancelled. */
enum engine_state engine_submit(struct engine *engine, struct ticket *ticket);

/* The peer is gone: nothing comes back for this ticket any more. Only for a pending one. */
void engine_cancel(struct ticket *ticket);

/*
 * A deny made by a front itself, for what never becomes a request: rubbish in a
 * message (bad_request), too much in flight (overloaded), a verdict that does
 * not fit (answer_too_large). Fills req->verdict like every other refusal, and
 * counts and logs it. `why` is for the log, copied.
 */
void engine_refuse(struct engine *engine, struct request *req, enum reason reason, const char *why);

/* True when limits.inflight requests are pending in this process. */
bool engine_full(const struct engine *engine);

/* Gives back what a decided request holds (its snapshot pin, its certificate). Call once
 * for each request that was submitted or refused, after its verdict was told. */
void engine_release(struct engine *engine, struct request *req);

#endif
