/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_SPOE_STATS_H
#define MTLSGUARD_FRONT_SPOE_STATS_H

#include <stdatomic.h>

#include "base/buf.h"

/* Counters of one loop's SPOP connections; written by that loop only, read by any thread. */
struct spoe_stats {
	_Atomic uint64_t accepted, closed, frames_in, frames_out, bytes_in, bytes_out;
	_Atomic uint64_t healthchecks, fragments, bad_frames, timeouts, cancelled;
};

/* Appends OpenMetrics families for the sum over the loops' servers. */
void spoe_stats_write(struct buf *out, const struct spoe_stats *const *loops, size_t count);

#endif
