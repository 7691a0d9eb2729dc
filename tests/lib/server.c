/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/server.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	abort();
}

static void run(int in, int out, const char *folder)
{
	dup2(in, 0);
	dup2(out, 1);
	execlp("python3", "python3", "tests/lib/bad_server.py", folder, (char *)NULL);
	_exit(127);
}

void server_start(struct server *server, const char *folder)
{
	int in[2], out[2];
	char line[32] = "";
	size_t len = 0;
	ssize_t n;

	must(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipe");
	server->pid = fork();
	must(server->pid >= 0, "fork");
	if (server->pid == 0)
		run(in[0], out[1], folder);
	close(in[0]);
	close(out[1]);
	server->in = in[1];
	while (!strchr(line, '\n') && len < sizeof(line) - 1) {
		n = read(out[0], line + len, sizeof(line) - 1 - len);
		must(n > 0, "the server has not started");
		len += (size_t)n;
	}
	server->port = (unsigned)strtoul(line, NULL, 10);
	close(out[0]);
}

void server_stop(struct server *server)
{
	close(server->in);
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
}

const char *server_url(const struct server *server, const char *path)
{
	static char texts[8][128];
	static unsigned turn;
	char *text = texts[turn++ % 8];

	snprintf(text, sizeof(texts[0]), "http://127.0.0.1:%u%s", server->port, path);
	return text;
}
