/* SPDX-License-Identifier: Apache-2.0 */
#include "front/spoe_conn.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "front/session_conn.h"
#include "front/spoe.h"

struct spoe_server {
	struct session_conns conns;
	struct spoe_shared shared;
	struct spoe_stats stats;
};

static void complain(void *arg, enum spop_status status, const char *what)
{
	char text[256];

	snprintf(text, sizeof(text), "%s (%s)", what, spop_status_text(status));
	session_conn_complain(arg, text, "is this HAProxy's SPOE, on a server line of mode spop or tcp?");
}

static const struct spoe_hooks hooks = {
	.now_ns = session_conn_now,
	.out = session_conn_out,
	.waiting = session_conn_waiting,
	.bound_unread = session_conn_bound_unread,
	.flush = session_conn_flush,
	.pause = session_conn_pause,
	.finish = session_conn_finish,
	.complain = complain,
};

static HOT size_t feed(void *session, struct slice in)
{
	return spoe_feed(session, in);
}

static void writable(void *session)
{
	spoe_writable(session);
}

static HOT int64_t deadline(const void *session)
{
	return spoe_deadline(session);
}

static void tick(void *session)
{
	spoe_tick(session);
}

static void drain(void *session)
{
	spoe_drain(session);
}

static void free_session(void *session)
{
	spoe_free(session);
}

static const struct session_ops ops = {
	.tls_hint = "the server line needs ssl, and a certificate of client_authorities where that is set",
	.feed = feed,
	.writable = writable,
	.deadline = deadline,
	.tick = tick,
	.drain = drain,
	.free = free_session,
};

struct spoe_server *spoe_server_new(struct loop *loop, struct engine *engine)
{
	struct spoe_server *server = mem_new(sizeof(*server));

	server->shared.engine = engine;
	server->shared.stats = &server->stats;
	server->conns.ops = &ops;
	server->conns.timeouts = &server->stats.timeouts;
	conns_init(&server->conns.conns, loop, "spop", &server->stats.accepted, &server->stats.closed);
	return server;
}

void spoe_server_accept(struct spoe_server *server, int fd, struct tls_server *tls)
{
	const struct stream_limits limits = {
		.in_max = spoe_in_max(snapshot_config(engine_snapshot(server->shared.engine))),
		.out_high = SPOE_OUT_MAX,
		.handshake_ns = SPOE_HELLO_NS,
		.blocked_ns = SPOE_BLOCKED_NS,
	};
	struct session_conn *conn = session_conn_open(&server->conns, fd, tls, &limits);

	session_conn_start(conn, spoe_new(&server->shared, &hooks, conn));
}

void spoe_server_on_closed(struct spoe_server *server, void (*closed)(void *arg), void *arg)
{
	conns_on_closed(&server->conns.conns, closed, arg);
}

size_t spoe_server_connections(const struct spoe_server *server)
{
	return server->conns.conns.count;
}

const struct spoe_stats *spoe_server_stats(const struct spoe_server *server)
{
	return &server->stats;
}

void spoe_server_drain(struct spoe_server *server, void (*done)(void *arg), void *arg)
{
	session_conns_drain(&server->conns, done, arg);
}

void spoe_server_free(struct spoe_server *server)
{
	if (!server)
		return;
	session_conns_fini(&server->conns);
	spoe_shared_fini(&server->shared);
	free(server);
}
