/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_SPOE_RIG_H
#define TESTS_LIB_SPOE_RIG_H

#include "front/spoe.h"
#include "lib/spop_peer.h"

/*
 * A session whose connection is in memory: what is given to it is kept until
 * it is used up, like a stream does, and what it says is kept to be looked at.
 */
struct spoe_rig {
	struct rig *rig;
	struct spoe_shared *shared;
	struct spoe_session *session;
	struct buf in, out;
	size_t seen;	 /* bytes of out that spoe_rig_next has gone past */
	size_t waiting;	 /* what hooks->waiting says, -1: what out holds */
	size_t bound;	 /* what bound_unread was told, 0: nothing */
	unsigned flushed;
	bool paused, finished;
	int64_t linger_ns;
	unsigned complaints;
	enum spop_status status; /* of the last complaint */
	const char *what;
};

/* What a loop's sessions share, on the heap with its own counters. */
struct spoe_shared *spoe_rig_shared(struct rig *rig);
void spoe_rig_shared_free(struct spoe_shared *shared);

struct spoe_rig *spoe_rig_new(struct rig *rig, struct spoe_shared *shared);
void spoe_rig_free(struct spoe_rig *peer); /* as when the connection is lost */

/* Bytes arrive. */
void spoe_rig_send(struct spoe_rig *peer, struct slice bytes);
/* Bytes arrive one at a time. */
void spoe_rig_drip(struct spoe_rig *peer, struct slice bytes);
/* What is kept is offered again. */
void spoe_rig_again(struct spoe_rig *peer);

/* HELLO and its answer, which is taken. */
void spoe_rig_hello(struct spoe_rig *peer);

/* One question, as NOTIFY. */
void spoe_rig_ask(struct spoe_rig *peer, uint64_t stream, uint64_t frame, const struct named *over);

/* The next frame that the session sent; false when there is none. Views live until more is sent. */
bool spoe_rig_next(struct spoe_rig *peer, struct spop_frame *out);

/* Time passes, with a tick whenever the session has asked for one. */
void spoe_rig_sleep(struct spoe_rig *peer, int64_t ns);

#endif
