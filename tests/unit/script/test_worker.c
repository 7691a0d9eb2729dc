/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/worker_run.h"

/* What workers read, set and return: design 6. */

/* A worker whose fetch has this body. */
static struct worker_run *open_body(const char *body)
{
	char source[4096];

	snprintf(source, sizeof(source),
		 "local M = {}\nfunction M.fetch(request, env, ctx) %s\nend\nreturn M\n", body);
	return worker_run_new(source);
}

static void expect_body(struct worker_run *run, const char *body)
{
	worker_run(run);
	if (run->call.result.outcome != POLICY_RESPONDED)
		fail_msg("not answered: %s", worker_run_error(run));
	assert_string_equal(worker_run_body(run), body);
}

static void answers(const char *expression, const char *expected)
{
	char body[2048];
	struct worker_run *run;

	snprintf(body, sizeof(body), "return Response.new(tostring(%s))", expression);
	run = open_body(body);
	run->cert = worker_cert_new("alice");
	expect_body(run, expected);
	worker_cert_free(run->cert);
	worker_run_free(run);
}

static void fails(const char *body, enum reason reason, const char *error)
{
	struct worker_run *run = open_body(body);

	worker_run(run);
	assert_int_equal(run->call.result.outcome, POLICY_FAILED);
	if (!strstr(worker_run_error(run), error))
		fail_msg("\"%s\" lacks \"%s\"", worker_run_error(run), error);
	assert_int_equal(run->call.result.reason, reason);
	/* The worker goes on afterwards, the same way. */
	worker_run(run);
	assert_int_equal(run->call.result.reason, reason);
	worker_run_free(run);
}

static void wrong_returns(void **state)
{
	(void)state;
	fails("", REASON_POLICY_ERROR, "workers/test.lua: fetch returned nothing");
	fails("return nil", REASON_POLICY_ERROR, "fetch returned nothing");
	fails("return {}", REASON_POLICY_ERROR, "fetch returned table");
	fails("return 'x'", REASON_POLICY_ERROR, "fetch returned string");
	fails("return request", REASON_POLICY_ERROR, "fetch returned Request");
	fails("return json.null", REASON_POLICY_ERROR, "fetch returned json.null");
	fails("fetch(request) return Response.new('x')", REASON_POLICY_ERROR, "after fetch(request)");
}

static void faults_have_a_place(void **state)
{
	(void)state;
	fails("\n\nlocal x = nil; return x.y", REASON_POLICY_ERROR,
	      "workers/test.lua:4: attempt to index a nil value (local 'x')");
	fails("\nerror('no')", REASON_POLICY_ERROR, "workers/test.lua:3: no");
	fails("\nerror({ message = 'told' })", REASON_POLICY_ERROR, "workers/test.lua:3: told");
	fails("\nerror({})", REASON_POLICY_ERROR, "workers/test.lua:3: error raised with a table");
	fails("error(nil)", REASON_POLICY_ERROR, "error raised with a nil");
	fails("error(12)", REASON_POLICY_ERROR, "error raised with the number 12");
	fails("return pcall(nil)", REASON_POLICY_ERROR, "fetch returned boolean");
}

static void own_response(void **state)
{
	struct worker_run *run = open_body(
		"return Response.new('no\\n', { status = 403, headers = { ['X-Why'] = 'because' } })");
	struct policy_result *result = &run->call.result;

	(void)state;
	expect_body(run, "no\n");
	assert_int_equal(result->status, 403);
	assert_string_equal(worker_run_res_set(run),
			    "x-why: because\ncontent-type: text/plain;charset=UTF-8\n");
	assert_true(slice_eq(result->content_type, SLICE_LIT("text/plain;charset=UTF-8")));
	worker_run_free(run);

	run = open_body("return Response.redirect('https://login.example.com/?a=b')");
	expect_body(run, "");
	assert_int_equal(run->call.result.status, 302);
	assert_true(slice_eq(run->call.result.location, SLICE_LIT("https://login.example.com/?a=b")));
	assert_string_equal(worker_run_res_set(run), "location: https://login.example.com/?a=b\n");
	worker_run_free(run);

	run = open_body("return Response.redirect(URL.new('https://login.example.com/?c=d'), 308)");
	expect_body(run, "");
	assert_int_equal(run->call.result.status, 308);
	assert_true(slice_eq(run->call.result.location, SLICE_LIT("https://login.example.com/?c=d")));
	worker_run_free(run);

	run = open_body("local r = Response.json({ a = { 1, 2 } }, { status = 599 })\n"
			"r.headers:append('Set-Cookie', 'a=1') r.headers:append('set-cookie', 'b=2') return r");
	expect_body(run, "{\"a\":[1,2]}");
	assert_int_equal(run->call.result.status, 599);
	assert_string_equal(worker_run_res_set(run), "content-type: application/json\n"
						     "set-cookie: a=1\nset-cookie: b=2\n");
	worker_run_free(run);
}

