/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/bytes.h"
#include "lib/rig.h"

static struct rig *rig;

static const struct rig_file files[] = { { "w.lua", "return {}\n" }, { NULL, NULL } };

#define HOSTS                                                                           \
	"hosts = { [\"api.example.com\"] = { require = \"none\" },"                     \
	" [\"watch.example.com\"] = { require = \"none\", enforce = \"observe\" } },"  \
	" workers = { { name = \"w\", script = \"w.lua\","                              \
	"  routes = { \"api.example.com/w/*\", \"watch.example.com/*\" } } }"

static const char config[] = "return { " HOSTS ", decisions = { level = \"all\" } }";

static const struct named to_worker[] = { TEXT("path", "/w/x"), NAMED_END };
static const struct named watched[] = { TEXT("host", "watch.example.com"), NAMED_END };

static int start(void **state)
{
	(void)state;
	rig = rig_new(config, files);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	rig_free(rig);
	return 0;
}

static uint64_t decided(enum verdict_kind kind, enum reason reason)
{
	return engine_metrics(rig->engine)->decisions[kind][reason];
}

static void done_at_once_without_a_worker(void **state)
{
	struct rig_request *request = rig_ask(rig, NULL);

	(void)state;
	assert_int_equal(request->state, ENGINE_DONE);
	assert_int_equal(request->done, 0);
	assert_int_equal(rig->started, 0);
	assert_int_equal(request->req.verdict.reason, REASON_ALLOWED);
	rig_done(request);
	assert_int_equal(decided(VERDICT_ALLOW, REASON_ALLOWED), 1);
}

static void a_worker_that_is_done_at_once(void **state)
{
	struct rig_request *request = rig_ask(rig, to_worker);

	(void)state;
	assert_int_equal(request->state, ENGINE_DONE);
	assert_int_equal(request->done, 0);
	assert_int_equal(rig->started, 1);
	assert_slice(request->req.worker, "w");
	assert_string_equal(request->req.stage, "worker");
	assert_int_equal(rig->inflight.count, 0);
	rig_done(request);
}

static void a_pending_one_is_answered_once(void **state)
{
	struct rig_request *request;

	(void)state;
	rig->state = POLICY_PENDING;
	request = rig_ask(rig, to_worker);
	assert_int_equal(request->state, ENGINE_PENDING);
	assert_int_equal(rig->inflight.count, 1);
	assert_int_equal(engine_metrics(rig->engine)->pending, 1);
	rig_sleep(3000000);
	rig_complete(rig, 0, (struct policy_result){ .outcome = POLICY_RESPONDED, .status = 302,
						     .location = SLICE_LIT("/login") });
	assert_int_equal(request->done, 1);
	assert_int_equal(request->req.verdict.kind, VERDICT_RESPOND);
	assert_int_equal(request->req.verdict.status, 302);
	assert_slice(request->req.verdict.location, "/login");
	assert_int_equal(rig->inflight.count, 0);
	assert_int_equal(engine_metrics(rig->engine)->pending, 0);
	rig_done(request);
	assert_int_equal(decided(VERDICT_RESPOND, REASON_WORKER_RESPONSE), 1);
	assert_true(engine_metrics(rig->engine)->total_ns == 3000000);
}

static void a_cancelled_one_is_never_answered_nor_counted(void **state)
{
	struct rig_request *request;

	(void)state;
	rig->state = POLICY_PENDING;
	request = rig_ask(rig, to_worker);
	rig_done(request);
	assert_int_equal(rig->cancelled, 1);
	assert_int_equal(rig->pending_count, 0);
	assert_int_equal(rig->inflight.count, 0);
	assert_int_equal(engine_metrics(rig->engine)->pending, 0);
	assert_int_equal(rig->records.len, 0);
	for (enum verdict_kind kind = VERDICT_DENY; kind <= VERDICT_RESPOND; kind++)
		for (enum reason reason = 0; reason < REASON_COUNT; reason++)
			assert_int_equal(decided(kind, reason), 0);
}

