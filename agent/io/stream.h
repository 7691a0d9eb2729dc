/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_IO_STREAM_H
#define MTLSGUARD_IO_STREAM_H

#include "base/buf.h"
#include "base/slice.h"
#include "io/loop.h"

/*
 * One connection of bytes, plain or TLS, on one loop. What arrived is offered
 * in one piece to on_data, which says how much of it was used up; the rest is
 * offered again with what comes next. What the callback appends to
 * stream_out() leaves in one write at the end of the wake-up.
 */
struct stream;
struct tls_server; /* tls.h */

struct stream_handler {
	/* Returns how many bytes of `in` were used up. May call any stream function. */
	size_t (*on_data)(void *arg, struct slice in);
	/* The last call: the peer closed (ERR_CLOSED), a deadline passed (ERR_TIMEOUT), a fault
	 * (ERR_IO, ERR_CRYPTO, ERR_LIMIT), or stream_finish came to its end (ERR_OK). Never from
	 * within a stream function that the owner calls. The stream frees itself afterwards. */
	void (*on_close)(void *arg, enum err why);
	/* Output that was above the high mark has gone below the low one; may be NULL. */
	void (*on_writable)(void *arg);
};

struct stream_limits {
	size_t in_max;	       /* bytes kept unread at most; a full buffer that is not used up closes with ERR_LIMIT */
	size_t out_high;       /* reading pauses while more than this waits to be written */
	int64_t handshake_ns;  /* TLS handshake within this, 0: no bound */
	int64_t blocked_ns;    /* output may be blocked this long without progress, 0: no bound */
};

struct peer {
	char text[64];	  /* "127.0.0.1:4711" or "unix:uid=0" */
	bool is_unix;
	bool has_uid;
	uint32_t uid;
	uint8_t address[16];
	bool v6;
};

/* Fills out with who is at the other end of a connected socket. Never fails; what is unknown stays empty. */
void peer_of(int fd, struct peer *out);

/* Takes fd over (non-blocking from here on) and starts reading. tls NULL: plain. */
struct stream *stream_new(struct loop *loop, int fd, struct tls_server *tls,
			  const struct stream_limits *limits, const struct stream_handler *handler,
			  void *arg);

/* Where output goes; ask again in each wake-up. Appending from outside on_data and on_writable needs
 * stream_flush afterwards. Its len counts more than what waits: see stream_waiting. */
struct buf *stream_out(struct stream *stream);

/* Writes at the end of this wake-up. */
void stream_flush(struct stream *stream);

/* Stops and starts reading (back-pressure). On start, kept bytes are offered at the next wake-up. */
void stream_pause(struct stream *stream, bool paused);

/*
 * Writes what is left, then closes; on_close(ERR_OK) comes, later. Input is thrown away from now on.
 * With a delay the peer gets that long, after the last byte was written, to close first.
 */
void stream_finish(struct stream *stream, int64_t linger_ns);

/* Closes now, without on_close; frees the stream (from within its own callbacks: when they return). */
void stream_abort(struct stream *stream);

/*
 * Bytes that wait to be written, plus those written that the peer has not read (SIOCOUTQ): on unix
 * sockets an upper bound, since the kernel counts its buffers and not what is in them (768 for a
 * write of 100 bytes); on TCP those not acknowledged, which says nothing about the reader.
 * Costs a system call.
 */
size_t stream_unread(const struct stream *stream);

/* Bytes that wait to be written. Costs nothing. */
size_t stream_waiting(const struct stream *stream);

/*
 * Unix sockets: never lets more than max bytes lie unread at the peer; the rest waits here (SO_SNDBUF, so it
 * costs nothing per write). Below 7 KiB the kernel's least bound holds. TCP: does nothing.
 */
void stream_bound_unread(struct stream *stream, size_t max);

/* Who is at the other end. Borrowed. */
const struct peer *stream_peer(const struct stream *stream);

#endif
