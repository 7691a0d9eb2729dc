/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_LISTS_OFFLINE_H
#define MTLSGUARD_LISTS_OFFLINE_H

#include "base/diag.h"
#include "core/revocation.h"
#include "core/revocation_ask.h"
#include "core/snapshot.h"

/*
 * What `check` and `eval` know of revocation, without a network: the files that
 * the configuration names and, for URLs and distribution points, the copies that
 * a running agent has left in the state folder. Nothing is written.
 */

/* Distribution points that certificates and lists have named so far. Zeroed at first. */
struct offline_points {
	struct offline_point {
		char *authority, *url;
	} *items;
	size_t count;
};

/* Takes in what the questions ask for; true when something is new. Authorities that do not follow points are passed
 * over. */
bool offline_points_add(struct offline_points *points, const struct snapshot *snapshot,
			const struct revocation_question *questions, size_t count);
void offline_points_fini(struct offline_points *points);

/*
 * points: NULL: none. diag: gets a fault for each file that is missing, unreadable, expired at now or not verifiable;
 * NULL: they are only left out. One count for the caller.
 */
struct revocation *lists_offline(const struct snapshot *snapshot, int64_t now, struct offline_points *points,
				 struct diag_list *diag);

#endif
