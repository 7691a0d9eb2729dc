/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_HTTP_RELAY_H
#define MTLSGUARD_FRONT_HTTP_RELAY_H

#include "io/loop.h"
#include "io/stream.h"

/*
 * TLS in front of libmicrohttpd, which has none of OpenSSL's: the connection
 * ends here as on every other listener, and its plain bytes go through a
 * socket pair of the same loop. What one side does not take is not read from
 * the other.
 */
struct http_relay;

/*
 * Takes both descriptors over: the proxy's connection, and our end of the pair. ended(arg, why) is the last
 * call, once both are closed: ERR_CRYPTO when the handshake failed, ERR_TIMEOUT, or how else the
 * proxy's side ended. It comes from the loop, never from within these functions.
 */
struct http_relay *http_relay_new(struct loop *loop, int fd, struct tls_server *tls, int inner,
				  void (*ended)(void *arg, enum err why), void *arg);

/* Closes both now, without a call of ended. */
void http_relay_abort(struct http_relay *relay);

#endif
