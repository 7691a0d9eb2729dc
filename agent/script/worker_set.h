/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_WORKER_SET_H
#define MTLSGUARD_SCRIPT_WORKER_SET_H

#include "script/policy_lua.h"

/* policy_lua_ops.open without a snapshot around the configuration, which must outlive the set. */
enum err worker_set_open(const struct config *config, struct diag_list *diag,
			 struct policy_set **out) MUST_USE;

#endif
