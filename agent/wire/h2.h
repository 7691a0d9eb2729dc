/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_WIRE_H2_H
#define MTLSGUARD_WIRE_H2_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/grpc.h"

/*
 * The server's side of one HTTP/2 connection that carries gRPC calls, without
 * its socket: bytes in, whole calls out, answers in, bytes out. HTTP/2 itself
 * is nghttp2's (RFC 9113), with its guards against floods of RST_STREAM,
 * CONTINUATION, PING and SETTINGS; on top of it are the bounds below.
 *
 * A call is told once its last byte is there. It is answered at once or later,
 * with h2_answer or h2_fail, unless on_gone says first that the peer has given
 * it up. Answered or gone, its owner forgets it.
 */
struct h2_session;
struct h2_record;

/* Bounds that no configuration needs to know. */
#define H2_STREAMS_MAX 256u	    /* SETTINGS_MAX_CONCURRENT_STREAMS */
#define H2_HEADERS_MAX 16384u	    /* bytes of a header list, as RFC 9113 6.5.2 counts them */
#define H2_WINDOW (4u * 1024 * 1024) /* of the connection */
#define H2_HELD_MAX (8u * 1024 * 1024) /* bodies that a connection may have unanswered, all together */
#define H2_RESETS_BURST 1000u
#define H2_RESETS_RATE 200u /* a second */
#define H2_CONTINUATIONS_MAX 8u
#define H2_ACKS_MAX 128u /* PING and SETTINGS that wait to be acknowledged */
#define H2_OPEN_NS INT64_C(5000000000) /* for the client's preface */
#define H2_BODY_NS INT64_C(5000000000) /* from the first byte of a call to its last */

enum h2_excess {
	H2_FITS,
	H2_MESSAGE_TOO_LARGE,
	H2_TOO_MUCH_HELD,
};

struct h2_call {
	struct h2_session *session;
	int32_t stream;
	struct slice path;
	struct slice tls_version; /* initial metadata "x-tls-version", or empty */
	int64_t timeout_ns;	  /* grpc-timeout; INT64_MAX: none */
	struct slice body;	  /* empty when there is excess */
	enum h2_excess excess;
	void *user; /* its owner's */
};

struct h2_handler {
	/* A whole POST with a gRPC content type. May answer it. */
	void (*on_call)(void *arg, struct h2_call *call);
	/* A call told before and not answered has lost its stream. */
	void (*on_gone)(void *arg, struct h2_call *call);
};

/* Memory of calls, kept for the next ones; shared by the sessions of a loop. Zeroed to begin with. */
struct h2_pool {
	struct h2_record *records;
	unsigned count;
};
void h2_pool_fini(struct h2_pool *pool);

/* handler and pool outlive the session. message_max: bytes of a message. now: monotonic ns. */
struct h2_session *h2_new(const struct h2_handler *handler, void *arg, struct h2_pool *pool,
			  size_t message_max, int64_t now);

/* Frees the session; on_gone comes for what is unanswered. NULL is fine. */
void h2_free(struct h2_session *session);

/*
 * Takes all of what arrived. ERR_FORMAT: the peer speaks no HTTP/2, ERR_LIMIT:
 * it floods; *why then says how, and the connection ends without ceremony.
 */
enum err h2_feed(struct h2_session *session, struct slice in, int64_t now, const char **why) MUST_USE;

/* Appends what is to be sent, until out holds about max bytes. ERR_FORMAT: as above. */
enum err h2_write(struct h2_session *session, struct buf *out, size_t max) MUST_USE;

/* Answers with one message and grpc-status 0. It is copied. */
void h2_answer(struct h2_call *call, struct slice message);

/* The same in place: the message is appended to what begin returns, then end sends it. Nothing else comes between. */
struct buf *h2_answer_begin(struct h2_call *call);
void h2_answer_end(struct h2_call *call);

/* Answers with a gRPC error alone. */
void h2_fail(struct h2_call *call, enum grpc_status status, const char *message);

/* When h2_tick wants to be called; INT64_MAX: not before something happens. */
int64_t h2_deadline(const struct h2_session *session);

/* Resets calls whose body does not end. False when the peer never spoke: the connection is to be closed. */
bool h2_tick(struct h2_session *session, int64_t now);

/* A GOAWAY that only announces the end (RFC 9113 6.8), and the one that sets it: no later stream is served. */
void h2_announce_end(struct h2_session *session);
void h2_end(struct h2_session *session);

/* Neither side has anything left to say. */
bool h2_is_over(const struct h2_session *session);

/* Streams that are open, whatever they wait for. */
unsigned h2_open_calls(const struct h2_session *session);

#endif
