/* SPDX-License-Identifier: Apache-2.0 */
#include "agent.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "agent_parts.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd.h"
#include "core/config_file.h"

#define CHAINS_MAX ((size_t)16 * 1024 * 1024)

/* A second request to end is not patient any more. */
static void end_now(struct agent *agent)
{
	log_warning("ended before %u connections were drained", agent_connections(agent));
	for (enum listen_kind kind = 0; kind < LISTEN_KIND_COUNT; kind++)
		doors_close(agent, kind);
	_exit(EXIT_FINE);
}

static void reopen_records(struct agent *agent)
{
	if (record_reopen(agent->record))
		log_error("decisions.log cannot be opened again: %s; the former file is still written",
			  strerror(errno));
}

static void on_signal(void *arg, int signum)
{
	struct agent *agent = arg;

	switch (signum) {
	case SIGHUP:
		reopen_records(agent);
		if (!agent->draining)
			agent_reload(agent, NULL);
		return;
	case SIGUSR1:
		reopen_records(agent);
		return;
	default:
		if (agent->draining)
			end_now(agent);
		agent_drain(agent, NULL);
	}
}

static void refuse(struct control_call *call, const char *why)
{
	control_answer(call, json_pack("{s:b, s:s}", "ok", 0, "error", why));
}

static void on_call(void *arg, struct control_call *call)
{
	struct agent *agent = arg;
	const json_t *request = control_request(call);
	const char *command = json_string_value(json_object_get(request, "command"));

	if (strcmp(command, "status") == 0) {
		bool lists = json_is_true(json_object_get(request, "lists"));

		control_answer(call, json_pack("{s:b, s:o}", "ok", 1, "status", agent_status(agent, lists)));
	} else if (strcmp(command, "reload") == 0) {
		if (agent->draining)
			refuse(call, "the agent is draining");
		else
			agent_reload(agent, call);
	} else if (strcmp(command, "drain") == 0) {
		bool waits = !json_is_false(json_object_get(request, "wait"));

		if (!waits)
			control_answer(call, json_pack("{s:b}", "ok", 1));
		agent_drain(agent, waits ? call : NULL);
	} else {
		refuse(call, "unknown command: status, reload and drain are known");
	}
}

static void on_room(void *home)
{
	doors_room(home);
}

static bool start_workers(struct agent *agent, struct setup *setup)
{
	const struct worker_env env = {
		.chains = agent->chains, .inflight = &agent->inflight, .record = agent->record,
		.upkeep = agent->upkeep, .revoker = agent->revoker, .radar = agent->radar,
		.home = agent->box, .loops = (unsigned)setup->loops,
		.switched = agent_switched, .drained = agent_drained, .room = on_room,
	};

	agent->workers = mem_array(setup->loops, sizeof(*agent->workers));
	for (size_t i = 0; i < setup->loops; i++) {
		struct policy_set *policies = setup->policies[i];

		setup->policies[i] = NULL;
		agent->workers[i] = worker_new(&env, (unsigned)i, snapshot_ref(setup->snapshot), policies);
		if (!agent->workers[i])
			return false;
		agent->worker_count++;
	}
	return true;
}

static bool start_fronts(struct agent *agent)
{
	static const int signums[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };

	agent->control = control_new(agent->loop, on_call, agent);
	agent->admin = admin_new(agent->loop, &agent_admin_ops, agent);
	for (size_t i = 0; i < sizeof(signums) / sizeof(signums[0]); i++)
		agent->signals[i] = loop_signal_new(agent->loop, signums[i], on_signal, agent);
	return agent->admin != NULL;
}

static struct agent *agent_new(const char *path, struct loop *loop, struct setup *setup)
{
	struct agent *agent = mem_new(sizeof(*agent));

