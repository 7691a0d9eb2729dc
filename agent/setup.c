/* SPDX-License-Identifier: Apache-2.0 */
#include "setup.h"

#include <stdlib.h>

#include "base/mem.h"
#include "cli.h"
#include "config_load.h"
#include "pki/trust.h"
#include "script/policy_lua.h"

static void open_policies(struct setup *setup, const struct config *config, struct diag_list *diag)
{
	size_t errors = diag->errors;

	setup->policies = mem_array(setup->loops, sizeof(*setup->policies));
	/* The first loop's faults are every loop's. */
	for (size_t i = 0; i < setup->loops && config->worker_count && diag->errors == errors; i++)
		if (policy_lua_ops.open(setup->snapshot, diag, &setup->policies[i]))
			break;
}

static struct tls_server *open_one_tls(enum listen_kind kind, const struct listen_entry *entry,
				       struct diag_list *diag)
{
	struct tls_server *tls;

	/* Its faults are in diag then, which is what decides. */
	if (!entry->has_tls ||
	    tls_server_new(entry->tls.certificate, entry->tls.key, entry->tls.client_authorities,
			   kind == LISTEN_GRPC ? "h2" : kind == LISTEN_HTTP ? "http/1.1" : NULL, diag, &tls))
		return NULL;
	return tls;
}

static void open_tls(struct setup *setup, const struct config *config, struct diag_list *diag)
{
	for (enum listen_kind kind = 0; kind < LISTEN_KIND_COUNT; kind++) {
		setup->tls[kind] = mem_array(config->listen_count[kind], sizeof(*setup->tls[kind]));
		for (size_t i = 0; i < config->listen_count[kind]; i++)
			setup->tls[kind][i] = open_one_tls(kind, &config->listen[kind][i], diag);
	}
}

static void look_at_authority(const struct authority_conf *authority, struct diag_list *diag)
{
	struct trust *trust;

	if (authority->certificates_text &&
	    trust_load(slice_of(authority->certificates_text, authority->certificates_len),
		       authority->certificates,
		       slice_of(authority->intermediates_text, authority->intermediates_len),
		       authority->intermediates, diag, &trust) == ERR_OK)
		trust_unref(trust);
}

static void look_at_tls(const struct config *config, enum listen_kind kind, struct diag_list *diag)
{
	for (size_t i = 0; i < config->listen_count[kind]; i++) {
		const struct listen_entry *entry = &config->listen[kind][i];

		if (entry->tls.certificate && entry->tls.key)
			tls_server_unref(open_one_tls(kind, entry, diag));
	}
}

/*
 * What else is wrong with a configuration that is refused already: its author
 * should not meet one fault after the other. Takes what could be read of it
 * (NULL when its Lua doesn't run). Returns ERR_CONFIG.
 */
static enum err refuse(struct config *config, struct diag_list *diag)
{
	for (size_t i = 0; config && i < config->authority_count; i++)
		look_at_authority(&config->authorities[i], diag);
	for (size_t i = 0; config && i < config->worker_count; i++)
		if (config->workers[i].source && config->workers[i].name)
			worker_check(&config->workers[i], config, diag);
	if (config) {
		look_at_tls(config, LISTEN_SPOP, diag);
		look_at_tls(config, LISTEN_GRPC, diag);
		look_at_tls(config, LISTEN_HTTP, diag);
	}
	config_free(config);
	cli_sort_faults(diag);
	return ERR_CONFIG;
}

/* A snapshot that could not be built took the configuration with it. */
static struct config *read_again(const char *path)
{
	struct diag_list known = { 0 };
	struct config *config;

	/* Its faults are told already, whatever it returns. */
	(void)!config_load_all(path, &known, &config);
	diag_fini(&known);
	return config;
}

enum err setup_new(const char *path, struct snapshot *before, size_t loops, struct diag_list *diag,
		   struct setup **out)
{
	struct setup *setup;
	struct snapshot *snapshot;
	struct config *config;

	*out = NULL;
	if (config_load_all(path, diag, &config))
		return refuse(config, diag);
	if (snapshot_build(config, before, diag, &snapshot))
		return refuse(read_again(path), diag);
	setup = mem_new(sizeof(*setup));
	setup->snapshot = snapshot;
	setup->loops = loops ? loops : snapshot_config(snapshot)->threads;
	open_policies(setup, snapshot_config(snapshot), diag);
	open_tls(setup, snapshot_config(snapshot), diag);
	cli_sort_faults(diag);
	if (diag->errors) {
		setup_free(setup);
		return ERR_CONFIG;
	}
	*out = setup;
	return ERR_OK;
}

static void free_tls(struct setup *setup)
{
	const struct config *config = snapshot_config(setup->snapshot);

	for (enum listen_kind kind = 0; kind < LISTEN_KIND_COUNT; kind++) {
		for (size_t i = 0; setup->tls[kind] && i < config->listen_count[kind]; i++)
			tls_server_unref(setup->tls[kind][i]);
		free(setup->tls[kind]);
	}
}

void setup_free(struct setup *setup)
{
	if (!setup)
		return;
	for (size_t i = 0; i < setup->loops; i++)
		if (setup->policies[i])
			policy_lua_ops.close(setup->policies[i]);
	free_tls(setup);
	free(setup->policies);
	snapshot_unref(setup->snapshot);
	free(setup);
}
