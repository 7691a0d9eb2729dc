/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_HTTP_CONN_H
#define MTLSGUARD_FRONT_HTTP_CONN_H

#include "core/dialect.h"
#include "core/engine.h"
#include "front/http_stats.h"
#include "io/loop.h"
#include "io/tls.h"

/*
 * The HTTP connections of one loop: proxies that ask with a request of their
 * own whether to let their client's pass. libmicrohttpd, driven by the loop,
 * reads and writes HTTP; TLS ends in front of it (http_relay.h).
 *
 * One request's way: its head is held against the bytes that came
 * (http_head.h), what it says becomes the arguments of a request
 * (http_request.h), which the engine decides at once or later, the connection
 * resting meanwhile; the verdict leaves as the dialect says it (http_answer.h).
 * Whatever was received in full is answered, as a denial if need be: what looks
 * like our own fault is what some proxies may be told to let pass.
 */
struct http_server;

/* The daemon behind it is started with the first connection. */
struct http_server *http_server_new(struct loop *loop, struct engine *engine);

/* Takes the connection over. tls NULL: plain; else counted as long as it is needed. A connection that
 * ends, or cannot be served, is told by http_server_on_closed. */
void http_server_accept(struct http_server *server, int fd, struct tls_server *tls,
			enum http_dialect dialect);

/* closed(arg) runs on the loop after each connection that ended. */
void http_server_on_closed(struct http_server *server, void (*closed)(void *arg), void *arg);

size_t http_server_connections(const struct http_server *server);
const struct http_stats *http_server_stats(const struct http_server *server);

/*
 * Starts draining: what comes in is still decided, with "Connection: close" in the answer, and a connection
 * without a question is closed two seconds after its last answer. done(arg) comes once none is left.
 */
void http_server_drain(struct http_server *server, void (*done)(void *arg), void *arg);

/* Closes what is still open, cancelling its requests. NULL is fine. */
void http_server_free(struct http_server *server);

/* Bounds and delays that no configuration needs to know. */
#define HTTP_HEAD_MAX (64u * 1024)   /* request line and header lines */
#define HTTP_BODY_MAX (64u * 1024)   /* of a request; nobody looks at it */
#define HTTP_LINES_MAX 512u	     /* header lines */
#define HTTP_PATIENCE_NS INT64_C(10000000000) /* for a whole request, and for its answer to be taken */
#define HTTP_IDLE_NS INT64_C(3660000000000)   /* between two requests: longer than proxies keep one, an hour at most */
#define HTTP_DRAIN_NS INT64_C(2000000000)

#endif
