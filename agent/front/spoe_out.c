/* SPDX-License-Identifier: Apache-2.0 */
#include "base/reader.h"
#include "core/metrics.h"
#include "front/spoe_session.h"

/* Whether `size` more bytes may lie unread; what is known is asked for only when it matters. */
static bool fits_unread(struct spoe_session *session, size_t size)
{
	if (session->unread + size <= session->negotiated)
		return true;
	session->unread = session->hooks->unread(session->arg);
	/* An answer alone always fits; the kernel counts its own overhead too. */
	return session->unread == 0 || session->unread + size <= session->negotiated;
}

static void hold_back(struct spoe_session *session, struct buf *out, size_t begun)
{
	if (session->held.len == 0)
		session->held_since = session->now;
	buf_put(&session->held, slice_of(out->ptr + begun, out->len - begun));
	out->len = begun;
}

void spoe_sent(struct spoe_session *session, struct buf *out, size_t begun)
{
	size_t size = out->len - begun;

	metric_add(&session->shared->stats->frames_out, 1);
	metric_add(&session->shared->stats->bytes_out, size);
	if (session->draining)
		session->close_at = session->now + SPOE_DRAIN_NS;
	if (!session->bounded)
		return;
	/* unread() counts what stands in out, this frame too: it is taken out while it is asked. */
	out->len = begun;
	if (session->held.len == 0 && fits_unread(session, size)) {
		session->unread += size;
		out->len = begun + size;
		return;
	}
	out->len = begun + size;
	hold_back(session, out, begun);
}

static size_t first_frame(struct slice frames)
{
	struct reader r = reader_of(frames);

	return SPOP_PREFIX + reader_u32(&r);
}

void spoe_release_held(struct spoe_session *session, bool all)
{
	struct slice left = buf_slice(&session->held);
	size_t moved = 0;

	while (left.len) {
		size_t size = first_frame(left);

		if (!all && !fits_unread(session, size))
			break;
		buf_put(session->hooks->out(session->arg), slice_sub(left, 0, size));
		session->unread += size;
		moved += size;
		left = slice_sub(left, size, left.len);
	}
	if (moved == 0)
		return;
	buf_drop(&session->held, moved);
	session->held_since = session->now;
	if (!session->in_feed)
		session->hooks->flush(session->arg);
}

bool spoe_is_stuffed(const struct spoe_session *session)
{
	return session->pending_count >= SPOE_UNANSWERED_MAX || session->held.len > SPOE_HELD_MAX ||
	       session->hooks->out(session->arg)->len > SPOE_OUT_MAX;
}

void spoe_resume(struct spoe_session *session)
{
	if (!session->paused || session->in_feed || spoe_is_stuffed(session))
		return;
	session->paused = false;
	session->hooks->pause(session->arg, false);
}
