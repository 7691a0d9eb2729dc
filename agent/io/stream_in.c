/* SPDX-License-Identifier: Apache-2.0 */
#include "io/stream_state.h"

/* Kept bytes up to this are copied in front of what is read next. Above, reading goes on behind
 * them, so that a large message that comes in crumbs is not copied again for each. */
#define COPY_MAX 16384u
/* With more than that to write nobody waits for others. */
#define WAITS_MAX (128u * 1024)
/* Read and thrown away before closing at most: close() with unread input resets the connection,
 * and a reset takes the last answer away from the peer. */
#define DISCARD_MAX (4u * LOOP_SCRATCH)

void stream_discard(struct stream *s)
{
	enum err why = ERR_OK;
	size_t got = 0;

	for (size_t total = 0; !s->ended && total < DISCARD_MAX; total += got)
		if (s->transport->read(s->state, loop_scratch(s->loop), LOOP_SCRATCH, &got, &why) !=
		    TRANSPORT_DONE)
			return;
}

/* Keeps what on_data left of the `total` bytes at base (scratch, or the kept bytes themselves). */
static void keep(struct stream *s, const uint8_t *base, size_t total, size_t used)
{
	if (unlikely(s->in.ptr && base == s->in.ptr + s->in_used)) {
		s->in_used += used;
	} else if (unlikely(used == 0)) {
		/* What was kept before is the front of base. */
		buf_put(&s->in, slice_of(base + stream_kept(s), total - stream_kept(s)));
	} else {
		buf_reset(&s->in);
		s->in_used = 0;
		buf_put(&s->in, slice_of(base + used, total - used));
	}
	if (likely(stream_kept(s) == 0)) {
		buf_fini(&s->in);
		s->in_used = 0;
	}
}

/* False when the stream is gone. */
static HOT bool offer(struct stream *s, const uint8_t *base, size_t total)
{
	size_t used;

	stream_enter(s);
	used = s->handler->on_data(s->arg, slice_of(base, total));
	if (unlikely(!stream_leave(s)))
		return false;
	keep(s, base, total, used < total ? used : total);
	if (unlikely(stream_kept(s) >= s->limits.in_max) && s->phase == PHASE_OPEN && !s->paused) {
		stream_close(s, ERR_LIMIT);
		return false;
	}
	return true;
}

/*
 * After on_data: what it has written leaves now, or with that of the few others of its batch. Not at the end of
 * the wake-up: the bytes are still in the processor's cache.
 */
static HOT void settle(struct stream *s)
{
	if (unlikely(!stream_waiting(s) || s->blocked)) {
		/* Who reads nothing is read no further: its answers would pile up here. */
		if (stream_waiting(s) > s->limits.out_high)
			s->throttled = true;
		stream_watch(s);
		return;
	}
	loop_task_cancel(&s->flush_task);
	if (stream_waiting(s) > WAITS_MAX || !loop_in_batch(s->loop, LOOP_WRITE, &s->flush_task, 0))
		stream_flush_task(&s->flush_task);
}

static COLD void end_of_input(struct stream *s, enum err why)
{
	bool progress;
	enum err ignored;

	s->ended = true;
	if (s->phase == PHASE_FINISHING) {
		stream_watch(s);
		return;
	}
	if (s->phase == PHASE_LINGERING) {
		stream_close(s, ERR_OK);
		return;
	}
	/* The peer may have closed only its own half, and still wait for an answer. */
	if (stream_waiting(s) && s->phase == PHASE_OPEN)
		(void)stream_write(s, &progress, &ignored);
	stream_close(s, why);
}

void stream_discard_some(struct stream *s)
{
	enum err why = ERR_OK;
	size_t got;

	if (s->transport->read(s->state, loop_scratch(s->loop), LOOP_SCRATCH, &got, &why) ==
	    TRANSPORT_FAULT)
		end_of_input(s, why);
}

/* Where to read to: base holds the kept bytes already, `room` more may come. */
static uint8_t *place_input(struct stream *s, size_t *room)
{
	size_t have = stream_kept(s), most = s->limits.in_max;
	uint8_t *base;

	if (likely(have <= COPY_MAX)) {
		base = loop_scratch(s->loop);
		if (unlikely(have))
			memcpy(base, s->in.ptr + s->in_used, have);
		most = most < LOOP_SCRATCH ? most : LOOP_SCRATCH;
		*room = most > have ? most - have : 0;
		return base;
	}
	if (s->in_used >= have) {
		buf_drop(&s->in, s->in_used);
		s->in_used = 0;
	}
	*room = most > have ? most - have : 0;
	if (*room > LOOP_SCRATCH)
		*room = LOOP_SCRATCH;
	if (*room && !buf_want(&s->in, *room))
		*room = 0;
	return s->in.ptr + s->in_used;
}

void stream_offer_task(struct loop_task *task)
{
	struct stream *s = OF_TASK(task, offer_task);

	/* Meanwhile others were served, who may have stopped this one. */
	if (s->phase != PHASE_OPEN)
		return;
	if (!stream_reading(s))
		buf_put(&s->in, s->fresh);
	else if (offer(s, s->fresh.ptr, s->fresh.len))
		settle(s);
}

/* True when what was read is offered later, together with what others bring. */
static bool waits(struct stream *s, const uint8_t *base, size_t len)
{
	s->fresh = slice_of(base, len);
	return likely(!s->transport->pending) && loop_in_batch(s->loop, LOOP_SERVE, &s->offer_task, len);
}

HOT void stream_read(struct stream *s)
{
	enum transport_result result;
	size_t room, got = 0, have = stream_kept(s), total = have;
	uint8_t *base = place_input(s, &room);
	bool own = base != loop_scratch(s->loop);
	enum err why = ERR_IO;

	if (unlikely(room == 0)) {
		stream_close(s, ERR_LIMIT);
		return;
	}
	do {
		result = s->transport->read(s->state, base + total, room, &got, &why);
		if (unlikely(result != TRANSPORT_DONE))
			break;
		total += got;
		room -= got;
	} while (unlikely(room && s->transport->pending) && s->transport->pending(s->state));
	s->read_wants_write = result == TRANSPORT_WANT_WRITE;
	if (unlikely(result == TRANSPORT_FAULT) && total == have) {
		end_of_input(s, why);
		return;
	}
	if (likely(have == 0 && result == TRANSPORT_DONE) && waits(s, base, total))
		return;
	if (unlikely(own))
		buf_added(&s->in, total - have);
	if (unlikely(result == TRANSPORT_FAULT)) {
		s->fault = why;
		loop_soon(s->loop, &s->again_task);
	} else if (unlikely(room == 0) && s->transport->pending && s->transport->pending(s->state)) {
		loop_soon(s->loop, &s->again_task);
	}
	/* With nothing new there may still be output: of kept bytes that were offered just before. */
	if (total == have || offer(s, base, total))
		settle(s);
}

void stream_again_task(struct loop_task *task)
{
	struct stream *s = OF_TASK(task, again_task);

	if (s->fault) {
		end_of_input(s, s->fault);
		return;
	}
	if (s->phase != PHASE_OPEN || !stream_reading(s))
		return;
	if (stream_kept(s) && !offer(s, s->in.ptr + s->in_used, stream_kept(s)))
		return;
	if (stream_reading(s) && s->phase == PHASE_OPEN && s->transport->pending &&
	    s->transport->pending(s->state))
		stream_read(s);
	else
		settle(s);
}
