/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_BUDGET_H
#define MTLSGUARD_SCRIPT_BUDGET_H

#include <lua.h>

#include "core/verdict.h"

/*
 * How long a call of a worker may run. Lua's count hook looks at the clock
 * every few instructions, from the first on or from the first tick (ticks.h);
 * C functions whose work no hook sees charge their steps, which brings the next
 * look nearer; the allocator does the same with bytes. The first looks of a call
 * are cheap on purpose: most calls end before them, and reading the thread's CPU
 * clock costs as much as a whole call.
 *
 * What is over is told by a fault, which is sticky: pcall, xpcall and
 * coroutine.resume pass it on (l_base.c, l_coroutine.c), and the hook raises
 * it again wherever the script got to.
 */
struct state;

struct budget {
	int64_t cpu_limit_ns;
	int64_t deadline_ns; /* monotonic; 0: none */
	int64_t slice_ns;    /* after so long the call lets others run; 0: never */
	int64_t used_ns;     /* CPU time of earlier slices */
	int64_t start_ns;    /* monotonic time of the first look, 0 before it */
	int64_t cpu_base_ns; /* the thread's CPU time then, 0 before the second look */
	int64_t credit;	     /* steps until C functions look at the clock */
	int64_t bytes;	     /* allocated bytes until the next instruction does */
	enum reason fault;   /* 0, or what ended the call */
};

/* Instructions between two looks. */
#define BUDGET_INSTRUCTIONS 100
/* Steps of C functions, each some nanoseconds, between two looks. */
#define BUDGET_STEPS 4096
/* Bytes asked of the allocator between two looks. */
#define BUDGET_BYTES (1024 * 1024)

/* A slice begins on thread L. state->budget holds the call's limits and what earlier slices used. */
void budget_start(struct state *state, lua_State *L);

/* Raises policy_timeout when time is over, or the fault that there is already. */
void budget_look(lua_State *L);

/* Lets the next instruction look at the clock. Safe inside the allocator. */
void budget_hurry(struct state *state);

/* The call that runs has been running for a while: the next instruction looks, too. Safe inside a signal. */
void budget_tick(struct state *state);

/* Called by coroutine.resume when another thread begins or goes on running. */
void budget_switch(struct state *state, lua_State *L);

/* What budget_charge (state.h) does when the steps up to the next look are used up. May raise. */
void budget_overdrawn(lua_State *L);

/* Ends the call with a fault that no script can catch. The first of a call stays. */
_Noreturn void budget_fault(lua_State *L, enum reason reason, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* After an error was caught in protected mode: raises it again when it is a
 * fault. The error value is on the top of the stack. */
void budget_rethrow(lua_State *L, int status);

#endif
