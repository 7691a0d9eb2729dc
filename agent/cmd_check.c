/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd.h"

#include "base/clock.h"
#include "cli.h"
#include "config_load.h"
#include "haproxy_check.h"
#include "lists_offline.h"
#include "machine.h"
#include "script/policy_lua.h"
#include "setup.h"

struct options {
	const char *config, *haproxy;
	bool json;
};

static int parse(struct options *o, int argc, char **argv)
{
	const struct cli_option rows[] = {
		{ "config", 'c', "FILE", "the configuration (" CONFIG_DEFAULT_PATH ")", NULL, &o->config, NULL },
		{ "haproxy", 0, "CFG", "also check this HAProxy configuration", NULL, &o->haproxy, NULL },
		{ "json", 0, NULL, "print {\"faults\": […]}", &o->json, NULL, NULL },
		{ 0 },
	};
	const struct cli_command command = {
		"check", "",
		"Reads the configuration and all that it names, and tells every fault with file and\n"
		"line, what reads like a mistake, and what this machine lacks for it. With --haproxy\n"
		"also what makes that front unsafe, or fail open. Exits 1 when something is an error;\n"
		"warnings and lints don't change the exit code.",
		rows,
	};

	return cli_parse(&command, argc, argv, NULL);
}

static void lint(const struct snapshot *snapshot, struct diag_list *diag)
{
	const struct config *config = snapshot_config(snapshot);

	snapshot_lint(snapshot, clock_wall_s(), diag);
	for (size_t i = 0; i < config->worker_count; i++)
		worker_lint(&config->workers[i], config, diag);
}

static int tell(const struct options *o, const char *path, const struct diag_list *diag)
{
	int code = diag->errors ? EXIT_FAULT : EXIT_FINE;
	json_t *object;

	if (o->json) {
		object = json_object();
		json_object_set_new(object, "faults", cli_json_faults(diag));
		return cli_print_json(object) == EXIT_FINE ? code : EXIT_FAULT;
	}
	cli_print_faults(stderr, diag, true);
	if (diag->errors)
		fprintf(stderr, "%zu error%s, %zu other remark%s\n", diag->errors, diag->errors == 1 ? "" : "s",
			diag->count - diag->errors, diag->count - diag->errors == 1 ? "" : "s");
	else
		printf("%s: fine\n", path);
	return code;
}

int cmd_check(int argc, char **argv)
{
	struct options o = { 0 };
	struct diag_list diag = { 0 };
	struct setup *setup = NULL;
	const char *path;
	int code = parse(&o, argc, argv);

	if (code != CLI_GO_ON)
		return code;
	path = o.config ? o.config : CONFIG_DEFAULT_PATH;
	/* What is wrong is in diag, and that decides. */
	if (setup_new(path, NULL, 1, &diag, &setup) == ERR_OK) {
		lint(setup->snapshot, &diag);
		machine_lint(snapshot_config(setup->snapshot), path, &diag);
		revocation_unref(lists_offline(setup->snapshot, clock_wall_s(), NULL, &diag));
	}
	if (o.haproxy)
		haproxy_check(o.haproxy, setup ? setup->snapshot : NULL, &diag);
	setup_free(setup);
	cli_sort_faults(&diag);
	code = tell(&o, path, &diag);
	diag_fini(&diag);
	return code;
}