static void wrong_responses(void **state)
{
	(void)state;
	fails("return Response.new('x', { status = 199 })", REASON_POLICY_ERROR, "from 200 to 599, not 199");
	fails("return Response.new('x', { status = 600 })", REASON_POLICY_ERROR, "not 600");
	fails("return Response.new('x', { status = '403' })", REASON_POLICY_ERROR, "whole number");
	fails("return Response.new('x', { status = 403.5 })", REASON_POLICY_ERROR, "whole number");
	fails("return Response.new('x', { stauts = 403 })", REASON_POLICY_ERROR, "not \"stauts\"");
	fails("return Response.new({})", REASON_POLICY_ERROR, "must be a text or nil, not table");
	fails("return Response.new('x', { status = 204 })", REASON_POLICY_ERROR, "has no body");
	fails("return Response.new('x', { headers = { ['a b'] = '1' } })", REASON_POLICY_ERROR,
	      "\"a b\" is not a header name");
	fails("return Response.new('x', { headers = { a = '1\\r\\nb: 2' } })", REASON_POLICY_ERROR,
	      "control characters");
	fails("return Response.redirect('https://a/', 200)", REASON_POLICY_ERROR, "301, 302");
	fails("return Response.redirect('https://a/\\r\\nx: y')", REASON_POLICY_ERROR, "takes a URL");
}

static void edits(void **state)
{
	struct worker_run *run = open_body(
		"local copy = Request.new(request)\n"
		"copy.headers:set('X-Client-Name', '  alice ') copy.headers:set('x-n', 12)\n"
		"copy.headers:append('x-n', 13) copy.headers:delete('Accept')\n"
		"copy.headers:append('x-more', '')\n"
		"assert(copy.headers:get('ACCEPT') == nil and request.headers:get('accept') == 'text/html, */*')\n"
		"assert(copy.headers:get('x-n') == '12, 13' and not copy.headers:has('x-none'))\n"
		"local response = fetch(copy) response.headers:set('x-checked-by', 'mtlsguard')\n"
		"response.headers:delete('server') return response");

	(void)state;
	worker_run(run);
	if (run->call.result.outcome != POLICY_PASSED)
		fail_msg("%s", worker_run_error(run));
	assert_string_equal(worker_run_req_del(run), "x-client-name\nx-n\naccept\n");
	assert_string_equal(worker_run_req_set(run), "x-client-name: alice\nx-n: 12\nx-n: 13\nx-more: \n");
	assert_string_equal(worker_run_res_del(run), "x-checked-by\nserver\n");
	assert_string_equal(worker_run_res_set(run), "x-checked-by: mtlsguard\n");
	worker_run_free(run);

	run = open_body("return fetch(request)");
	worker_run(run);
	assert_int_equal(run->call.result.outcome, POLICY_PASSED);
	assert_int_equal(run->call.result.req_del.len + run->call.result.req_set.len, 0);
	worker_run_free(run);
}

static void setting_twice_keeps_the_last(void **state)
{
	struct worker_run *run = open_body(
		"local c = Request.new(request) c.headers:set('x-a', '1') c.headers:append('x-a', '2')\n"
		"c.headers:set('X-A', '3') local d = Request.new(c) c.headers:set('x-b', 'not in d')\n"
		"return fetch(d)");

	(void)state;
	worker_run(run);
	assert_string_equal(worker_run_req_set(run), "x-a: 3\n");
	assert_string_equal(worker_run_req_del(run), "x-a\n");
	worker_run_free(run);
}

