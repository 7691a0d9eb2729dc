/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_SPOE_H
#define MTLSGUARD_FRONT_SPOE_H

#include "base/buf.h"
#include "base/pool.h"
#include "core/engine.h"
#include "front/spoe_stats.h"
#include "wire/spop.h"

/*
 * One SPOP connection without its socket: bytes in, requests out, verdicts in,
 * bytes out. The same session runs in the agent, in tests and under the fuzzer.
 *
 * HAProxy says HELLO and gets our answer; each of its NOTIFY frames is copied
 * once into the memory of a request, which the engine decides at once or
 * later; the verdict leaves as an ACK with the ids of its NOTIFY, in the order
 * in which verdicts are ready. What HAProxy survives and what it does not is
 * in its own bug list; the rules that follow from it:
 *  - a HELLO is refused only when there is no way to serve the peer, since
 *    older ones come back in a tight loop;
 *  - each NOTIFY gets an ACK with at least one action, too much work included;
 *  - an ACK keeps 64 bytes away from the size negotiated, and answers that the
 *    peer has not read stay under it where that can be told: HAProxy 3.1 and
 *    newer hang when more lies unread;
 *  - whoever ends a connection waits for HAProxy to close it.
 */
struct spoe_session;

/* What the sessions of one loop have in common. engine, stats and limits are set by the owner. */
struct spoe_shared {
	struct engine *engine;
	struct spoe_stats *stats;
	struct pool pool; /* of requests that were answered; the sessions' own */
};

/* Frees the pool; no session may be left. */
void spoe_shared_fini(struct spoe_shared *shared);

/* How a session reaches the connection that it belongs to. */
struct spoe_hooks {
	/* Monotonic nanoseconds, as of this wake-up. */
	int64_t (*now_ns)(void *arg);
	/* Where frames go. Asked anew for each. */
	struct buf *(*out)(void *arg);
	/* Bytes of out that wait to be written. */
	size_t (*waiting)(void *arg);
	/* Never more than max bytes are to lie unread at the peer, as far as that can be had. */
	void (*bound_unread)(void *arg, size_t max);
	/* Something was put into out from outside spoe_feed: it is to leave. */
	void (*flush)(void *arg);
	/* Back-pressure. What spoe_feed did not use up is offered again after paused false. */
	void (*pause)(void *arg, bool paused);
	/* The session is over: what is in out is to leave, then the peer has linger_ns to close. */
	void (*finish)(void *arg, int64_t linger_ns);
	/* The peer did something that ends the connection; for the log. */
	void (*complain)(void *arg, enum spop_status status, const char *what);
};

/* Bounds and delays that no configuration needs to know. */
#define SPOE_HELLO_MAX 4096u	       /* LEN of the first frame */
#define SPOE_UNANSWERED_MAX 256u       /* requests pending on a connection; then it is not read */
#define SPOE_OUT_MAX (256u * 1024)     /* output waiting to be written; then it is not read */
#define SPOE_ACK_MARGIN 64u	       /* ACKs stay this far under the size negotiated */
#define SPOE_HELLO_NS INT64_C(5000000000)
#define SPOE_PARTIAL_NS INT64_C(5000000000) /* for the rest of a frame, or of a fragmented message */
#define SPOE_BLOCKED_NS INT64_C(10000000000) /* for the peer to read something, while output waits */
#define SPOE_LINGER_NS INT64_C(1000000000)   /* for the peer to close first */
#define SPOE_QUIET_NS INT64_C(200000000)     /* without a question, before a draining session says goodbye */
#define SPOE_DRAIN_NS INT64_C(2000000000)    /* after the last answer of a draining session */

/* A session for a new connection, with the limits of the present snapshot. hooks and shared outlive it. */
struct spoe_session *spoe_new(struct spoe_shared *shared, const struct spoe_hooks *hooks, void *arg);

/*
 * What arrived and was not used up before. Returns how many bytes were used
 * up; the rest is offered again with what comes next, or once hooks->pause(false).
 */
size_t spoe_feed(struct spoe_session *session, struct slice in);

/* Output that waited has been written. */
void spoe_writable(struct spoe_session *session);

/* When spoe_tick wants to be called next; INT64_MAX: not before something else happens. Asked after
 * each call of another function here, and after flush. */
int64_t spoe_deadline(const struct spoe_session *session);
void spoe_tick(struct spoe_session *session);

/* Starts draining: decides what still comes, says goodbye once nothing is pending, ends two
 * seconds after the last answer. */
void spoe_drain(struct spoe_session *session);

/* The connection has gone: cancels what is pending. Not from within spoe_feed. */
void spoe_free(struct spoe_session *session);

/* Bytes that a connection must be able to keep unread, so that each frame fits that may come. */
size_t spoe_in_max(const struct config *config);

#endif
