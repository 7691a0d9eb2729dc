/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_AUTHZ_STATS_H
#define MTLSGUARD_FRONT_AUTHZ_STATS_H

#include <stdatomic.h>

#include "base/buf.h"

/* Counters of one loop's gRPC connections; written by that loop only, read by any thread. */
struct authz_stats {
	_Atomic uint64_t accepted, closed, checks, errors, healthchecks, bytes_in, bytes_out;
	_Atomic uint64_t bad_peers, timeouts, cancelled, aged;
};

/* Appends OpenMetrics families for the sum over the loops' servers. */
void authz_stats_write(struct buf *out, const struct authz_stats *const *loops, size_t count);

#endif
