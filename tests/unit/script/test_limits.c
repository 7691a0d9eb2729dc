/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "lib/worker_run.h"
#include "script/policy_lua.h"
#include "script/ticks.h"
#include "script/worker_set.h"

/* Time and memory: nothing that a script does gets around them. */

/* What a call may take, with room for sanitizers and a busy machine; the limit is 10 ms. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CPU_MAX_NS INT64_C(300000000)
#else
#define CPU_MAX_NS INT64_C(60000000)
#endif

static const char head[] = "local M = {}\nfunction M.fetch(request, env, ctx)\n"
			   "if request.method ~= 'SPIN' then return fetch(request) end\n";

/* For what is to run out of memory first, on a slow machine too. */
static void much_time(struct worker_run *run)
{
	run->config.limits.worker_cpu_ns = 1000000000;
}

static struct worker_run *open_with(const char *body, void (*change)(struct worker_run *run))
{
	static char source[8192];

	snprintf(source, sizeof(source), "%s%s\nreturn fetch(request) end\nreturn M\n", head, body);
	return worker_run_with(source, change);
}

static struct worker_run *open_body(const char *body)
{
	return open_with(body, NULL);
}

/* Fails with that reason in time (0: of the two limits whichever comes first); the call after it, of
 * the same worker, is served. */
static void expect(const char *body, enum reason reason, int64_t slice_ns)
{
	bool memory = reason == REASON_POLICY_MEMORY;
	struct worker_run *run = open_with(body, memory ? much_time : NULL);
	int64_t started;

	if (!run->set)
		fail_msg("%s: %s", body, run->diag.items[0].message);
	run->slice_ns = slice_ns;
	worker_run_arg(run, "method", "SPIN");
	for (int round = 0; round < 2; round++) {
		run->args[0].value = "SPIN";
		started = clock_thread_cpu_ns();
		worker_run(run);
		started = clock_thread_cpu_ns() - started;
		if (run->call.result.outcome != POLICY_FAILED)
			fail_msg("not ended: %s", body);
		if (reason && run->call.result.reason != reason)
			fail_msg("%s: %s", body, worker_run_error(run));
		if (!memory && started > CPU_MAX_NS)
			fail_msg("%ld us: %s", (long)(started / 1000), body);
		run->args[0].value = "GET";
		worker_run(run);
		if (run->call.result.outcome != POLICY_PASSED)
			fail_msg("then: %s", worker_run_error(run));
	}
	worker_run_free(run);
}

static void times_out(const char *body)
{
	expect(body, REASON_POLICY_TIMEOUT, 0);
}

static void runs_out_of_memory(const char *body)
{
	expect(body, REASON_POLICY_MEMORY, 0);
}

static void loops(void **state)
{
	(void)state;
	times_out("while true do end");
	times_out("repeat until false");
	times_out("::a:: goto a");
	times_out("for i = 1, math.huge do end");
	times_out("for i = 1, 1e15 do local x = i * 2 end");
	times_out("local function f() return f() end f()");
	times_out("local t = setmetatable({}, { __index = function(t, k) return t[k + 1] end })\n"
		  "for i = 1, 1e9 do pcall(function() return t[1] end) end");
	times_out("while true do local s = 'a' == 'b' end");
}

static void caught(void **state)
{
	(void)state;
	times_out("pcall(function() while true do end end)");
	times_out("while true do pcall(function() while true do end end) end");
	times_out("local function f() pcall(f) while true do end end f()");
	times_out("xpcall(function() while true do end end, function() return 1 end)");
	times_out("xpcall(function() while true do end end, function() while true do end end)");
	times_out("xpcall(error, function() while true do end end)");
	times_out("xpcall(function() error('x') end, function(m) while true do pcall(error, m) end end)");
	times_out("local h h = function() xpcall(error, h) while true do end end h()");
	times_out("pcall(pcall, function() while true do end end)");
	times_out("pcall(xpcall, function() while true do end end, print)");
	times_out("select(2, pcall(function() while true do end end))");
}

