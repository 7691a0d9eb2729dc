/* SPDX-License-Identifier: Apache-2.0 */
#include "script/task.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "script/handle.h"
#include "script/result.h"
#include "script/ticks.h"

/* What lies at the bottom of each task's thread. */
enum { BOTTOM_FETCH = 1, BOTTOM_ENV, BOTTOM_SIZE = BOTTOM_ENV };

static int make_thread(lua_State *L)
{
	struct task *task = lua_touserdata(L, 1);
	lua_State *co;

	lua_rawgetp(L, LUA_REGISTRYINDEX, &registry.tasks);
	co = lua_newthread(L);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &registry.fetch);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &registry.bindings);
	lua_xmove(L, co, 2);
	lua_rawseti(L, -2, (lua_Integer)task->slot + 1);
	task->co = co;
	return 0;
}

/* The registry lets go of a thread that died; the task gets another one when it is used again. */
static int drop_thread(lua_State *L)
{
	struct task *task = lua_touserdata(L, 1);

	lua_rawgetp(L, LUA_REGISTRYINDEX, &registry.tasks);
	lua_pushboolean(L, false);
	lua_rawseti(L, -2, (lua_Integer)task->slot + 1);
	return 0;
}

static struct task *new_task(struct state *state)
{
	struct task *task;

	if (state->task_count == TASK_SLOTS)
		return NULL;
	if (state->task_count == state->task_room) {
		state->task_room = state->task_room ? state->task_room * 2 : 4;
		state->tasks = mem_grow(state->tasks, state->task_room * sizeof(struct task *));
	}
	task = mem_new(sizeof(*task));
	task->state = state;
	task->slot = state->task_count;
	state->tasks[state->task_count++] = task;
	return task;
}

static void put_back(struct task *task)
{
	task->generation = 0;
	task->call = NULL;
	task->next = task->state->idle;
	task->state->idle = task;
}

static struct task *take_task(struct state *state, struct policy_call *call)
{
	struct task *task = state->idle;

	if (task)
		state->idle = task->next;
	else
		task = new_task(state);
	if (!task) {
		result_fault(call, REASON_OVERLOADED, "too many calls of this worker are waiting");
		return NULL;
	}
	if (!task->co && state_enter(state, make_thread, task)) {
		lua_settop(state->L, 0);
		put_back(task);
		state->spent = true;
		result_fault(call, REASON_POLICY_MEMORY, "the worker's memory is used up");
		return NULL;
	}
	return task;
}

/* Fills the task for a call; false when the request's arena is full. */
static bool begin(struct task *task, struct policy_call *call)
{
	task->objects[0] = object_new(call->req->arena, OBJECT_INCOMING);
	if (!task->objects[0])
		return false;
	task->object_count = 1;
	task->generation = ++task->state->generation;
	task->tag = task->generation << 22 | (uint64_t)task->slot << 10;
	task->call = call;
	task->fact_line = 0;
	task->asked_origin = task->passes_on_error = false;
	task->waiting = false;
	call->task = task;
	task->state->busy++;
	return true;
}

/* The call is over: the thread goes back to the pool, unless an error killed it. */
static void end(struct task *task, int status)
{
	struct state *state = task->state;

	task->call->task = NULL;
	state->busy--;
	if (likely(status == LUA_OK)) {
		lua_settop(task->co, BOTTOM_SIZE);
	} else {
		task->co = NULL;
		if (!state->spent && state_enter(state, drop_thread, task))
			state->spent = true;
		lua_settop(state->L, 0);
	}
	put_back(task);
}

static void make_ready(struct task *task)
{
	struct state *state = task->state;

	task->saved = state->budget;
	task->next = NULL;
	task->waiting = true;
	*state->ready_tail = task;
	state->ready_tail = &task->next;
}