static void too_much_in_flight(void **state)
{
	struct rig_request *pending, *request;

	(void)state;
	stop(NULL);
	rig = rig_new("return { " HOSTS ", limits = { inflight = 1 } }", files);
	rig->state = POLICY_PENDING;
	pending = rig_ask(rig, to_worker);
	assert_true(engine_full(rig->engine));
	request = rig_ask(rig, NULL);
	assert_int_equal(request->req.verdict.reason, REASON_OVERLOADED);
	assert_int_equal(request->req.verdict.status, 503);
	rig_done(request);
	rig_done(pending);
	assert_false(engine_full(rig->engine));
}

static void faults_of_workers_deny(void **state)
{
	static const enum reason reasons[] = { REASON_POLICY_ERROR, REASON_POLICY_TIMEOUT,
					       REASON_POLICY_MEMORY };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct rig_request *request;

		rig->result = (struct policy_result){ .outcome = POLICY_FAILED, .reason = reasons[i],
						      .error = SLICE_LIT("boom"),
						      .place = SLICE_LIT("w.lua:3") };
		request = rig_ask(rig, to_worker);
		assert_int_equal(request->req.verdict.kind, VERDICT_DENY);
		assert_int_equal(request->req.verdict.reason, reasons[i]);
		assert_slice(request->req.error, "boom");
		assert_slice(request->req.worker_place, "w.lua:3");
		rig_done(request);
	}
	assert_int_equal(engine_metrics(rig->engine)->worker_faults, 3);
	assert_int_equal(engine_metrics(rig->engine)->worker_runs, 3);
}

/* A runtime that says nothing has failed. */
static void a_result_that_was_never_filled_denies(void **state)
{
	struct rig_request *request;

	(void)state;
	rig->result = (struct policy_result){ 0 };
	request = rig_ask(rig, to_worker);
	assert_int_equal(request->req.verdict.kind, VERDICT_DENY);
	assert_int_equal(request->req.verdict.reason, REASON_POLICY_ERROR);
	rig_done(request);
}

