/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BASE_CLOCK_H
#define MTLSGUARD_BASE_CLOCK_H

#include <stdint.h>

/* Monotonic time in nanoseconds: for durations and deadlines. */
int64_t clock_mono_ns(void);

/* The wall clock in seconds since 1970: for certificates. Core never calls
 * it; time reaches core as an argument. */
int64_t clock_wall_s(void);

/* The wall clock in nanoseconds since 1970: for decision records. */
int64_t clock_wall_ns(void);

/* CPU time that the calling thread has used, in nanoseconds. */
int64_t clock_thread_cpu_ns(void);

#endif
