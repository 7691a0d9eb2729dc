/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/stage_stand.h"

struct certs *ca, *foreign, *alice, *mallory, *listed;

void stage_stand_open(void)
{
	struct certs_spec spec = { .subject = "/CN=listed", .serial = "0BAD" };

	ca = certs_ca("/CN=Test CA", NULL);
	foreign = certs_ca("/CN=Other CA", NULL);
	alice = certs_leaf("/CN=alice", ca);
	mallory = certs_leaf("/CN=mallory", foreign);
	spec.issuer = ca;
	listed = certs_make(&spec);
}

void stage_stand_close(void)
{
	certs_free(listed);
	certs_free(mallory);
	certs_free(alice);
	certs_free(foreign);
	certs_free(ca);
}

void stage_stand_decided(const struct rig_request *request, enum reason reason, const char *stage)
{
	const struct verdict *verdict = &request->req.verdict;

	assert_int_equal(request->state, ENGINE_DONE);
	assert_string_equal(reason_name(verdict->reason), reason_name(reason));
	assert_int_equal(verdict->kind, reason == REASON_ALLOWED ? VERDICT_ALLOW : VERDICT_DENY);
	assert_int_equal(verdict->status, reason_status(reason));
	assert_string_equal(request->req.stage, stage);
	assert_int_equal(request->req.error.len > 0, reason != REASON_ALLOWED);
}
