/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_HTTP_SESSION_H
#define MTLSGUARD_FRONT_HTTP_SESSION_H

#include <microhttpd.h>

#include "base/arena.h"
#include "base/pool.h"
#include "front/conns.h"
#include "front/http_conn.h"
#include "front/http_head.h"
#include "front/http_relay.h"
#include "io/loop_io.h"

/* What http_conn.c and http_call.c share; nobody else includes it. */

/* Memory of a connection, which libmicrohttpd clears for each request: a head, what libmicrohttpd notes of it, and the answer's own head beside it. */
#define HTTP_POOL (HTTP_HEAD_MAX + HTTP_HEAD_MAX / 2)

/* A connection as libmicrohttpd has it. */
struct http_visitor {
	struct http_server *server;
	enum http_dialect dialect;
	int fd;
	bool relayed;	  /* its connection is a relay's, which tells when that has ended */
	int64_t since_ns; /* of the connection, of the request that it sends, or of its last answer */
	bool busy;	  /* a request has begun and its answer is not through */
	bool pending;	  /* the engine has it */
	bool served;	  /* an answer is through */
	bool looked;	  /* for its end, since then */
	bool shut;
	struct peer peer;
	struct http_visitor *prev, *next;
};

enum http_phase {
	HTTP_NEW,     /* the request line has come */
	HTTP_BODY,    /* the head, too */
	HTTP_WAITING, /* pending; the connection rests */
	HTTP_DECIDED,
	HTTP_OVER     /* nothing is to be said any more */
};

struct http_call {
	struct request req;
	struct arena arena;
	struct ticket ticket;
	struct http_server *server;
	struct http_visitor *visitor;
	struct http_head head;
	enum http_phase phase;
	bool held;   /* req was given to the engine, and not released */
	bool closes; /* the connection ends with the answer */
	size_t body;
	struct loop_io *watch; /* for a peer that goes while it is pending */
	struct http_call *prev, *next; /* pending ones */
};

struct http_server {
	struct conns conns;
	struct engine *engine;
	struct MHD_Daemon *daemon;
	struct loop_io *io;
	struct loop_timer *turn, *sweep, *expiry;
	struct http_stats stats;
	struct http_visitor *visitors;
	struct http_visitor *arriving; /* given to the daemon, which has not said that it began with them */
	struct relayed *relays;
	struct http_call *pending;
	struct pool pool; /* of calls */
	struct pemcache *pems; /* made with the daemon */
	int64_t drain_ns; /* when it began */
};

/* http_conn.c */

/* libmicrohttpd has something to do, though no socket says so. */
void http_server_turn(struct http_server *server);

/* http_call.c */

/* A request line came: target as it was sent, or NULL. */
struct http_call *http_call_begin(struct http_visitor *visitor, struct MHD_Connection *connection,
				  const char *target);

/* libmicrohttpd's handler: the head is here (first call), a piece of body (len), or all of it. */
enum MHD_Result http_call_go(struct http_call *call, const char *method, const char *version, size_t *len);

/* libmicrohttpd is through with it; well: its answer was sent. */
void http_call_end(struct http_call *call, bool well);

/* Ends a pending one without an answer. */
void http_call_cancel(struct http_call *call);

/* Refuses what is past its deadline, and arms the timer for the next. */
void http_calls_expire(struct http_server *server);

void http_pool_fini(struct http_server *server);

#endif
