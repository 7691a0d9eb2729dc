/* SPDX-License-Identifier: Apache-2.0 */
#include "front/spoe_stats.h"

#include "core/metrics.h"

#define SUM(member) metrics_sum(loops, count, offsetof(struct spoe_stats, member))

void spoe_stats_write(struct buf *out, const struct spoe_stats *const *loops, size_t count)
{
	metrics_one(out, "mtlsguard_spop_connections", "gauge", "Open connections from HAProxy.",
		    SUM(accepted) - SUM(closed));
	metrics_one(out, "mtlsguard_spop_accepted", "counter", "Connections accepted from HAProxy.",
		    SUM(accepted));
	metrics_one(out, "mtlsguard_spop_frames_in", "counter", "Frames received.", SUM(frames_in));
	metrics_one(out, "mtlsguard_spop_frames_out", "counter", "Frames sent.", SUM(frames_out));
	metrics_one(out, "mtlsguard_spop_bytes_in", "counter", "Bytes of frames received.", SUM(bytes_in));
	metrics_one(out, "mtlsguard_spop_bytes_out", "counter", "Bytes of frames sent.", SUM(bytes_out));
	metrics_one(out, "mtlsguard_spop_healthchecks", "counter", "Health checks answered.",
		    SUM(healthchecks));
	metrics_one(out, "mtlsguard_spop_fragments", "counter",
		    "Frames that were part of a fragmented message.", SUM(fragments));
	metrics_one(out, "mtlsguard_spop_bad_frames", "counter",
		    "Connections ended because of a frame that breaks the protocol.", SUM(bad_frames));
	metrics_one(out, "mtlsguard_spop_timeouts", "counter",
		    "Connections ended because the peer was silent or did not read.", SUM(timeouts));
	metrics_one(out, "mtlsguard_spop_cancelled", "counter",
		    "Requests cancelled because their connection was lost.", SUM(cancelled));
}