	agent->path = mem_dup(slice_str(path));
	agent->own_uid = (uint32_t)geteuid();
	agent->started_s = agent->loaded_s = clock_wall_s();
	agent->started_ns = clock_mono_ns();
	agent->loop = loop;
	agent->box = mailbox_new(loop, agent);
	agent->snapshot = snapshot_ref(setup->snapshot);
	agent_note_fixed(agent);
	agent->upkeep = upkeep_new();
	agent->record = record_new(setup->loops);
	agent->chains = chaincache_new(CHAINS_MAX);
	agent->radar = radar_new();
	return agent;
}

/* In the order in which nothing is used any more: loops, what they retired, their last mail. */
static void agent_free(struct agent *agent)
{
	for (enum listen_kind kind = 0; kind < LISTEN_KIND_COUNT; kind++)
		doors_close(agent, kind);
	for (size_t i = 0; i < agent->worker_count; i++)
		worker_stop(agent->workers[i]);
	agent_revocation_stop(agent);
	mailbox_free(agent->box);
	for (size_t i = 0; i < agent->worker_count; i++)
		worker_free(agent->workers[i]);
	upkeep_free(agent->upkeep);
	record_free(agent->record);
	control_free(agent->control);
	admin_free(agent->admin);
	for (size_t i = 0; i < sizeof(agent->signals) / sizeof(agent->signals[0]); i++)
		loop_signal_free(agent->signals[i]);
	loop_timer_free(agent->end_timer);
	chaincache_free(agent->chains);
	radar_free(agent->radar);
	snapshot_unref(agent->snapshot);
	json_decref(agent->remarks);
	for (size_t i = 0; i < agent->fixed_count; i++)
		free(agent->fixed[i]);
	free(agent->fixed);
	free(agent->workers);
	free(agent->path);
	free(agent);
}

/* Everything that can refuse to start, most telling first. */
static bool start(struct agent *agent, struct setup *setup, struct diag_list *diag)
{
	const struct config *config = snapshot_config(setup->snapshot);
	struct door *opened;

	system_prepare(config);
	system_state_folder(config, diag);
	if (record_open(agent->record, config->decisions_log))
		diag_add(diag, DIAG_ERROR, config->file, 0, NULL, "decisions.log %s: %s",
			 config->decisions_log, strerror(errno));
	if (doors_open(agent, setup, diag, &opened) || diag->errors) {
		doors_discard(opened);
		return false;
	}
	agent->doors = opened;
	return agent_revocation_start(agent, setup->snapshot) && start_workers(agent, setup) &&
	       start_fronts(agent);
}

static int serve(struct agent *agent)
{
	doors_tell(agent->doors);
	log_info("mtlsguard " MTLSGUARD_VERSION " decides on %zu loop%s, generation %s", agent->worker_count,
		 agent->worker_count == 1 ? "" : "s", snapshot_config(agent->snapshot)->generation);
	system_ready("deciding");
	loop_run(agent->loop);
	return EXIT_FINE;
}

static int run(struct loop *loop, struct setup *setup, const char *path, struct diag_list *diag)
{
	struct agent *agent = agent_new(path, loop, setup);
	bool started = start(agent, setup, diag);
	int code = EXIT_FAULT;

	agent_log_faults(diag);
	agent_keep_remarks(agent, diag);
	setup_free(setup);
	if (started)
		code = serve(agent);
	agent_free(agent);
	return code;
}

int agent_run(const char *path)
{
	char *absolute = config_file_absolute(path);
	struct diag_list diag = { 0 };
	struct loop *loop;
	struct setup *setup;
	int code = EXIT_FAULT;

	signal(SIGPIPE, SIG_IGN);
	if (setup_new(absolute, NULL, 0, &diag, &setup)) {
		agent_log_faults(&diag);
	} else if ((loop = loop_new()) == NULL) {
		setup_free(setup);
	} else {
		code = run(loop, setup, absolute, &diag);
		loop_free(loop);
	}
	diag_fini(&diag);
	free(absolute);
	return code;
}
