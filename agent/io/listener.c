/* SPDX-License-Identifier: Apache-2.0 */
#include "io/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/listener_open.h"
#include "io/loop_ev.h"

/* Others on the loop get their turn after so many. */
#define BATCH 64
/* How long accepting rests when the system has no descriptor or memory left. */
#define REST_NS 100000000

struct listener {
	struct ev_io readable;
	struct ev_timer rest;
	struct loop *loop;
	struct listener_socket socket;
	void (*accepted)(void *arg, int fd);
	void *arg;
	bool paused;
	bool resting;
};

static void watch(struct listener *listener)
{
	if (listener->paused || listener->resting)
		ev_io_stop(loop_ev(listener->loop), &listener->readable);
	else
		ev_io_start(loop_ev(listener->loop), &listener->readable);
}

static void rested(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	struct listener *listener = timer->data;

	(void)ev;
	(void)events;
	listener->resting = false;
	watch(listener);
}

static void start_rest(struct listener *listener, int fault)
{
	static _Thread_local int64_t told_ns;
	int64_t now = loop_now_ns(listener->loop);

	if (now - told_ns > 10000000000 || told_ns == 0) {
		told_ns = now;
		log_warning("cannot accept a connection: %s; waiting for some to close "
			    "(raise LimitNOFILE, or lower limits.connections)", strerror(fault));
	}
	listener->resting = true;
	watch(listener);
	loop_start_timer(listener->loop, &listener->rest, REST_NS);
}

/* Faults of the one connection that was about to come; the next may be fine (accept(2)). */
static bool is_of_connection(int fault)
{
	return fault == EINTR || fault == ECONNABORTED || fault == EPROTO || fault == ENETDOWN ||
	       fault == ENOPROTOOPT || fault == EHOSTDOWN || fault == ENONET ||
	       fault == EHOSTUNREACH || fault == ENETUNREACH || fault == EPERM;
}

static void on_readable(struct ev_loop *ev, struct ev_io *w, int events)
{
	struct listener *listener = w->data;

	(void)ev;
	(void)events;
	for (int i = 0; i < BATCH && !listener->paused; i++) {
		int fd = accept4(listener->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			listener->accepted(listener->arg, fd);
		} else if (errno == EAGAIN) {
			return;
		} else if (!is_of_connection(errno)) {
			start_rest(listener, errno);
			return;
		}
	}
}

enum err listener_new(struct loop *loop, const struct listener_address *address,
		      void (*accepted)(void *arg, int fd), void *arg, const char **error,
		      struct listener **out)
{
	struct listener_socket made;
	struct listener *listener;
	enum err err = listener_open(address, &made, error);

	if (err)
		return err;
	listener = mem_new(sizeof(*listener));
	listener->loop = loop;
	listener->socket = made;
	listener->accepted = accepted;
	listener->arg = arg;
	ev_io_init(&listener->readable, on_readable, made.fd, EV_READ);
	listener->readable.data = listener;
	ev_init(&listener->rest, rested);
	listener->rest.data = listener;
	watch(listener);
	*out = listener;
	return ERR_OK;
}

uint16_t listener_port(const struct listener *listener)
{
	return listener->socket.port;
}

void listener_pause(struct listener *listener, bool paused)
{
	listener->paused = paused;
	watch(listener);
}

void listener_free(struct listener *listener)
{
	if (!listener)
		return;
	ev_io_stop(loop_ev(listener->loop), &listener->readable);
	ev_timer_stop(loop_ev(listener->loop), &listener->rest);
	listener_close(&listener->socket);
	free(listener);
}
