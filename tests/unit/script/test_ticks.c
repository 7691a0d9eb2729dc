/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "lib/worker_run.h"
#include "script/policy_lua.h"
#include "script/ticks.h"

/* What ticks save, and what a worker that runs long still costs the others; that it ends is test_limits'. */
#define SLICE_NS 100000

static const char busy[] = "return { fetch = function(request) local n = 0 for i = 1, 20000 do n = n + i end\n"
			   "return fetch(request) end }";
static const char spins[] = "return { fetch = function() while true do end end }";

/* CPU time of the quickest of some calls. */
static int64_t quickest(struct worker_run *run)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < 60; i++) {
		int64_t started = clock_thread_cpu_ns();

		worker_run(run);
		started = clock_thread_cpu_ns() - started;
		assert_int_equal(run->call.result.outcome, POLICY_PASSED);
		best = started < best ? started : best;
	}
	return best;
}

static void short_calls_run_without_the_hook(void **state)
{
	struct worker_run *run = worker_run_new(busy);
	int64_t hooked = quickest(run), free_of_it;

	(void)state;
	assert_true(ticks_start());
	free_of_it = quickest(run);
	ticks_stop();
	assert_true(free_of_it < hooked * 4 / 5);
	/* Without ticks nothing but the hook would end it. */
	assert_true(quickest(run) > free_of_it * 5 / 4);
	worker_run_free(run);
}

/* Until a tick finds the first such call others wait; after that they wait no longer than a slice. */
static void long_calls_are_known_again(void **state)
{
	struct worker_run *run = worker_run_new(spins);
	int64_t used = 0;

	(void)state;
	run->slice_ns = SLICE_NS;
	assert_true(ticks_start());
	worker_run(run);
	assert_int_equal(run->call.result.reason, REASON_POLICY_TIMEOUT);
	for (int i = 0; i < 20; i++) {
		used -= clock_thread_cpu_ns();
		assert_int_equal(worker_run_start(run), POLICY_PENDING);
		used += clock_thread_cpu_ns();
		/* It ends by its limit, and its state with it. */
		while (!run->done)
			policy_lua_ops.run(run->set);
	}
	ticks_stop();
	assert_true(used / 20 < TICK_NS / 4);
	worker_run_free(run);
}

/* Whether calls run without the hook after one that used up a single slice. */
static bool stays_free(void)
{
	struct worker_run *run = worker_run_new(busy);
	int64_t hooked = quickest(run), later;

	run->slice_ns = hooked * 7 / 10;
	worker_run(run);
	run->slice_ns = 0;
	assert_true(ticks_start());
	later = quickest(run);
	ticks_stop();
	worker_run_free(run);
	return later < hooked * 4 / 5;
}

/* A slice may go by while the thread does not run; that says nothing about a worker. (Here, too: so it is tried often.) */
static void one_slice_is_nobodys_fault(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		if (stays_free())
			return;
	fail();
}

/* The signal of a thread that waits, or does something else, changes nothing. */
static void a_tick_outside_of_calls(void **state)
{
	struct worker_run *run = worker_run_new(busy);

	(void)state;
	assert_true(ticks_start());
	raise(SIGVTALRM);
	worker_run(run);
	assert_int_equal(run->call.result.outcome, POLICY_PASSED);
	raise(SIGVTALRM);
	ticks_stop();
	worker_run_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_calls_run_without_the_hook),
		cmocka_unit_test(long_calls_are_known_again),
		cmocka_unit_test(one_slice_is_nobodys_fault),
		cmocka_unit_test(a_tick_outside_of_calls),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
