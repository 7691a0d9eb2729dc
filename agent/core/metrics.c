/* SPDX-License-Identifier: Apache-2.0 */
#include "core/metrics.h"

#include <inttypes.h>

int64_t metrics_bound_ns(size_t i)
{
	return INT64_C(1000) << i;
}

static size_t bucket_of(int64_t ns)
{
	uint64_t units = ns > 0 ? (uint64_t)(ns - 1) / 1000 : 0;
	size_t i = likely(units) ? 64 - (size_t)__builtin_clzll(units) : 0;

	return likely(i < METRICS_BUCKETS) ? i : METRICS_BUCKETS;
}

void metrics_decision(struct metrics *metrics, enum verdict_kind kind, enum reason reason, int64_t ns)
{
	metric_add(&metrics->decisions[kind][reason], 1);
	metric_add(&metrics->buckets[bucket_of(ns)], 1);
	metric_add(&metrics->total_ns, (uint64_t)(ns > 0 ? ns : 0));
}

uint64_t metrics_sum(const void *loops, size_t count, size_t offset)
{
	uint64_t total = 0;

	for (size_t i = 0; i < count; i++) {
		const char *loop;

		memcpy(&loop, (const char *)loops + i * sizeof(loop), sizeof(loop));
		total += atomic_load_explicit((const _Atomic uint64_t *)(const void *)(loop + offset),
					      memory_order_relaxed);
	}
	return total;
}

#define SUM(member) metrics_sum(loops, count, offsetof(struct metrics, member))
#define SUM_AT(member, i) metrics_sum(loops, count, offsetof(struct metrics, member) + (i) * sizeof(uint64_t))

static void family(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# TYPE %s %s\n# HELP %s %s\n", name, type, name, help);
}

void metrics_one(struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
	family(out, name, type, help);
	buf_printf(out, "%s%s %" PRIu64 "\n", name, type[0] == 'c' ? "_total" : "", value);
}

static void write_decisions(struct buf *out, const struct metrics *const *loops, size_t count)
{
	family(out, "mtlsguard_decisions", "counter", "Decisions by verdict and reason.");
	for (enum verdict_kind kind = VERDICT_DENY; kind <= VERDICT_RESPOND; kind++)
		for (enum reason reason = REASON_ALLOWED; reason < REASON_COUNT; reason++) {
			uint64_t n = SUM_AT(decisions, (size_t)kind * REASON_COUNT + reason);

			/* Families stay short: a pair that never occurred is left out, but each reason's denials stand. */
			if (n || (kind == VERDICT_DENY && reason != REASON_ALLOWED &&
				  reason != REASON_WORKER_RESPONSE))
				buf_printf(out, "mtlsguard_decisions_total{verdict=\"%s\",reason=\"%s\"} %" PRIu64 "\n",
					   verdict_name(kind), reason_name(reason), n);
		}
	family(out, "mtlsguard_observed", "counter",
	       "Refusals that a host with enforce = \"observe\" let pass, by their reason.");
	for (enum reason reason = REASON_ALLOWED + 1; reason < REASON_COUNT; reason++)
		buf_printf(out, "mtlsguard_observed_total{reason=\"%s\"} %" PRIu64 "\n",
			   reason_name(reason), SUM_AT(observed, reason));
}

static void write_times(struct buf *out, const struct metrics *const *loops, size_t count)
{
	uint64_t total = 0;

	family(out, "mtlsguard_decision_seconds", "histogram", "Time from request to verdict.");
	for (size_t i = 0; i <= METRICS_BUCKETS; i++) {
		total += SUM_AT(buckets, i);
		if (i < METRICS_BUCKETS)
			buf_printf(out, "mtlsguard_decision_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
				   (double)metrics_bound_ns(i) / 1e9, total);
	}
	buf_printf(out, "mtlsguard_decision_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", total);
	buf_printf(out, "mtlsguard_decision_seconds_count %" PRIu64 "\n", total);
	buf_printf(out, "mtlsguard_decision_seconds_sum %.9f\n", (double)SUM(total_ns) / 1e9);
}

static void write_revocation(struct buf *out, const struct metrics *const *loops, size_t count)
{
	family(out, "mtlsguard_revocation_decisions", "counter",
	       "Decisions on a verified certificate, by what was known of its revocation.");
	for (enum revocation_status status = 0; status < REVOCATION_STATUS_COUNT; status++)
		buf_printf(out, "mtlsguard_revocation_decisions_total{status=\"%s\"} %" PRIu64 "\n",
			   revocation_status_name(status), SUM_AT(revocation, status));
	metrics_one(out, "mtlsguard_revocation_waits", "counter",
		    "Waits of requests for a first list or an OCSP answer.", SUM(revocation_waits));
	metrics_one(out, "mtlsguard_revocation_looks", "counter",
		    "Cached certificates looked up again, since something was new or due.",
		    SUM(revocation_looks));
}

void metrics_write(struct buf *out, const struct metrics *const *loops, size_t count)
{
	write_decisions(out, loops, count);
	write_times(out, loops, count);
	metrics_one(out, "mtlsguard_pending", "gauge", "Requests waiting for a verdict.", SUM(pending));
	metrics_one(out, "mtlsguard_worker_runs", "counter", "Worker calls.", SUM(worker_runs));
	metrics_one(out, "mtlsguard_worker_faults", "counter",
		    "Worker calls that failed, timed out or ran out of memory.", SUM(worker_faults));
	write_revocation(out, loops, count);
	metrics_one(out, "mtlsguard_certificate_cache_hits", "counter",
		    "Certificates found parsed and verified.", SUM(cache_hits));
	metrics_one(out, "mtlsguard_certificate_cache_misses", "counter",
		    "Certificates seen for the first time.", SUM(cache_misses));
	metrics_one(out, "mtlsguard_certificate_verifications", "counter",
		    "Chains verified.", SUM(verifications));
	metrics_one(out, "mtlsguard_certificate_cache_evictions", "counter",
		    "Certificates that made room for newer ones.", SUM(cache_evictions));
	metrics_one(out, "mtlsguard_certificate_cache_verified", "gauge",
		    "Verified certificates in the caches.", SUM(cache_verified));
	metrics_one(out, "mtlsguard_certificate_cache_unverified", "gauge",
		    "Other certificates in the caches.", SUM(cache_unverified));
}
