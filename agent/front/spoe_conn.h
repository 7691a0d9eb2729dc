/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_SPOE_CONN_H
#define MTLSGUARD_FRONT_SPOE_CONN_H

#include <stdatomic.h>

#include "base/buf.h"
#include "core/engine.h"
#include "io/loop.h"
#include "io/tls.h"

/*
 * The SPOP connections of one loop: glue between streams and the sessions of
 * front/spoe.h. Limits are read from the engine's present snapshot when a
 * connection is accepted.
 */
struct spoe_server;

/* Counters of one loop's server; written by that loop only, read by any thread. */
struct spoe_stats {
	_Atomic uint64_t accepted, closed, frames_in, frames_out, bytes_in, bytes_out;
	_Atomic uint64_t healthchecks, fragments, bad_frames, timeouts, cancelled;
};

struct spoe_server *spoe_server_new(struct loop *loop, struct engine *engine);

/* Takes the connection over. tls NULL: plain. on_closed(arg) of the server comes when it has gone. */
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

/* Appends OpenMetrics families for the sum over the loops' servers. */
void spoe_stats_write(struct buf *out, const struct spoe_stats *const *loops, size_t count);

/* Closes what is still open, cancelling its requests. */
void spoe_server_free(struct spoe_server *server);

#endif