static void coroutines(void **state)
{
	(void)state;
	times_out("coroutine.wrap(function() while true do end end)()");
	times_out("coroutine.resume(coroutine.create(function() while true do end end))");
	times_out("while true do coroutine.resume(coroutine.create(function() while true do end end)) end");
	times_out("pcall(coroutine.wrap(function() while true do end end)) while true do end");
	times_out("while true do local c = coroutine.wrap(function() coroutine.yield() end) c() end");
	/* Each thread has its own count of instructions; none reaches it. */
	times_out("local function deep(n) local c = coroutine.wrap(function()\n"
		  "for i = 1, 10 do if n > 0 then deep(n - 1) end end end) c() end\n"
		  "while true do deep(20) end");
	times_out("local c = coroutine.wrap(function() while true do coroutine.yield() end end)\n"
		  "while true do c() end");
	times_out("for _ in coroutine.wrap(function() while true do coroutine.yield(1) end end) do end");
	times_out("local co = coroutine.create(function() pcall(function() while true do end end)\n"
		  "while true do end end) while true do pcall(coroutine.resume, co) end");
	times_out("local co co = coroutine.create(function() coroutine.close(co) end)\n"
		  "while true do coroutine.resume(co) pcall(coroutine.close, co) end");
}

static void metamethods(void **state)
{
	(void)state;
	times_out("local t = setmetatable({}, { __index = function() while true do end end }) local x = t.x");
	times_out("local t = setmetatable({}, { __tostring = function() while true do end end }) tostring(t)");
	times_out("local t = setmetatable({}, { __len = function() while true do end end }) local x = #t");
	times_out("local t = setmetatable({}, { __lt = function() while true do end end }) local x = t < t");
	times_out("table.sort({ 3, 1, 2 }, function() while true do end end)");
	times_out("('x'):rep(10):gsub('x', function() while true do end end)");
	times_out("local t = setmetatable({}, { __index = function() while true do end end }) local s = ('x'):gsub('x', t)");
	times_out("console.log(setmetatable({}, { __tostring = function() while true do end end }))");
	times_out("local t = setmetatable({}, { __pairs = function() while true do end end }) for _ in pairs(t) do end");
	times_out("pcall(function() string.format('%s', setmetatable({}, { __tostring = function()\n"
		  "while true do end end })) end)");
	times_out("for _ in pairs(setmetatable({}, { __call = 1 })) do end while true do end");
}

static void closes_and_finalizers(void **state)
{
	(void)state;
	times_out("local ok, m = pcall(setmetatable, {}, { __gc = function() end })\n"
		  "assert(not ok and m:find('__gc is not available')) while true do end");
	times_out("local ok, m = pcall(setmetatable, {}, { __close = function() end })\n"
		  "assert(not ok and m:find('__close is not available')) while true do end");
	times_out("local mt = {} local t = setmetatable({}, mt) mt.__gc = function() while true do end end\n"
		  "t = nil for i = 1, 1e9 do local x = {} end");
	/* A for loop's fourth value is closed when the loop ends. */
	times_out("local mt = {} local t = setmetatable({}, mt) mt.__close = function() while true do end end\n"
		  "for _ in next, { 1 }, nil, t do end");
	times_out("local mt = {} local t = setmetatable({}, mt) mt.__close = function() while true do end end\n"
		  "pcall(function() for _ in next, { 1 }, nil, t do while true do end end end)");
	times_out("local mt = {} local t = setmetatable({}, mt) mt.__close = function() while true do end end\n"
		  "local co = coroutine.create(function() for _ in next, { 1 }, nil, t do coroutine.yield() end end)\n"
		  "coroutine.resume(co) coroutine.close(co)");
	times_out("local mt = {} local t = setmetatable({}, mt)\n"
		  "mt.__close = function() local co = coroutine.create(function()\n"
		  "for _ in next, { 1 }, nil, t do coroutine.yield() end end)\n"
		  "coroutine.resume(co) pcall(coroutine.close, co) while true do end end\n"
		  "for _ in next, { 1 }, nil, t do end");
}

