/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"
#include "core/metrics.h"
#include "front/spoe_session.h"

/* HAProxy sends the fragments of a message without anything in between; others may not. */
#define FRAGMENTED_MAX 64

static struct spoe_fragment *find(const struct spoe_session *session, const struct spoe_ids *ids)
{
	struct spoe_fragment *fragment;

	DL_FOREACH(session->fragments, fragment)
		if (spoe_same(&fragment->ids, ids))
			return fragment;
	return NULL;
}

bool spoe_fragment_known(const struct spoe_session *session, const struct spoe_ids *ids)
{
	return unlikely(session->fragments) && find(session, ids);
}

static void forget_bytes(struct spoe_session *session, struct spoe_fragment *fragment)
{
	session->fragment_bytes -= fragment->bytes.len;
	buf_fini(&fragment->bytes);
}

static void drop(struct spoe_session *session, struct spoe_fragment *fragment)
{
	forget_bytes(session, fragment);
	DL_DELETE(session->fragments, fragment);
	session->fragment_count--;
	free(fragment);
	if (!session->fragments)
		session->fragments_until = INT64_MAX;
}

void spoe_fragments_drop(struct spoe_session *session)
{
	while (session->fragments)
		drop(session, session->fragments);
}

static struct spoe_fragment *start(struct spoe_session *session, const struct spoe_ids *ids)
{
	struct spoe_fragment *fragment = mem_new(sizeof(*fragment));

	fragment->ids = *ids;
	fragment->bytes = buf_capped(session->message_max);
	DL_APPEND(session->fragments, fragment);
	session->fragment_count++;
	return fragment;
}

static void append(struct spoe_session *session, struct spoe_fragment *fragment, struct slice part)
{
	metric_add(&session->shared->stats->fragments, 1);
	session->fragments_until = session->now + SPOE_PARTIAL_NS;
	if (fragment->too_large)
		return;
	/* The bound holds for all messages of a connection together. */
	if (part.len > session->message_max - session->fragment_bytes) {
		fragment->too_large = true;
		forget_bytes(session, fragment);
		return;
	}
	buf_put(&fragment->bytes, part);
	session->fragment_bytes += part.len;
}

static void complete(struct spoe_session *session, struct spoe_fragment *fragment)
{
	struct spoe_ids ids = fragment->ids;

	if (fragment->too_large)
		spoe_refuse(session, &ids, REASON_BAD_REQUEST, "the message is over limits.message");
	else
		spoe_notify(session, &ids, buf_slice(&fragment->bytes));
	/* A payload that does not decode ends the session, and its fragments with it. */
	if (spoe_fragment_known(session, &ids))
		drop(session, fragment);
}

NOINLINE void spoe_fragment(struct spoe_session *session, const struct spop_frame *frame)
{
	struct spoe_ids ids = { frame->stream_id, frame->frame_id };
	struct spoe_fragment *fragment = find(session, &ids);

	if (frame->flags & SPOP_ABORT) {
		if (fragment)
			drop(session, fragment);
		spoe_cancel(session, &ids);
		return;
	}
	if (frame->type == SPOP_NOTIFY) {
		if (fragment) {
			spoe_fail(session, SPOP_INTERLACED, "a message began inside of itself");
			return;
		}
		if (session->fragment_count == FRAGMENTED_MAX) {
			spoe_fail(session, SPOP_RESOURCE, "too many fragmented messages at once");
			return;
		}
		fragment = start(session, &ids);
	} else if (!fragment) {
		spoe_fail(session, SPOP_NO_FRAME_ID, "a fragment of a message that never began");
		return;
	}
	append(session, fragment, frame->payload);
	if (frame->flags & SPOP_FIN)
		complete(session, fragment);
}
