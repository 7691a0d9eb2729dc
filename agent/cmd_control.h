/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CMD_CONTROL_H
#define MTLSGUARD_CMD_CONTROL_H

#include <jansson.h>
#include <stdbool.h>

#include "config_load.h"

/*
 * What the commands that talk to a running agent share: where it listens, one
 * question, one answer.
 */
struct control_target {
	const char *config;  /* -c, or NULL */
	const char *address; /* --control, or NULL: the configuration says it */
};

/* Their rows of the table of options (cli.h). */
#define CONTROL_TARGET_OPTIONS(target)                                                            \
	{ "config", 'c', "FILE", "the agent's configuration (" CONFIG_DEFAULT_PATH ")", NULL,     \
	  &(target)->config, NULL },                                                              \
	{ "control", 0, "ADDR", "the agent's control socket (as FILE says)", NULL,                \
	  &(target)->address, NULL }

/*
 * Asks; request is taken over. seconds: how long to wait, 0 for ever. NULL when there is no
 * answer, and then stderr has been told why. The caller owns the answer, an object.
 */
json_t *control_target_ask(const char *command, const struct control_target *target, json_t *request,
			   int seconds);

/* The answer's "ok"; when false its "error" goes to stderr. */
bool control_fine(const char *command, const json_t *answer);

#endif
