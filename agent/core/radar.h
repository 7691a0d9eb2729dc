/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_RADAR_H
#define MTLSGUARD_CORE_RADAR_H

#include "base/slice.h"

/*
 * Which client certificates expire soon: for each authority those that come
 * first, out of all that were seen in the last day. Shared by all loops, which
 * tell of a certificate once an hour at most.
 */
struct radar;

#define RADAR_LEAFS 3 /* of an authority that are told */

struct radar_leaf {
	int64_t not_after; /* epoch seconds */
	char *serial;	   /* as cert.serial */
	char *subject;	   /* RFC 2253 */
};

struct radar *radar_new(void);
void radar_free(struct radar *radar); /* NULL is fine */

/* serial and subject are copied. */
void radar_see(struct radar *radar, struct slice authority, int64_t not_after, struct slice serial,
	       struct slice subject, int64_t now);

/*
 * Those of the authority that expire first, the nearest in front; returns how many. What has
 * expired since is left out. radar_leafs_fini frees their texts.
 */
size_t radar_leafs(struct radar *radar, struct slice authority, int64_t now, struct radar_leaf out[RADAR_LEAFS]);
void radar_leafs_fini(struct radar_leaf *leafs, size_t count);

/* The nearest notAfter; 0: none was seen. */
int64_t radar_soonest(struct radar *radar, struct slice authority, int64_t now);

/* In which stretch of time a moment lies: told again when it is another one. */
static inline int64_t radar_hour(int64_t now)
{
	return now / 3600;
}

#endif
