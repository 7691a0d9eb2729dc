/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_TICKS_H
#define MTLSGUARD_SCRIPT_TICKS_H

#include <stdbool.h>

/*
 * Lua's count hook costs every instruction of a worker, though almost no call
 * lasts until its first look at the clock. On a thread with ticks a call runs
 * without the hook until a signal finds it running: the thread's CPU time
 * sends one every few milliseconds, and none while it waits. A worker that
 * was ever found to run long has the hook from the first instruction on.
 */
struct state;

#define TICK_NS 4000000

/* Of the calling thread, until it ends them. False: the system gives no timer, and the hook stays. */
bool ticks_start(void);
void ticks_stop(void);

struct ticks {
	bool on;
	struct state *volatile state; /* whose call runs, NULL: none */
};
extern _Thread_local struct ticks ticks;

#endif
