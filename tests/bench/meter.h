/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BENCH_METER_H
#define MTLSGUARD_BENCH_METER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/histogram.h"

/*
 * What one run measures: after a warm-up, for so many seconds or until so many
 * were answered, the verdicts, how long each took, and CPU time of the agent.
 */
struct meter {
	pid_t pid; /* whose CPU time; 0: nobody's */
	int64_t begin, end;
	bool measuring, stopping;
	int64_t cpu_begin, cpu_end, own_begin, own_end, wall_begin, wall_end;
	uint64_t answered, wrong, bytes_out, bytes_in;
	struct histogram latency;
};

/* Times in seconds, from now on. */
void meter_init(struct meter *meter, pid_t pid, double warmup, double seconds);

/* Begins and ends the measuring as time goes by; counted: all that was to be sent is answered. */
void meter_time(struct meter *meter, int64_t now, bool counted);

/* One answer that took so long. Ignored outside of what is measured. */
void meter_answer(struct meter *meter, int64_t ns, uint64_t out, uint64_t in);

/* Says on stderr what is wrong with an answer, the first five times. */
void meter_wrong(struct meter *meter, const char *expected, const char *reason, const char *why);

/* One JSON object; lost: requests without an answer. */
void meter_print(const struct meter *meter, uint64_t lost);

#endif
