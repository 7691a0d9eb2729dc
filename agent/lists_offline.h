/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_LISTS_OFFLINE_H
#define MTLSGUARD_LISTS_OFFLINE_H

#include "base/diag.h"
#include "core/revocation.h"
#include "core/snapshot.h"

/*
 * What `check` and `eval` know of revocation, without a network: the files that
 * the configuration names and, for URLs, the copies that a running agent has
 * left in the state folder. Nothing is written.
 *
 * diag: gets a fault for each file that is missing, unreadable, expired at now
 * or not verifiable; NULL: they are only left out. One count for the caller.
 */
struct revocation *lists_offline(const struct snapshot *snapshot, int64_t now, struct diag_list *diag);

#endif
