/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/spoe_rig.h"

#include <stdlib.h>

#include "base/mem.h"

static int64_t now_ns(void *arg)
{
	(void)arg;
	return rig_mono_ns;
}

static struct buf *out(void *arg)
{
	return &((struct spoe_rig *)arg)->out;
}

static size_t waiting(void *arg)
{
	const struct spoe_rig *peer = arg;

	return peer->waiting == (size_t)-1 ? peer->out.len : peer->waiting;
}

static void bound_unread(void *arg, size_t max)
{
	((struct spoe_rig *)arg)->bound = max;
}

static void flush(void *arg)
{
	((struct spoe_rig *)arg)->flushed++;
}

static void set_paused(void *arg, bool paused)
{
	((struct spoe_rig *)arg)->paused = paused;
}

static void finish(void *arg, int64_t linger_ns)
{
	struct spoe_rig *peer = arg;

	peer->finished = true;
	peer->linger_ns = linger_ns;
}

static void complain(void *arg, enum spop_status status, const char *what)
{
	struct spoe_rig *peer = arg;

	peer->complaints++;
	peer->status = status;
	peer->what = what;
}

static const struct spoe_hooks hooks = { now_ns, out, waiting, bound_unread,
					 flush, set_paused, finish, complain };

struct spoe_shared *spoe_rig_shared(struct rig *rig)
{
	struct spoe_shared *shared = mem_new(sizeof(*shared));

	shared->engine = rig->engine;
	shared->stats = mem_new(sizeof(*shared->stats));
	return shared;
}

void spoe_rig_shared_free(struct spoe_shared *shared)
{
	spoe_shared_fini(shared);
	free(shared->stats);
	free(shared);
}

struct spoe_rig *spoe_rig_new(struct rig *rig, struct spoe_shared *shared)
{
	struct spoe_rig *peer = mem_new(sizeof(*peer));

	peer->rig = rig;
	peer->shared = shared;
	peer->waiting = (size_t)-1;
	peer->session = spoe_new(shared, &hooks, peer);
	return peer;
}

void spoe_rig_free(struct spoe_rig *peer)
{
	spoe_free(peer->session);
	buf_fini(&peer->in);
	buf_fini(&peer->out);
	free(peer);
}

void spoe_rig_again(struct spoe_rig *peer)
{
	while (peer->in.len && !peer->paused && !peer->finished) {
		/* Exactly as large as what came, so that a sanitizer sees one byte too many. */
		uint8_t *copy = malloc(peer->in.len);
		size_t used;

		if (!copy)
			abort();
		memcpy(copy, peer->in.ptr, peer->in.len);
		used = spoe_feed(peer->session, slice_of(copy, peer->in.len));
		free(copy);
		if (used > peer->in.len)
			abort();
		buf_drop(&peer->in, used);
		if (used == 0)
			return;
	}
}

void spoe_rig_send(struct spoe_rig *peer, struct slice bytes)
{
	buf_put(&peer->in, bytes);
	spoe_rig_again(peer);
}

void spoe_rig_drip(struct spoe_rig *peer, struct slice bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		spoe_rig_send(peer, slice_sub(bytes, i, 1));
}

static void send_and_free(struct spoe_rig *peer, struct buf *frame)
{
	spoe_rig_send(peer, buf_slice(frame));
	buf_fini(frame);
}

void spoe_rig_hello(struct spoe_rig *peer)
{
	struct buf frame = buf_capped(0);
	struct spop_frame answer;

	peer_hello(&frame, 16380, "pipelining");
	send_and_free(peer, &frame);
	if (!spoe_rig_next(peer, &answer) || answer.type != SPOP_AGENT_HELLO)
		abort();
}

void spoe_rig_ask(struct spoe_rig *peer, uint64_t stream, uint64_t frame_id, const struct named *over)
{
	struct buf frame = buf_capped(0);

	peer_notify(&frame, stream, frame_id, over);
	send_and_free(peer, &frame);
}

bool spoe_rig_next(struct spoe_rig *peer, struct spop_frame *frame)
{
	struct slice left = slice_sub(buf_slice(&peer->out), peer->seen, peer->out.len);

	if (!peer_next(&left, frame))
		return false;
	peer->seen = peer->out.len - left.len;
	return true;
}

void spoe_rig_sleep(struct spoe_rig *peer, int64_t ns)
{
	int64_t until = rig_mono_ns + ns;

	for (;;) {
		int64_t at = spoe_deadline(peer->session);

		if (at > until)
			break;
		if (at > rig_mono_ns)
			rig_sleep(at - rig_mono_ns);
		spoe_tick(peer->session);
		if (peer->finished)
			break;
	}
	if (until > rig_mono_ns)
		rig_sleep(until - rig_mono_ns);
}
