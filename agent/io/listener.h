/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_IO_LISTENER_H
#define MTLSGUARD_IO_LISTENER_H

#include "base/err.h"
#include "io/loop.h"

/*
 * A listening socket: TCP, unix file or unix abstract. At the connection cap
 * accepting pauses (the kernel's queue holds the rest), it never refuses; it
 * also pauses for a moment when descriptors run out.
 */
struct listener;

enum listener_kind { LISTENER_TCP, LISTENER_UNIX, LISTENER_ABSTRACT };

struct listener_address {
	enum listener_kind kind;
	const char *host; /* TCP: numeric address ("::1" too); UNIX: path; ABSTRACT: name without '@' */
	uint16_t port;
	unsigned mode;	   /* UNIX: permission bits */
	const char *group; /* UNIX: NULL leaves it */
};

/*
 * Opens, binds and listens (backlog 4096, SO_REUSEADDR, IPv6 alone on IPv6 addresses). A dead unix
 * socket file is replaced, a live one or another kind of file is not; a missing directory is made
 * (0755, one level). On failure *error gets a sentence with the reason, in per-thread storage.
 * accepted(arg, fd) runs on the loop for each connection and owns the fd (non-blocking, close-on-exec);
 * it may pause the listener, not free it. ERR_RANGE: no such address can be; ERR_IO: the rest.
 */
enum err listener_new(struct loop *loop, const struct listener_address *address,
		      void (*accepted)(void *arg, int fd), void *arg, const char **error,
		      struct listener **out) MUST_USE;

/* True when there is such a group, by name or number: else listener_new() would refuse it. */
bool listener_group_exists(const char *name);

/* The port it got (TCP), for port 0. */
uint16_t listener_port(const struct listener *listener);

/* Pauses and starts accepting. */
void listener_pause(struct listener *listener, bool paused);

/* Closes; removes the unix socket file that it made, unless another process has replaced it. */
void listener_free(struct listener *listener);

#endif
