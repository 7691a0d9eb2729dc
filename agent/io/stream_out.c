/* SPDX-License-Identifier: Apache-2.0 */
#include "io/stream_state.h"

/* Written in one wake-up at most: a fast reader must not keep the others waiting. */
#define WRITE_MAX (256u * 1024)
/* Moving so few bytes to the front of the buffer costs less than thinking about it. */
#define MOVE_MAX 16384u

enum transport_result stream_write(struct stream *s, bool *progress, enum err *why)
{
	enum transport_result result = TRANSPORT_DONE;
	size_t total = 0, put = 0;

	while (stream_waiting(s) && total < WRITE_MAX) {
		size_t len = stream_waiting(s) < WRITE_MAX ? stream_waiting(s) : WRITE_MAX;

		result = s->transport->write(s->state, s->out.ptr + s->out_done, len, &put, why);
		if (unlikely(result != TRANSPORT_DONE))
			break;
		s->out_done += put;
		total += put;
	}
	*progress = total > 0;
	return result;
}

/* Gives memory back, or moves what is left to the front: never more than was written. */
static void tidy_out(struct stream *s)
{
	if (likely(stream_waiting(s) == 0)) {
		loop_give_buf(s->loop, &s->out);
		s->out_done = 0;
	} else if (stream_waiting(s) <= MOVE_MAX || s->out_done >= stream_waiting(s)) {
		buf_drop(&s->out, s->out_done);
		s->out_done = 0;
	}
}

static void update_blocked(struct stream *s, bool progress)
{
	struct ev_loop *ev = loop_ev(s->loop);

	s->blocked = stream_waiting(s) > 0;
	if (unlikely(s->blocked) && s->limits.blocked_ns) {
		if (progress || !ev_is_active(&s->deadline))
			loop_start_timer(s->loop, &s->deadline, s->limits.blocked_ns);
	} else if (unlikely(ev_is_active(&s->deadline))) {
		ev_timer_stop(ev, &s->deadline);
	}
}

/* False when the stream is gone. */
static bool update_throttle(struct stream *s)
{
	if (likely(!s->throttled) || stream_waiting(s) > s->limits.out_high / 2)
		return true;
	s->throttled = false;
	/* The owner may have left whole messages because of it. */
	loop_soon(s->loop, &s->again_task);
	if (!s->handler->on_writable || s->phase != PHASE_OPEN)
		return true;
	stream_enter(s);
	s->handler->on_writable(s->arg);
	if (!stream_leave(s))
		return false;
	if (stream_waiting(s) && !s->blocked)
		loop_at_end(s->loop, &s->flush_task);
	return true;
}

static COLD void flushed_last(struct stream *s)
{
	if (s->linger_ns > 0 && !s->ended) {
		s->phase = PHASE_LINGERING;
		loop_start_timer(s->loop, &s->deadline, s->linger_ns);
		stream_watch(s);
		return;
	}
	stream_discard(s);
	stream_close(s, ERR_OK);
}

HOT void stream_flush_task(struct loop_task *task)
{
	struct stream *s = OF_TASK(task, flush_task);
	enum err why = ERR_IO;
	bool progress;

	if (unlikely(s->phase == PHASE_HANDSHAKE))
		return;
	if (unlikely(s->phase == PHASE_LINGERING)) {
		loop_give_buf(s->loop, &s->out);
		return;
	}
	if (buf_err(&s->out)) {
		stream_close(s, ERR_LIMIT);
		return;
	}
	s->write_wants_read = false;
	/* Looked at before writing: the owner may have stopped for what one write then takes. */
	s->throttled |= stream_waiting(s) >= s->limits.out_high;
	switch (stream_write(s, &progress, &why)) {
	case TRANSPORT_FAULT:
		stream_close(s, why);
		return;
	case TRANSPORT_WANT_READ:
		s->write_wants_read = true;
		break;
	default:
		break;
	}
	tidy_out(s);
	update_blocked(s, progress);
	if (unlikely(!update_throttle(s)))
		return;
	if (unlikely(s->phase == PHASE_FINISHING) && !stream_waiting(s))
		flushed_last(s);
	else
		stream_watch(s);
}
