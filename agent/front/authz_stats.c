/* SPDX-License-Identifier: Apache-2.0 */
#include "front/authz_stats.h"

#include "core/metrics.h"

#define SUM(member) metrics_sum(loops, count, offsetof(struct authz_stats, member))

void authz_stats_write(struct buf *out, const struct authz_stats *const *loops, size_t count)
{
	metrics_one(out, "mtlsguard_grpc_connections", "gauge", "Open connections from Envoy.",
		    SUM(accepted) - SUM(closed));
	metrics_one(out, "mtlsguard_grpc_accepted", "counter", "Connections accepted from Envoy.",
		    SUM(accepted));
	metrics_one(out, "mtlsguard_grpc_checks", "counter", "Check calls received.", SUM(checks));
	metrics_one(out, "mtlsguard_grpc_errors", "counter",
		    "Calls answered with a gRPC error: another method, a body that is no message.",
		    SUM(errors));
	metrics_one(out, "mtlsguard_grpc_healthchecks", "counter", "Health checks answered.",
		    SUM(healthchecks));
	metrics_one(out, "mtlsguard_grpc_bytes_in", "counter", "Bytes received.", SUM(bytes_in));
	metrics_one(out, "mtlsguard_grpc_bytes_out", "counter", "Bytes sent.", SUM(bytes_out));
	metrics_one(out, "mtlsguard_grpc_bad_peers", "counter",
		    "Connections ended because the peer broke or flooded HTTP/2.", SUM(bad_peers));
	metrics_one(out, "mtlsguard_grpc_timeouts", "counter",
		    "Connections ended because the peer was silent or did not read.", SUM(timeouts));
	metrics_one(out, "mtlsguard_grpc_cancelled", "counter",
		    "Calls cancelled because Envoy gave them up or their connection was lost.", SUM(cancelled));
	metrics_one(out, "mtlsguard_grpc_aged", "counter",
		    "Connections told to move because of their age.", SUM(aged));
}
