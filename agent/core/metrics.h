/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_METRICS_H
#define MTLSGUARD_CORE_METRICS_H

#include <stdatomic.h>

#include "base/buf.h"
#include "core/facts.h"

/*
 * One loop's counters. Written by that loop only, read by whoever writes the
 * metrics page: hence atomics, without any order between them.
 */
#define METRICS_BUCKETS 18

struct metrics {
	_Atomic uint64_t decisions[3][REASON_COUNT]; /* by verdict_kind and reason */
	_Atomic uint64_t observed[REASON_COUNT];
	_Atomic uint64_t buckets[METRICS_BUCKETS + 1]; /* decision time, see metrics_bound_ns */
	_Atomic uint64_t total_ns;
	_Atomic uint64_t cache_hits, cache_misses, verifications, cache_evictions;
	_Atomic uint64_t cache_verified, cache_unverified;
	_Atomic uint64_t revocation[REVOCATION_STATUS_COUNT]; /* decisions on a certificate that verified */
	_Atomic uint64_t revocation_waits, revocation_looks;
	_Atomic uint64_t worker_runs, worker_faults;
	_Atomic uint64_t pending;
};

/* Adds to a counter of the calling loop: no other thread writes it. */
static inline void metric_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* Upper bound of bucket i in nanoseconds: 1 µs doubling. */
int64_t metrics_bound_ns(size_t i);

/* One decision that took ns. */
void metrics_decision(struct metrics *metrics, enum verdict_kind kind, enum reason reason, int64_t ns);

/* Appends OpenMetrics text for the sum over the loops' counters, without the closing "# EOF". */
void metrics_write(struct buf *out, const struct metrics *const *loops, size_t count);

/*
 * The sum of a counter over the loops. loops: an array of count pointers to structs of one type;
 * offset: of the _Atomic uint64_t in it.
 */
uint64_t metrics_sum(const void *loops, size_t count, size_t offset);

/* Appends one family with one sample: "# TYPE", "# HELP", value. type "counter" gets its _total. */
void metrics_one(struct buf *out, const char *name, const char *type, const char *help, uint64_t value);

#endif
