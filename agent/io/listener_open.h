/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_IO_LISTENER_OPEN_H
#define MTLSGUARD_IO_LISTENER_OPEN_H

#include <sys/stat.h>

#include "io/listener.h"

/* A socket that listens. For a unix file also which file that is, so that only it is removed. */
struct listener_socket {
	int fd;
	uint16_t port;
	char *path; /* UNIX: owned; NULL otherwise */
	dev_t dev;
	ino_t ino;
};

/* Opens, binds, listens. ERR_IO or ERR_RANGE with a sentence in *error (per-thread storage). */
enum err listener_open(const struct listener_address *address, struct listener_socket *out,
		       const char **error) MUST_USE;

/* Closes; removes the file that listener_open made if it is still the same one. */
void listener_close(struct listener_socket *s);

#endif
