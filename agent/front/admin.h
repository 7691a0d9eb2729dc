/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_ADMIN_H
#define MTLSGUARD_FRONT_ADMIN_H

#include "base/buf.h"
#include "io/loop.h"

/*
 * The admin listener's HTTP (libmicrohttpd behind it, driven by the loop):
 * /healthz, /readyz, /metrics, by GET and HEAD; all else is 404 or 405.
 * Requests are small, connections few and short-lived, so that a slow client
 * takes nothing from the next.
 */
struct admin;

struct admin_ops {
	/* Whether to send requests here; else *why is a static text. */
	bool (*ready)(void *arg, const char **why);
	/* Appends the page in OpenMetrics 1.0, "# EOF" included. */
	void (*metrics)(void *arg, struct buf *out);
};

/* NULL when the system refuses. ops is kept, arg goes to it. */
struct admin *admin_new(struct loop *loop, const struct admin_ops *ops, void *arg);

/* Takes an accepted connection over. */
void admin_accept(struct admin *admin, int fd);

/* Closes what is open. NULL is fine. */
void admin_free(struct admin *admin);

#endif
