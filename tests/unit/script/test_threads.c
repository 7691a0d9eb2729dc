/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>

#include "lib/worker_run.h"
#include "script/policy_lua.h"
#include "script/worker_set.h"

/*
 * Loops have states of their own and share a configuration and certificates, which none of them
 * changes. For the thread sanitizer, so that no script here raises: it cannot follow Lua's errors.
 */
#define THREADS 3
#define CALLS 500

static const char source[] =
	"local seen = 0\n"
	"return { fetch = function(request, env)\n"
	"  local tls = request.cf.tlsClientAuth\n"
	"  local copy = Request.new(request)\n"
	"  seen = seen + 1\n"
	"  copy.headers:set('X-Name', tls.certSubjectDN)\n"
	"  copy.headers:set('x-seen', seen)\n"
	"  copy.headers:append('x-name', URL.new(request.url).pathname)\n"
	"  local n = 0\n"
	"  for i = 1, 2000 do n = n + #(('x'):rep(i % 7)) end\n"
	"  return fetch(copy)\n"
	"end }\n";

struct lane {
	struct worker_run run;
	pthread_t thread;
	const char *why;
};

static void *run_lane(void *arg)
{
	struct lane *lane = arg;
	struct worker_run *run = &lane->run;
	struct diag_list diag = { 0 };

	if (worker_set_open(&run->config, &diag, &run->set))
		lane->why = "not opened";
	for (int i = 0; !lane->why && i < CALLS; i++) {
		run->slice_ns = i % 2 ? 100000 : 0;
		worker_run(run);
		if (run->call.result.outcome != POLICY_PASSED)
			lane->why = worker_run_error(run);
	}
	policy_lua_ops.close(run->set);
	diag_fini(&diag);
	return NULL;
}

static void states_of_one_configuration(void **state)
{
	struct worker_run *first = worker_run_new(source);
	static struct lane lanes[THREADS];

	(void)state;
	first->cert = worker_cert_new("alice");
	for (int i = 0; i < THREADS; i++) {
		/* Its own set, request and arena; what config and worker point to is shared. */
		lanes[i].run = *first;
		lanes[i].run.set = NULL;
		arena_init(&lanes[i].run.arena, 1 << 20);
		assert_int_equal(pthread_create(&lanes[i].thread, NULL, run_lane, &lanes[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(lanes[i].thread, NULL);
		if (lanes[i].why)
			fail_msg("%s", lanes[i].why);
		assert_string_equal(worker_run_req_set(&lanes[i].run),
				    "x-name: CN=alice,OU=staff,O=Example\nx-seen: 500\nx-name: /a/b\n");
		arena_fini(&lanes[i].run.arena);
	}
	worker_cert_free(first->cert);
	worker_run_free(first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_of_one_configuration),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
