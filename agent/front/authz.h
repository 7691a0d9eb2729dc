/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_AUTHZ_H
#define MTLSGUARD_FRONT_AUTHZ_H

#include "base/buf.h"
#include "base/pool.h"
#include "core/engine.h"
#include "front/authz_stats.h"
#include "wire/h2.h"

/*
 * One connection of Envoy's ext_authz filter without its socket: bytes in,
 * requests out, verdicts in, bytes out.
 *
 * A Check call's message is read where it lies; what it says becomes the
 * arguments of a request (authz_request.h), which the engine decides at once or
 * later; the verdict leaves as the call's CheckResponse (authz_answer.h).
 * Every question that reached us is answered in band, as a denial if need be:
 * a gRPC error is what failure_mode_allow lets through. Envoy gives a call up
 * at its own timeout, which cancels the request.
 *
 * Health (grpc.health.v1) says NOT_SERVING while draining; questions are still
 * decided then, since Envoy asks on when all its agents say so.
 */
struct authz_session;

/* What the sessions of one loop have in common. engine and stats are set by the owner, the rest is zeroed. */
struct authz_shared {
	struct engine *engine;
	struct authz_stats *stats;
	struct h2_pool calls;
	struct pool pool; /* of questions that were answered */
	struct pemcache *pems; /* made with the first session */
	uint64_t sessions; /* made so far: spreads their ages */
};

/* Frees the pools; no session may be left. */
void authz_shared_fini(struct authz_shared *shared);

/* How a session reaches its connection. */
struct authz_hooks {
	/* Monotonic nanoseconds, as of this wake-up. */
	int64_t (*now_ns)(void *arg);
	/* Where bytes go. Asked anew each time. */
	struct buf *(*out)(void *arg);
	/* Bytes of out that wait to be written. */
	size_t (*waiting)(void *arg);
	/* Something was put into out from outside authz_feed: it is to leave. */
	void (*flush)(void *arg);
	/* Back-pressure. */
	void (*pause)(void *arg, bool paused);
	/* The session is over: what is in out is to leave, then the peer has linger_ns to close. */
	void (*finish)(void *arg, int64_t linger_ns);
	/* For the log: what a peer did, and what to do about it. */
	void (*complain)(void *arg, const char *what, const char *hint);
};

/* Bounds and delays that no configuration needs to know. */
#define AUTHZ_OUT_MAX (256u * 1024) /* output waiting to be written; then the connection is not read */
#define AUTHZ_IN_MAX (64u * 1024)   /* bytes read at a time */
#define AUTHZ_BLOCKED_NS INT64_C(10000000000)
#define AUTHZ_LINGER_NS INT64_C(1000000000)
#define AUTHZ_QUIET_NS INT64_C(200000000) /* without a question, before a draining session says goodbye */
#define AUTHZ_DRAIN_NS INT64_C(2000000000) /* after the last answer of a draining session */
#define AUTHZ_GOAWAY_NS INT64_C(200000000) /* between the GOAWAY that announces the end and the one that sets it */

/* A session for a new connection, with the limits of the present snapshot. hooks and shared outlive it.
 * chain_xfcc: see authz_request.h. */
struct authz_session *authz_new(struct authz_shared *shared, const struct authz_hooks *hooks, void *arg,
				bool chain_xfcc);

/* What arrived; all of it is used up. */
void authz_feed(struct authz_session *session, struct slice in);

/* Output that waited has been written. */
void authz_writable(struct authz_session *session);

/* When authz_tick wants to be called next; INT64_MAX: not before something else happens. Asked after
 * each call of another function here, and after flush. */
int64_t authz_deadline(const struct authz_session *session);
void authz_tick(struct authz_session *session);

/* Starts draining: health says NOT_SERVING, what still comes is decided, GOAWAY once no question comes any
 * more or after two seconds; the end two seconds after the last answer. */
void authz_drain(struct authz_session *session);

/* The connection has gone: cancels what is pending. Not from within authz_feed. */
void authz_free(struct authz_session *session);

#endif
