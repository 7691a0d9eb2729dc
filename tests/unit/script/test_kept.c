/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "lib/worker_run.h"
#include "script/policy_lua.h"
#include "script/state.h"

/* What a state keeps from call to call, to be quick: texts of certificates, header names, locals in
 * front of a script. And what no call may see of another. */

static void expect_error(struct worker_run *run, const char *error)
{
	worker_run(run);
	assert_int_equal(run->call.result.outcome, POLICY_FAILED);
	assert_int_equal(run->call.result.reason, REASON_POLICY_ERROR);
	if (!strstr(worker_run_error(run), error))
		fail_msg("\"%s\" lacks \"%s\"", worker_run_error(run), error);
}

static void expect_body(struct worker_run *run, const char *body)
{
	worker_run(run);
	if (run->call.result.outcome != POLICY_RESPONDED)
		fail_msg("not answered: %s", worker_run_error(run));
	assert_string_equal(worker_run_body(run), body);
}

static void set_fact(struct cert_entry *entry, enum fact fact, const char *text)
{
	free((void *)(uintptr_t)entry->facts[fact].ptr);
	entry->facts[fact] = slice_str(mem_dup(slice_str(text)));
}

/* Their numbers share a line of what the state keeps. */
static void share_line(struct cert_entry *one, struct cert_entry *other)
{
	other->key = one->key + FACT_LINES;
}

static void start_as(struct worker_run *run, struct cert_entry *cert, const char *method, enum policy_state wanted)
{
	run->cert = cert;
	run->arg_count = 0;
	worker_run_arg(run, "method", method);
	assert_int_equal(worker_run_start(run), wanted);
}

/* A call reads, is interrupted and reads again; meanwhile and afterwards another certificate is asked with. */
static void line_that_another_takes_while_one_waits(void **state)
{
	struct worker_run *run = worker_run_new(
		"return { fetch = function(request) local tls = request.cf.tlsClientAuth\n"
		"local first = tls.certSerial\n"
		"if request.method == 'WAIT' then for i = 1, 300000 do end end\n"
		"return Response.new(first .. '|' .. tls.certSubjectDN .. '|' .. tls.certSerial) end }"), *other;
	struct cert_entry *alice = worker_cert_new("alice"), *bob = worker_cert_new("bob");

	(void)state;
	share_line(alice, bob);
	run->slice_ns = 100000;
	run->config.limits.worker_cpu_ns = 1000000000;
	other = worker_run_beside(run);
	start_as(run, alice, "WAIT", POLICY_PENDING);
	start_as(other, bob, "GET", POLICY_DONE);
	assert_string_equal(worker_run_body(other), "certSerial of bob|CN=bob,OU=staff,O=Example|certSerial of bob");
	while (!run->done)
		policy_lua_ops.run(run->set);
	assert_string_equal(worker_run_body(run), "certSerial of alice|CN=alice,OU=staff,O=Example|certSerial of alice");
	start_as(other, bob, "GET", POLICY_DONE);
	assert_string_equal(worker_run_body(other), "certSerial of bob|CN=bob,OU=staff,O=Example|certSerial of bob");
	worker_run_free_beside(other);
	worker_run_free(run);
	worker_cert_free(alice);
	worker_cert_free(bob);
}

/* The texts that the state keeps are the same ones; the object is not. */
static void object_of_the_same_certificate(void **state)
{
	static const char *const uses[] = {
		"kept.certSubjectDN", "kept.certRFC9440TooLarge", "kept.nothing", "pairs(kept)", "json.encode(kept)",
		"headers:set('x-a', 'b')", "headers:get('accept')", "fetch(first)", "Request.new(first)",
		"first.cf", "first.method",
	};
	char source[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		struct worker_run *run;

		snprintf(source, sizeof(source),
			 "local kept, headers, first\nreturn { fetch = function(request)\n"
			 "local now = request.cf.tlsClientAuth.certSubjectDN\n"
			 "if kept then local x = %s end\n"
			 "kept, first = request.cf.tlsClientAuth, request headers = Request.new(request).headers\n"
			 "return Response.new(now) end }", uses[i]);
		run = worker_run_new(source);
		run->cert = worker_cert_new("alice");
		expect_body(run, "CN=alice,OU=staff,O=Example");
		expect_error(run, "belongs to another request");
		worker_cert_free(run->cert);
		worker_run_free(run);
	}
}

