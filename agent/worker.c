/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "retire.h"
#include "script/policy_lua.h"
#include "script/ticks.h"
#include "thread.h"

struct worker {
	struct worker_env env;
	pthread_t thread;
	struct loop *loop;
	struct mailbox *box;
	struct engine *engine;
	struct spoe_server *server;
	struct authz_server *grpc;
	struct http_server *http;
	unsigned undrained; /* servers that still have connections */
	struct record_queue *records;
	struct revoker_port *revoker;
	struct revocation *revocation; /* what came before the engine was there; one count */
	struct loop_timer *turn; /* calls of workers go on after a look at the sockets */
	_Atomic unsigned connections;
	_Atomic bool tell_room;
	_Atomic bool room_posted; /* its mail is under way: one mail must not be in a box twice */
	/* To the main loop: one of each kind is under way at most. */
	struct mail switched, drained, room;
	/* From the main loop. */
	struct mail drain, stop;
};

struct handover {
	struct mail mail;
	int fd;
	struct tls_server *tls;
	enum listen_kind kind;
	bool chain_xfcc;
	enum http_dialect dialect;
};

struct change {
	struct mail mail;
	struct snapshot *snapshot;
	struct policy_set *policies;
};

static void record(void *arg, struct slice line)
{
	struct worker *worker = arg;

	record_put(worker->records, line);
}

static void retired(void *arg, struct snapshot *snapshot, struct policy_set *policies)
{
	struct worker *worker = arg;

	retire(worker->env.upkeep, snapshot, policies);
}

static void wake(void *arg)
{
	struct worker *worker = arg;

	loop_timer_set(worker->turn, 0);
}

static void on_turn(void *arg)
{
	struct worker *worker = arg;

	if (engine_run(worker->engine))
		loop_timer_set(worker->turn, 0);
}

static void on_closed(void *arg)
{
	struct worker *worker = arg;

	atomic_fetch_sub(&worker->connections, 1);
	if (atomic_exchange(&worker->tell_room, false) && !atomic_exchange(&worker->room_posted, true))
		mailbox_post(worker->env.home, &worker->room);
}

static void on_room(struct mail *mail, void *home)
{
	struct worker *worker = (struct worker *)((char *)mail - offsetof(struct worker, room));

	atomic_store(&worker->room_posted, false);
	worker->env.room(home);
}

static void on_switched(struct mail *mail, void *home)
{
	struct worker *worker = (struct worker *)((char *)mail - offsetof(struct worker, switched));

	worker->env.switched(home);
}

static void on_drained(struct mail *mail, void *home)
{
	struct worker *worker = (struct worker *)((char *)mail - offsetof(struct worker, drained));

	worker->env.drained(home);
}

static void on_revocation(void *arg, struct revocation *state)
{
	struct worker *worker = arg;

	if (worker->engine)
		engine_revocation(worker->engine, revocation_ref(state));
	else
		worker->revocation = revocation_ref(state);
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	if (!ticks_start())
		log_info("no timer for the CPU time of a thread: workers run with Lua's count hook");
	loop_run(worker->loop);
	ticks_stop();
	return NULL;
}

static struct engine *make_engine(struct worker *worker, struct snapshot *snapshot,
				  struct policy_set *policies)
{
	const struct engine_env env = {
		.mono_ns = clock_mono_ns, .wall_s = clock_wall_s, .wall_ns = clock_wall_ns,
		.policy = &policy_lua_ops,
		.chains = worker->env.chains, .inflight = worker->env.inflight,
		.revocation = &revoker_ops, .revocation_arg = worker->revoker,
		.radar = worker->env.radar,
		.record = record, .retire = retired, .wake = wake, .arg = worker, .loops = worker->env.loops,
	};

	return engine_new(&env, snapshot, policies);
}

struct worker *worker_new(const struct worker_env *env, unsigned index, struct snapshot *snapshot,
			  struct policy_set *policies)
{
	struct worker *worker = mem_new(sizeof(*worker));
	char name[16];

	worker->env = *env;
	worker->switched.deliver = on_switched;
	worker->drained.deliver = on_drained;
	worker->room.deliver = on_room;
	worker->records = record_queue(env->record, index);
	worker->loop = loop_new();
	if (!worker->loop) {
		retire(env->upkeep, snapshot, policies);
		free(worker);
		return NULL;
	}
	worker->box = mailbox_new(worker->loop, worker);
	worker->turn = loop_timer_new(worker->loop, on_turn, worker);
	worker->revoker = revoker_port_new(env->revoker, worker->loop, on_revocation, worker);
	worker->engine = make_engine(worker, snapshot, policies);
	engine_revocation(worker->engine, worker->revocation);
	worker->server = spoe_server_new(worker->loop, worker->engine);
	spoe_server_on_closed(worker->server, on_closed, worker);
	worker->grpc = authz_server_new(worker->loop, worker->engine);
	authz_server_on_closed(worker->grpc, on_closed, worker);
	worker->http = http_server_new(worker->loop, worker->engine);
	http_server_on_closed(worker->http, on_closed, worker);
	snprintf(name, sizeof(name), "loop/%u", index);
	thread_start(&worker->thread, name, work, worker);
	return worker;
}

