/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_TASK_H
#define MTLSGUARD_SCRIPT_TASK_H

#include "core/policy.h"
#include "script/object.h"
#include "script/state.h"

/*
 * One call of a worker: a coroutine out of the state's pool, and what the
 * script made in it. Whoever would wake a waiting task needs the generation
 * that it had then; each call has another one.
 */
#define TASK_OBJECTS 64 /* Request, Response and Headers objects of one call */
#define TASK_SLOTS 4096 /* calls of one state at a time */

struct task {
	struct state *state;
	lua_State *co; /* held by the registry */
	unsigned slot;
	uint64_t generation; /* 0: idle */
	uint64_t tag;	     /* of its handles */
	struct policy_call *call;
	struct task *next; /* in the idle or the ready list */
	struct budget saved; /* between two slices */
	bool waiting;
	struct object *objects[TASK_OBJECTS];
	unsigned object_count;
	unsigned fact_line; /* + 1; 0: not looked for yet */
	bool asked_origin;
	bool passes_on_error;
};

/* Runs call->worker's fetch in this state. Faults are in call->result, never raised. */
enum policy_state task_start(struct state *state, struct policy_call *call);

/* Gives the waiting call at the front another slice; false when none waits. */
bool task_run_ready(struct state *state);

/* A pending call ends without an answer. */
void task_cancel(struct policy_call *call);

/* Frees idle tasks with their state. */
void tasks_free(struct state *state);

/* The running task. Raises outside of a call, naming what was tried. */
struct task *task_current(lua_State *L, const char *what);

/* A new object of the task; *number is how handles name it. Raises. */
struct object *task_object(lua_State *L, struct task *task, enum object_type type,
			   unsigned *number);

/* The request's arena is used up: a fault. */
_Noreturn void task_no_memory(lua_State *L);

/* The fault of a worker that reads what the proxy never sent: bad_request. */
_Noreturn void task_not_sent(lua_State *L, const char *prefix, struct slice argument);

#endif
