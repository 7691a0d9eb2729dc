/* SPDX-License-Identifier: Apache-2.0 */
#include "front/spoe.h"

#include <stdlib.h>

#include "base/mem.h"
#include "core/metrics.h"
#include "front/spoe_session.h"

#define CAPABILITIES SLICE_LIT("pipelining,fragmentation")

static size_t largest(size_t a, size_t b)
{
	return a > b ? a : b;
}

static size_t smallest(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t spoe_in_max(const struct config *config)
{
	return SPOP_PREFIX + largest(config->limits.frame, config->limits.message);
}

struct spoe_session *spoe_new(struct spoe_shared *shared, const struct spoe_hooks *hooks, void *arg)
{
	const struct limits_conf *limits = &snapshot_config(engine_snapshot(shared->engine))->limits;
	struct spoe_session *session = mem_new(sizeof(*session));

	session->shared = shared;
	session->hooks = hooks;
	session->arg = arg;
	session->now = hooks->now_ns(arg);
	session->frame_max = SPOE_HELLO_MAX;
	session->limit_frame = limits->frame;
	session->message_max = limits->message;
	session->hello_until = session->now + SPOE_HELLO_NS;
	session->partial_until = session->fragments_until = session->close_at = INT64_MAX;
	return session;
}

void spoe_free(struct spoe_session *session)
{
	if (!session)
		return;
	spoe_cancel(session, NULL);
	spoe_fragments_drop(session);
	free(session);
}

/* Nothing more is read or decided; the peer gets a while to close first. */
static COLD void finish(struct spoe_session *session, int64_t linger_ns)
{
	session->phase = SPOE_OVER;
	session->hello_until = session->partial_until = session->close_at = INT64_MAX;
	spoe_cancel(session, NULL);
	spoe_fragments_drop(session);
	session->hooks->finish(session->arg, linger_ns);
}

static COLD void say_goodbye(struct spoe_session *session, enum spop_status status)
{
	struct spop_disconnect goodbye = { .status = status,
					   .message = slice_str(spop_status_text(status)) };
	struct buf *out = session->hooks->out(session->arg);
	size_t begun = out->len;

	spop_disconnect_encode(out, SPOP_AGENT_DISCONNECT, &goodbye);
	spoe_sent(session, out->len - begun);
}

void spoe_sent(struct spoe_session *session, size_t size)
{
	metric_add(&session->shared->stats->frames_out, 1);
	metric_add(&session->shared->stats->bytes_out, size);
	if (likely(!session->draining))
		return;
	session->close_at = session->now + SPOE_DRAIN_NS;
	session->quiet_at = session->now + SPOE_QUIET_NS;
}

void spoe_fail(struct spoe_session *session, enum spop_status status, const char *what)
{
	if (session->phase == SPOE_OVER)
		return;
	metric_add(status == SPOP_TIMEOUT ? &session->shared->stats->timeouts :
					    &session->shared->stats->bad_frames, 1);
	session->hooks->complain(session->arg, status, what);
	say_goodbye(session, status);
	finish(session, SPOE_LINGER_NS);
}

static COLD void answer_hello(struct spoe_session *session, const struct spop_hello *hello)
{
	struct spop_hello answer = { .capabilities = CAPABILITIES };
	struct buf *out = session->hooks->out(session->arg);
	size_t begun = out->len;

	/* Frames up to the size that HAProxy announced may come, whatever is negotiated: some 3.1 forget. */
	session->frame_max = smallest(hello->max_frame_size, largest(session->limit_frame, session->message_max));
	session->negotiated = smallest(hello->max_frame_size, largest(session->limit_frame, SPOP_MAX_FRAME_MIN));
	session->ack_max = session->negotiated - SPOE_ACK_MARGIN;
	/* The engine that offers async, of 3.0 and older, reads however much there is. */
	if (!spop_list_has(hello->capabilities, SLICE_LIT("async")))
		session->hooks->bound_unread(session->arg, session->negotiated);
	answer.max_frame_size = session->negotiated;
	spop_agent_hello_encode(out, &answer);
	spoe_sent(session, out->len - begun);
}

static COLD void take_hello(struct spoe_session *session, const struct spop_frame *frame)
{
	struct spop_hello hello;
	enum spop_status status;

	if (session->phase != SPOE_HELLO) {
		spoe_fail(session, SPOP_INVALID, "a second HELLO");
		return;
	}
	status = spop_hello_decode(frame->payload, &hello);
	if (status) {
		spoe_fail(session, status, "a HELLO that cannot be served");
		return;
	}
	answer_hello(session, &hello);
	session->hello_until = INT64_MAX;
	session->phase = SPOE_OPEN;
	if (hello.healthcheck) {
		metric_add(&session->shared->stats->healthchecks, 1);
		finish(session, SPOE_LINGER_NS);
	}
}

static COLD void take_disconnect(struct spoe_session *session, const struct spop_frame *frame)
{
	struct spop_disconnect disconnect;
	enum spop_status status = spop_disconnect_decode(frame->payload, &disconnect);

	if (status) {
		spoe_fail(session, status, "a DISCONNECT that does not decode");
		return;
	}
	/* An idle connection ends with a timeout on 3.0 and older: nobody needs to know. */
	if (disconnect.status != SPOP_NORMAL && disconnect.status != SPOP_TIMEOUT)
		session->hooks->complain(session->arg, (enum spop_status)disconnect.status,
					 "HAProxy ended the connection");
	say_goodbye(session, SPOP_NORMAL);
	finish(session, SPOE_LINGER_NS);
}

static void take_notify(struct spoe_session *session, const struct spop_frame *frame)
{
	struct spoe_ids ids = { frame->stream_id, frame->frame_id };

	session->asked = true;
	if (unlikely(frame->type == SPOP_UNSET || frame->flags != SPOP_FIN))
		spoe_fragment(session, frame);
	else if (unlikely(spoe_fragment_known(session, &ids)))
		spoe_fail(session, SPOP_INTERLACED, "a message began inside of itself");
	else
		spoe_notify(session, &ids, frame->payload);
}

/* HELLO and DISCONNECT are whole frames that belong to no stream. */
static bool is_control_ok(struct spoe_session *session, const struct spop_frame *frame)
{
	if (frame->flags != SPOP_FIN)
		spoe_fail(session, SPOP_NO_FRAGMENTATION, "a HELLO or DISCONNECT in fragments");
	else if (frame->stream_id || frame->frame_id)
		spoe_fail(session, SPOP_INVALID, "a HELLO or DISCONNECT with ids");
	else
		return true;
	return false;
}

static void take_frame(struct spoe_session *session, const struct spop_frame *frame)
{
	if (likely(frame->type == SPOP_NOTIFY || frame->type == SPOP_UNSET) && session->phase == SPOE_OPEN) {
		take_notify(session, frame);
		return;
	}
	switch (frame->type) {
	case SPOP_HAPROXY_HELLO:
		if (is_control_ok(session, frame))
			take_hello(session, frame);
		return;
	case SPOP_HAPROXY_DISCONNECT:
		if (is_control_ok(session, frame))
			take_disconnect(session, frame);
		return;
	default:
		/* Frames of a later protocol are passed over, as HAProxy does. */
		if (session->phase == SPOE_OPEN)
			return;
	}
	spoe_fail(session, SPOP_INVALID, "the first frame is no HELLO");
}

/* Takes the frame at the front of *in, if it is whole. */
static bool next_frame(struct spoe_session *session, struct slice *in)
{
	struct reader r = reader_of(*in);
	uint32_t size = reader_u32(&r);
	struct slice bytes;
	struct spop_frame frame;

	if (unlikely(reader_err(&r)))
		return false;
	if (unlikely(size < SPOP_FRAME_MIN)) {
		spoe_fail(session, SPOP_INVALID, "a frame without a header");
		return false;
	}
	if (size > session->frame_max) {
		spoe_fail(session, SPOP_TOO_BIG, session->phase == SPOE_HELLO ?
			  "the first frame is too large for a HELLO" :
			  "a frame is larger than limits.frame and limits.message");
		return false;
	}
	bytes = reader_bytes(&r, size);
	if (reader_err(&r))
		return false;
	*in = reader_rest(&r);
	metric_add(&session->shared->stats->frames_in, 1);
	metric_add(&session->shared->stats->bytes_in, SPOP_PREFIX + size);
	if (spop_frame_decode(bytes, &frame))
		spoe_fail(session, SPOP_INVALID, "a frame header that does not decode");
	else
		take_frame(session, &frame);
	return session->phase != SPOE_OVER;
}

/* Whether so much is unfinished that nothing more may be read. */
static bool is_stuffed(const struct spoe_session *session)
{
	return session->pending_count >= SPOE_UNANSWERED_MAX ||
	       session->hooks->waiting(session->arg) > SPOE_OUT_MAX;
}

static COLD void pause_reading(struct spoe_session *session)
{
	if (session->paused)
		return;
	session->paused = true;
	session->hooks->pause(session->arg, true);
}

/* A frame that has begun must go on; one that we do not read yet may wait. */
static void note_partial(struct spoe_session *session, size_t used, size_t left)
{
	if (left == 0 || session->paused || session->phase == SPOE_OVER)
		session->partial_until = INT64_MAX;
	else if (used || session->partial_until == INT64_MAX)
		session->partial_until = session->now + SPOE_PARTIAL_NS;
}

static bool is_idle(const struct spoe_session *session)
{
	return !session->pending && !session->fragments && !session->paused &&
	       session->partial_until == INT64_MAX;
}

/* When a draining session may say goodbye, if nothing comes until then. */
static int64_t goodbye_at(const struct spoe_session *session)
{
	return session->quiet_at < session->goodbye_until ? session->quiet_at : session->goodbye_until;
}

static bool owes_goodbye(const struct spoe_session *session)
{
	return unlikely(session->draining) && !session->said_goodbye && session->asked &&
	       session->phase == SPOE_OPEN && is_idle(session);
}

/*
 * HAProxy closes an idle connection when it is told to. From 3.1 on a question
 * that crosses the DISCONNECT hangs for the whole processing timeout, so it is
 * told only after a pause: health checks have sent its questions elsewhere then.
 */
static HOT void drain_step(struct spoe_session *session)
{
	if (!owes_goodbye(session) || session->now < goodbye_at(session))
		return;
	session->said_goodbye = true;
	say_goodbye(session, SPOP_NORMAL);
	if (!session->in_feed)
		session->hooks->flush(session->arg);
}

size_t spoe_feed(struct spoe_session *session, struct slice in)
{
	struct slice left = in;

	session->now = session->hooks->now_ns(session->arg);
	session->in_feed = true;
	engine_wake(session->shared->engine, session->now);
	while (likely(session->phase != SPOE_OVER) && left.len) {
		if (is_stuffed(session)) {
			pause_reading(session);
			break;
		}
		if (unlikely(!next_frame(session, &left)))
			break;
	}
	engine_rest(session->shared->engine);
	if (unlikely(session->phase == SPOE_OVER))
		left = SLICE_EMPTY;
	note_partial(session, in.len - left.len, left.len);
	drain_step(session);
	session->in_feed = false;
	return in.len - left.len;
}

/* Reads on, if nothing speaks against it any more. */
static void resume(struct spoe_session *session)
{
	if (!session->paused || is_stuffed(session))
		return;
	session->paused = false;
	session->hooks->pause(session->arg, false);
}

void spoe_answered(struct spoe_session *session)
{
	drain_step(session);
	resume(session);
	if (session->phase != SPOE_OVER)
		session->hooks->flush(session->arg);
}

void spoe_writable(struct spoe_session *session)
{
	resume(session);
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t spoe_deadline(const struct spoe_session *session)
{
	int64_t at = sooner(sooner(session->hello_until, session->partial_until),
			    sooner(session->fragments_until, session->close_at));

	if (owes_goodbye(session))
		at = sooner(at, goodbye_at(session));
	/* Requests have the same deadline behind their start, so the first to come is the first to go. */
	if (unlikely(session->pending))
		at = sooner(at, session->pending->req.deadline_ns + ENGINE_LATE_NS);
	return at;
}

static const char *overdue(const struct spoe_session *session)
{
	if (session->now >= session->hello_until)
		return "no HELLO came";
	if (session->now >= session->partial_until)
		return "a frame that does not end";
	if (session->now >= session->fragments_until)
		return "a fragmented message that does not end";
	return NULL;
}

static void close_drained(struct spoe_session *session)
{
	if (session->now < session->close_at)
		return;
	if (session->pending) {
		session->close_at = session->now + SPOE_DRAIN_NS;
		return;
	}
	if (!session->said_goodbye)
		say_goodbye(session, SPOP_NORMAL);
	finish(session, 0);
}

void spoe_tick(struct spoe_session *session)
{
	const char *what;

	if (session->phase == SPOE_OVER)
		return;
	session->now = session->hooks->now_ns(session->arg);
	what = overdue(session);
	if (what) {
		spoe_fail(session, SPOP_TIMEOUT, what);
		return;
	}
	if (session->pending)
		spoe_expire(session);
	spoe_answered(session);
	if (session->phase != SPOE_OVER)
		close_drained(session);
}

void spoe_drain(struct spoe_session *session)
{
	if (session->draining || session->phase == SPOE_OVER)
		return;
	session->now = session->hooks->now_ns(session->arg);
	session->draining = true;
	session->asked |= session->phase == SPOE_OPEN;
	session->close_at = session->now + SPOE_DRAIN_NS;
	session->quiet_at = session->now + SPOE_QUIET_NS;
	session->goodbye_until = session->now + SPOE_DRAIN_NS;
	drain_step(session);
}
