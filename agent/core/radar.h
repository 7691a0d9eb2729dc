/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_RADAR_H
#define MTLSGUARD_CORE_RADAR_H

#include "base/slice.h"

/*
 * Which client certificates expire soon: for each authority the nearest
 * notAfter of those that were seen in the last day. Shared by all loops, which
 * tell of a certificate once an hour at most.
 */
struct radar;

struct radar *radar_new(void);
void radar_free(struct radar *radar); /* NULL is fine */

/* now, not_after: epoch seconds. */
void radar_see(struct radar *radar, struct slice authority, int64_t not_after, int64_t now);

/* The nearest notAfter of that authority; 0: none was seen. Those that have expired since are left out. */
int64_t radar_soonest(struct radar *radar, struct slice authority, int64_t now);

/* In which stretch of time a moment lies: told again when it is another one. */
static inline int64_t radar_hour(int64_t now)
{
	return now / 3600;
}

#endif
