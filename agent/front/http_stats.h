/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_HTTP_STATS_H
#define MTLSGUARD_FRONT_HTTP_STATS_H

#include <stdatomic.h>

#include "base/buf.h"
#include "core/dialect.h"
#include "core/verdict.h"

/* One loop's counters of HTTP connections. Written by that loop, read by whoever writes the metrics page. */
struct http_stats {
	_Atomic uint64_t accepted, closed;
	_Atomic uint64_t requests[HTTP_DIALECT_COUNT];
	_Atomic uint64_t answers[HTTP_DIALECT_COUNT][3]; /* by verdict_kind */
	_Atomic uint64_t malformed, timeouts, cancelled;
};

/* Appends OpenMetrics text for the sum over the loops' counters. */
void http_stats_write(struct buf *out, const struct http_stats *const *loops, size_t count);

#endif
