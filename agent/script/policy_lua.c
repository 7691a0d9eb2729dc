/* SPDX-License-Identifier: Apache-2.0 */
#include "script/policy_lua.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "core/snapshot.h"
#include "script/result.h"
#include "script/worker_set.h"

/* One loop's workers. A state that is spent goes to the side until its last call has ended. */
struct policy_set {
	const struct config *config;
	struct state **states; /* by worker_conf.index; NULL: to be opened by the next call */
	bool *slow; /* by worker_conf.index: a state of it was */
	struct state *spent;
	size_t turn; /* whose waiting calls come next */
};

enum err worker_set_open(const struct config *config, struct diag_list *diag,
			 struct policy_set **out)
{
	struct policy_set *set = mem_new(sizeof(*set));
	bool good = true;

	set->config = config;
	set->states = mem_array(config->worker_count, sizeof(*set->states));
	set->slow = mem_array(config->worker_count, sizeof(*set->slow));
	for (size_t i = 0; i < config->worker_count; i++) {
		set->states[i] = state_open(config, &config->workers[i], STATE_LOAD_NS, diag);
		good &= set->states[i] != NULL;
	}
	*out = set;
	if (good)
		return ERR_OK;
	policy_lua_ops.close(set);
	*out = NULL;
	return ERR_CONFIG;
}

static enum err set_open(const struct snapshot *snapshot, struct diag_list *diag,
			 struct policy_set **out)
{
	return worker_set_open(snapshot_config(snapshot), diag, out);
}

static void set_close(struct policy_set *set)
{
	struct state *state, *next;

	if (!set)
		return;
	for (size_t i = 0; i < set->config->worker_count; i++)
		state_close(set->states[i]);
	LL_FOREACH_SAFE2(set->spent, state, next, next_spent)
		state_close(state);
	free(set->states);
	free(set->slow);
	free(set);
}

/* States that ran out of time or memory, once no call is in them. */
static void close_spent(struct policy_set *set)
{
	struct state *state, *next;

	LL_FOREACH_SAFE2(set->spent, state, next, next_spent) {
		if (state->busy)
			continue;
		LL_DELETE2(set->spent, state, next_spent);
		state_close(state);
	}
}

static void put_aside(struct policy_set *set, size_t index)
{
	struct state *state = set->states[index];

	if (likely(!state || !state->spent))
		return;
	set->states[index] = NULL;
	set->slow[index] = state->slow;
	LL_PREPEND2(set->spent, state, next_spent);
	close_spent(set);
}

/* Loading again is bounded by what one call may use: a request waits for it. */
static struct state *open_again(struct policy_set *set, const struct worker_conf *worker)
{
	struct diag_list diag = { 0 };
	struct state *state = state_open(set->config, worker, set->config->limits.worker_cpu_ns, &diag);

	if (state)
		state->slow = set->slow[worker->index];
	else
		log_error("worker %s could not be loaded again: %s", worker->name,
			  diag.count ? diag.items[0].message : "no reason");
	diag_fini(&diag);
	return state;
}

static HOT enum policy_state set_start(struct policy_set *set, struct policy_call *call)
{
	size_t index = call->worker->index;
	enum policy_state result;

	if (unlikely(!set->states[index]))
		set->states[index] = open_again(set, call->worker);
	if (!set->states[index]) {
		result_fault(call, REASON_POLICY_TIMEOUT, "the worker could not be loaded again");
		return POLICY_DONE;
	}
	result = task_start(set->states[index], call);
	put_aside(set, index);
	return result;
}

static bool run_one(struct policy_set *set, struct state *state, size_t index)
{
	if (!state || !task_run_ready(state))
		return false;
	if (index < set->config->worker_count)
		put_aside(set, index);
	return true;
}

static bool is_waiting(const struct policy_set *set)
{
	const struct state *state;

	for (size_t i = 0; i < set->config->worker_count; i++)
		if (set->states[i] && set->states[i]->ready)
			return true;
	LL_FOREACH2(set->spent, state, next_spent)
		if (state->ready)
			return true;
	return false;
}

static bool set_run(struct policy_set *set)
{
	size_t count = set->config->worker_count;
	struct state *state, *next;

	LL_FOREACH_SAFE2(set->spent, state, next, next_spent)
		if (run_one(set, state, count)) {
			close_spent(set);
			return is_waiting(set);
		}
	for (size_t i = 0; i < count; i++) {
		size_t index = set->turn++ % count;

		if (run_one(set, set->states[index], index))
			break;
	}
	return is_waiting(set);
}

static void set_cancel(struct policy_call *call)
{
	task_cancel(call);
}

const struct policy_ops policy_lua_ops = {
	.open = set_open,
	.close = set_close,
	.start = set_start,
	.run = set_run,
	.cancel = set_cancel,
};
