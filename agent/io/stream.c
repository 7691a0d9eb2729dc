/* SPDX-License-Identifier: Apache-2.0 */
#include "io/stream.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/stream_state.h"

static NOINLINE void change(struct ev_loop *ev, struct ev_io *w, bool wanted)
{
	if (wanted)
		ev_io_start(ev, w);
	else
		ev_io_stop(ev, w);
}

static void want(struct ev_loop *ev, struct ev_io *w, bool wanted)
{
	/* It is asked after every wake-up, and rarely changes. */
	if (unlikely(wanted != (bool)ev_is_active(w)))
		change(ev, w, wanted);
}

HOT void stream_watch(struct stream *s)
{
	struct ev_loop *ev = loop_ev(s->loop);

	if (s->dead)
		return;
	if (unlikely(s->phase == PHASE_HANDSHAKE)) {
		want(ev, &s->readable, !s->blocked && !s->fault);
		want(ev, &s->writable, s->blocked && !s->fault);
		return;
	}
	want(ev, &s->readable, likely(stream_reading(s) && !s->read_wants_write) || s->write_wants_read);
	want(ev, &s->writable, unlikely(s->blocked && !s->write_wants_read) || s->read_wants_write);
}

static void stop(struct stream *s)
{
	struct ev_loop *ev = loop_ev(s->loop);

	ev_io_stop(ev, &s->readable);
	ev_io_stop(ev, &s->writable);
	ev_timer_stop(ev, &s->deadline);
	loop_task_cancel(&s->flush_task);
	loop_task_cancel(&s->again_task);
	loop_task_cancel(&s->offer_task);
}

static COLD void destroy(struct stream *s)
{
	if (s->state)
		s->transport->free(s->state);
	close(s->fd);
	buf_fini(&s->in);
	loop_give_buf(s->loop, &s->out);
	free(s);
}

bool stream_leave(struct stream *s)
{
	s->busy--;
	if (likely(!s->dead))
		return true;
	if (s->busy == 0)
		destroy(s);
	return false;
}

void stream_close(struct stream *s, enum err why)
{
	s->dead = true;
	stop(s);
	if (why == ERR_OK && s->state && s->transport->goodbye)
		s->transport->goodbye(s->state);
	stream_enter(s);
	s->handler->on_close(s->arg, why);
	stream_leave(s);
}

static void shake(struct stream *s)
{
	enum err why = ERR_CRYPTO;

	s->blocked = false;
	switch (s->transport->handshake(s->state, &why)) {
	case TRANSPORT_FAULT:
		stream_close(s, why);
		return;
	case TRANSPORT_WANT_WRITE:
		s->blocked = true;
		break;
	case TRANSPORT_DONE:
		s->phase = PHASE_OPEN;
		ev_timer_stop(loop_ev(s->loop), &s->deadline);
		if (stream_waiting(s))
			loop_at_end(s->loop, &s->flush_task);
		/* The first bytes may have come with the end of the handshake. */
		loop_soon(s->loop, &s->again_task);
		break;
	default:
		break;
	}
	stream_watch(s);
}

static HOT void on_readable(struct ev_loop *ev, struct ev_io *w, int events)
{
	struct stream *s = w->data;

	(void)ev;
	if (unlikely(events & EV_ERROR)) {
		stream_close(s, ERR_IO);
		return;
	}
	if (unlikely(s->phase == PHASE_HANDSHAKE)) {
		shake(s);
		return;
	}
	if (unlikely(s->write_wants_read))
		loop_at_end(s->loop, &s->flush_task);
	if (unlikely(!stream_reading(s)))
		return;
	if (likely(s->phase == PHASE_OPEN))
		stream_read(s);
	else
		stream_discard_some(s);
}

static void on_writable(struct ev_loop *ev, struct ev_io *w, int events)
{
	struct stream *s = w->data;

	(void)ev;
	if (events & EV_ERROR) {
		stream_close(s, ERR_IO);
		return;
	}
	if (s->phase == PHASE_HANDSHAKE) {
		shake(s);
		return;
	}
	if (s->blocked)
		loop_at_end(s->loop, &s->flush_task);
	if (s->read_wants_write && s->phase == PHASE_OPEN && stream_reading(s))
		stream_read(s);
	else if (s->read_wants_write) {
		s->read_wants_write = false;
		stream_watch(s);
	}
}

