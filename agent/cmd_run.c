/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd.h"

#include "agent.h"
#include "cli.h"
#include "config_load.h"

int cmd_run(int argc, char **argv)
{
	const char *config = NULL;
	const struct cli_option rows[] = {
		{ "config", 'c', "FILE", "the configuration (" CONFIG_DEFAULT_PATH ")", NULL, &config, NULL },
		{ 0 },
	};
	const struct cli_command command = {
		"run", "",
		"Runs the agent in the foreground. SIGHUP reads the configuration again and opens\n"
		"decisions.log again, SIGUSR1 only the latter; SIGTERM and SIGINT stop accepting and\n"
		"end when the peers have gone, a second one ends at once.",
		rows,
	};
	int code = cli_parse(&command, argc, argv, NULL);

	return code == CLI_GO_ON ? agent_run(config ? config : CONFIG_DEFAULT_PATH) : code;
}
