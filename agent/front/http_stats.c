/* SPDX-License-Identifier: Apache-2.0 */
#include "front/http_stats.h"

#include <inttypes.h>

#include "core/metrics.h"

#define SUM(member) metrics_sum(loops, count, offsetof(struct http_stats, member))
#define SUM_AT(member, i) \
	metrics_sum(loops, count, offsetof(struct http_stats, member) + (i) * sizeof(uint64_t))

/* A dialect that nobody speaks here is left out. */
static void write_dialects(struct buf *out, const struct http_stats *const *loops, size_t count)
{
	buf_str(out, "# TYPE mtlsguard_http_requests counter\n# HELP mtlsguard_http_requests Questions received by HTTP.\n");
	for (size_t dialect = 0; dialect < HTTP_DIALECT_COUNT; dialect++) {
		uint64_t n = SUM_AT(requests, dialect);

		if (n)
			buf_printf(out, "mtlsguard_http_requests_total{dialect=\"%s\"} %" PRIu64 "\n",
				   http_dialect_words[dialect], n);
	}
	buf_str(out, "# TYPE mtlsguard_http_answers counter\n# HELP mtlsguard_http_answers Answers given by HTTP.\n");
	for (size_t dialect = 0; dialect < HTTP_DIALECT_COUNT; dialect++)
		for (size_t kind = 0; kind < 3; kind++) {
			uint64_t n = SUM_AT(answers, dialect * 3 + kind);

			if (n)
				buf_printf(out, "mtlsguard_http_answers_total{dialect=\"%s\",verdict=\"%s\"} %" PRIu64 "\n",
					   http_dialect_words[dialect], verdict_name((enum verdict_kind)kind), n);
		}
}

void http_stats_write(struct buf *out, const struct http_stats *const *loops, size_t count)
{
	metrics_one(out, "mtlsguard_http_connections", "gauge", "Open connections of proxies that ask by HTTP.",
		    SUM(accepted) - SUM(closed));
	metrics_one(out, "mtlsguard_http_accepted", "counter", "Connections accepted from such proxies.",
		    SUM(accepted));
	write_dialects(out, loops, count);
	metrics_one(out, "mtlsguard_http_malformed", "counter",
		    "Requests turned away before they were a question: too large, or no HTTP.", SUM(malformed));
	metrics_one(out, "mtlsguard_http_timeouts", "counter",
		    "Connections ended because the peer was silent or did not read.", SUM(timeouts));
	metrics_one(out, "mtlsguard_http_cancelled", "counter",
		    "Requests cancelled because their connection was lost.", SUM(cancelled));
}
