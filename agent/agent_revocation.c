/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_parts.h"

#include <semaphore.h>
#include <stdlib.h>

#include "base/mem.h"

/*
 * The revoker beside the loops. The main loop has a port of its own, for status
 * and metrics; before a configuration is used the files that it names were read,
 * so that no request sees it without them.
 */

static void on_state(void *arg, struct revocation *state)
{
	struct agent *agent = arg;

	revocation_unref(agent->revocation);
	agent->revocation = revocation_ref(state);
}

/* The authorities of a configuration as the revoker wants them; they view the snapshot. */
static struct revoker_authority *authorities_of(const struct snapshot *snapshot)
{
	const struct config *config = snapshot_config(snapshot);
	struct revoker_authority *list = mem_array(config->authority_count, sizeof(*list));

	for (size_t i = 0; i < config->authority_count; i++) {
		const struct authority_conf *conf = &config->authorities[i];
		const struct revocation_conf *revocation = &conf->revocation;

		list[i] = (struct revoker_authority){
			.name = conf->name,
			.trust = snapshot_trust(snapshot, i),
			.lists = (const char *const *)revocation->crls,
			.list_count = revocation->crl_count,
			.deny_files = (const char *const *)revocation->deny_files,
			.deny_count = revocation->deny_file_count,
			.distribution_points = revocation->points,
			.ocsp = revocation->ocsp,
			.public_only = revocation->public_only,
		};
	}
	return list;
}

void agent_revocation_use(struct agent *agent, const struct snapshot *snapshot, void (*done)(void *arg),
			  void *arg)
{
	struct revoker_authority *list = authorities_of(snapshot);

	revoker_configure(agent->revoker, list, snapshot_config(snapshot)->authority_count, done, arg);
	free(list);
}

static void on_first(void *arg)
{
	sem_post(arg);
}

bool agent_revocation_start(struct agent *agent, const struct snapshot *snapshot)
{
	sem_t done;

	agent->revoker = revoker_new(snapshot_config(snapshot)->state);
	if (!agent->revoker)
		return false;
	/* No port is there yet, so nobody else has to turn for this. */
	sem_init(&done, 0, 0);
	agent_revocation_use(agent, snapshot, on_first, &done);
	while (sem_wait(&done))
		;
	sem_destroy(&done);
	agent->revoker_port = revoker_port_new(agent->revoker, agent->loop, on_state, agent);
	return true;
}

void agent_revocation_stop(struct agent *agent)
{
	revoker_port_free(agent->revoker_port);
	revoker_free(agent->revoker);
	revocation_unref(agent->revocation);
}

static bool was_tried(const struct agent *agent, const char *authority, enum source_kind kind,
		      const char *name)
{
	return agent->revocation && revocation_find(agent->revocation, authority, kind, name);
}

bool agent_revocation_ready(const struct agent *agent)
{
	const struct config *config = snapshot_config(agent->snapshot);

	for (size_t i = 0; i < config->authority_count; i++) {
		const struct authority_conf *authority = &config->authorities[i];
		const struct revocation_conf *conf = &authority->revocation;

		for (size_t j = 0; j < conf->crl_count; j++)
			if (!was_tried(agent, authority->name,
				       crl_is_url(conf->crls[j]) ? SOURCE_URL : SOURCE_FILE, conf->crls[j]))
				return false;
		for (size_t j = 0; j < conf->deny_file_count; j++)
			if (!was_tried(agent, authority->name, SOURCE_DENY, conf->deny_files[j]))
				return false;
	}
	return true;
}
