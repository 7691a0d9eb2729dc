/* SPDX-License-Identifier: Apache-2.0 */
#include "front/http_conn.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "core/metrics.h"
#include "front/http_session.h"

#define SWEEP_NS INT64_C(1000000000)
#define DRAIN_SWEEP_NS INT64_C(50000000)
/* limits.connections is what counts, and the listeners keep it. */
#define DAEMON_CONNECTIONS 1000000u
/* Newer ones refuse themselves what http_head.h is about, when they are told to. */
#if MHD_VERSION >= 0x00097701
#define DAEMON_STRICT MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1,
#else
#define DAEMON_STRICT
#endif

struct relayed {
	struct http_server *server;
	struct http_relay *relay;
	struct peer peer;
	struct relayed *prev, *next;
};

/* The connection of a visitor has ended; a relay tells of its own. */
static void forget(struct http_visitor *visitor)
{
	struct http_server *server = visitor->server;
	bool relayed = visitor->relayed;

	free(visitor);
	if (!relayed)
		conns_went(&server->conns);
}

/* For want of memory libmicrohttpd may close a descriptor without a word. */
static void forget_lost(struct http_server *server)
{
	while (server->arriving) {
		struct http_visitor *visitor = server->arriving;

		DL_DELETE(server->arriving, visitor);
		forget(visitor);
	}
}

static void drive(struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG ms;

	engine_wake(server->engine, loop_now_ns(server->conns.loop));
	MHD_run(server->daemon);
	engine_rest(server->engine);
	forget_lost(server);
	/* It has no timeouts of its own; this says whether something is left to do. */
	if (MHD_get_timeout(server->daemon, &ms) == MHD_YES)
		loop_timer_set(server->turn, 0);
}

static void on_turn(void *arg)
{
	drive(arg);
}

void http_server_turn(struct http_server *server)
{
	loop_timer_set(server->turn, 0);
}

static void on_expiry(void *arg)
{
	http_calls_expire(arg);
}

/* What is shut looks to libmicrohttpd as if the proxy had closed. */
static void shut(struct http_visitor *visitor)
{
	visitor->shut = true;
	shutdown(visitor->fd, SHUT_RDWR);
}

/* When it has been silent for too long. A pending request is the engine's to bound. */
static int64_t patience_until(const struct http_server *server, const struct http_visitor *visitor)
{
	int64_t since = visitor->since_ns;

	if (visitor->pending || visitor->shut)
		return INT64_MAX;
	if (server->conns.draining)
		return (since > server->drain_ns ? since : server->drain_ns) + HTTP_DRAIN_NS;
	return since + (visitor->busy || !visitor->served ? HTTP_PATIENCE_NS : HTTP_IDLE_NS);
}

/*
 * Whether it closed its half right behind its last bytes: libmicrohttpd has not read to that end then, and
 * no event tells of it again. Looked at once after each answer.
 */
static bool has_closed_before(struct http_visitor *visitor)
{
	char byte;

	if (visitor->busy || visitor->looked || visitor->shut)
		return false;
	visitor->looked = true;
	return recv(visitor->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void on_sweep(void *arg)
{
	struct http_server *server = arg;
	int64_t now = loop_now_ns(server->conns.loop);
	struct http_visitor *visitor;

	DL_FOREACH(server->visitors, visitor)
		if (has_closed_before(visitor)) {
			shut(visitor);
		} else if (now >= patience_until(server, visitor)) {
			if (!server->conns.draining)
				metric_add(&server->stats.timeouts, 1);
			shut(visitor);
		}
	if (server->visitors)
		loop_timer_set(server->sweep, server->conns.draining ? DRAIN_SWEEP_NS : SWEEP_NS);
}

/* The newest of that descriptor: an older one was lost, and its number given away again. */
static struct http_visitor *take_arriving(struct http_server *server, int fd)
{
	struct http_visitor *visitor, *found = NULL;

	DL_FOREACH(server->arriving, visitor)
		if (visitor->fd == fd)
			found = visitor;
	DL_DELETE(server->arriving, found);
	return found;
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	struct http_server *server = arg;
	struct http_visitor *visitor = *context;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		DL_DELETE(server->visitors, visitor);
		forget(visitor);
		return;
	}
	visitor = take_arriving(
		server, MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
	if (!server->visitors)
		loop_timer_set(server->sweep, server->conns.draining ? DRAIN_SWEEP_NS : SWEEP_NS);
	DL_APPEND(server->visitors, visitor);
	*context = visitor;
}

static struct http_visitor *visitor_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void *on_target(void *arg, const char *target, struct MHD_Connection *connection)
{
	struct http_server *server = arg;
	struct http_visitor *visitor = visitor_of(connection);

	visitor->busy = true;
	visitor->looked = false;
	visitor->since_ns = loop_now_ns(server->conns.loop);
	return http_call_begin(visitor, connection, target);
}

/* Targets are taken as they were sent. */
static size_t leave_as_is(void *arg, struct MHD_Connection *connection, char *text)
{
	(void)arg;
	(void)connection;
	return strlen(text);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **context)
{
	(void)arg;
	(void)connection;
	(void)url;
	(void)upload;
	return http_call_go(*context, method, version, upload_size);
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **context,
			 enum MHD_RequestTerminationCode why)
{
	struct http_visitor *visitor = visitor_of(connection);
	struct http_server *server = arg;
	bool well = why == MHD_REQUEST_TERMINATED_COMPLETED_OK;

	http_call_end(*context, well);
	*context = NULL;
	visitor->busy = false;
	visitor->served |= well;
	visitor->since_ns = loop_now_ns(server->conns.loop);
}

static void quiet(void *arg, const char *fmt, va_list args)
{
	/* What peers do wrong is counted, and no news for the log. */
	(void)arg;
	(void)fmt;
	(void)args;
}

static bool start_daemon(struct http_server *server)
{
	if (server->daemon)
		return true;
	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
		NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL,
		MHD_OPTION_CONNECTION_LIMIT, DAEMON_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_POOL, MHD_OPTION_URI_LOG_CALLBACK,
		on_target, server, MHD_OPTION_UNESCAPE_CALLBACK, leave_as_is, server,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, server, DAEMON_STRICT MHD_OPTION_END);
	if (!server->daemon) {
		log_error("http cannot be served on this loop (libmicrohttpd); are there descriptors left?");
		return false;
	}
	server->pems = pemcache_new();
	server->io = loop_io_new(server->conns.loop,
				 MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
				 on_turn, server);
	return true;
}

struct http_server *http_server_new(struct loop *loop, struct engine *engine)
{
	struct http_server *server = mem_new(sizeof(*server));

	conns_init(&server->conns, loop, "http", &server->stats.accepted, &server->stats.closed);
	server->engine = engine;
	server->turn = loop_timer_new(loop, on_turn, server);
	server->sweep = loop_timer_new(loop, on_sweep, server);
	server->expiry = loop_timer_new(loop, on_expiry, server);
	return server;
}

/* Hands a descriptor to libmicrohttpd, which closes it in any case. */
static void introduce(struct http_server *server, int fd, const struct peer *peer, bool relayed,
		      enum http_dialect dialect)
{
	struct http_visitor *visitor = mem_new(sizeof(*visitor));
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);

	*visitor = (struct http_visitor){
		.server = server, .dialect = dialect, .fd = fd, .relayed = relayed, .peer = *peer,
		.since_ns = loop_now_ns(server->conns.loop),
	};
	/* A peer that has gone already has no name. */
	if (getpeername(fd, (struct sockaddr *)&address, &len) != 0)
		len = sizeof(sa_family_t);
	DL_APPEND(server->arriving, visitor);
	/* It may begin with it now or in its next turn, in which what was refused is noticed, too. */
	(void)MHD_add_connection(server->daemon, fd, (struct sockaddr *)&address, len);
	http_server_turn(server);
}

