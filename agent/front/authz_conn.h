/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_AUTHZ_CONN_H
#define MTLSGUARD_FRONT_AUTHZ_CONN_H

#include "base/buf.h"
#include "core/engine.h"
#include "front/authz_stats.h"
#include "io/loop.h"
#include "io/tls.h"

/*
 * The gRPC connections of one loop: glue between streams and the sessions of
 * front/authz.h. Limits are read from the engine's present snapshot when a
 * connection is accepted.
 */
struct authz_server;

struct authz_server *authz_server_new(struct loop *loop, struct engine *engine);

/* Takes the connection over. tls NULL: plain; else counted as long as it is needed. A connection that
 * ends is told by authz_server_on_closed. chain_xfcc: see front/authz_request.h. */
void authz_server_accept(struct authz_server *server, int fd, struct tls_server *tls,
			 bool chain_xfcc);

/* closed(arg) runs on the loop after each connection that ended. */
void authz_server_on_closed(struct authz_server *server, void (*closed)(void *arg), void *arg);

size_t authz_server_connections(const struct authz_server *server);
const struct authz_stats *authz_server_stats(const struct authz_server *server);

/*
 * Starts draining: goes on deciding what comes in until each peer has closed,
 * says NOT_SERVING to health checks and GOAWAY when it is quiet, and closes what
 * is left two seconds after its last answer. done(arg) comes once no connection is left.
 */
void authz_server_drain(struct authz_server *server, void (*done)(void *arg), void *arg);

/* Closes what is still open, cancelling its requests. */
void authz_server_free(struct authz_server *server);

#endif