static void library_calls(void **state)
{
	(void)state;
	times_out("while true do local s = ('x'):rep(1000) end");
	times_out("for i = 1, 1e9 do string.rep('', 1e15) end");
	times_out("for i = 1, 1e9 do string.rep('', 1e15, '') end");
	times_out("local s = ('x'):rep(1000000) while true do s:upper() s:reverse() end");
	times_out("local s = ('x'):rep(1000000) while true do local t = s .. 'y' end");
	times_out("local s = ('x'):rep(1000000) local t = s .. '' while true do local x = s == t, s < t end");
	times_out("local s = ('1'):rep(1000000) while true do tonumber(s) end");
	times_out("local s = ('0'):rep(1000000) while true do local x = s + 1 end");
	times_out("local s = ('0'):rep(1000000) while true do math.floor(s) end");
	times_out("local s = ('x'):rep(1000000) while true do utf8.len(s) end");
	times_out("local s = ('x'):rep(1000000) while true do pcall(string.packsize, s) end");
	times_out("local a = {} for i = 1, 200 do a[i] = 1e308 end\n"
		  "while true do string.format(('%.99f'):rep(200), table.unpack(a)) end");
	times_out("local t = {} for i = 1, 10000 do t[i] = i end while true do table.insert(t, 1, 0) table.remove(t, 1) end");
	times_out("local t = {} for i = 1, 10000 do t[i] = i end while true do table.concat(t) end");
	times_out("local t = {} for i = 1, 10000 do t[i] = -i end while true do table.sort(t) end");
	times_out("local t = {} for i = 1, 10000 do t[i] = i end while true do table.sort(t, function(a, b) return true end) end");
	times_out("local t = {} for i = 1, 20000 do t[i] = i end for i = 1, 20000 do t[i] = nil end\n"
		  "while true do next(t) end");
	times_out("while true do table.move({}, 1, 1000000, 1) end");
	times_out("while true do table.concat({ n = 1 }, '', 1, 0) end");
	times_out("while true do crypto.digest('SHA-512', ('x'):rep(1000000)) end");
	times_out("local s = ('x'):rep(200000) while true do base64.decode(base64.encode(s)) hex.encode(s) end");
	times_out("local s = '[' .. ('1,'):rep(100000) .. '1]' while true do json.decode(s) end");
	times_out("local t = {} for i = 1, 10000 do t[i] = i end while true do json.encode(t) msgpack.encode(t) end");
	times_out("local s = ('a=b&'):rep(10000) while true do URL.new('https://a/?' .. s).searchParams:get('c') end");
	times_out("while true do request.headers:get('accept') end");
	times_out("while true do for _ in pairs(request.headers) do end end");
}

static void patterns(void **state)
{
	(void)state;
	times_out("('a'):rep(3000):find('.-.-.-.-.-b')");
	times_out("('a'):rep(3000):match('.-.-.-.-.-b')");
	times_out("('a'):rep(3000):gsub('.-.-.-.-.-b', '')");
	times_out("for _ in ('a'):rep(3000):gmatch('.-.-.-.-.-b') do end");
	times_out("('a'):rep(100000):find(('a*'):rep(30) .. 'b')");
	times_out("local s = ('a'):rep(1000000) while true do s:find('b', 1, true) end");
	times_out("('('):rep(1000000):gsub('%b()', '')");
	times_out("pcall(string.find, ('a'):rep(3000), '.-.-.-.-.-b') while true do end");
	times_out("while true do pcall(string.find, 'a', ('(a'):rep(33)) end");
	times_out("while true do (''):rep(10):gsub('', 'x') end");
	times_out("while true do pcall(string.find, 'a', ('[a'):rep(10000)) end");
}

static void lying_lengths(void **state)
{
	(void)state;
	times_out("local t = setmetatable({}, { __len = function() return 1e15 end, __index = function() return '' end })\n"
		  "pcall(table.concat, t) pcall(table.unpack, t) pcall(table.sort, t) pcall(table.insert, t, 1)\n"
		  "pcall(table.remove, t) while true do end");
	times_out("pcall(table.concat, {}, '', 1, 1e15) pcall(table.unpack, {}, 1, 1e15)\n"
		  "pcall(table.move, {}, 1, 1e15, 2) pcall(table.move, {}, math.mininteger, math.maxinteger, 1)\n"
		  "pcall(table.unpack, {}, math.mininteger, math.maxinteger) while true do end");
}

