/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/rig.h"

#define CONFIG(path)                                                                              \
	"return { hosts = { [\"api.example.com\"] = { require = \"none\" } },"                    \
	" workers = { { name = \"w\", script = \"w.lua\", routes = { \"api.example.com" path "\" } } } }"
#define SLOW 2 /* calls of one batch that may use up their slice before the others queue */

static const struct rig_file files[] = { { "w.lua", "return {}" }, { NULL, NULL } };
static const struct policy_result passed = { .outcome = POLICY_PASSED };

static struct rig *new_rig(enum policy_state state)
{
	struct rig *rig;

	rig_slices = true;
	rig = rig_new(CONFIG("/*"), files);
	rig->state = state;
	return rig;
}

/* Gives everything back; nothing may be in flight then. */
static void end(struct rig *rig, struct rig_request **requests, size_t count)
{
	for (size_t i = 0; i < count; i++)
		rig_done(requests[i]);
	assert_int_equal(rig->inflight.count, 0);
	rig_free(rig);
}

static void quick_calls_never_queue(void **state)
{
	struct rig *rig = new_rig(POLICY_DONE);
	struct rig_request *requests[8];

	(void)state;
	engine_wake(rig->engine, rig_mono_ns);
	for (size_t i = 0; i < 8; i++) {
		requests[i] = rig_ask(rig, NULL);
		assert_int_equal(requests[i]->state, ENGINE_DONE);
	}
	engine_rest(rig->engine);
	assert_int_equal(rig->started, 8);
	assert_int_equal(rig->woken, 0);
	assert_false(engine_run(rig->engine));
	end(rig, requests, 8);
}

static void slow_calls_of_a_batch_queue(void **state)
{
	struct rig *rig = new_rig(POLICY_PENDING);
	struct rig_request *requests[SLOW + 2];

	(void)state;
	engine_wake(rig->engine, rig_mono_ns);
	for (size_t i = 0; i < SLOW + 2; i++) {
		requests[i] = rig_ask(rig, NULL);
		assert_int_equal(requests[i]->state, ENGINE_PENDING);
	}
	engine_rest(rig->engine);
	assert_int_equal(rig->started, SLOW);
	assert_int_equal(rig->inflight.count, SLOW + 2);
	assert_int_equal(rig->woken, SLOW + 2);

	/* One a turn: the first is slow again, the second is done at once. */
	assert_true(engine_run(rig->engine));
	assert_int_equal(rig->started, SLOW + 1);
	assert_int_equal(requests[SLOW]->done, 0);
	rig->state = POLICY_DONE;
	assert_false(engine_run(rig->engine));
	assert_int_equal(requests[SLOW + 1]->done, 1);
	assert_int_equal(requests[SLOW + 1]->req.verdict.kind, VERDICT_ALLOW);
	rig_complete(rig, 0, passed);
	assert_int_equal(requests[0]->done, 1);
	end(rig, requests, SLOW + 2);
}

static void another_batch_starts_at_once(void **state)
{
	struct rig *rig = new_rig(POLICY_PENDING);
	struct rig_request *requests[SLOW + 2];

	(void)state;
	engine_wake(rig->engine, rig_mono_ns);
	for (size_t i = 0; i < SLOW + 1; i++)
		requests[i] = rig_ask(rig, NULL);
	engine_rest(rig->engine);
	rig->state = POLICY_DONE;
	engine_wake(rig->engine, rig_mono_ns);
	requests[SLOW + 1] = rig_ask(rig, NULL);
	engine_rest(rig->engine);
	assert_int_equal(requests[SLOW + 1]->state, ENGINE_DONE);
	assert_int_equal(requests[SLOW]->state, ENGINE_PENDING);
	end(rig, requests, SLOW + 2);
}

static void what_queues_can_be_cancelled(void **state)
{
	struct rig *rig = new_rig(POLICY_PENDING);
	struct rig_request *requests[SLOW + 1];

	(void)state;
	engine_wake(rig->engine, rig_mono_ns);
	for (size_t i = 0; i < SLOW + 1; i++)
		requests[i] = rig_ask(rig, NULL);
	engine_rest(rig->engine);
	engine_cancel(&requests[SLOW]->ticket);
	requests[SLOW]->state = ENGINE_DONE;
	assert_int_equal(rig->cancelled, 0);
	assert_false(engine_run(rig->engine));
	assert_int_equal(rig->started, SLOW);
	assert_int_equal(requests[SLOW]->done, 0);
	end(rig, requests, SLOW + 1);
}

static void what_queues_keeps_its_configuration(void **state)
{
	struct rig *rig = new_rig(POLICY_PENDING);
	struct rig_request *requests[SLOW + 1];
	struct snapshot *before = engine_snapshot(rig->engine);

	(void)state;
	engine_wake(rig->engine, rig_mono_ns);
	for (size_t i = 0; i < SLOW + 1; i++)
		requests[i] = rig_ask(rig, NULL);
	engine_rest(rig->engine);
	rig_reload(rig, CONFIG("/other/*"));
	assert_int_equal(rig->retired, 0);
	rig->state = POLICY_DONE;
	assert_false(engine_run(rig->engine));
	assert_int_equal(requests[SLOW]->done, 1);
	assert_ptr_equal(requests[SLOW]->req.snapshot, before);
	for (size_t i = 0; i < SLOW + 1; i++)
		rig_done(requests[i]);
	assert_int_equal(rig->retired, 1);
	end(rig, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quick_calls_never_queue),
		cmocka_unit_test(slow_calls_of_a_batch_queue),
		cmocka_unit_test(another_batch_starts_at_once),
		cmocka_unit_test(what_queues_can_be_cancelled),
		cmocka_unit_test(what_queues_keeps_its_configuration),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