/* What changes with the request (verified, revoked) comes with another entry, of another number. */
static void facts_of_the_request(void **state)
{
	struct worker_run *run = worker_run_new(
		"return { fetch = function(request) local tls = request.cf.tlsClientAuth\n"
		"return Response.new(tls.certVerified .. tls.certRevoked .. tls.certVerified ..\n"
		"tostring(tls.certRFC9440TooLarge)) end }");
	struct cert_entry *good = worker_cert_new("alice"), *revoked = worker_cert_new("alice");

	(void)state;
	set_fact(good, FACT_REVOKED, "0");
	set_fact(revoked, FACT_REVOKED, "1");
	set_fact(revoked, FACT_VERIFIED, "FAILED:certificate revoked");
	set_fact(revoked, FACT_RFC9440_TOO_LARGE, "false");
	for (int i = 0; i < 3; i++) {
		run->cert = good;
		expect_body(run, "SUCCESS0SUCCESStrue");
		run->cert = revoked;
		expect_body(run, "FAILED:certificate revoked1FAILED:certificate revokedfalse");
		run->cert = NULL;
		expect_body(run, "NONE0NONEfalse");
	}
	worker_cert_free(good);
	worker_cert_free(revoked);
	worker_run_free(run);
}

/* Two states on one thread, in turn: neither finds what the other one keeps. */
static void two_states_in_turn(void **state)
{
	static const char source[] =
		"local kept\nreturn { fetch = function(request) local tls = request.cf.tlsClientAuth\n"
		"local copy = Request.new(request) copy.headers:set('X-%s', tls.certSubjectDN)\n"
		"copy.headers:set('x-%s', tls.certSerial) kept = kept or tls\n"
		"if kept ~= tls and pcall(function() return kept.certSerial end) then error('kept') end\n"
		"return fetch(copy) end }";
	struct worker_run *runs[2];
	char text[1024];

	(void)state;
	for (int i = 0; i < 2; i++) {
		snprintf(text, sizeof(text), source, i ? "b" : "a", i ? "b" : "a");
		runs[i] = worker_run_new(text);
		runs[i]->cert = worker_cert_new(i ? "bob" : "alice");
	}
	runs[1]->cert->key = runs[0]->cert->key;
	for (int i = 0; i < 8; i++) {
		worker_run(runs[i % 2]);
		if (runs[i % 2]->call.result.outcome != POLICY_PASSED)
			fail_msg("%s", worker_run_error(runs[i % 2]));
		assert_string_equal(worker_run_req_set(runs[i % 2]),
				    i % 2 ? "x-b: certSerial of bob\n" : "x-a: certSerial of alice\n");
	}
	for (int i = 0; i < 2; i++) {
		worker_cert_free(runs[i]->cert);
		worker_run_free(runs[i]);
	}
}

/* A call that waits for its next slice lends nothing to the one that runs meanwhile. */
static void object_of_a_waiting_call(void **state)
{
	struct worker_run *run = worker_run_new(
		"local kept\nreturn { fetch = function(request)\n"
		"if request.method == 'WAIT' then kept = request while true do end end\n"
		"return Response.new(kept and kept.method or 'none') end }");
	struct worker_run other;

	(void)state;
	run->slice_ns = 100000;
	worker_run_arg(run, "method", "WAIT");
	assert_int_equal(worker_run_start(run), POLICY_PENDING);
	other = *run;
	arena_init(&other.arena, 1 << 20);
	other.args[0].value = "GET";
	assert_int_equal(worker_run_start(&other), POLICY_DONE);
	assert_int_equal(other.call.result.outcome, POLICY_FAILED);
	assert_non_null(strstr(worker_run_error(&other), "this Request belongs to another request"));
	policy_lua_ops.cancel(&run->call);
	assert_int_equal(worker_run_start(&other), POLICY_DONE);
	assert_int_equal(other.call.result.outcome, POLICY_FAILED);
	arena_fini(&other.arena);
	worker_run_free(run);
}

/* Neither a handle's address nor one of another kind passes for a name or an object. */
static void things_that_are_no_names(void **state)
{
	struct worker_run *run = worker_run_new(
		"return { fetch = function(request) local h = Headers.new() h:set('x-a', 'b')\n"
		"for _, key in ipairs({ 1, 1.5, true, request, h, {}, type, json }) do\n"
		"  assert(request[key] == nil and request.cf[key] == nil)\n"
		"  assert(not pcall(h.set, h, key, 'v')) assert(not pcall(h.get, h, key))\n"
		"  assert(key == h or not pcall(h.set, key, 'x-a', 'v')) assert(key == request or not pcall(fetch, key))\n"
		"  assert(not pcall(function() return request.cf.tlsClientAuth[key] end))\n"
		"end\n"
		"assert(not pcall(h.set, h) and not pcall(h.set) and not pcall(h.set, h, 'x-a') and not pcall(fetch))\n"
		"assert(not pcall(h.set, request, 'x-a', 'v') and not pcall(fetch, h) and not pcall(Request.new, h))\n"
		"return Response.new(h:get('X-A')) end }");

	(void)state;
	expect_body(run, "b");
	expect_body(run, "b");
	worker_run_free(run);
}