static void memory(void **state)
{
	(void)state;
	runs_out_of_memory("local t = {} while true do t[#t + 1] = ('x'):rep(100000) .. #t end");
	runs_out_of_memory("local s = 'x' while true do s = s .. s end");
	runs_out_of_memory("local s = ('x'):rep(1e9)");
	runs_out_of_memory("local s = ('x'):rep(1e18)");
	runs_out_of_memory("local s = string.rep('', 1e6, 'xxxxxxxxxxxxxxxx')");
	runs_out_of_memory("pcall(function() local s = ('x'):rep(1e9) end)");
	runs_out_of_memory("while true do pcall(string.rep, 'x', 1e7) end");
	runs_out_of_memory("xpcall(string.rep, function() return 1 end, 'x', 1e9)");
	runs_out_of_memory("coroutine.wrap(function() local s = 'x' while true do s = s .. s end end)()");
	runs_out_of_memory("pcall(coroutine.wrap(function() pcall(string.rep, 'x', 7e6) end))");
	runs_out_of_memory("coroutine.resume(coroutine.create(function() local s = 'x' while true do s = s .. s end end))");
	expect("local function f() return 1 + f() end f()", 0, 0);
	expect("local t = {} while true do t[#t + 1] = {} end", 0, 0);
	runs_out_of_memory("local t = {} for i = 1, 100 do t[i] = ('x'):rep(100000) .. i end table.concat(t)");
	runs_out_of_memory("local s = ('x'):rep(100000) s:gsub('x', s)");
	runs_out_of_memory("local t = {} for i = 1, 1e9 do t[i] = i end");
}

static void slices(void **state)
{
	(void)state;
	expect("while true do end", REASON_POLICY_TIMEOUT, 500000);
	expect("pcall(function() while true do end end)", REASON_POLICY_TIMEOUT, 500000);
	expect("coroutine.wrap(function() while true do end end)()", REASON_POLICY_TIMEOUT, 500000);
	expect("local c = coroutine.create(function() local d = coroutine.wrap(function() while true do end end) d() end)\n"
	       "coroutine.resume(c)", REASON_POLICY_TIMEOUT, 500000);
	expect("table.sort({ 2, 1 }, function() while true do end end)", REASON_POLICY_TIMEOUT, 500000);
	expect("local t = setmetatable({}, { __index = function() while true do end end }) local x = t.x",
	       REASON_POLICY_TIMEOUT, 500000);
	expect("('x'):rep(10):gsub('x', function() while true do end end)", REASON_POLICY_TIMEOUT, 500000);
	expect("table.sort({ 2, 1 }, function() coroutine.wrap(function() while true do end end)() end)",
	       REASON_POLICY_TIMEOUT, 500000);
	expect("for _ in coroutine.wrap(function() while true do coroutine.yield(1) end end) do end",
	       REASON_POLICY_TIMEOUT, 500000);
	expect("local t = {} while true do t[#t + 1] = ('x'):rep(100000) .. #t end", REASON_POLICY_MEMORY, 500000);
}

/* Work that takes several slices comes to its end, with what it made, once. */
static void slices_add_up(void **state)
{
	struct worker_run *run = worker_run_with(
		"return { fetch = function(request)\n"
		"local n, own = 0, coroutine.wrap(function() for i = 1, 10000 do coroutine.yield(i) end end)\n"
		"for i = 1, 10000 do n = n + own() end\n"
		"local ok, x = pcall(function() for i = 1, 40000 do n = n + 1 end return n end)\n"
		"return Response.new(x .. request.method) end }", much_time);

	(void)state;
	run->slice_ns = 100000;
	for (int i = 0; i < 10; i++) {
		unsigned turns = 0;

		assert_int_equal(worker_run_start(run), POLICY_PENDING);
		while (!run->done) {
			bool more = policy_lua_ops.run(run->set);

			assert_int_equal(more, !run->done);
			turns++;
		}
		assert_true(turns > 1);
		assert_int_equal(run->done, 1);
		if (run->call.result.outcome != POLICY_RESPONDED)
			fail_msg("%s", worker_run_error(run));
		assert_string_equal(worker_run_body(run), "50045000GET");
		assert_false(policy_lua_ops.run(run->set));
	}
	worker_run_free(run);
}

