/* SPDX-License-Identifier: Apache-2.0 */
#include "front/conns.h"

#include "base/log.h"
#include "core/metrics.h"

/* Between two complaints in the log; the ones between are counted. */
#define COMPLAIN_NS INT64_C(1000000000)

static void on_idle(void *arg)
{
	struct conns *conns = arg;
	void (*drained)(void *arg) = conns->drained;

	if (!conns->draining || conns->count || !drained)
		return;
	/* Once, whatever still comes and goes. */
	conns->drained = NULL;
	drained(conns->drained_arg);
}

void conns_init(struct conns *conns, struct loop *loop, const char *name, _Atomic uint64_t *accepted,
		_Atomic uint64_t *ended)
{
	*conns = (struct conns){ .loop = loop, .name = name, .accepted = accepted, .ended = ended };
	conns->idle = loop_timer_new(loop, on_idle, conns);
}

void conns_mute(struct conns *conns)
{
	conns->draining = false;
	conns->closed = NULL;
}

void conns_fini(struct conns *conns)
{
	loop_timer_free(conns->idle);
}

void conns_on_closed(struct conns *conns, void (*closed)(void *arg), void *arg)
{
	conns->closed = closed;
	conns->closed_arg = arg;
}

void conns_came(struct conns *conns)
{
	conns->count++;
	metric_add(conns->accepted, 1);
}

void conns_went(struct conns *conns)
{
	conns->count--;
	metric_add(conns->ended, 1);
	if (conns->closed)
		conns->closed(conns->closed_arg);
	if (conns->draining && conns->count == 0)
		loop_timer_set(conns->idle, 0);
}

void conns_drain(struct conns *conns, void (*done)(void *arg), void *arg)
{
	conns->draining = true;
	conns->drained = done;
	conns->drained_arg = arg;
	if (conns->count == 0)
		loop_timer_set(conns->idle, 0);
}

void conns_complain(struct conns *conns, const struct peer *peer, const char *what, const char *hint)
{
	int64_t now = loop_now_ns(conns->loop);

	/* Rubbish may come by the thousand: a line a second says as much. */
	if (conns->complained_ns && now - conns->complained_ns < COMPLAIN_NS) {
		conns->silent++;
		return;
	}
	conns->complained_ns = now;
	log_warning("%s %s: %s; %s (%u more such lines left out)", conns->name, peer->text, what, hint,
		    conns->silent);
	conns->silent = 0;
}
