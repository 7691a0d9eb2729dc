/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_SERVER_H
#define TESTS_LIB_SERVER_H

#include <sys/types.h>

/* tests/lib/bad_server.py as a child; it ends with the test program at the latest. */
struct server {
	pid_t pid;
	int in;
	unsigned port;
};

/* folder: its files are served by name, with an ETag; NULL: none. */
void server_start(struct server *server, const char *folder);
void server_stop(struct server *server);

/* "http://127.0.0.1:PORT" and path; static text, one of eight in turn. */
const char *server_url(const struct server *server, const char *path);

#endif
