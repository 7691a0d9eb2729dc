/* SPDX-License-Identifier: Apache-2.0 */
#include "front/admin.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/loop_io.h"

#define CONNECTIONS_MAX 32u
#define MEMORY_MAX ((size_t)16 * 1024)
#define IDLE_SECONDS 30u
/* A whole request must be here, and its answer taken, within this. */
#define PATIENCE_NS INT64_C(10000000000)
#define SWEEP_NS INT64_C(1000000000)

struct visitor {
	int fd;
	int64_t since_ns; /* of the connection, or of its last complete answer */
	bool shut;
	struct visitor *prev, *next; /* the longest waiting first */
};

struct admin {
	struct loop *loop;
	const struct admin_ops *ops;
	void *arg;
	struct MHD_Daemon *daemon;
	struct loop_io *io;
	struct loop_timer *turn, *sweep;
	struct visitor *visitors;
	unsigned count;
};

static void drive(struct admin *admin)
{
	MHD_UNSIGNED_LONG_LONG ms;

	MHD_run(admin->daemon);
	if (MHD_get_timeout(admin->daemon, &ms) == MHD_YES)
		loop_timer_set(admin->turn, (int64_t)ms * 1000000);
	else
		loop_timer_clear(admin->turn);
}

static void on_turn(void *arg)
{
	drive(arg);
}

/* What is shut looks to libmicrohttpd as if the client had closed. */
static void shut(struct visitor *visitor)
{
	visitor->shut = true;
	shutdown(visitor->fd, SHUT_RDWR);
}

static void on_sweep(void *arg)
{
	struct admin *admin = arg;
	int64_t now = loop_now_ns(admin->loop);
	struct visitor *visitor;

	DL_FOREACH(admin->visitors, visitor)
		if (!visitor->shut && now - visitor->since_ns > PATIENCE_NS)
			shut(visitor);
	if (admin->visitors)
		loop_timer_set(admin->sweep, SWEEP_NS);
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	struct admin *admin = arg;
	struct visitor *visitor = *context;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (!visitor)
			return;
		DL_DELETE(admin->visitors, visitor);
		admin->count--;
		free(visitor);
		return;
	}
	visitor = mem_new(sizeof(*visitor));
	visitor->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	visitor->since_ns = loop_now_ns(admin->loop);
	DL_APPEND(admin->visitors, visitor);
	if (admin->count++ == 0)
		loop_timer_set(admin->sweep, SWEEP_NS);
	*context = visitor;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **context,
			 enum MHD_RequestTerminationCode why)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct visitor *visitor = info ? info->socket_context : NULL;
	struct admin *admin = arg;

	*context = NULL;
	if (!visitor || why != MHD_REQUEST_TERMINATED_COMPLETED_OK)
		return;
	visitor->since_ns = loop_now_ns(admin->loop);
	DL_DELETE(admin->visitors, visitor);
	DL_APPEND(admin->visitors, visitor);
}

/* Queues an answer; body is copied. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
			      struct slice body)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		body.len, (void *)(uintptr_t)body.ptr, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status, const char *word)
{
	struct buf b = buf_capped(0);
	enum MHD_Result result;

	buf_printf(&b, "%s\n", word);
	result = answer(connection, status, "text/plain; charset=utf-8", buf_slice(&b));
	buf_fini(&b);
	return result;
}

static enum MHD_Result answer_metrics(struct admin *admin, struct MHD_Connection *connection)
{
	struct buf b = buf_capped(0);
	enum MHD_Result result;

	admin->ops->metrics(admin->arg, &b);
	result = answer(connection, MHD_HTTP_OK,
			"application/openmetrics-text; version=1.0.0; charset=utf-8", buf_slice(&b));
	buf_fini(&b);
	return result;
}

static enum MHD_Result route(struct admin *admin, struct MHD_Connection *connection, const char *url)
{
	const char *why = NULL;

	if (strcmp(url, "/metrics") == 0)
		return answer_metrics(admin, connection);
	if (strcmp(url, "/readyz") == 0 && !admin->ops->ready(admin->arg, &why))
		return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, why);
	if (strcmp(url, "/readyz") == 0 || strcmp(url, "/healthz") == 0)
		return answer_text(connection, MHD_HTTP_OK, "ok");
	return answer_text(connection, MHD_HTTP_NOT_FOUND, "not found: /healthz, /readyz and /metrics are here");
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **context)
{
	struct admin *admin = arg;
	bool first = !*context;

	(void)version;
	(void)upload;
	*context = admin;
	/* An answer to the first call, before any body, makes libmicrohttpd close: right for what nobody reads. */
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD");
	if (first)
		return MHD_YES;
	return *upload_size ? MHD_NO : route(admin, connection, url);
}

static void quiet(void *arg, const char *fmt, va_list args)
{
	/* What clients do wrong is no news for the log. */
	(void)arg;
	(void)fmt;
	(void)args;
}

static void on_readable(void *arg)
{
	drive(arg);
}

struct admin *admin_new(struct loop *loop, const struct admin_ops *ops, void *arg)
{
	struct admin *admin = mem_new(sizeof(*admin));
	const union MHD_DaemonInfo *info;

	admin->loop = loop;
	admin->ops = ops;
	admin->arg = arg;
	admin->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request,
		admin, MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL, MHD_OPTION_CONNECTION_LIMIT,
		CONNECTIONS_MAX + 1, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_MAX, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, admin, MHD_OPTION_NOTIFY_COMPLETED, on_completed, admin, MHD_OPTION_END);
	if (!admin->daemon) {
		log_error("the admin listener cannot be started (libmicrohttpd); are there descriptors left?");
		free(admin);
		return NULL;
	}
	info = MHD_get_daemon_info(admin->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	admin->io = loop_io_new(loop, info->epoll_fd, on_readable, admin);
	admin->turn = loop_timer_new(loop, on_turn, admin);
	admin->sweep = loop_timer_new(loop, on_sweep, admin);
	return admin;
}

/* The one that has waited longest goes for who comes now. */
static void make_room(struct admin *admin)
{
	struct visitor *visitor = admin->visitors;

	if (admin->count < CONNECTIONS_MAX)
		return;
	while (visitor && visitor->shut)
		visitor = visitor->next;
	if (visitor)
		shut(visitor);
	drive(admin);
}

void admin_accept(struct admin *admin, int fd)
{
	struct sockaddr_storage peer = { 0 };
	socklen_t len = sizeof(peer);

	make_room(admin);
	if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0) {
		close(fd);
		return;
	}
	/* On failure libmicrohttpd has closed it. */
	MHD_add_connection(admin->daemon, fd, (struct sockaddr *)&peer, len);
	drive(admin);
}

void admin_free(struct admin *admin)
{
	if (!admin)
		return;
	loop_io_free(admin->io);
	loop_timer_free(admin->turn);
	MHD_stop_daemon(admin->daemon);
	loop_timer_free(admin->sweep);
	free(admin);
}
