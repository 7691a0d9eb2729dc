/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_AUTHZ_SESSION_H
#define MTLSGUARD_FRONT_AUTHZ_SESSION_H

#include "base/arena.h"
#include "front/authz.h"

/* What authz.c and authz_call.c share; nobody else includes it. */
struct authz_call {
	struct request req;
	struct arena arena;
	struct ticket ticket;
	struct authz_session *session;
	struct h2_call *call;
	struct authz_call *prev, *next; /* pending ones of a session */
};

struct authz_session {
	struct authz_shared *shared;
	const struct authz_hooks *hooks;
	void *arg;
	struct h2_session *h2;
	bool chain_xfcc;
	size_t message_max;
	bool in_feed, paused, over;
	bool draining, announced, ended;
	int64_t now;
	struct authz_call *pending; /* the first to come is the first to be late, but for timeouts of their own */

	/* INT64_MAX: none. */
	int64_t age_at, end_at, close_at;
	int64_t quiet_at, goodbye_until; /* while draining */
};

/* authz_call.c: decides what a Check call asks and answers it, now or later. */
void authz_check(struct authz_session *session, struct h2_call *call);

/* The call has lost its stream. */
void authz_cancel(struct authz_call *call);

/* Refuses what is past its deadline. */
void authz_expire(struct authz_session *session);
int64_t authz_next_expiry(const struct authz_session *session);

/* An answer was given. Outside of authz_feed it also leaves. */
void authz_answered(struct authz_session *session);

#endif
