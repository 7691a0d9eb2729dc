/* SPDX-License-Identifier: Apache-2.0 */
#include "retire.h"

#include <stdlib.h>

#include "base/mem.h"
#include "script/policy_lua.h"

struct retired {
	struct job job;
	struct snapshot *snapshot;
	struct policy_set *policies;
};

static void run(struct job *job)
{
	struct retired *retired = (struct retired *)job;

	if (retired->policies)
		policy_lua_ops.close(retired->policies);
	snapshot_unref(retired->snapshot);
	free(retired);
}

void retire(struct upkeep *upkeep, struct snapshot *snapshot, struct policy_set *policies)
{
	struct retired *retired = mem_new(sizeof(*retired));

	retired->job.run = run;
	retired->snapshot = snapshot;
	retired->policies = policies;
	upkeep_post(upkeep, &retired->job);
}