static void observed_hosts_pass_what_workers_refuse(void **state)
{
	static const struct {
		struct policy_result result;
		enum reason observed;
	} cases[] = {
		{ { .outcome = POLICY_RESPONDED, .status = 403 }, REASON_WORKER_RESPONSE },
		{ { .outcome = POLICY_FAILED, .reason = REASON_POLICY_TIMEOUT }, REASON_POLICY_TIMEOUT },
		{ { .outcome = POLICY_PASSED }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct rig_request *request;

		rig->result = cases[i].result;
		request = rig_ask(rig, watched);
		assert_int_equal(request->req.verdict.kind, VERDICT_ALLOW);
		assert_int_equal(request->req.verdict.reason, REASON_ALLOWED);
		assert_int_equal(request->req.observed, cases[i].observed);
		assert_int_equal(request->req.verdict.body.len, 0);
		rig_done(request);
	}
	assert_int_equal(engine_metrics(rig->engine)->observed[REASON_WORKER_RESPONSE], 1);
	assert_int_equal(engine_metrics(rig->engine)->observed[REASON_POLICY_TIMEOUT], 1);
	assert_non_null(strstr((const char *)rig->records.ptr, "\"observed\":\"worker_response\""));
}

static void an_answer_too_large_is_denied_on_observed_hosts_too(void **state)
{
	struct rig_request *request;

	(void)state;
	rig->result = (struct policy_result){ .outcome = POLICY_RESPONDED, .status = 403 };
	request = rig_ask(rig, watched);
	engine_refuse(rig->engine, &request->req, REASON_ANSWER_TOO_LARGE, "too large");
	assert_int_equal(request->req.verdict.kind, VERDICT_DENY);
	assert_int_equal(request->req.verdict.reason, REASON_ANSWER_TOO_LARGE);
	assert_int_equal(request->req.observed, 0);
	rig_done(request);
	/* Counted as what was told, and once. */
	assert_int_equal(decided(VERDICT_DENY, REASON_ANSWER_TOO_LARGE), 1);
	assert_int_equal(decided(VERDICT_ALLOW, REASON_ALLOWED), 0);
}

static void what_a_front_refuses_is_told_counted_and_logged(void **state)
{
	struct rig_request *request = calloc(1, sizeof(*request));

	(void)state;
	assert_non_null(request);
	request->rig = rig;
	arena_init(&request->arena, 65536);
	request_init(&request->req, &request->arena);
	engine_refuse(rig->engine, &request->req, REASON_BAD_REQUEST, "rubbish");
	assert_int_equal(request->req.verdict.status, 400);
	assert_int_equal(request->req.verdict.id.len, 24);
	assert_string_equal(request->req.stage, "admit");
	assert_slice(request->req.error, "rubbish");
	rig_done(request);
	assert_int_equal(decided(VERDICT_DENY, REASON_BAD_REQUEST), 1);
	assert_non_null(strstr((const char *)rig->records.ptr, "\"error\":\"rubbish\""));
}

static void an_arena_that_is_full_denies(void **state)
{
	(void)state;
	for (size_t room = 0; room < 4096; room += 16) {
		struct arena arena;
		struct request req;
		struct ticket ticket = { .req = &req };
		const struct value none = { .kind = VALUE_NULL };

		arena_init(&arena, room);
		request_init(&req, &arena);
		assert_int_equal(request_set_arg(&req, SLICE_LIT("cert"), none), ERR_OK);
		for (enum arg arg = ARG_METHOD; arg <= ARG_PATH; arg++)
			assert_int_equal(request_set_arg(&req, slice_str(arg_name(arg)), (struct value){
				.kind = VALUE_TEXT, .bytes = arg == ARG_HOST ? SLICE_LIT("API.example.com") :
				arg == ARG_PATH ? SLICE_LIT("/%61") : SLICE_LIT("GET") }), ERR_OK);
		assert_int_equal(engine_submit(rig->engine, &ticket), ENGINE_DONE);
		if (req.verdict.kind != VERDICT_ALLOW)
			assert_int_equal(req.verdict.reason, REASON_OVERLOADED);
		engine_release(rig->engine, &req);
		arena_fini(&arena);
	}
	assert_true(decided(VERDICT_ALLOW, REASON_ALLOWED) > 0);
	assert_true(decided(VERDICT_DENY, REASON_OVERLOADED) > 0);
}

static void ids_never_repeat_and_begin_with_the_time(void **state)
{
	char before[24] = "";

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		struct rig_request *request = rig_ask(rig, NULL);
		struct slice id = request->req.verdict.id;

		assert_int_equal(id.len, 24);
		assert_bytes(slice_sub(id, 0, 8), SLICE_LIT("6a18a500"));
		for (size_t at = 0; at < 24; at++)
			assert_non_null(strchr("0123456789abcdef", id.ptr[at]));
		assert_memory_not_equal(before, id.ptr, 24);
		memcpy(before, id.ptr, 24);
		rig_done(request);
	}
	for (unsigned i = 0; i < 2; i++) {
		struct rig_request *request;

		rig_wall_s++;
		request = rig_ask(rig, NULL);
		assert_bytes(slice_sub(request->req.verdict.id, 0, 8),
			     i ? SLICE_LIT("6a18a502") : SLICE_LIT("6a18a501"));
		assert_memory_equal(before + 8, request->req.verdict.id.ptr + 8, 7);
		rig_done(request);
	}
}

