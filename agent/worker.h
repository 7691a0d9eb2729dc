/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_WORKER_H
#define MTLSGUARD_WORKER_H

#include "core/engine.h"
#include "front/authz_conn.h"
#include "front/http_conn.h"
#include "front/spoe_conn.h"
#include "io/mailbox.h"
#include "record.h"
#include "svc/revoker.h"
#include "upkeep.h"

/*
 * One request loop's world: its thread, loop, mailbox, engine and its
 * connections. The main loop hands it connections and configurations through
 * the mailbox; it tells the main loop, through that one's, what came of them.
 */
struct worker;

/* What all workers share, and what they tell. Copied; what it points to outlives them. */
struct worker_env {
	struct chaincache *chains;
	struct inflight *inflight;
	struct record *record;
	struct upkeep *upkeep;
	struct revoker *revoker;
	struct radar *radar;
	struct mailbox *home; /* the main loop's; deliver gets its arg */
	unsigned loops;
	/* On the main loop, with the mailbox's arg. */
	void (*switched)(void *home); /* the configuration given is in use */
	void (*drained)(void *home);  /* no connection is left after worker_drain */
	void (*room)(void *home);     /* a connection ended after worker_tell_room */
};

/* Starts the thread. Takes one count of snapshot, and policies. NULL when the system refuses. */
struct worker *worker_new(const struct worker_env *env, unsigned index, struct snapshot *snapshot,
			  struct policy_set *policies);

/* The following are the main loop's thread's. Hands a connection over; tls is counted for it. */
void worker_accept(struct worker *worker, int fd, struct tls_server *tls);
void worker_accept_grpc(struct worker *worker, int fd, struct tls_server *tls, bool chain_xfcc);
void worker_accept_http(struct worker *worker, int fd, struct tls_server *tls, enum http_dialect dialect);

/* Uses another configuration from now on: takes one count of snapshot, and policies. */
void worker_switch(struct worker *worker, struct snapshot *snapshot, struct policy_set *policies);

/* Goes on deciding until its peers have closed. Once. */
void worker_drain(struct worker *worker);

/* env.room comes after the next connection that ends. Ask again after each. */
void worker_tell_room(struct worker *worker);

/* Connections handed over and not ended yet. Any thread. */
unsigned worker_connections(const struct worker *worker);

const struct metrics *worker_metrics(const struct worker *worker);
const struct spoe_stats *worker_stats(const struct worker *worker);
const struct authz_stats *worker_grpc_stats(const struct worker *worker);
const struct loop_stalls *worker_stalls(const struct worker *worker);
const struct http_stats *worker_http_stats(const struct worker *worker);

/* Ends the thread and closes what is open. Its last mail may still be in env.home, so... */
void worker_stop(struct worker *worker);

/* ...its memory goes when that mailbox has gone. */
void worker_free(struct worker *worker);

#endif