/* What was pushed aside takes no room either, in the object and in its copy. */
static void blocks_end_with_the_last_edit(void **state)
{
	static const char *const sent[] = { "c", "Request.new(c)" };
	char body[512];

	(void)state;
	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
		struct worker_run *run;

		snprintf(body, sizeof(body),
			 "local c = Request.new(request) c.headers:set('x-a', '1') c.headers:append('x-a', '2')\n"
			 "c.headers:set('x-a', '3') c.headers:append('x-a', '4') return fetch(%s)", sent[i]);
		run = open_body(body);
		worker_run(run);
		assert_string_equal(worker_run_req_set(run), "x-a: 3\nx-a: 4\n");
		assert_int_equal(run->call.result.req_set.len, 2 * strlen("_x-a_3"));
		assert_string_equal(worker_run_req_del(run), "x-a\n");
		assert_int_equal(run->call.result.req_del.len, strlen("_x-a"));
		worker_run_free(run);
	}
}

static void wrong_edits(void **state)
{
	static const char *const refused[] = { "host", "Content-Length", "connection", "transfer-encoding",
					       "TE", "upgrade", ":authority", "a b", "", "x\\n" };
	char body[200];

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		snprintf(body, sizeof(body), "Request.new(request).headers:set('%s', 'x')", refused[i]);
		fails(body, REASON_POLICY_ERROR, "workers/test.lua:2: \"");
		snprintf(body, sizeof(body), "fetch(request).headers:append('%s', 'x')", refused[i]);
		fails(body, REASON_POLICY_ERROR, "workers/test.lua:2: \"");
	}
	fails("request.headers:set('x-a', '1')", REASON_POLICY_ERROR, "read-only; set them on a copy");
	fails("Request.new(request).headers:set('x-a', nil)", REASON_POLICY_ERROR, "must be a text, not nil");
	fails("Request.new(request).headers:set('x-a', 'a\\0b')", REASON_POLICY_ERROR, "control characters");
	fails("Request.new(request).headers:set('x-a', '12345678\\127')", REASON_POLICY_ERROR, "control");
	fails("local c = Request.new(request) fetch(c) c.headers:set('x-a', '1')", REASON_POLICY_ERROR,
	      "given to fetch already");
	fails("Request.new(request).method = 'POST'", REASON_POLICY_ERROR, "method and url cannot be changed");
	fails("request.cf.tlsClientAuth.certVerified = 'SUCCESS'", REASON_POLICY_ERROR, "read-only");
	fails("env.TEAM = 'x'", REASON_POLICY_ERROR, "env is read-only");
	fails("ctx.x = 1", REASON_POLICY_ERROR, "ctx is read-only");
	fails("Request.new('https://a/')", REASON_POLICY_ERROR, "not a URL");
	fails("Request.new(request, { method = 'POST' })", REASON_POLICY_ERROR, "no second argument");
	fails("local c = Request.new(request) for i = 1, 300 do c.headers:append('x-a', 'v') end",
	      REASON_POLICY_ERROR, "more than 256 changes");
	fails("for i = 1, 100 do Request.new(request) end", REASON_POLICY_ERROR, "too many Request");
}

static void origin_is_not_there_yet(void **state)
{
	(void)state;
	fails("return fetch(request).status", REASON_POLICY_ERROR, "\"status\" cannot be read");
	fails("return fetch(request).body", REASON_POLICY_ERROR, "\"body\" cannot be read");
	fails("return fetch(request):text()", REASON_POLICY_ERROR, "\"text\" cannot be read");
	fails("return fetch(request).headers:get('server')", REASON_POLICY_ERROR, "not read");
	fails("fetch(request) return fetch(request)", REASON_POLICY_ERROR, "it goes there once");
	fails("return fetch('https://other.example/')", REASON_POLICY_ERROR, "other URLs are not available");
	fails("return fetch()", REASON_POLICY_ERROR, "not no value");
	fails("return fetch(request, {})", REASON_POLICY_ERROR, "no second argument");
	fails("ctx:waitUntil(1)", REASON_POLICY_ERROR, "nothing to wait for");
}

