/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_RETIRE_H
#define MTLSGUARD_RETIRE_H

#include "core/policy.h"
#include "core/snapshot.h"
#include "upkeep.h"

/* Has upkeep give back a count of snapshot and close policies (NULL: none). Any thread. */
void retire(struct upkeep *upkeep, struct snapshot *snapshot, struct policy_set *policies);

#endif
