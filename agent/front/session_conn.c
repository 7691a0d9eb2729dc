/* SPDX-License-Identifier: Apache-2.0 */
#include "front/session_conn.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"
#include "core/metrics.h"

/* The timer only ever comes too early: moving it back for each frame would cost more than a look. */
static void arm(struct session_conn *conn)
{
	int64_t at = conn->conns->ops->deadline(conn->session);
	int64_t now;

	if (at >= conn->armed)
		return;
	now = session_conn_now(conn);
	conn->armed = at;
	loop_timer_set(conn->timer, at > now ? at - now : 0);
}

HOT int64_t session_conn_now(void *arg)
{
	struct session_conn *conn = arg;

	return loop_now_ns(conn->conns->conns.loop);
}

HOT struct buf *session_conn_out(void *arg)
{
	struct session_conn *conn = arg;

	return stream_out(conn->stream);
}

HOT size_t session_conn_waiting(void *arg)
{
	struct session_conn *conn = arg;

	return stream_waiting(conn->stream);
}

void session_conn_bound_unread(void *arg, size_t max)
{
	struct session_conn *conn = arg;

	stream_bound_unread(conn->stream, max);
}

void session_conn_flush(void *arg)
{
	struct session_conn *conn = arg;

	stream_flush(conn->stream);
	arm(conn);
}

void session_conn_pause(void *arg, bool paused)
{
	struct session_conn *conn = arg;

	stream_pause(conn->stream, paused);
}

void session_conn_finish(void *arg, int64_t linger_ns)
{
	struct session_conn *conn = arg;

	stream_finish(conn->stream, linger_ns);
}

void session_conn_complain(void *arg, const char *what, const char *hint)
{
	struct session_conn *conn = arg;

	conns_complain(&conn->conns->conns, stream_peer(conn->stream), what, hint);
}

static HOT size_t on_data(void *arg, struct slice in)
{
	struct session_conn *conn = arg;
	size_t used = conn->conns->ops->feed(conn->session, in);

	arm(conn);
	return used;
}

static void on_writable(void *arg)
{
	struct session_conn *conn = arg;

	conn->conns->ops->writable(conn->session);
	arm(conn);
}

static void on_timer(void *arg)
{
	struct session_conn *conn = arg;

	conn->armed = INT64_MAX;
	conn->conns->ops->tick(conn->session);
	arm(conn);
}

static void forget(struct session_conn *conn)
{
	struct session_conns *conns = conn->conns;

	DL_DELETE(conns->list, conn);
	loop_timer_free(conn->timer);
	conns->ops->free(conn->session);
	free(conn);
	conns_went(&conns->conns);
}

/* A peer that closes or resets between frames is how connections end; nothing to say about it. */
static void on_close(void *arg, enum err why)
{
	struct session_conn *conn = arg;

	if (why == ERR_TIMEOUT)
		metric_add(conn->conns->timeouts, 1);
	if (why == ERR_CRYPTO)
		session_conn_complain(conn, "the TLS handshake failed", conn->conns->ops->tls_hint);
	forget(conn);
}

static const struct stream_handler handler = {
	.on_data = on_data,
	.on_close = on_close,
	.on_writable = on_writable,
};

struct session_conn *session_conn_open(struct session_conns *conns, int fd, struct tls_server *tls,
				       const struct stream_limits *limits)
{
	struct session_conn *conn = mem_new(sizeof(*conn));

	conn->conns = conns;
	conn->armed = INT64_MAX;
	conn->timer = loop_timer_new(conns->conns.loop, on_timer, conn);
	conn->stream = stream_new(conns->conns.loop, fd, tls, limits, &handler, conn);
	DL_APPEND(conns->list, conn);
	conns_came(&conns->conns);
	return conn;
}

void session_conn_start(struct session_conn *conn, void *session)
{
	conn->session = session;
	if (conn->conns->conns.draining)
		conn->conns->ops->drain(session);
	arm(conn);
}

void session_conns_drain(struct session_conns *conns, void (*done)(void *arg), void *arg)
{
	struct session_conn *conn;

	conns_drain(&conns->conns, done, arg);
	DL_FOREACH(conns->list, conn) {
		conns->ops->drain(conn->session);
		arm(conn);
	}
}

void session_conns_fini(struct session_conns *conns)
{
	conns_mute(&conns->conns);
	while (conns->list) {
		struct session_conn *conn = conns->list;

		stream_abort(conn->stream);
		forget(conn);
	}
	conns_fini(&conns->conns);
}
