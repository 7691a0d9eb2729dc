/* SPDX-License-Identifier: Apache-2.0 */
#include "script/budget.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "script/task.h"
#include "script/ticks.h"

/* What may lie between the first two looks of a slice; more means that the thread did not run. */
#define FIRST_GAP_NS 50000

/* CPU time since the first look of this slice. The second look asks the CPU clock for the first time. */
static int64_t slice_cpu(struct budget *budget, int64_t elapsed)
{
	int64_t cpu = clock_thread_cpu_ns();

	if (!budget->cpu_base_ns)
		budget->cpu_base_ns = cpu - (elapsed < FIRST_GAP_NS ? elapsed : FIRST_GAP_NS);
	return cpu - budget->cpu_base_ns;
}

/* True when the call should let others run now and every thread up to the host can yield. */
static bool slice_is_over(struct state *state, lua_State *L)
{
	struct budget *budget = &state->budget;
	int64_t elapsed;

	if (!budget->slice_ns || !state->current || state->unyieldable || !lua_isyieldable(L))
		return false;
	elapsed = clock_mono_ns() - budget->start_ns;
	if (elapsed < budget->slice_ns)
		return false;
	/* One slice may have gone by while the thread did not run. */
	state->slow |= budget->used_ns > 0;
	budget->used_ns += slice_cpu(budget, elapsed);
	return true;
}

static void on_count(lua_State *L, lua_Debug *ar)
{
	struct state *state = state_of(L);

	(void)ar;
	if (state->budget.bytes <= 0)
		state->budget.bytes = BUDGET_BYTES;
	if (lua_gethookcount(L) != BUDGET_INSTRUCTIONS)
		lua_sethook(L, on_count, LUA_MASKCOUNT, BUDGET_INSTRUCTIONS);
	budget_look(L);
	if (slice_is_over(state, L)) {
		state->slicing = true;
		lua_yield(L, 0);
	}
}

void budget_start(struct state *state, lua_State *L)
{
	state->budget.credit = BUDGET_STEPS;
	state->budget.bytes = BUDGET_BYTES;
	state->budget.start_ns = state->budget.cpu_base_ns = 0;
	state->slicing = false;
	state->unyieldable = 0;
	state->running = L;
	state->hooked = state->slow || state->loading || !ticks.on;
	if (unlikely(state->hooked))
		lua_sethook(L, on_count, LUA_MASKCOUNT, BUDGET_INSTRUCTIONS);
	else if (lua_gethookmask(L))
		lua_sethook(L, NULL, 0, 0);
}

void budget_switch(struct state *state, lua_State *L)
{
	state->running = L;
	if (state->budget.bytes <= 0 || (state->hooked && !lua_gethookmask(L)))
		lua_sethook(L, on_count, LUA_MASKCOUNT, 1);
}

void budget_hurry(struct state *state)
{
	state->budget.bytes = 0;
	budget_tick(state);
}

void budget_tick(struct state *state)
{
	state->hooked = true;
	if (state->running)
		lua_sethook(state->running, on_count, LUA_MASKCOUNT, 1);
}

/* The CPU clock is asked only when as much time has gone by as may be used: a
 * thread that was kept from running must not be blamed for it. */
static void look_at_cpu(lua_State *L, struct budget *budget, int64_t elapsed)
{
	if (budget->cpu_base_ns && budget->used_ns + elapsed < budget->cpu_limit_ns)
		return;
	if (budget->used_ns + slice_cpu(budget, elapsed) >= budget->cpu_limit_ns)
		budget_fault(L, REASON_POLICY_TIMEOUT, "the CPU time of a call is used up (%d ms)",
			     (int)(budget->cpu_limit_ns / 1000000));
}

void budget_look(lua_State *L)
{
	struct budget *budget = &state_of(L)->budget;
	int64_t now;

	budget->credit = BUDGET_STEPS;
	if (budget->fault)
		budget_fault(L, budget->fault, "the call is over");
	now = clock_mono_ns();
	if (budget->deadline_ns && now >= budget->deadline_ns)
		budget_fault(L, REASON_POLICY_TIMEOUT, "the deadline of the request has passed");
	if (!budget->start_ns)
		budget->start_ns = now;
	else
		look_at_cpu(L, budget, now - budget->start_ns);
}

void budget_overdrawn(lua_State *L)
{
	struct budget *budget = &state_of(L)->budget;

	budget_look(L);
	/* Threads that come and go never reach the count of instructions after which a slice may end. */
	if (budget->slice_ns && clock_mono_ns() - budget->start_ns >= budget->slice_ns)
		budget_hurry(state_of(L));
}

_Noreturn void budget_fault(lua_State *L, enum reason reason, const char *fmt, ...)
{
	struct state *state = state_of(L);
	va_list args;

	if (!state->budget.fault) {
		state->budget.fault = reason;
		state_place(L, state->fault_place);
		va_start(args, fmt);
		vsnprintf(state->fault_text, sizeof(state->fault_text), fmt, args);
		va_end(args);
	}
	/* Nothing is allocated here: there may be no memory left for it. */
	lua_pushnil(L);
	lua_error(L);
	__builtin_unreachable();
}

void budget_rethrow(lua_State *L, int status)
{
	struct state *state = state_of(L);

	if (status == LUA_ERRMEM && !state->budget.fault) {
		state->budget.fault = REASON_POLICY_MEMORY;
		state_place(L, state->fault_place);
		snprintf(state->fault_text, sizeof(state->fault_text),
			 "the worker's memory is used up (%zu bytes)", state->memory_max);
	}
	if (state->budget.fault)
		lua_error(L);
}
