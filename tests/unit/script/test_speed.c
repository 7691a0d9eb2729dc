/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/clock.h"
#include "lib/worker_run.h"
#include "script/ticks.h"

/*
 * What a call costs: the worker that design 9 measures with, three fields read
 * and two headers set. WORKER_CALLS=1000000 gives figures worth telling.
 */
static const char source[] =
	"local M = {}\n"
	"function M.fetch(request, env, ctx)\n"
	"  local tls = request.cf.tlsClientAuth\n"
	"  if tls.certVerified ~= 'SUCCESS' then\n"
	"    return Response.new('no', { status = 403 })\n"
	"  end\n"
	"  local to_origin = Request.new(request)\n"
	"  to_origin.headers:set('x-client-name', tls.certSubjectDN)\n"
	"  to_origin.headers:set('x-client-serial', tls.certSerial)\n"
	"  return fetch(to_origin)\n"
	"end\n"
	"return M\n";

static void sample_worker(void **state)
{
	const char *calls = getenv("WORKER_CALLS");
	long count = calls ? atol(calls) : 20000;
	struct worker_run *run = worker_run_new(source);
	int64_t started, filled;

	(void)state;
	/* As on a request loop; where there is no timer the hook is part of the cost. */
	(void)!ticks_start();
	run->cert = worker_cert_new("alice");
	worker_run(run);
	started = clock_thread_cpu_ns();
	for (long i = 0; i < count; i++)
		worker_run_refill(run);
	filled = clock_thread_cpu_ns() - started;
	started = clock_thread_cpu_ns();
	for (long i = 0; i < count; i++) {
		worker_run(run);
		if (run->call.result.outcome != POLICY_PASSED)
			fail_msg("%s", worker_run_error(run));
	}
	print_message("# %ld calls, %.0f ns each\n", count,
		      (double)(clock_thread_cpu_ns() - started - filled) / (double)count);
	ticks_stop();
	worker_cert_free(run->cert);
	worker_run_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sample_worker),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
