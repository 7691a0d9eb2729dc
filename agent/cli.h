/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CLI_H
#define MTLSGUARD_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/diag.h"

/*
 * What the commands share: options out of a table (which is also their
 * --help), faults for people and for machines, colours where they help.
 */

/* Values of an option that may be repeated, or the arguments without a dash. Borrowed from argv. */
struct cli_list {
	const char **items;
	size_t count;
};

/* One option; exactly one of flag, text and list says where it goes. */
struct cli_option {
	const char *name;  /* without the dashes; NULL ends the table */
	char letter;	   /* 0: no short form */
	const char *value; /* how help names its value; NULL for a flag */
	const char *help;
	bool *flag;
	const char **text;
	struct cli_list *list;
};

struct cli_command {
	const char *name;
	const char *arguments; /* behind the options in the usage line, or "" */
	const char *about;     /* a paragraph; lines of at most 80 columns */
	const struct cli_option *options;
};

#define CLI_GO_ON (-1)

/*
 * Reads argv into the options' targets; what has no dash goes to arguments
 * (NULL: there may be none). Returns CLI_GO_ON, or the exit code to end with:
 * EXIT_FINE after --help, EXIT_WRONG_USAGE with a message on stderr. Free each
 * list with cli_list_fini, whatever it returned.
 */
int cli_parse(const struct cli_command *command, int argc, char **argv, struct cli_list *arguments);
void cli_list_fini(struct cli_list *list);

/* "NAME: MESSAGE, see mtlsguard NAME --help" on stderr; returns EXIT_WRONG_USAGE. */
int cli_wrong(const char *command, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Whether to colour what goes there: a terminal, no NO_COLOR, not a dumb one. */
bool cli_colour(FILE *out);

/* Sorts by file and line, and takes out what stands twice. */
void cli_sort_faults(struct diag_list *diag);

/* Each as "file:line: severity: message", its hint indented below. Lints are left out unless wanted. */
void cli_print_faults(FILE *out, const struct diag_list *diag, bool lints);

/* [{"file","line","severity","message","hint"}…]; the caller owns it. */
json_t *cli_json_faults(const struct diag_list *diag);

/* Prints value on one line of stdout, releases it; EXIT_FAULT when stdout cannot take it. */
int cli_print_json(json_t *value);

/* A text as JSON; bytes that are no UTF-8 become U+FFFD. The caller owns it. */
json_t *cli_json_text(struct slice text);

#endif
