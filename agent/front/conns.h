/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_CONNS_H
#define MTLSGUARD_FRONT_CONNS_H

#include <stdatomic.h>

#include "io/loop.h"
#include "io/stream.h"

/*
 * What the connections of one front on one loop have in common, whoever reads
 * them: how many there are, who is told when one ends and when the last one of
 * a draining front has, and the log's patience with bad peers.
 */
struct conns {
	struct loop *loop;
	const char *name; /* of the front, in the log */
	_Atomic uint64_t *accepted, *ended; /* metrics */
	size_t count;
	bool draining;
	/* The rest is conns.c's own. */
	void (*closed)(void *arg);
	void *closed_arg;
	void (*drained)(void *arg);
	void *drained_arg;
	struct loop_timer *idle; /* tells that nothing is left, from the loop and not from within conns_drain() */
	int64_t complained_ns;
	unsigned silent; /* complaints since that were not logged */
};

/* name and the two counters outlive it. */
void conns_init(struct conns *conns, struct loop *loop, const char *name, _Atomic uint64_t *accepted,
		_Atomic uint64_t *ended);

/* Nobody is told any more of connections that end. */
void conns_mute(struct conns *conns);

void conns_fini(struct conns *conns);

/* closed(arg) runs on the loop after each connection that ended. */
void conns_on_closed(struct conns *conns, void (*closed)(void *arg), void *arg);

/* A connection came; one has ended, and is on no list any more. */
void conns_came(struct conns *conns);
void conns_went(struct conns *conns);

/* Starts draining: done(arg) comes once, from the loop, when no connection is left. */
void conns_drain(struct conns *conns, void (*done)(void *arg), void *arg);

/* For the log: what a peer did, and what to do about it; a line a second at most. */
void conns_complain(struct conns *conns, const struct peer *peer, const char *what, const char *hint);

#endif
