/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_SESSION_CONN_H
#define MTLSGUARD_FRONT_SESSION_CONN_H

#include "front/conns.h"
#include "io/stream.h"

/*
 * The socket side of fronts that read bytes themselves: a stream, the session
 * that it feeds, and one timer for the session's deadlines.
 */

/* What a front's sessions can do. */
struct session_ops {
	const char *tls_hint; /* for the log: what a peer needs whose TLS handshake failed */
	/* What arrived; returns how much of it was used up. */
	size_t (*feed)(void *session, struct slice in);
	void (*writable)(void *session);
	/* When tick wants to be called next; INT64_MAX: not before something else happens. */
	int64_t (*deadline)(const void *session);
	void (*tick)(void *session);
	void (*drain)(void *session);
	void (*free)(void *session);
};

struct session_conn {
	struct session_conns *conns;
	struct stream *stream;
	void *session;
	struct loop_timer *timer;
	int64_t armed; /* when the timer comes; INT64_MAX: not at all */
	struct session_conn *prev, *next;
};

struct session_conns {
	struct conns conns;
	const struct session_ops *ops;
	_Atomic uint64_t *timeouts; /* metric */
	struct session_conn *list;
};

/* Takes the connection over; session_conn_start has to follow. tls NULL: plain. */
struct session_conn *session_conn_open(struct session_conns *conns, int fd, struct tls_server *tls,
				       const struct stream_limits *limits);

/* The session that it feeds from now on, and frees when it ends. */
void session_conn_start(struct session_conn *conn, void *session);

/* All sessions, and those that still come. See conns_drain. */
void session_conns_drain(struct session_conns *conns, void (*done)(void *arg), void *arg);

/* Closes what is still open; nobody is told. */
void session_conns_fini(struct session_conns *conns);

/* What sessions ask of their connection; arg is the struct session_conn. */
int64_t session_conn_now(void *arg);
struct buf *session_conn_out(void *arg);
size_t session_conn_waiting(void *arg);
void session_conn_bound_unread(void *arg, size_t max);
void session_conn_flush(void *arg);
void session_conn_pause(void *arg, bool paused);
void session_conn_finish(void *arg, int64_t linger_ns);
void session_conn_complain(void *arg, const char *what, const char *hint);

#endif
