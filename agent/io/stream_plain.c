/* SPDX-License-Identifier: Apache-2.0 */
#include "io/transport.h"

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>

/* The state is the descriptor itself, dressed as a pointer: no memory of its own. */
static int fd_of(void *state)
{
	return (int)(intptr_t)state;
}

void *transport_plain_new(int fd)
{
	return (void *)(intptr_t)fd;
}

enum err transport_errno(int fault)
{
	if (fault == ECONNRESET || fault == EPIPE || fault == ENOTCONN || fault == ECONNABORTED)
		return ERR_CLOSED;
	/* What TCP says when the other host has gone without a word. */
	if (fault == ETIMEDOUT || fault == EHOSTUNREACH || fault == ENETUNREACH)
		return ERR_CLOSED;
	return ERR_IO;
}

static HOT enum transport_result plain_read(void *state, void *to, size_t room, size_t *got,
					enum err *why)
{
	ssize_t n;

	do
		n = recv(fd_of(state), to, room, MSG_DONTWAIT);
	while (unlikely(n < 0) && errno == EINTR);
	if (likely(n > 0)) {
		*got = (size_t)n;
		return TRANSPORT_DONE;
	}
	if (n < 0 && errno == EAGAIN)
		return TRANSPORT_WANT_READ;
	*why = n == 0 ? ERR_CLOSED : transport_errno(errno);
	return TRANSPORT_FAULT;
}

static HOT enum transport_result plain_write(void *state, const void *from, size_t len, size_t *put,
					 enum err *why)
{
	ssize_t n;

	do
		n = send(fd_of(state), from, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (unlikely(n < 0) && errno == EINTR);
	if (likely(n >= 0)) {
		*put = (size_t)n;
		return TRANSPORT_DONE;
	}
	if (errno == EAGAIN)
		return TRANSPORT_WANT_WRITE;
	*why = transport_errno(errno);
	return TRANSPORT_FAULT;
}

static void plain_free(void *state)
{
	(void)state;
}

const struct transport transport_plain = {
	.read = plain_read,
	.write = plain_write,
	.free = plain_free,
};