static void a_reload_keeps_the_old_configuration_for_its_requests(void **state)
{
	struct rig_request *old, *new;

	(void)state;
	rig->state = POLICY_PENDING;
	old = rig_ask(rig, to_worker);
	rig_reload(rig, "return { hosts = { [\"*\"] = { require = \"none\" } } }");
	assert_int_equal(rig->retired, 0);
	new = rig_ask(rig, to_worker);
	assert_int_equal(new->state, ENGINE_DONE);
	assert_ptr_not_equal(old->req.snapshot, new->req.snapshot);
	assert_ptr_equal(new->req.snapshot, engine_snapshot(rig->engine));
	rig_done(new);
	rig_reload(rig, config);
	assert_int_equal(rig->retired, 1);
	rig_complete(rig, 0, (struct policy_result){ .outcome = POLICY_PASSED });
	assert_int_equal(old->req.verdict.kind, VERDICT_ALLOW);
	assert_int_equal(rig->retired, 1);
	rig_done(old);
	assert_int_equal(rig->retired, 2);
}

static void a_batch_reads_the_clock_once_a_request(void **state)
{
	struct rig_request *first, *second;

	(void)state;
	engine_wake(rig->engine, rig_mono_ns);
	rig_sleep(3000);
	/* The first one began with the batch. */
	first = rig_ask(rig, NULL);
	assert_true(first->req.started_ns == rig_mono_ns - 3000);
	rig_sleep(5000);
	rig_done(first);
	rig_sleep(7000);
	/* It begins where the one before it ended. */
	second = rig_ask(rig, NULL);
	assert_true(second->req.started_ns == rig_mono_ns - 7000);
	rig_done(second);
	engine_rest(rig->engine);
	rig_sleep(9000);
	first = rig_ask(rig, NULL);
	assert_true(first->req.started_ns == rig_mono_ns);
	assert_true(first->req.deadline_ns == rig_mono_ns + 500000000);
	rig_done(first);
}

static void the_wall_clock_of_a_batch_is_at_most_10_ms_old(void **state)
{
	struct rig_request *request;

	(void)state;
	engine_wake(rig->engine, rig_mono_ns);
	rig_done(rig_ask(rig, NULL));
	rig_wall_s += 5;
	rig_mono_ns += 10000000;
	rig_done(rig_ask(rig, NULL));
	request = rig_ask(rig, NULL);
	assert_true(request->req.now_s == rig_wall_s);
	rig_done(request);
	engine_rest(rig->engine);
	rig_wall_s += 5;
	request = rig_ask(rig, NULL);
	assert_true(request->req.now_s == rig_wall_s);
	rig_done(request);
}

static void records_by_level(void **state)
{
	(void)state;
	rig_done(rig_ask(rig, NULL));
	assert_non_null(strstr((const char *)rig->records.ptr, "\"verdict\":\"allow\""));
	rig_reload(rig, "return { " HOSTS ", decisions = { level = \"denials\" } }");
	buf_reset(&rig->records);
	rig_done(rig_ask(rig, NULL));
	assert_int_equal(rig->records.len, 0);
	rig_done(rig_ask(rig, (struct named[]){ TEXT("host", "x"), NAMED_END }));
	assert_non_null(strstr((const char *)rig->records.ptr, "\"reason\":\"host_unknown\""));
	rig_reload(rig, "return { " HOSTS " }");
	buf_reset(&rig->records);
	rig_done(rig_ask(rig, (struct named[]){ TEXT("host", "x"), NAMED_END }));
	assert_int_equal(rig->records.len, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(faults_of_workers_deny),
		TEST(a_result_that_was_never_filled_denies),
		TEST(an_arena_that_is_full_denies),
		TEST(too_much_in_flight),
		TEST(what_a_front_refuses_is_told_counted_and_logged),
		TEST(an_answer_too_large_is_denied_on_observed_hosts_too),
		TEST(a_cancelled_one_is_never_answered_nor_counted),
		TEST(a_pending_one_is_answered_once),
		TEST(done_at_once_without_a_worker),
		TEST(a_worker_that_is_done_at_once),
		TEST(observed_hosts_pass_what_workers_refuse),
		TEST(ids_never_repeat_and_begin_with_the_time),
		TEST(a_reload_keeps_the_old_configuration_for_its_requests),
		TEST(a_batch_reads_the_clock_once_a_request),
		TEST(the_wall_clock_of_a_batch_is_at_most_10_ms_old),
		TEST(records_by_level),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