static void request_is_read(void **state)
{
	(void)state;
	answers("request.method", "GET");
	answers("request.url", "https://api.example.com/a/b?x=1&y=a+b");
	answers("URL.new(request.url).searchParams:get('y')", "a b");
	answers("request.headers:get('USER-agent')", "curl/8");
	answers("request.headers:get('x-none')", "nil");
	answers("request.headers:has('accept')", "true");
	/* What a client sent under an owned name is not there, in whatever spelling. */
	answers("request.headers:get('cf_cert-verified')", "nil");
	answers("request.headers:has('CF_Cert-Verified')", "false");
	answers("request.cf.tlsVersion .. ' ' .. request.cf.tlsCipher .. ' ' .. request.cf.httpProtocol",
		"TLSv1.3 TLS_AES_128_GCM_SHA256 HTTP/1.1");
	answers("request.cf.country", "nil");
	answers("request.args.host", "API.example.com:443");
	answers("type(request) .. type(request.cf) .. type(env) .. type(ctx)",
		"userdatauserdatauserdatauserdata");
	answers("(function() local t = {} for k, v in pairs(request.headers) do t[#t + 1] = k .. '=' .. v end "
		"return table.concat(t, ';') end)()",
		"accept=text/html, */*;host=api.example.com;user-agent=curl/8");
	answers("(function() local t, h = {}, Response.new().headers h:append('X-B', '1') h:append('set-cookie', 'b=2')\n"
		"h:append('Set-Cookie', 'a=1') h:append('x-a', '3') h:append('x-b', '2') h:delete('x-a') h:delete('x-none')\n"
		"for k, v in pairs(h) do t[#t + 1] = k .. '=' .. v end return table.concat(t, ';') end)()",
		"set-cookie=b=2;set-cookie=a=1;x-b=1, 2");
	answers("(function() for k in pairs(Response.new().headers) do return k end return 'none' end)()", "none");
	answers("(function() local n = 0 for k, v in pairs(request.args) do n = n + 1 end return n end)()", "9");
}

static void certificate_is_read(void **state)
{
	static const char every[] = "(function() local n = 0 for k, v in pairs(request.cf.tlsClientAuth) do "
				    "n = n + 1; assert(v == request.cf.tlsClientAuth[k]) end return n end)()";

	(void)state;
	answers("request.cf.tlsClientAuth.certSubjectDN", "CN=alice,OU=staff,O=Example");
	answers("request.cf.tlsClientAuth.certSKI", "certSKI of alice");
	answers("request.cf.tlsClientAuth.certRFC9440TooLarge == true", "true");
	answers("request.cf.tlsClientAuth.certChainRFC9440TooLarge", "false");
	answers(every, "21");
	answers("json.decode(json.encode(request.cf)).tlsClientAuth.certSubjectDN", "CN=alice,OU=staff,O=Example");
	answers("json.decode(json.encode(request.cf)).tlsVersion", "TLSv1.3");
	answers("(function() local t = json.decode(json.encode(request.tls)) return t.key_bits .. json.encode(t.eku) "
		".. json.encode(t.san.dns) .. t.revocation.status .. tostring(t.spiffe_id) end)()",
		"256[][]uncheckednil");
	answers("request.tls.key_type .. request.tls.key_bits", "EC256");
	answers("request.tls.not_before", "1577836800");
	answers("request.tls.spiffe_id", "nil");
	answers("#request.tls.san.dns + #request.tls.eku", "0");
	answers("request.tls.revocation.status", "unchecked");
	fails("return request.cf.tlsClientAuth.certVerify", REASON_POLICY_ERROR,
	      "has no property \"certVerify\"; did you mean \"certVerified\"?");
	fails("return request.cf.tlsClientAuth[1]", REASON_POLICY_ERROR, "no property \"1\"");
	fails("return request.tls.sans", REASON_POLICY_ERROR, "did you mean \"san\"?");
}

static void no_certificate(void **state)
{
	struct worker_run *run = open_body(
		"local t = request.cf.tlsClientAuth\n"
		"return Response.new(t.certPresented .. t.certVerified .. t.certRevoked .. t.certSerial ..\n"
		"  tostring(t.certRFC9440TooLarge) .. tostring(request.tls.key_bits) .. request.tls.reason)");

	(void)state;
	expect_body(run, "0NONE0falsenilcertificate_required");
	worker_run_free(run);
}

/* More certificates than lines, and back: a text never comes from another certificate. */
static void texts_stay_with_their_certificate(void **state)
{
	struct worker_run *run = open_body("local t = request.cf.tlsClientAuth\n"
					   "return Response.new(t.certSubjectDN .. t.certSerial)");
	enum { COUNT = 1100 };
	struct cert_entry *entries[COUNT];
	char name[32], expected[128];

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		entries[i] = worker_cert_new(name);
	}
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < COUNT; i++) {
			run->cert = entries[i];
			snprintf(expected, sizeof(expected), "CN=c%d,OU=staff,O=ExamplecertSerial of c%d", i, i);
			expect_body(run, expected);
		}
	for (int i = 0; i < COUNT; i++)
		worker_cert_free(entries[i]);
	worker_run_free(run);
}

