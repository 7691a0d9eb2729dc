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

/*
 * Where connections take turns, the processor's caches hold the way of the last step, not of the next; and a
 * peer that sleeps is woken by each write. So connections of one wake-up wait for each other, unless they write
 * very much: a number of them is read from, then all are served, then all are written to. When serving takes
 * long, those that were served are written to before the rest is served.
 *
 * Runs task->run after those of the same step that wait already, at the end of the callbacks of this wake-up at
 * the latest. `keep` bytes at the front of loop_scratch() stay until then. Call it as the last step of a callback:
 * tasks of others may run in here. False, and nothing is done, when there is nobody to wait for, or no room to
 * keep so much.
 */
enum loop_step { LOOP_SERVE, LOOP_WRITE };
#define LOOP_KEPT (256u * 1024)
bool loop_in_batch(struct loop *loop, enum loop_step step, struct loop_task *task, size_t keep);

/* Takes it out of its queue; fine when it is in none. */
void loop_task_cancel(struct loop_task *task);

/* (Re)starts a libev timer that fires once. */
void loop_start_timer(struct loop *loop, struct ev_timer *timer, int64_t after_ns);

/* One piece of memory per loop to read into; its content is gone when the callback returns, unless it is kept. */
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