/* Runs the thread until it returns, fails or has used a slice. Every way from C into a worker is this one. */
static HOT enum policy_state run(struct task *task, int argc)
{
	struct state *state = task->state;
	int count = 0, status;

	state->current = task;
	state->tag = task->tag;
	ticks.state = state;
	status = lua_resume(task->co, NULL, argc, &count);
	ticks.state = NULL;
	state->current = NULL;
	state->tag = TAG_NONE;
	state->running = NULL;
	if (unlikely(status == LUA_YIELD)) {
		assert(state->slicing);
		make_ready(task);
		return POLICY_PENDING;
	}
	if (likely(status == LUA_OK))
		result_returned(task, BOTTOM_SIZE + 1);
	else
		result_failed(task, status);
	end(task, status);
	return POLICY_DONE;
}

enum policy_state task_start(struct state *state, struct policy_call *call)
{
	struct task *task = take_task(state, call);

	if (!task)
		return POLICY_DONE;
	if (!begin(task, call)) {
		put_back(task);
		result_fault(call, REASON_OVERLOADED, "the request's memory is used up");
		return POLICY_DONE;
	}
	lua_pushvalue(task->co, BOTTOM_FETCH);
	handle_push(task->co, task, HANDLE_REQUEST, 0);
	lua_pushvalue(task->co, BOTTOM_ENV);
	handle_push(task->co, task, HANDLE_CTX, 0);
	state->budget = (struct budget){ .cpu_limit_ns = state->config->limits.worker_cpu_ns,
					 .deadline_ns = call->req->deadline_ns,
					 .slice_ns = call->slice_ns };
	budget_start(state, task->co);
	return run(task, 3);
}

static struct task *take_ready(struct state *state)
{
	struct task *task = state->ready;

	state->ready = task->next;
	if (!state->ready)
		state->ready_tail = &state->ready;
	task->waiting = false;
	/* While it waited another certificate may have got its line. */
	task->fact_line = 0;
	return task;
}

bool task_run_ready(struct state *state)
{
	struct policy_call *call;
	struct task *task;

	if (!state->ready)
		return false;
	task = take_ready(state);
	call = task->call;
	state->budget = task->saved;
	budget_start(state, task->co);
	if (run(task, 0) == POLICY_DONE)
		call->on_done(call);
	return true;
}

void task_cancel(struct policy_call *call)
{
	struct task *task = call->task, **at;
	struct state *state = task->state;

	assert(task->waiting);
	for (at = &state->ready; *at != task; at = &(*at)->next)
		;
	*at = task->next;
	if (!task->next)
		state->ready_tail = at;
	task->waiting = false;
	end(task, LUA_YIELD);
}

void tasks_free(struct state *state)
{
	assert(!state->busy);
	for (unsigned i = 0; i < state->task_count; i++)
		free(state->tasks[i]);
	free(state->tasks);
}

struct task *task_current(lua_State *L, const char *what)
{
	struct task *task = state_of(L)->current;

	if (!task)
		luaL_error(L, "%s works only while a request is handled, not while the script is loaded",
			   what);
	return task;
}

_Noreturn void task_no_memory(lua_State *L)
{
	budget_fault(L, REASON_OVERLOADED, "the request's memory is used up");
}

_Noreturn void task_not_sent(lua_State *L, const char *prefix, struct slice argument)
{
	budget_fault(L, REASON_BAD_REQUEST, "the proxy did not send the argument %s%.*s", prefix,
		     SLICE_FMT(argument));
}

HOT struct object *task_object(lua_State *L, struct task *task, enum object_type type,
			       unsigned *number)
{
	struct object *object;

	if (task->object_count == TASK_OBJECTS)
		luaL_error(L, "too many Request, Response and Headers objects in one call (at most %d)",
			   TASK_OBJECTS);
	object = object_new(task->call->req->arena, type);
	if (!object)
		task_no_memory(L);
	*number = task->object_count;
	task->objects[task->object_count++] = object;
	return object;
}
