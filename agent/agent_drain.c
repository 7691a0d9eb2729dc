/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_parts.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"

/* How long the last answers on the control socket may take. */
#define END_POLL_NS INT64_C(10000000)
#define END_POLLS 150

struct drain_waiter {
	struct control_call *call;
	struct drain_waiter *next;
};

static void tell(struct control_call *call)
{
	control_answer(call, json_pack("{s:b}", "ok", 1));
}

/* A reload under way holds parts of the agent, and answers on their way are still written. */
static void on_end(void *arg)
{
	struct agent *agent = arg;

	bool answers = control_count(agent->control) > 0 && ++agent->end_polls < END_POLLS;

	if (answers || agent->reload)
		loop_timer_set(agent->end_timer, END_POLL_NS);
	else
		loop_stop(agent->loop);
}

static void end(struct agent *agent)
{
	struct drain_waiter *waiter, *next;

	agent->ending = true;
	log_info("drained");
	LL_FOREACH_SAFE(agent->drain_waiters, waiter, next) {
		tell(waiter->call);
		free(waiter);
	}
	agent->drain_waiters = NULL;
	agent->end_timer = loop_timer_new(agent->loop, on_end, agent);
	loop_timer_set(agent->end_timer, END_POLL_NS);
}

void agent_drained(void *home)
{
	struct agent *agent = home;

	if (--agent->undrained == 0)
		end(agent);
}

static void add_waiter(struct agent *agent, struct control_call *call)
{
	struct drain_waiter *waiter = mem_new(sizeof(*waiter));

	waiter->call = call;
	LL_PREPEND(agent->drain_waiters, waiter);
}

void agent_drain(struct agent *agent, struct control_call *call)
{
	bool first = !agent->draining;

	if (call && agent->ending)
		tell(call);
	else if (call)
		add_waiter(agent, call);
	if (!first)
		return;
	agent->draining = true;
	log_info("draining: no connection is accepted any more, %u are served until their peers close",
		 agent_connections(agent));
	system_stopping("draining");
	doors_close(agent, LISTEN_SPOP);
	doors_close(agent, LISTEN_GRPC);
	doors_close(agent, LISTEN_HTTP);
	agent->undrained = agent->worker_count;
	for (size_t i = 0; i < agent->worker_count; i++)
		worker_drain(agent->workers[i]);
}
