/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_POLICY_LUA_H
#define MTLSGUARD_SCRIPT_POLICY_LUA_H

#include "core/config.h"
#include "core/policy.h"

/* Workers in Lua 5.4: design 6. One Lua state a worker and loop. */
extern const struct policy_ops policy_lua_ops;

/*
 * What reads like a mistake in a worker's source: "0" tested for truth, an
 * unknown property of tlsClientAuth, an identity header set that is not in
 * headers.owned, a header set that the agent sets itself. Added to diag as
 * lints with file:line; never an error.
 */
void worker_lint(const struct worker_conf *worker, const struct config *config,
		 struct diag_list *diag);

/*
 * Compiles one worker and runs its top level, as policy_lua_ops.open does for
 * all of a snapshot; its faults go to diag. For a configuration that has faults
 * elsewhere and makes no snapshot: only worker's own members must be there.
 */
void worker_check(const struct worker_conf *worker, const struct config *config,
		  struct diag_list *diag);

#endif