static void arguments_never_sent(void **state)
{
	static const struct {
		const char *arg, *expression;
	} cases[] = {
		{ "query", "request.url" }, { "tls_version", "request.cf.tlsVersion" },
		{ "tls_cipher", "request.cf.tlsCipher" }, { "version", "request.cf.httpProtocol" },
		{ "country", "request.args.country" },
	};
	char body[200], expected[100];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct worker_run *run;

		/* Not to be caught: what was not sent is nobody's to guess. */
		snprintf(body, sizeof(body), "pcall(function() return %s end) return fetch(request)",
			 cases[i].expression);
		run = open_body(body);
		worker_run_arg(run, cases[i].arg, NULL);
		worker_run(run);
		assert_int_equal(run->call.result.outcome, POLICY_FAILED);
		assert_int_equal(run->call.result.reason, REASON_BAD_REQUEST);
		snprintf(expected, sizeof(expected), "did not send the argument %s", cases[i].arg);
		assert_non_null(strstr(worker_run_error(run), expected));
		assert_non_null(strstr(worker_run_error(run), "workers/test.lua:2: "));
		worker_run_free(run);
	}
}

static void single_headers(void **state)
{
	struct worker_run *run = open_body("return Response.new(request.headers:get('X-Team') or 'nil')");

	(void)state;
	run->without_headers = true;
	worker_run(run);
	assert_int_equal(run->call.result.reason, REASON_BAD_REQUEST);
	assert_non_null(strstr(worker_run_error(run), "x-team"));
	worker_run_arg(run, "hdr_x_team", "edge");
	expect_body(run, "edge");
	worker_run_free(run);

	run = open_body("for k in pairs(request.headers) do end");
	run->without_headers = true;
	worker_run(run);
	assert_int_equal(run->call.result.reason, REASON_BAD_REQUEST);
	worker_run_free(run);
}

static void give_vars(struct worker_run *run)
{
	static struct worker_var vars[] = {
		{ .name = (char *)(uintptr_t)"TEAM", .value = (char *)(uintptr_t)"edge" },
		{ .name = (char *)(uintptr_t)"MAX", .type = VAR_NUMBER, .number = 3 },
		{ .name = (char *)(uintptr_t)"ON", .type = VAR_BOOL, .number = 1 },
	};

	run->worker.vars = vars;
	run->worker.var_count = 3;
}

static void variables(void **state)
{
	struct worker_run *run = worker_run_with(
		"return { fetch = function(request, env)\n"
		"local n = 0 for k in pairs(env) do n = n + 1 end\n"
		"return Response.new(env.TEAM .. env.MAX .. tostring(env.ON) .. tostring(env.none) .. n) end }",
		give_vars);

	(void)state;
	expect_body(run, "edge3truenil3");
	worker_run_free(run);
}

static void allow_pass_through(struct worker_run *run)
{
	run->worker.allow_pass_through = true;
	/* Memory is to run out first, on a slow machine too. */
	run->config.limits.worker_cpu_ns = 500000000;
}

static void pass_through(void **state)
{
	static const char source[] =
		"return { fetch = function(request, env, ctx)\n"
		"ctx:passThroughOnException() local c = Request.new(request) c.headers:set('x-a', '1')\n"
		"if request.method == 'SPIN' then while true do end end\n"
		"if request.method == 'EAT' then local t = {} while true do t[#t + 1] = ('x'):rep(100000 + #t) end end\n"
		"if request.method == 'NIL' then return nil end\n"
		"error('broken') end }";
	struct worker_run *run = worker_run_new(source);

	(void)state;
	worker_run(run);
	assert_int_equal(run->call.result.outcome, POLICY_FAILED);
	assert_non_null(strstr(worker_run_error(run), "allow_pass_through"));
	worker_run_free(run);

	run = worker_run_with(source, allow_pass_through);
	worker_run(run);
	assert_int_equal(run->call.result.outcome, POLICY_PASSED);
	assert_int_equal(run->call.result.req_set.len, 0);
	run->arg_count = 0;
	worker_run_arg(run, "method", "NIL");
	worker_run(run);
	assert_int_equal(run->call.result.outcome, POLICY_PASSED);
	run->arg_count = 0;
	worker_run_arg(run, "method", "SPIN");
	worker_run(run);
	assert_int_equal(run->call.result.reason, REASON_POLICY_TIMEOUT);
	run->arg_count = 0;
	worker_run_arg(run, "method", "EAT");
	worker_run(run);
	assert_int_equal(run->call.result.reason, REASON_POLICY_MEMORY);
	worker_run_free(run);
}

