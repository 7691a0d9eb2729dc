/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_SPOE_SESSION_H
#define MTLSGUARD_FRONT_SPOE_SESSION_H

#include "front/spoe.h"
#include "front/spoe_ack.h"
#include "front/spoe_order.h"

/* What spoe.c, spoe_request.c and spoe_fragment.c share; nobody else includes it. */
enum spoe_phase { SPOE_HELLO, SPOE_OPEN, SPOE_OVER };

struct spoe_request {
	struct request req;
	struct arena arena;
	struct ticket ticket;
	struct spoe_session *session;
	struct spoe_ids ids;
	struct spoe_request *prev, *next; /* pending ones of a session */
};

/* A fragmented message that is not whole yet. */
struct spoe_fragment {
	struct spoe_ids ids;
	struct buf bytes;
	bool too_large; /* its bytes are dropped; its end is answered */
	struct spoe_fragment *prev, *next;
};

struct spoe_session {
	struct spoe_shared *shared;
	const struct spoe_hooks *hooks;
	void *arg;
	enum spoe_phase phase;
	bool in_feed, paused;
	bool draining, said_goodbye;
	bool asked; /* it has brought a NOTIFY, or was there when draining began */
	int64_t now;

	size_t frame_max;   /* largest LEN that is read now */
	size_t limit_frame, message_max; /* limits.frame, limits.message */
	size_t negotiated;
	size_t ack_max; /* largest ACK, prefix included */

	struct spoe_order order; /* of its questions' arguments */

	struct spoe_request *pending;
	unsigned pending_count;

	struct spoe_fragment *fragments;
	unsigned fragment_count;
	size_t fragment_bytes;

	/* Deadlines; INT64_MAX: none. */
	int64_t hello_until, partial_until, fragments_until, close_at;
	int64_t quiet_at, goodbye_until; /* while draining: no question came until; a goodbye comes in any case */
};

/* Ends the session with a DISCONNECT frame. */
COLD void spoe_fail(struct spoe_session *session, enum spop_status status, const char *what);

/* spoe_request.c: decides what a NOTIFY asks and answers it, now or later. */
void spoe_notify(struct spoe_session *session, const struct spoe_ids *ids, struct slice payload);
void spoe_refuse(struct spoe_session *session, const struct spoe_ids *ids, enum reason reason,
		 const char *why);
void spoe_cancel(struct spoe_session *session, const struct spoe_ids *ids); /* NULL: all */
void spoe_expire(struct spoe_session *session);

/* A frame of `size` bytes was put into out. */
void spoe_sent(struct spoe_session *session, size_t size);

/* An answer was given outside of spoe_feed. */
void spoe_answered(struct spoe_session *session);

/* spoe_fragment.c: a frame that is part of a fragmented message, or an UNSET one. */
void spoe_fragment(struct spoe_session *session, const struct spop_frame *frame);
bool spoe_fragment_known(const struct spoe_session *session, const struct spoe_ids *ids);
void spoe_fragments_drop(struct spoe_session *session);

static inline bool spoe_same(const struct spoe_ids *a, const struct spoe_ids *b)
{
	return a->stream == b->stream && a->frame == b->frame;
}

#endif
