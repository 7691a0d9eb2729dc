/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd.h"

#include "cli.h"
#include "cmd_control.h"

struct options {
	struct control_target target;
	bool json, no_wait;
};

static int parse(struct options *o, int argc, char **argv)
{
	const struct cli_option rows[] = {
		CONTROL_TARGET_OPTIONS(&o->target),
		{ "no-wait", 0, NULL, "return at once, not when the agent has drained", &o->no_wait, NULL, NULL },
		{ "json", 0, NULL, "print one JSON object", &o->json, NULL, NULL },
		{ 0 },
	};
	const struct cli_command command = {
		"drain", "",
		"Makes the running agent stop accepting, go on deciding until its peers have closed,\n"
		"and end. Returns when it has drained.",
		rows,
	};

	return cli_parse(&command, argc, argv, NULL);
}

int cmd_drain(int argc, char **argv)
{
	struct options o = { 0 };
	int code = parse(&o, argc, argv);
	json_t *answer;

	if (code != CLI_GO_ON)
		return code;
	answer = control_target_ask("drain", &o.target,
				    json_pack("{s:s, s:b}", "command", "drain", "wait", !o.no_wait), 0);
	if (!answer)
		return EXIT_FAULT;
	code = control_fine("drain", answer) ? EXIT_FINE : EXIT_FAULT;
	if (o.json)
		return cli_print_json(answer) == EXIT_FINE ? code : EXIT_FAULT;
	json_decref(answer);
	if (code == EXIT_FINE)
		puts(o.no_wait ? "draining" : "drained");
	return code;
}
