/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BASE_ATTR_H
#define MTLSGUARD_BASE_ATTR_H

/*
 * What the compiler can't see by itself. HOT, COLD, likely and unlikely are
 * about where code stands: what a verdict runs is twice as much code as the
 * first cache of a processor holds when faults and rare cases lie between.
 */

#if defined(__GNUC__)
#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
/* For what needs registers or stack that its caller would have to save and guard each time, or would stand in many places. */
#define NOINLINE __attribute__((noinline))
/* What every verdict runs: it stands together in the program, so that after a pause few pages have to come. */
#define HOT __attribute__((hot))
/* Faults, refusals and what grows once: it stands apart, and so does what leads to it. */
#define COLD __attribute__((cold, noinline))
#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)
#else
#define MUST_USE
#define PRINTF_LIKE(fmt, args)
#define NOINLINE
#define HOT
#define COLD
#define likely(condition) (condition)
#define unlikely(condition) (condition)
#endif

#endif
