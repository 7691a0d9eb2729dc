/* SPDX-License-Identifier: Apache-2.0 */
#include "front/authz_conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "core/metrics.h"
#include "front/authz.h"
#include "io/stream.h"

/* Between two complaints in the log; the ones between are counted. */
#define COMPLAIN_NS INT64_C(1000000000)

struct conn {
	struct authz_server *server;
	struct stream *stream;
	struct authz_session *session;
	struct loop_timer *timer;
	int64_t armed; /* when the timer comes; INT64_MAX: not at all */
	struct conn *prev, *next;
};

struct authz_server {
	struct loop *loop;
	struct authz_shared shared;
	struct authz_stats stats;
	struct conn *conns;
	size_t count;
	void (*closed)(void *arg);
	void *closed_arg;
	bool draining;
	void (*drained)(void *arg);
	void *drained_arg;
	struct loop_timer *idle; /* tells that nothing is left, from the loop and not from within drain() */
	int64_t complained_ns;
	unsigned silent; /* complaints since that were not logged */
};

/* The timer only ever comes too early: moving it back for each frame would cost more than a look. */
static void arm(struct conn *conn)
{
	int64_t at = authz_deadline(conn->session);
	int64_t now;

	if (at >= conn->armed)
		return;
	now = loop_now_ns(conn->server->loop);
	conn->armed = at;
	loop_timer_set(conn->timer, at > now ? at - now : 0);
}

static int64_t hook_now(void *arg)
{
	struct conn *conn = arg;

	return loop_now_ns(conn->server->loop);
}

static struct buf *hook_out(void *arg)
{
	struct conn *conn = arg;

	return stream_out(conn->stream);
}

static size_t hook_waiting(void *arg)
{
	struct conn *conn = arg;

	return stream_waiting(conn->stream);
}

static void hook_flush(void *arg)
{
	struct conn *conn = arg;

	stream_flush(conn->stream);
	arm(conn);
}

static void hook_pause(void *arg, bool paused)
{
	struct conn *conn = arg;

	stream_pause(conn->stream, paused);
}

static void hook_finish(void *arg, int64_t linger_ns)
{
	struct conn *conn = arg;

	stream_finish(conn->stream, linger_ns);
}

/* Rubbish may come by the thousand: a line a second says as much. */
static void complain(struct authz_server *server, const struct stream *stream, const char *what,
		     const char *hint)
{
	int64_t now = loop_now_ns(server->loop);

	if (server->complained_ns && now - server->complained_ns < COMPLAIN_NS) {
		server->silent++;
		return;
	}
	server->complained_ns = now;
	log_warning("grpc %s: %s; %s (%u more such lines left out)", stream_peer(stream)->text, what,
		    hint, server->silent);
	server->silent = 0;
}

static void hook_complain(void *arg, const char *what, const char *hint)
{
	struct conn *conn = arg;

	complain(conn->server, conn->stream, what, hint);
}

static const struct authz_hooks hooks = {
	.now_ns = hook_now,
	.out = hook_out,
	.waiting = hook_waiting,
	.flush = hook_flush,
	.pause = hook_pause,
	.finish = hook_finish,
	.complain = hook_complain,
};

static size_t on_data(void *arg, struct slice in)
{
	struct conn *conn = arg;

	authz_feed(conn->session, in);
	arm(conn);
	return in.len;
}

static void on_writable(void *arg)
{
	struct conn *conn = arg;

	authz_writable(conn->session);
	arm(conn);
}

static void on_timer(void *arg)
{
	struct conn *conn = arg;

	conn->armed = INT64_MAX;
	authz_tick(conn->session);
	arm(conn);
}

static void forget(struct conn *conn)
{
	struct authz_server *server = conn->server;

	DL_DELETE(server->conns, conn);
	server->count--;
	loop_timer_free(conn->timer);
	authz_free(conn->session);
	free(conn);
	metric_add(&server->stats.closed, 1);
	if (server->closed)
		server->closed(server->closed_arg);
	if (server->draining && server->count == 0)
		loop_timer_set(server->idle, 0);
}

/* A peer that closes or resets is how connections end; nothing to say about it. */
static void on_close(void *arg, enum err why)
{
	struct conn *conn = arg;

	if (why == ERR_TIMEOUT)
		metric_add(&conn->server->stats.timeouts, 1);
	if (why == ERR_CRYPTO)
		complain(conn->server, conn->stream, "the TLS handshake failed",
			 "the cluster needs a transport_socket with ALPN h2, and a certificate of client_authorities where that is set");
	forget(conn);
}

static const struct stream_handler handler = {
	.on_data = on_data,
	.on_close = on_close,
	.on_writable = on_writable,
};

static void on_idle(void *arg)
{
	struct authz_server *server = arg;

	void (*drained)(void *arg) = server->drained;

	if (!server->draining || server->count || !drained)
		return;
	/* Once, whatever still comes and goes. */
	server->drained = NULL;
	drained(server->drained_arg);
}

struct authz_server *authz_server_new(struct loop *loop, struct engine *engine)
{
	struct authz_server *server = mem_new(sizeof(*server));

	server->loop = loop;
	server->shared.engine = engine;
	server->shared.stats = &server->stats;
	server->idle = loop_timer_new(loop, on_idle, server);
	return server;
}

void authz_server_accept(struct authz_server *server, int fd, struct tls_server *tls,
			 bool chain_xfcc)
{
	const struct stream_limits limits = {
		.in_max = AUTHZ_IN_MAX,
		.out_high = AUTHZ_OUT_MAX,
		.handshake_ns = H2_OPEN_NS,
		.blocked_ns = AUTHZ_BLOCKED_NS,
	};
	struct conn *conn = mem_new(sizeof(*conn));

	conn->server = server;
	conn->armed = INT64_MAX;
	conn->timer = loop_timer_new(server->loop, on_timer, conn);
	conn->stream = stream_new(server->loop, fd, tls, &limits, &handler, conn);
	conn->session = authz_new(&server->shared, &hooks, conn, chain_xfcc);
	DL_APPEND(server->conns, conn);
	server->count++;
	metric_add(&server->stats.accepted, 1);
	if (server->draining)
		authz_drain(conn->session);
	arm(conn);
}

void authz_server_on_closed(struct authz_server *server, void (*closed)(void *arg), void *arg)
{
	server->closed = closed;
	server->closed_arg = arg;
}

size_t authz_server_connections(const struct authz_server *server)
{
	return server->count;
}

const struct authz_stats *authz_server_stats(const struct authz_server *server)
{
	return &server->stats;
}

void authz_server_drain(struct authz_server *server, void (*done)(void *arg), void *arg)
{
	struct conn *conn;

	server->draining = true;
	server->drained = done;
	server->drained_arg = arg;
	DL_FOREACH(server->conns, conn) {
		authz_drain(conn->session);
		arm(conn);
	}
	if (server->count == 0)
		loop_timer_set(server->idle, 0);
}

void authz_server_free(struct authz_server *server)
{
	if (!server)
		return;
	server->draining = false;
	server->closed = NULL;
	while (server->conns) {
		struct conn *conn = server->conns;

		stream_abort(conn->stream);
		forget(conn);
	}
	authz_shared_fini(&server->shared);
	loop_timer_free(server->idle);
	free(server);
}
