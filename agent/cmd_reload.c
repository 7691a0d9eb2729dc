/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd.h"

#include <string.h>

#include "cli.h"
#include "cmd_control.h"

struct options {
	struct control_target target;
	bool json;
};

static int parse(struct options *o, int argc, char **argv)
{
	const struct cli_option rows[] = {
		CONTROL_TARGET_OPTIONS(&o->target),
		{ "json", 0, NULL, "print one JSON object", &o->json, NULL, NULL },
		{ 0 },
	};
	const struct cli_command command = {
		"reload", "",
		"Makes the running agent read its configuration again, and returns when every loop\n"
		"uses it. Exits 1 with the faults of the new configuration, and leaves the old one\n"
		"running, when there are any.",
		rows,
	};

	return cli_parse(&command, argc, argv, NULL);
}

static enum diag_severity severity_of(const char *name)
{
	for (enum diag_severity severity = DIAG_ERROR; severity < DIAG_LINT; severity++)
		if (name && strcmp(name, diag_severity_name(severity)) == 0)
			return severity;
	return DIAG_LINT;
}

/* The agent's faults, told as if they were this command's own. */
static void print_faults(const json_t *answer)
{
	struct diag_list diag = { 0 };
	const json_t *fault;
	size_t i;

	json_array_foreach(json_object_get(answer, "faults"), i, fault) {
		const char *message = json_string_value(json_object_get(fault, "message"));

		diag_add(&diag, severity_of(json_string_value(json_object_get(fault, "severity"))),
			 json_string_value(json_object_get(fault, "file")),
			 (unsigned)json_integer_value(json_object_get(fault, "line")),
			 json_string_value(json_object_get(fault, "hint")), "%s", message ? message : "");
	}
	cli_print_faults(stderr, &diag, false);
	diag_fini(&diag);
}

int cmd_reload(int argc, char **argv)
{
	struct options o = { 0 };
	int code = parse(&o, argc, argv);
	json_t *answer;
	bool fine;

	if (code != CLI_GO_ON)
		return code;
	answer = control_target_ask("reload", &o.target, json_pack("{s:s}", "command", "reload"), 0);
	if (!answer)
		return EXIT_FAULT;
	fine = control_fine("reload", answer);
	code = fine ? EXIT_FINE : EXIT_FAULT;
	if (o.json)
		return cli_print_json(answer) == EXIT_FINE ? code : EXIT_FAULT;
	print_faults(answer);
	if (fine)
		printf("reloaded, generation %s\n", json_string_value(json_object_get(answer, "generation")));
	else
		fputs("mtlsguard reload: the former configuration stays in use\n", stderr);
	json_decref(answer);
	return code;
}
