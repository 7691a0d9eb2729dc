/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_IO_LOOP_H
#define MTLSGUARD_IO_LOOP_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One thread's event loop (libev behind it). Everything made on a loop is used
 * and freed on that loop's thread only, mailbox_post (mailbox.h) excepted.
 */
struct loop;
struct loop_timer;
struct loop_signal;

/* NULL when the system refuses (descriptors); the reason is logged. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* Runs until loop_stop; returns when it was called from a callback of this loop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Monotonic nanoseconds, read once at the begin of a wake-up. */
int64_t loop_now_ns(const struct loop *loop);

/*
 * How long wake-ups took, from the poll's return until everything was done: meanwhile nobody
 * else on the loop is served. Being preempted counts. Written by the loop, read by any thread.
 */
#define LOOP_STALL_BOUNDS 7
struct loop_stalls {
	_Atomic uint64_t counts[LOOP_STALL_BOUNDS + 1]; /* wake-ups by loop_stall_bound_ns; last: longer */
	_Atomic uint64_t total_ns, max_ns;
};
const struct loop_stalls *loop_stalls(const struct loop *loop);
int64_t loop_stall_bound_ns(size_t i); /* 1 ms to 100 ms */

/* A one-shot timer; on_timer(arg) runs on the loop. timer_set again moves it. */
struct loop_timer *loop_timer_new(struct loop *loop, void (*on_timer)(void *arg), void *arg);
void loop_timer_set(struct loop_timer *timer, int64_t after_ns);
void loop_timer_clear(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer); /* NULL is fine */

/* on_signal(arg, signum) runs on the loop, not in the handler. One loop a signal. */
struct loop_signal *loop_signal_new(struct loop *loop, int signum,
				    void (*on_signal)(void *arg, int signum), void *arg);
void loop_signal_free(struct loop_signal *signal);

#endif
