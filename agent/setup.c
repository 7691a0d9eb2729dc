/* SPDX-License-Identifier: Apache-2.0 */
#include "setup.h"

#include <stdlib.h>

#include "base/mem.h"
#include "config_load.h"
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

static void open_tls(struct setup *setup, const struct config *config, struct diag_list *diag)
{
	setup->tls_count = config->listen_count[LISTEN_SPOP];
	setup->tls = mem_array(setup->tls_count, sizeof(*setup->tls));
	for (size_t i = 0; i < setup->tls_count; i++) {
		const struct listen_entry *entry = &config->listen[LISTEN_SPOP][i];

		/* Its faults are in diag already, which is what decides. */
		if (entry->has_tls &&
		    tls_server_new(entry->tls.certificate, entry->tls.key,
				   entry->tls.client_authorities, NULL, diag, &setup->tls[i]))
			setup->tls[i] = NULL;
	}
}

enum err setup_new(const char *path, struct snapshot *before, size_t loops, struct diag_list *diag,
		   struct setup **out)
{
	struct setup *setup = mem_new(sizeof(*setup));
	struct config *config;
	enum err err;

	*out = NULL;
	err = config_load(path, diag, &config);
	if (!err)
		err = snapshot_build(config, before, diag, &setup->snapshot);
	if (err) {
		free(setup);
		return err;
	}
	config = NULL;
	setup->loops = loops ? loops : snapshot_config(setup->snapshot)->threads;
	open_policies(setup, snapshot_config(setup->snapshot), diag);
	open_tls(setup, snapshot_config(setup->snapshot), diag);
	if (diag->errors) {
		setup_free(setup);
		return ERR_CONFIG;
	}
	*out = setup;
	return ERR_OK;
}

void setup_free(struct setup *setup)
{
	if (!setup)
		return;
	for (size_t i = 0; i < setup->loops; i++)
		if (setup->policies[i])
			policy_lua_ops.close(setup->policies[i]);
	for (size_t i = 0; i < setup->tls_count; i++)
		tls_server_unref(setup->tls[i]);
	free(setup->policies);
	free(setup->tls);
	snapshot_unref(setup->snapshot);
	free(setup);
}
