/* SPDX-License-Identifier: Apache-2.0 */
#include "script/policy_lua.h"
#include "script/state.h"

void worker_check(const struct worker_conf *worker, const struct config *config,
		  struct diag_list *diag)
{
	state_close(state_open(config, worker, STATE_LOAD_NS, diag));
}
