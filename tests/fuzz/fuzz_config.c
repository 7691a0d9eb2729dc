/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration's source, through the sandbox, the search for lines, the
 * value tree and the checks of every directive. Must reach: each kind of token,
 * fault texts of each section, hosts, routes, deny entries and addresses.
 */
#include <stdlib.h>
#include <string.h>

#include "core/config_build.h"
#include "core/hosts.h"
#include "script/config_lua.h"

#define NO_FOLDER "/nonexistent/fuzz.lua"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static void check(const struct config *config)
{
	const char *why;
	char *again;

	must(strlen(config->generation) == 32 && config->threads > 0 && config->state != NULL);
	for (size_t i = 0; i < config->host_count; i++) {
		must(host_pattern_read(slice_str(config->hosts[i].pattern), false, &again, &why) == ERR_OK);
		must(strcmp(again, config->hosts[i].pattern) == 0 && config->hosts[i].rule.set < config->set_count &&
		     config->hosts[i].rule.number == i);
		free(again);
	}
	for (size_t i = 0; i < config->authority_count; i++)
		for (size_t j = 0; j < config->authorities[i].revocation.deny_count; j++)
			must(config->authorities[i].revocation.deny[j].len > 0 && config->authorities[i].revocation.deny[j].len <= 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct config_lua_limits limits = { .wall_ns = 50000000, .memory = (size_t)8 << 20 };
	struct diag_list diag = { 0 };
	struct config *config = NULL;
	struct tree_doc *doc;
	enum err err = config_lua_run(slice_of(data, size), NO_FOLDER, &limits, &diag, &doc);

	must(!err == !diag.errors && !err == (doc != NULL));
	if (doc)
		err = config_build(&doc->root, NO_FOLDER, &diag, &config);
	/* With faults there is a configuration, too: it is only good for finding more of them. */
	must(!err == !diag.errors && (doc != NULL) == (config != NULL));
	if (!err)
		check(config);
	config_free(config);
	tree_doc_free(doc);
	diag_fini(&diag);
	return 0;
}