static void objects_of_another_request(void **state)
{
	static const char *const kept[] = { "request", "request.cf", "request.cf.tlsClientAuth", "request.tls",
					    "request.headers", "request.args", "ctx", "Headers.new()",
					    "Response.new('x')", "Request.new(request)" };
	char source[512];

	(void)state;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		struct worker_run *run;

		snprintf(source, sizeof(source),
			 "local kept\nreturn { fetch = function(request, env, ctx)\n"
			 "if kept then local x = kept.method return kept end\nkept = %s\nreturn fetch(request) end }",
			 kept[i]);
		run = worker_run_new(source);
		worker_run(run);
		assert_int_equal(run->call.result.outcome, POLICY_PASSED);
		worker_run(run);
		assert_int_equal(run->call.result.outcome, POLICY_FAILED);
		assert_int_equal(run->call.result.reason, REASON_POLICY_ERROR);
		assert_non_null(strstr(worker_run_error(run), "belongs to another request"));
		worker_run_free(run);
	}
}

static void kept_response_is_no_answer(void **state)
{
	struct worker_run *run = worker_run_new(
		"local kept\nreturn { fetch = function(request)\n"
		"kept = kept or fetch(request) return kept end }");

	(void)state;
	worker_run(run);
	assert_int_equal(run->call.result.outcome, POLICY_PASSED);
	worker_run(run);
	assert_int_equal(run->call.result.outcome, POLICY_FAILED);
	assert_non_null(strstr(worker_run_error(run), "a Response of another request"));
	worker_run_free(run);
}

static void faults_of_opening(void **state)
{
	static const struct {
		const char *source, *message;
		unsigned line;
	} cases[] = {
		{ "return {", "unexpected symbol near", 1 },
		{ "\n\nlocal x = nil + 1", "attempt to perform arithmetic on a nil value", 3 },
		{ "", "must return a table with a function fetch, not nothing", 0 },
		{ "return 1", "not number", 0 },
		{ "return {}", "must have a function fetch", 0 },
		{ "return { fetch = 1 }", "must have a function fetch", 0 },
		{ "return { fetch = print, scheduled = 1 }", "scheduled is a number", 0 },
		{ "\033Lua", "compiled Lua", 0 },
		{ "\nlocal x <close> = nil", "variables with <close>", 2 },
		{ "Response.new('x')", "only while a request is handled", 1 },
		{ "fetch(1)", "only while a request is handled", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct worker_run *run = worker_run_new(cases[i].source);

		assert_null(run->set);
		assert_int_equal(run->diag.count, 1);
		if (!strstr(run->diag.items[0].message, cases[i].message))
			fail_msg("%s", run->diag.items[0].message);
		assert_string_equal(run->diag.items[0].file, "/srv/policies/workers/test.lua");
		assert_int_equal(run->diag.items[0].line, cases[i].line);
		worker_run_free(run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_returns),
		cmocka_unit_test(faults_have_a_place),
		cmocka_unit_test(own_response),
		cmocka_unit_test(wrong_responses),
		cmocka_unit_test(edits),
		cmocka_unit_test(setting_twice_keeps_the_last),
		cmocka_unit_test(blocks_end_with_the_last_edit),
		cmocka_unit_test(wrong_edits),
		cmocka_unit_test(origin_is_not_there_yet),
		cmocka_unit_test(request_is_read),
		cmocka_unit_test(certificate_is_read),
		cmocka_unit_test(no_certificate),
		cmocka_unit_test(texts_stay_with_their_certificate),
		cmocka_unit_test(arguments_never_sent),
		cmocka_unit_test(single_headers),
		cmocka_unit_test(variables),
		cmocka_unit_test(pass_through),
		cmocka_unit_test(objects_of_another_request),
		cmocka_unit_test(kept_response_is_no_answer),
		cmocka_unit_test(faults_of_opening),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
