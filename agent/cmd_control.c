/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd_control.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli.h"
#include "front/control.h"

#define CONTROL_DEFAULT "unix:/run/mtlsguard/control.sock"

static char *address_of(const struct config *config)
{
	const struct listen_entry *entry = config->listen[LISTEN_CONTROL];
	struct buf b = buf_capped(0);
	char *text;

	buf_printf(&b, "unix:%s%s", entry->kind == ADDRESS_ABSTRACT ? "@" : "", entry->host);
	text = mem_dup(buf_slice(&b));
	buf_fini(&b);
	return text;
}

/* The configuration may be broken just now, or say that there is no control socket. */
static char *find_address(const char *command, const struct control_target *target)
{
	const char *path = target->config ? target->config : CONFIG_DEFAULT_PATH;
	struct diag_list diag = { 0 };
	struct config *config;
	char *address = NULL;

	if (target->address)
		return mem_dup(slice_str(target->address));
	if (config_load(path, &diag, &config)) {
		cli_sort_faults(&diag);
		cli_print_faults(stderr, &diag, false);
		fprintf(stderr, "mtlsguard %s: the configuration does not say where the agent listens\n"
				"    say it with --control, for example --control " CONTROL_DEFAULT "\n", command);
	} else if (config->listen_count[LISTEN_CONTROL] == 0) {
		fprintf(stderr, "%s: error: there is no control listener\n", path);
	} else {
		address = address_of(config);
	}
	config_free(config);
	diag_fini(&diag);
	return address;
}

json_t *control_target_ask(const char *command, const struct control_target *target, json_t *request,
			   int seconds)
{
	char *address = find_address(command, target);
	const char *error = NULL;
	json_t *answer;

	if (!address) {
		json_decref(request);
		return NULL;
	}
	answer = control_ask(address, request, seconds, &error);
	if (!answer)
		fprintf(stderr, "mtlsguard %s: %s\n", command, error);
	free(address);
	return answer;
}

bool control_fine(const char *command, const json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));

	if (json_is_true(json_object_get(answer, "ok")))
		return true;
	if (error)
		fprintf(stderr, "mtlsguard %s: %s\n", command, error);
	return false;
}