static void on_relay_end(void *arg, enum err why)
{
	struct relayed *relayed = arg;
	struct http_server *server = relayed->server;

	if (why == ERR_TIMEOUT)
		metric_add(&server->stats.timeouts, 1);
	if (why == ERR_CRYPTO)
		conns_complain(&server->conns, &relayed->peer, "the TLS handshake failed",
			       "the proxy needs to speak TLS here, with a certificate of client_authorities where that is set");
	DL_DELETE(server->relays, relayed);
	free(relayed);
	conns_went(&server->conns);
}

/* Our end of the pair goes to the relay, the other one is as good as a connection. */
static bool introduce_tls(struct http_server *server, int fd, const struct peer *peer,
			  struct tls_server *tls, enum http_dialect dialect)
{
	struct relayed *relayed;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	relayed = mem_new(sizeof(*relayed));
	relayed->server = server;
	relayed->peer = *peer;
	relayed->relay = http_relay_new(server->conns.loop, fd, tls, pair[0], on_relay_end, relayed);
	DL_APPEND(server->relays, relayed);
	introduce(server, pair[1], peer, true, dialect);
	return true;
}

void http_server_accept(struct http_server *server, int fd, struct tls_server *tls,
			enum http_dialect dialect)
{
	struct peer peer;

	conns_came(&server->conns);
	peer_of(fd, &peer);
	if (!start_daemon(server) || (tls && !introduce_tls(server, fd, &peer, tls, dialect))) {
		close(fd);
		conns_went(&server->conns);
	} else if (!tls) {
		introduce(server, fd, &peer, false, dialect);
	}
}

void http_server_on_closed(struct http_server *server, void (*closed)(void *arg), void *arg)
{
	conns_on_closed(&server->conns, closed, arg);
}

size_t http_server_connections(const struct http_server *server)
{
	return server->conns.count;
}

const struct http_stats *http_server_stats(const struct http_server *server)
{
	return &server->stats;
}

void http_server_drain(struct http_server *server, void (*done)(void *arg), void *arg)
{
	server->drain_ns = loop_now_ns(server->conns.loop);
	loop_timer_set(server->sweep, DRAIN_SWEEP_NS);
	conns_drain(&server->conns, done, arg);
}

/*
 * A daemon with resting connections cannot be stopped. The turn in which the cancelled ones end may bring
 * others to rest, by questions that had come meanwhile; each connection can do so once.
 */
static void stop_daemon(struct http_server *server)
{
	if (!server->daemon)
		return;
	do {
		while (server->pending)
			http_call_cancel(server->pending);
		MHD_run(server->daemon);
	} while (server->pending);
	loop_io_free(server->io);
	MHD_stop_daemon(server->daemon);
	forget_lost(server);
}

void http_server_free(struct http_server *server)
{
	if (!server)
		return;
	conns_mute(&server->conns);
	while (server->relays) {
		struct relayed *relayed = server->relays;

		DL_DELETE(server->relays, relayed);
		http_relay_abort(relayed->relay);
		free(relayed);
	}
	stop_daemon(server);
	http_pool_fini(server);
	pemcache_free(server->pems);
	loop_timer_free(server->turn);
	loop_timer_free(server->sweep);
	loop_timer_free(server->expiry);
	conns_fini(&server->conns);
	free(server);
}