/* More names than are remembered, made anew each time; and one name in two spellings. */
static void many_names(void **state)
{
	struct worker_run *run = worker_run_new(
		"return { fetch = function(request) local h = Headers.new()\n"
		"for i = 1, 200 do h:set('X-Name-' .. i, i) end\n"
		"for i = 1, 200 do assert(h:get('x-nAME-' .. i) == tostring(i)) end\n"
		"h:set('Set-Once', 'a') h:set('set-once', 'b') h:append('SET-ONCE', 'c')\n"
		"for i = 1, 100 do assert(not pcall(h.set, h, 'no name ' .. i, 'v')) end\n"
		"local long = ('n'):rep(256) h:set(long, 'v') assert(h:get(long) == 'v')\n"
		"assert(not pcall(h.set, h, long .. 'n', 'v'))\n"
		"return Response.new(h:get('set-once') .. #h:get('x-name-7')) end }");

	(void)state;
	for (int i = 0; i < 3; i++)
		expect_body(run, "b, c1");
	worker_run_free(run);
}

/* Three thousand faults take longer than ten milliseconds under a sanitizer. */
static void give_time(struct worker_run *run)
{
	run->config.limits.worker_cpu_ns = INT64_C(5000000000);
}

/* Values are looked at eight bytes at a time: a bad one is found wherever it stands. */
static void values_of_every_length(void **state)
{
	struct worker_run *run = worker_run_with(
		"return { fetch = function(request) local h = Headers.new() local count = 0\n"
		"for len = 1, 35 do\n"
		"  local good = ('\\xe4'):rep(len) h:set('x-a', good) assert(h:get('x-a') == good)\n"
		"  h:set('x-a', ' \\t' .. good .. '\\t ') assert(h:get('x-a') == good)\n"
		"  for at = 1, len do\n"
		"    for _, bad in ipairs({ '\\0', '\\n', '\\r', '\\x1f', '\\x7f' }) do\n"
		"      count = count + 1\n"
		"      local ok, why = pcall(h.set, h, 'x-a', good:sub(1, at - 1) .. bad .. good:sub(at + 1))\n"
		"      assert(not ok and why:find('control characters', 1, true))\n"
		"    end\n"
		"  end\n"
		"end\n"
		"h:set('x-a', 'a\\tb') assert(h:get('x-a') == 'a\\tb') h:set('x-a', '\\t') assert(h:get('x-a') == '')\n"
		"h:set('x-a', '') assert(h:get('x-a') == '') h:set('x-a', 12) assert(h:get('x-a') == '12')\n"
		"return Response.new(tostring(count)) end }", give_time);

	(void)state;
	expect_body(run, "3150");
	worker_run_free(run);
}

static void expect_fault(const char *source, unsigned line, const char *message)
{
	struct worker_run *run = worker_run_new(source);

	assert_null(run->set);
	if (!strstr(run->diag.items[0].message, message))
		fail_msg("\"%s\" lacks \"%s\"", run->diag.items[0].message, message);
	assert_int_equal(run->diag.items[0].line, line);
	worker_run_free(run);
}

static void locals_in_front(void **state)
{
	struct worker_run *run = worker_run_new("return { fetch = function() return fetch + 1 end }");

	(void)state;
	/* They are there … */
	expect_error(run, "workers/test.lua:1: attempt to perform arithmetic on a function value (upvalue 'fetch')");
	worker_run_free(run);
	/* … and change no message, no line and no meaning. */
	expect_fault("fetch = 1", 1, "fetch is read-only");
	expect_fault("\nfunction Response() end", 2, "Response is read-only");
	expect_fault("= 5", 1, "unexpected symbol near '='");
	expect_fault("local x <const> = 1\nx = 2", 2, "attempt to assign to const variable 'x'");
	run = worker_run_new("local fetch, type = fetch, function() return 'own' end\n"
			     "return { fetch = function(request) Response = nil return fetch(request) end }");
	expect_error(run, "Response is read-only");
	worker_run_free(run);
	run = worker_run_new("local _ENV = { Response = Response, type = function() return 'own' end }\n"
			     "return { fetch = function() return Response.new(type(1)) end }");
	expect_body(run, "own");
	worker_run_free(run);
}

/* Lua lets a function have 200 locals, and the script may have them all. */
static void every_local(void **state)
{
	struct worker_run *run;
	char source[8192];
	int at = 0;

	(void)state;
	for (int i = 0; i < 200; i++)
		at += snprintf(source + at, sizeof(source) - (size_t)at, "local v%d = %d\n", i, i);
	snprintf(source + at, sizeof(source) - (size_t)at,
		 "return { fetch = function() return Response.new(tostring(v0 + v199)) end }");
	run = worker_run_new(source);
	expect_body(run, "199");
	worker_run_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(object_of_the_same_certificate),
		cmocka_unit_test(facts_of_the_request),
		cmocka_unit_test(line_that_another_takes_while_one_waits),
		cmocka_unit_test(two_states_in_turn),
		cmocka_unit_test(object_of_a_waiting_call),
		cmocka_unit_test(things_that_are_no_names),
		cmocka_unit_test(many_names),
		cmocka_unit_test(values_of_every_length),
		cmocka_unit_test(locals_in_front),
		cmocka_unit_test(every_local),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
