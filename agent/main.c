/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cmd.h"

struct subcommand {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *about;
};

static const struct subcommand subcommands[] = {
	{ "run", cmd_run, "the agent, in the foreground" },
	{ "check", cmd_check, "every fault of configuration, workers and authorities" },
	{ "eval", cmd_eval, "one decision, offline: what is decided, and why" },
	{ "haproxy", cmd_haproxy, "what HAProxy must send and hold for this configuration" },
	{ "status", cmd_status, "what the running agent says of itself" },
	{ "reload", cmd_reload, "make the running agent read its configuration again" },
	{ "drain", cmd_drain, "make the running agent finish its connections and end" },
};

#define SUBCOMMANDS (sizeof(subcommands) / sizeof(subcommands[0]))

static void print_usage(FILE *out)
{
	fputs("usage: mtlsguard COMMAND [OPTIONS]\n\nDecides on TLS client certificates for HAProxy, Envoy, nginx, Caddy and Traefik.\n\n", out);
	for (size_t i = 0; i < SUBCOMMANDS; i++)
		fprintf(out, "  %-9s %s\n", subcommands[i].name, subcommands[i].about);
	fputs("\n  --help    print this; mtlsguard COMMAND --help tells a command's options\n"
	      "  --version print the version\n\n"
	      "exit codes: 0 fine (eval: allowed), 1 a fault in what was given, 2 wrong usage,\n"
	      "10 eval: anything but an allow\n", out);
}

static int unknown(const char *word)
{
	const char *names[SUBCOMMANDS + 1] = { NULL };
	const char *nearest;

	for (size_t i = 0; i < SUBCOMMANDS; i++)
		names[i] = subcommands[i].name;
	nearest = text_nearest(slice_str(word), names);
	fprintf(stderr, "mtlsguard: unknown %s %s", word[0] == '-' ? "option" : "command", word);
	if (nearest)
		fprintf(stderr, ", did you mean %s?", nearest);
	fputs("\n    see: mtlsguard --help\n", stderr);
	return EXIT_WRONG_USAGE;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;

	if (!word) {
		print_usage(stderr);
		return EXIT_WRONG_USAGE;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
		print_usage(stdout);
		return EXIT_FINE;
	}
	if (strcmp(word, "--version") == 0) {
		puts("mtlsguard " MTLSGUARD_VERSION);
		return EXIT_FINE;
	}
	for (size_t i = 0; i < SUBCOMMANDS; i++)
		if (strcmp(word, subcommands[i].name) == 0)
			return subcommands[i].run(argc - 1, argv + 1);
	return unknown(word);
}
