/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_STATE_H
#define MTLSGUARD_SCRIPT_STATE_H

#include <lauxlib.h>
#include <lua.h>

#include "base/diag.h"
#include "core/config.h"
#include "script/atom.h"
#include "script/budget.h"

/*
 * One worker's Lua state on one loop: its memory, its compiled script, its
 * pool of tasks. The story of a request: policy_start takes an idle task,
 * whose coroutine has the worker's function at its bottom; the arguments are
 * handles (handle.h), numbers that name objects in the task, so that a call
 * makes no garbage; the worker's edits are collected in the request's arena
 * (object.h) and become blocks of the verdict when it returns.
 *
 * A state in which memory or time ran out is closed and opened anew: what the
 * script left half done is not to decide about anybody.
 */
struct task;

#define PLACE_MAX 96
#define FAULT_MAX 400
#define CHUNK_NAME_MAX 59 /* what Lua shows of a name without cutting it */
#define TAG_NONE UINT64_MAX
#define NAME_CACHE 64
#define NAME_SLOTS 128
#define FACT_LINES 1024 /* certificates whose texts are kept as Lua strings */

/* A header name that a script used: checked and lowered once. */
struct header_name {
	const void *key; /* address of the Lua string, which the registry holds; NULL: a free place */
	struct slice name;
	const char *fault; /* why it may not be set; NULL: it may */
};

struct state {
	lua_State *L;
	lua_State *volatile running; /* the thread that runs now, NULL outside of calls */
	volatile bool hooked; /* the threads of this call have the count hook */
	bool slow; /* a call has used up two slices, or its time: later ones have the hook from their start */
	const struct worker_conf *worker;
	const struct config *config;
	struct budget budget;
	size_t memory, memory_max, block_max;
	struct atoms atoms;
	struct header_name names[NAME_SLOTS]; /* a hash table by key */
	size_t name_count;
	uint64_t fact_keys[FACT_LINES];
	uint32_t fact_columns; /* bit N: upvalue N of the handles' __index is a table of texts by line */
	struct task **tasks; /* by slot */
	unsigned task_count, task_room;
	struct task *idle;
	struct task *ready, **ready_tail; /* waiting for their next slice */
	struct task *current; /* whose call runs now; NULL while the script is loaded */
	uint64_t tag;	      /* of the handles of that call, else TAG_NONE */
	uint64_t generation;
	bool loading; /* the top level runs: require is there */
	bool spent;   /* not to be used again */
	bool closing; /* a coroutine.close is under way */
	bool slicing; /* a thread has yielded to the host, whoever resumed it passes that on */
	unsigned unyieldable; /* resumed threads below which nobody can yield */
	unsigned busy;	      /* tasks in use */
	struct state *next_spent;
	char chunk[CHUNK_NAME_MAX + 1];	    /* the script's name in messages */
	char fault_place[PLACE_MAX];	    /* of the first fault of a call */
	char fault_text[FAULT_MAX];
	int64_t log_window_ns; /* console: start of the present second */
	unsigned log_lines, log_dropped;
};

static inline struct state *state_of(lua_State *L)
{
	return *(struct state **)lua_getextraspace(L);
}

/* Counts n steps of work that the hook cannot see. May raise. */
static inline void budget_charge(lua_State *L, size_t n)
{
	struct budget *budget = &state_of(L)->budget;

	if (likely(n <= (uint64_t)budget->credit))
		budget->credit -= (int64_t)n;
	else
		budget_overdrawn(L);
}

/* How long a script's top level may take, in nanoseconds of CPU. */
#define STATE_LOAD_NS 1000000000

/*
 * Opens a worker's state: sandbox, compiled script, its top level run with at
 * most load_ns of CPU. config and worker must outlive it. Faults go to diag
 * with file:line; NULL then. Never raises.
 */
struct state *state_open(const struct config *config, const struct worker_conf *worker,
			 int64_t load_ns, struct diag_list *diag);

/* No task may be in use. NULL is fine. */
void state_close(struct state *state);

/*
 * The one way from C into a state for all but tasks: calls fn(L) in protected
 * mode with arg as light userdata. On a fault the message is on the stack.
 */
int state_enter(struct state *state, lua_CFunction fn, void *arg);

/* "file:line" of the innermost script function that runs on L, or "". */
void state_place(lua_State *L, char place[PLACE_MAX]);

/* Keys of the registry: the addresses of these. */
struct registry_keys {
	char env;      /* the worker's global variables */
	char builtins; /* what they fall back to */
	char loaded;   /* modules by name */
	char names;    /* strings of the name cache */
	char tasks;    /* coroutines by slot */
	char fetch;    /* the worker's function */
	char bindings; /* the object env */
};
extern const struct registry_keys registry;

#endif
