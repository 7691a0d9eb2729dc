/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_IO_STREAM_STATE_H
#define MTLSGUARD_IO_STREAM_STATE_H

#include "io/loop_ev.h"
#include "io/stream.h"
#include "io/transport.h"

/*
 * A stream from inside: stream.c has its life and its events, stream_in.c what
 * it reads, stream_out.c what it writes.
 *
 * One wake-up of one connection reads once, into memory that the loop's
 * connections share, and writes once, at the end. What on_data leaves over is
 * kept in memory of the stream's own: a connection between two messages has none.
 */
enum phase {
	PHASE_HANDSHAKE,
	PHASE_OPEN,
	PHASE_FINISHING, /* output goes out, input is thrown away */
	PHASE_LINGERING	 /* nothing to write; the peer may close first */
};

struct stream {
	struct loop *loop;
	const struct transport *transport;
	void *state; /* of the transport */
	int fd;
	enum phase phase;
	bool paused;		/* by the owner */
	bool throttled;		/* by output that nobody takes */
	bool blocked;		/* output waits for the socket to become writable */
	bool read_wants_write;	/* TLS: reading goes on when the socket is writable */
	bool write_wants_read;	/* TLS: writing goes on when it is readable */
	bool ended;		/* no more input */
	bool dead;		/* on_close was called, or the owner aborted */
	int busy;		/* callbacks of the owner that are running */
	enum err fault;		/* closes in the next wake-up */
	struct ev_io readable;
	struct ev_io writable;
	struct ev_timer deadline;
	struct loop_task flush_task;
	struct loop_task again_task;
	struct loop_task offer_task;
	struct slice fresh; /* what offer_task offers */
	struct buf in; /* kept input, from in_used on */
	size_t in_used;
	struct buf out; /* from out_done on it waits to be written */
	size_t out_done;
	int64_t linger_ns;
	struct stream_limits limits;
	const struct stream_handler *handler;
	void *arg;
	struct peer peer;
};

#define OF_TASK(task, member) ((struct stream *)((char *)(task) - offsetof(struct stream, member)))

/* Bytes of input that on_data left. */
static inline size_t stream_kept(const struct stream *s)
{
	return s->in.len - s->in_used;
}

/* Around every callback of the owner, who may abort the stream in it. */
static inline void stream_enter(struct stream *s)
{
	s->busy++;
}

/* False when the stream is gone. */
bool stream_leave(struct stream *s);

/* True while input is wanted. */
static inline bool stream_reading(const struct stream *s)
{
	if (unlikely(s->ended || s->dead || s->fault))
		return false;
	return unlikely(s->phase != PHASE_OPEN) || likely(!s->paused && !s->throttled);
}

/* Tells libev what is waited for now; after every change of the state. */
void stream_watch(struct stream *s);

/* Calls on_close and frees. Not from within a callback of the owner. */
COLD void stream_close(struct stream *s, enum err why);

/* loop_task of the end of a wake-up: writes. */
void stream_flush_task(struct loop_task *task);

/* Writes until nothing is left, the socket is full, or it was enough for one wake-up. */
enum transport_result stream_write(struct stream *s, bool *progress, enum err *why);

/* loop_task of the next wake-up: what was kept in a pause, what TLS holds, a fault behind the last bytes. */
void stream_again_task(struct loop_task *task);

/* loop_task of a batch: offers what was read. */
void stream_offer_task(struct loop_task *task);

/* Input is there: offers it, or throws it away when the stream is finishing. May free the stream. */
void stream_read(struct stream *s);
void stream_discard_some(struct stream *s);

/* Throws away what has come, before closing. */
void stream_discard(struct stream *s);

#endif