static void deliver_connection(struct mail *mail, void *arg)
{
	struct handover *handover = (struct handover *)mail;
	struct worker *worker = arg;

	switch (handover->kind) {
	case LISTEN_GRPC:
		authz_server_accept(worker->grpc, handover->fd, handover->tls, handover->chain_xfcc);
		break;
	case LISTEN_HTTP:
		http_server_accept(worker->http, handover->fd, handover->tls, handover->dialect);
		break;
	default:
		spoe_server_accept(worker->server, handover->fd, handover->tls);
	}
	tls_server_unref(handover->tls);
	free(handover);
}

static struct handover *hand_over(struct worker *worker, enum listen_kind kind, int fd,
				  struct tls_server *tls)
{
	struct handover *handover = mem_new(sizeof(*handover));

	atomic_fetch_add(&worker->connections, 1);
	handover->mail.deliver = deliver_connection;
	handover->kind = kind;
	handover->fd = fd;
	handover->tls = tls ? tls_server_ref(tls) : NULL;
	return handover;
}

void worker_accept(struct worker *worker, int fd, struct tls_server *tls)
{
	mailbox_post(worker->box, &hand_over(worker, LISTEN_SPOP, fd, tls)->mail);
}

void worker_accept_grpc(struct worker *worker, int fd, struct tls_server *tls, bool chain_xfcc)
{
	struct handover *handover = hand_over(worker, LISTEN_GRPC, fd, tls);

	handover->chain_xfcc = chain_xfcc;
	mailbox_post(worker->box, &handover->mail);
}

void worker_accept_http(struct worker *worker, int fd, struct tls_server *tls, enum http_dialect dialect)
{
	struct handover *handover = hand_over(worker, LISTEN_HTTP, fd, tls);

	handover->dialect = dialect;
	mailbox_post(worker->box, &handover->mail);
}

static void deliver_change(struct mail *mail, void *arg)
{
	struct change *change = (struct change *)mail;
	struct worker *worker = arg;

	engine_switch(worker->engine, change->snapshot, change->policies);
	free(change);
	mailbox_post(worker->env.home, &worker->switched);
}

void worker_switch(struct worker *worker, struct snapshot *snapshot, struct policy_set *policies)
{
	struct change *change = mem_new(sizeof(*change));

	change->mail.deliver = deliver_change;
	change->snapshot = snapshot;
	change->policies = policies;
	mailbox_post(worker->box, &change->mail);
}

static void on_server_drained(void *arg)
{
	struct worker *worker = arg;

	if (--worker->undrained == 0)
		mailbox_post(worker->env.home, &worker->drained);
}

static void deliver_drain(struct mail *mail, void *arg)
{
	struct worker *worker = arg;

	(void)mail;
	worker->undrained = 3;
	spoe_server_drain(worker->server, on_server_drained, worker);
	authz_server_drain(worker->grpc, on_server_drained, worker);
	http_server_drain(worker->http, on_server_drained, worker);
}

void worker_drain(struct worker *worker)
{
	worker->drain.deliver = deliver_drain;
	mailbox_post(worker->box, &worker->drain);
}

void worker_tell_room(struct worker *worker)
{
	atomic_store(&worker->tell_room, true);
}

unsigned worker_connections(const struct worker *worker)
{
	return atomic_load(&worker->connections);
}

const struct metrics *worker_metrics(const struct worker *worker)
{
	return engine_metrics(worker->engine);
}

const struct spoe_stats *worker_stats(const struct worker *worker)
{
	return spoe_server_stats(worker->server);
}

const struct authz_stats *worker_grpc_stats(const struct worker *worker)
{
	return authz_server_stats(worker->grpc);
}

const struct loop_stalls *worker_stalls(const struct worker *worker)
{
	return loop_stalls(worker->loop);
}

const struct http_stats *worker_http_stats(const struct worker *worker)
{
	return http_server_stats(worker->http);
}

static void deliver_stop(struct mail *mail, void *arg)
{
	struct worker *worker = arg;

	(void)mail;
	loop_stop(worker->loop);
}

void worker_stop(struct worker *worker)
{
	worker->stop.deliver = deliver_stop;
	mailbox_post(worker->box, &worker->stop);
	pthread_join(worker->thread, NULL);
	mailbox_free(worker->box);
	spoe_server_free(worker->server);
	authz_server_free(worker->grpc);
	http_server_free(worker->http);
	engine_free(worker->engine);
	worker->engine = NULL;
	revoker_port_free(worker->revoker);
	loop_timer_free(worker->turn);
	loop_free(worker->loop);
}

void worker_free(struct worker *worker)
{
	free(worker);
}
