/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_IO_TRANSPORT_H
#define MTLSGUARD_IO_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * What a stream moves its bytes with: the socket itself (stream_plain.c) or
 * TLS over it (stream_tls.c). Nothing here waits; who would have to says for
 * what. None raises SIGPIPE.
 */
enum transport_result {
	TRANSPORT_DONE,
	TRANSPORT_WANT_READ,  /* again when the socket is readable */
	TRANSPORT_WANT_WRITE, /* again when the socket is writable */
	TRANSPORT_FAULT	      /* *why says which: ERR_CLOSED for an end, however it came */
};

struct transport {
	/* NULL: there is none. */
	enum transport_result (*handshake)(void *state, enum err *why);
	/* At least one byte when done. */
	enum transport_result (*read)(void *state, void *to, size_t room, size_t *got, enum err *why);
	enum transport_result (*write)(void *state, const void *from, size_t len, size_t *put,
				       enum err *why);
	/* True when bytes are ready that the socket will not announce; NULL: never. */
	bool (*pending)(void *state);
	/* Says goodbye if that is possible at once; NULL: nothing to say. */
	void (*goodbye)(void *state);
	/* Frees the state, not the socket. */
	void (*free)(void *state);
};

struct tls_server;
struct peer;

/* State over fd, which stays the caller's. */
void *transport_plain_new(int fd);
extern const struct transport transport_plain;

/* NULL when OpenSSL refuses. peer is borrowed, for log lines. */
void *transport_tls_new(struct tls_server *tls, int fd, const struct peer *peer);
extern const struct transport transport_tls;

/* Tells a fault of recv or send: its errno as an err. */
enum err transport_errno(int fault);

#endif