static void cancelled_calls_never_come_back(void **state)
{
	struct worker_run *run = open_body("while true do end");

	(void)state;
	run->slice_ns = 100000;
	worker_run_arg(run, "method", "SPIN");
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(worker_run_start(run), POLICY_PENDING);
		if (i % 2)
			assert_true(policy_lua_ops.run(run->set));
		policy_lua_ops.cancel(&run->call);
		assert_false(policy_lua_ops.run(run->set));
		assert_int_equal(run->done, 0);
	}
	run->args[0].value = "GET";
	worker_run(run);
	assert_int_equal(run->call.result.outcome, POLICY_PASSED);
	worker_run_free(run);
}

static void short_deadline(struct worker_run *run)
{
	run->config.limits.worker_cpu_ns = INT64_C(60000000000);
}

static void wall_time_ends_a_call(void **state)
{
	struct worker_run *run = worker_run_with("return { fetch = function() while true do end end }",
						 short_deadline);
	int64_t started;

	(void)state;
	assert_int_equal(worker_run_start(run), POLICY_DONE);
	assert_int_equal(run->call.result.reason, REASON_POLICY_TIMEOUT);
	assert_non_null(strstr(worker_run_error(run), "deadline"));
	run->slice_ns = 1000000;
	started = clock_mono_ns();
	assert_int_equal(worker_run_start(run), POLICY_PENDING);
	run->req.deadline_ns = started; /* too late for this call, which has its own copy */
	policy_lua_ops.cancel(&run->call);
	worker_run_free(run);
}

static void top_level_is_bounded(void **state)
{
	struct worker_run *run = worker_run_new("while true do end");

	(void)state;
	assert_null(run->set);
	assert_non_null(strstr(run->diag.items[0].message, "CPU time"));
	assert_int_equal(run->diag.items[0].line, 1);
	worker_run_free(run);
	run = worker_run_new("\nlocal s = 'x' while true do s = s .. s end");
	assert_null(run->set);
	assert_non_null(strstr(run->diag.items[0].message, "memory is used up"));
	worker_run_free(run);
}

static void little_memory(struct worker_run *run)
{
	run->config.limits.worker_memory = 1000;
}

static void too_little_memory_to_start(void **state)
{
	struct worker_run *run = worker_run_with("return { fetch = function(r) return fetch(r) end }", little_memory);

	(void)state;
	assert_null(run->set);
	assert_int_equal(run->diag.errors, 1);
	worker_run_free(run);
}

/* Every size in between: allocations fail one after the other, and nothing breaks. */
static void allocations_fail_everywhere(void **state)
{
	static size_t size;
	struct worker_run *run;
	unsigned opened = 0;

	(void)state;
	for (size = 8000; size < 140000; size += 997) {
		run = worker_run_new("return { fetch = function(r) return fetch(r) end }");
		run->config.limits.worker_memory = size;
		policy_lua_ops.close(run->set);
		if (worker_set_open(&run->config, &run->diag, &run->set))
			run->set = NULL;
		if (run->set) {
			opened++;
			worker_run(run);
			if (run->call.result.outcome != POLICY_PASSED &&
			    run->call.result.reason != REASON_POLICY_MEMORY)
				fail_msg("%zu: %s", size, worker_run_error(run));
		} else {
			assert_int_equal(run->diag.errors, 1);
		}
		worker_run_free(run);
	}
	assert_true(opened > 0);
}

static int with_ticks(void **state)
{
	(void)state;
	return ticks_start() ? 0 : -1;
}

static int without_ticks(void **state)
{
	(void)state;
	ticks_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loops),
		cmocka_unit_test(caught),
		cmocka_unit_test(coroutines),
		cmocka_unit_test(metamethods),
		cmocka_unit_test(closes_and_finalizers),
		cmocka_unit_test(library_calls),
		cmocka_unit_test(patterns),
		cmocka_unit_test(lying_lengths),
		cmocka_unit_test(memory),
		cmocka_unit_test(slices),
		cmocka_unit_test(slices_add_up),
		cmocka_unit_test(cancelled_calls_never_come_back),
		cmocka_unit_test(wall_time_ends_a_call),
		cmocka_unit_test(top_level_is_bounded),
		cmocka_unit_test(too_little_memory_to_start),
		cmocka_unit_test(allocations_fail_everywhere),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("with the hook", tests, NULL, NULL) +
	       cmocka_run_group_tests_name("with ticks", tests, with_ticks, without_ticks);
}