static void deadline_passed(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	struct stream *s = timer->data;

	(void)ev;
	(void)events;
	if (s->phase == PHASE_LINGERING)
		stream_discard(s);
	stream_close(s, s->phase == PHASE_LINGERING ? ERR_OK : ERR_TIMEOUT);
}

static void set_up_socket(struct stream *s)
{
	int flags = fcntl(s->fd, F_GETFL), on = 1;

	if (flags >= 0 && !(flags & O_NONBLOCK))
		(void)fcntl(s->fd, F_SETFL, flags | O_NONBLOCK);
	peer_of(s->fd, &s->peer);
	if (!s->peer.is_unix)
		(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void set_up_events(struct stream *s)
{
	ev_io_init(&s->readable, on_readable, s->fd, EV_READ);
	ev_io_init(&s->writable, on_writable, s->fd, EV_WRITE);
	ev_init(&s->deadline, deadline_passed);
	s->readable.data = s->writable.data = s->deadline.data = s;
	s->flush_task.run = stream_flush_task;
	s->again_task.run = stream_again_task;
	s->offer_task.run = stream_offer_task;
}

struct stream *stream_new(struct loop *loop, int fd, struct tls_server *tls,
			  const struct stream_limits *limits, const struct stream_handler *handler,
			  void *arg)
{
	struct stream *s = mem_new(sizeof(*s));

	s->loop = loop;
	s->fd = fd;
	s->limits = *limits;
	s->handler = handler;
	s->arg = arg;
	s->phase = tls ? PHASE_HANDSHAKE : PHASE_OPEN;
	set_up_socket(s);
	set_up_events(s);
	s->transport = tls ? &transport_tls : &transport_plain;
	s->state = tls ? transport_tls_new(tls, fd, &s->peer) : transport_plain_new(fd);
	if (tls && !s->state) {
		s->fault = ERR_CRYPTO;
		loop_soon(loop, &s->again_task);
	} else if (tls && limits->handshake_ns > 0) {
		loop_start_timer(loop, &s->deadline, limits->handshake_ns);
	}
	stream_watch(s);
	return s;
}

struct buf *stream_out(struct stream *s)
{
	if (likely(!s->out.ptr))
		loop_take_buf(s->loop, &s->out);
	return &s->out;
}

void stream_flush(struct stream *s)
{
	if (!s->dead)
		loop_at_end(s->loop, &s->flush_task);
}

void stream_pause(struct stream *s, bool paused)
{
	if (s->dead || s->paused == paused)
		return;
	s->paused = paused;
	if (!paused)
		loop_soon(s->loop, &s->again_task);
	stream_watch(s);
}

void stream_finish(struct stream *s, int64_t linger_ns)
{
	if (s->dead || s->phase >= PHASE_FINISHING)
		return;
	s->linger_ns = linger_ns;
	if (s->phase == PHASE_HANDSHAKE) {
		/* No byte can be sent any more; there is nobody to linger for. */
		s->ended = true;
		s->phase = PHASE_LINGERING;
		loop_start_timer(s->loop, &s->deadline, 0);
	} else {
		s->phase = PHASE_FINISHING;
		loop_at_end(s->loop, &s->flush_task);
	}
	stream_watch(s);
}

void stream_abort(struct stream *s)
{
	if (s->dead)
		return;
	s->dead = true;
	stop(s);
	if (s->busy == 0)
		destroy(s);
}

void stream_bound_unread(struct stream *s, size_t max)
{
	/* The kernel doubles what is asked for and lets one piece of half of that start below the
	 * bound. Smaller values than its least are raised to it. */
	int room = max / 3 < INT32_MAX ? (int)(max / 3) : INT32_MAX;

	if (s->peer.is_unix)
		(void)setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
}

size_t stream_unread(const struct stream *s)
{
	int queued = 0;

	if (ioctl(s->fd, SIOCOUTQ, &queued) < 0 || queued < 0)
		queued = 0;
	return stream_waiting(s) + (size_t)queued;
}

size_t stream_waiting(const struct stream *s)
{
	return s->out.len - s->out_done;
}

const struct peer *stream_peer(const struct stream *s)
{
	return &s->peer;
}
