/* SPDX-License-Identifier: Apache-2.0 */
#include "io/loop_io.h"

#include <stdlib.h>

#include "base/mem.h"
#include "io/loop_ev.h"

struct loop_io {
	struct ev_io ev;
	struct loop *loop;
	void (*on_readable)(void *arg);
	void *arg;
};

static void readable(struct ev_loop *ev, struct ev_io *w, int events)
{
	struct loop_io *io = w->data;

	(void)ev;
	(void)events;
	io->on_readable(io->arg);
}

struct loop_io *loop_io_new(struct loop *loop, int fd, void (*on_readable)(void *arg), void *arg)
{
	struct loop_io *io = mem_new(sizeof(*io));

	io->loop = loop;
	io->on_readable = on_readable;
	io->arg = arg;
	ev_io_init(&io->ev, readable, fd, EV_READ);
	io->ev.data = io;
	ev_io_start(loop_ev(loop), &io->ev);
	return io;
}

void loop_io_free(struct loop_io *io)
{
	if (!io)
		return;
	ev_io_stop(loop_ev(io->loop), &io->ev);
	free(io);
}
