/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_IO_LOOP_EV_H
#define MTLSGUARD_IO_LOOP_EV_H

#include <ev.h>

#include "base/buf.h"
#include "io/loop.h"

/*
 * What a loop gives to the other files of this floor (and to adapters of
 * libraries that speak libev): the libev loop, work put off to the end of this
 * wake-up or the start of the next one, and memory that connections share.
 */
struct loop_task {
	struct loop_task *next; /* NULL: not queued */
	struct loop_task *prev;
	void (*run)(struct loop_task *task);
};

struct ev_loop *loop_ev(struct loop *loop);

/* Runs task->run once when every callback of this wake-up is through. Queued already: nothing. */
void loop_at_end(struct loop *loop, struct loop_task *task);

/* Runs task->run once in the next wake-up, which comes at once. Queued already: nothing. */
void loop_soon(struct loop *loop, struct loop_task *task);

/* Takes it out of its queue; fine when it is in none. */
void loop_task_cancel(struct loop_task *task);

/* (Re)starts a libev timer that fires once. */
void loop_start_timer(struct loop *loop, struct ev_timer *timer, int64_t after_ns);

/* One piece of memory per loop to read into; its content is gone when the callback returns. */
#define LOOP_SCRATCH (80u * 1024)
uint8_t *loop_scratch(struct loop *loop);

/*
 * Output buffers are lent to connections while they have something to write:
 * an idle connection holds none. take gives an empty one; give takes the
 * memory of *buf back (or frees it) and leaves it empty.
 */
void loop_take_buf(struct loop *loop, struct buf *buf);
void loop_give_buf(struct loop *loop, struct buf *buf);

#endif
