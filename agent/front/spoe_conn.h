/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_SPOE_CONN_H
#define MTLSGUARD_FRONT_SPOE_CONN_H

#include "base/buf.h"
#include "core/engine.h"
#include "front/spoe_stats.h"
#include "io/loop.h"
#include "io/tls.h"

/*
 * The SPOP connections of one loop: glue between streams and the sessions of
 * front/spoe.h. Limits are read from the engine's present snapshot when a
 * connection is accepted.
 */
struct spoe_server;

struct spoe_server *spoe_server_new(struct loop *loop, struct engine *engine);

/* Takes the connection over. tls NULL: plain; else counted as long as it is needed. A connection that
 * ends is told by spoe_server_on_closed. */
void spoe_server_accept(struct spoe_server *server, int fd, struct tls_server *tls);

/* closed(arg) runs on the loop after each connection that ended. */
void spoe_server_on_closed(struct spoe_server *server, void (*closed)(void *arg), void *arg);

size_t spoe_server_connections(const struct spoe_server *server);
const struct spoe_stats *spoe_server_stats(const struct spoe_server *server);

/*
 * Starts draining: goes on deciding what comes in until each peer has closed,
 * announces DISCONNECT the way that HAProxy survives, and closes what is left
 * two seconds after its last answer. done(arg) comes once no connection is left.
 */
void spoe_server_drain(struct spoe_server *server, void (*done)(void *arg), void *arg);

/* Closes what is still open, cancelling its requests. */
void spoe_server_free(struct spoe_server *server);

#endif
