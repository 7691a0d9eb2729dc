/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs at build time: writes the man pages and the annotated example out of
 * the tables that the program itself reads, so that they cannot drift.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "core/config_table.h"

struct page {
	const char *name;
	int (*run)(int argc, char **argv);
};

/* mtlsguard haproxy has subcommands of its own: its --help lists them. */
static const struct page pages[] = {
	{ "run", cmd_run },	  { "check", cmd_check },   { "eval", cmd_eval },
	{ "haproxy", cmd_haproxy }, { "status", cmd_status }, { "reload", cmd_reload },
	{ "drain", cmd_drain },
};

/* What --help prints, line by line (man(7): "\" and a leading "." or "'" are roff's own). */
static void put_preformatted(FILE *out, const char *text)
{
	bool start = true;

	fputs(".EX\n", out);
	for (; *text; text++) {
		if (start && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else
			fputc(*text, out);
		start = *text == '\n';
	}
	fputs(".EE\n", out);
}

static char *help_of(const struct page *page)
{
	char name[16], option[] = "--help";
	char *argv[] = { name, option, NULL };
	FILE *real = stdout;
	char *text = NULL;
	size_t len;

	snprintf(name, sizeof(name), "%s", page->name);
	stdout = open_memstream(&text, &len);
	if (!stdout)
		abort();
	page->run(2, argv);
	fclose(stdout);
	stdout = real;
	return text;
}

static void write_commands(FILE *out)
{
	fputs(".TH MTLSGUARD 1 \"\" \"mtlsguard " MTLSGUARD_VERSION "\"\n"
	      ".SH NAME\nmtlsguard \\- decides on TLS client certificates for HAProxy, Envoy, nginx, Caddy and Traefik\n"
	      ".SH SYNOPSIS\n.B mtlsguard\n.I COMMAND\n[\\fIOPTIONS\\fR]\n"
	      ".SH DESCRIPTION\n"
	      "The proxy ends TLS and asks for a client certificate without demanding it; mtlsguard gets the\n"
	      "certificate and the request over SPOP, verifies the chain against the host's own authorities,\n"
	      "looks at its deny list, runs Lua workers, and answers with a verdict and headers.\n"
	      "Whatever goes wrong inside, the answer is a refusal.\n.SH COMMANDS\n", out);
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		char *help = help_of(&pages[i]);

		fprintf(out, ".SS %s\n", pages[i].name);
		put_preformatted(out, help);
		free(help);
	}
	fputs(".SH EXIT STATUS\n0 fine (eval: allowed), 1 a fault in what was given, 2 wrong usage, 10 eval: anything but\n"
	      "an allow.\n"
	      ".SH SIGNALS\nSIGHUP: read the configuration again, open decisions.log again. SIGUSR1: only the latter.\n"
	      "SIGTERM, SIGINT: stop accepting, go on deciding until the peers have closed, end; a second one ends\n"
	      "at once.\n"
	      ".SH ENVIRONMENT\n.TP\nNO_COLOR\nNo colours, on a terminal too.\n"
	      ".TP\nNOTIFY_SOCKET, JOURNAL_STREAM\nSet by systemd.\n"
	      ".SH FILES\n.TP\n/etc/mtlsguard/mtlsguard.lua\nThe configuration, see\n.BR mtlsguard.lua (5).\n"
	      ".SH SEE ALSO\n.BR mtlsguard.lua (5),\n.BR haproxy (1)\n", out);
}

static void write_configuration(FILE *out)
{
	struct buf b = buf_capped(0);

	fputs(".TH MTLSGUARD.LUA 5 \"\" \"mtlsguard " MTLSGUARD_VERSION "\"\n"
	      ".SH NAME\nmtlsguard.lua \\- configuration of mtlsguard\n"
	      ".SH DESCRIPTION\n"
	      "A Lua 5.4 file that returns a table. It runs in a closed sandbox, for five seconds at most, and\n"
	      "has \\fBenv \"NAME\"\\fR (a variable of the environment), \\fBsecret \"FILE\"\\fR (what the file holds)\n"
	      "and \\fBinclude \"hosts.d/*.lua\"\\fR (the included tables merged). Relative paths are relative to\n"
	      "the file. Unknown keys are errors; \\fBmtlsguard check\\fR tells all of them.\n", out);
	config_doc_man(&b);
	fwrite(b.ptr, 1, b.len, out);
	buf_fini(&b);
	fputs(".SH SEE ALSO\n.BR mtlsguard (1)\n", out);
}

static void write_example(FILE *out)
{
	struct buf b = buf_capped(0);

	config_doc_example(&b);
	fwrite(b.ptr, 1, b.len, out);
	buf_fini(&b);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*write)(FILE *out);
	} documents[] = {
		{ "mtlsguard.1", write_commands },
		{ "mtlsguard.lua.5", write_configuration },
		{ "mtlsguard.lua.example", write_example },
	};

	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
		if (argc == 2 && strcmp(argv[1], documents[i].name) == 0) {
			documents[i].write(stdout);
			return fflush(stdout) == 0 ? EXIT_FINE : EXIT_FAULT;
		}
	fputs("usage: doc mtlsguard.1 | mtlsguard.lua.5 | mtlsguard.lua.example\n", stderr);
	return EXIT_WRONG_USAGE;
}
