/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BENCH_HISTOGRAM_H
#define MTLSGUARD_BENCH_HISTOGRAM_H

#include <stdint.h>

/*
 * Durations in nanoseconds, exact to 1.6 % (64 steps a power of two), so that
 * millions of them take a constant 22 KB. All zero is an empty one.
 */
#define HISTOGRAM_STEPS 64
#define HISTOGRAM_SIZE (44 * HISTOGRAM_STEPS)

struct histogram {
	uint64_t counts[HISTOGRAM_SIZE];
	uint64_t total;
	uint64_t max;
};

/* Counts one duration; what is longer than nine hours counts as nine hours. */
void histogram_add(struct histogram *h, int64_t ns);

/* Adds what `from` has counted. */
void histogram_merge(struct histogram *h, const struct histogram *from);

/* The duration that `share` (0 to 1) of all are not above, in nanoseconds; 0 when empty. */
uint64_t histogram_at(const struct histogram *h, double share);

#endif
