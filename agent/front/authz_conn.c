/* SPDX-License-Identifier: Apache-2.0 */
#include "front/authz_conn.h"

#include <stdlib.h>

#include "base/mem.h"
#include "front/authz.h"
#include "front/session_conn.h"

struct authz_server {
	struct session_conns conns;
	struct authz_shared shared;
	struct authz_stats stats;
};

static const struct authz_hooks hooks = {
	.now_ns = session_conn_now,
	.out = session_conn_out,
	.waiting = session_conn_waiting,
	.flush = session_conn_flush,
	.pause = session_conn_pause,
	.finish = session_conn_finish,
	.complain = session_conn_complain,
};

static size_t feed(void *session, struct slice in)
{
	authz_feed(session, in);
	return in.len;
}

static void writable(void *session)
{
	authz_writable(session);
}

static int64_t deadline(const void *session)
{
	return authz_deadline(session);
}

static void tick(void *session)
{
	authz_tick(session);
}

static void drain(void *session)
{
	authz_drain(session);
}

static void free_session(void *session)
{
	authz_free(session);
}

static const struct session_ops ops = {
	.tls_hint = "the cluster needs a transport_socket with ALPN h2, and a certificate of client_authorities where that is set",
	.feed = feed,
	.writable = writable,
	.deadline = deadline,
	.tick = tick,
	.drain = drain,
	.free = free_session,
};

struct authz_server *authz_server_new(struct loop *loop, struct engine *engine)
{
	struct authz_server *server = mem_new(sizeof(*server));

	server->shared.engine = engine;
	server->shared.stats = &server->stats;
	server->conns.ops = &ops;
	server->conns.timeouts = &server->stats.timeouts;
	conns_init(&server->conns.conns, loop, "grpc", &server->stats.accepted, &server->stats.closed);
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
	struct session_conn *conn = session_conn_open(&server->conns, fd, tls, &limits);

	session_conn_start(conn, authz_new(&server->shared, &hooks, conn, chain_xfcc));
}

void authz_server_on_closed(struct authz_server *server, void (*closed)(void *arg), void *arg)
{
	conns_on_closed(&server->conns.conns, closed, arg);
}

size_t authz_server_connections(const struct authz_server *server)
{
	return server->conns.conns.count;
}

const struct authz_stats *authz_server_stats(const struct authz_server *server)
{
	return &server->stats;
}

void authz_server_drain(struct authz_server *server, void (*done)(void *arg), void *arg)
{
	session_conns_drain(&server->conns, done, arg);
}

void authz_server_free(struct authz_server *server)
{
	if (!server)
		return;
	session_conns_fini(&server->conns);
	authz_shared_fini(&server->shared);
	free(server);
}
