/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <malloc.h>

#include "base/mem.h"
#include "lib/config_dir.h"
#include "lib/worker_run.h"
#include "script/worker_set.h"

/* What a script can reach, and what stays when a request or a worker is another one. */

static struct worker_run *open_body(const char *body)
{
	static char source[8192];

	snprintf(source, sizeof(source),
		 "local M = {}\nfunction M.fetch(request, env, ctx)\n%s\nend\nreturn M\n", body);
	return worker_run_new(source);
}

static void is(const char *expression, const char *expected)
{
	char body[4096];
	struct worker_run *run;

	snprintf(body, sizeof(body), "return Response.new(tostring(%s))", expression);
	run = open_body(body);
	worker_run(run);
	if (run->call.result.outcome != POLICY_RESPONDED)
		fail_msg("%s: %s", expression, worker_run_error(run));
	if (strcmp(worker_run_body(run), expected))
		fail_msg("%s: %s", expression, worker_run_body(run));
	worker_run_free(run);
}

/* Raises an error with that text, which pcall sees. */
static void refuses(const char *statement, const char *error)
{
	char body[4096];
	struct worker_run *run;

	snprintf(body, sizeof(body),
		 "local ok, m = pcall(function() %s end) assert(not ok, 'not refused')\n"
		 "return Response.new(tostring(m))", statement);
	run = open_body(body);
	worker_run(run);
	if (run->call.result.outcome != POLICY_RESPONDED)
		fail_msg("%s: %s", statement, worker_run_error(run));
	if (!strstr(worker_run_body(run), error))
		fail_msg("%s: %s", statement, worker_run_body(run));
	worker_run_free(run);
}

static void globals(void **state)
{
	static const char *const absent[] = { "load", "loadstring", "loadfile", "dofile", "collectgarbage",
					      "debug", "io", "os", "package", "module", "warn", "getfenv",
					      "setfenv", "newproxy", "string.dump" };
	static const char listed[] =
		"(function() local known = {} for name in ([[assert error getmetatable ipairs next pairs pcall\n"
		"print rawequal rawget rawlen rawset require select setmetatable tonumber tostring type xpcall\n"
		"_VERSION _G base64 console coroutine crypto fetch Headers hex json math msgpack Request Response\n"
		"string table URL utf8]]):gmatch('%S+') do known[name] = true assert(_G[name] ~= nil, name) end\n"
		"return next(_G) end)()";

	(void)state;
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		is(absent[i], "nil");
	is(listed, "nil");
	is("_G == _ENV", "true");
	is("_G._G == _G", "true");
}

static void closed_libraries(void **state)
{
	(void)state;
	refuses("string.upper = nil", "string is read-only");
	refuses("math.huge = 0", "math is read-only");
	refuses("console.log = nil", "console is read-only");
	refuses("Response.new = nil", "Response is read-only");
	refuses("string = nil", "string is read-only");
	refuses("fetch = function() end", "fetch is read-only");
	refuses("_G.Request = nil", "Request is read-only");
	refuses("_ENV.pcall = nil", "pcall is read-only");
	refuses("rawset(_G, 'fetch', 1)", "rawset does not work on the environment");
	refuses("rawset(string, 'x', 1)", "table expected");
	refuses("setmetatable(_G, {})", "cannot be changed");
	refuses("setmetatable(string, {})", "table expected");
	refuses("getmetatable('').__index = nil", "attempt to index a boolean value");
	refuses("table.insert(string, 1)", "table expected");
	refuses("local t = json.decode('[]') setmetatable(t, {})", "cannot be changed");
	is("getmetatable('')", "false");
	is("getmetatable(string)", "false");
	is("getmetatable(request)", "false");
	is("getmetatable(env)", "false");
	is("getmetatable(_G)", "false");
	is("getmetatable(json.decode('[]'))", "false");
	is("rawget(_G, 'fetch')", "nil");
	is("next(_G)", "nil");
	is("(function() for k, v in pairs(string) do if k == 'upper' then return v == string.upper end end end)()",
	   "true");
	/* What pairs gave is a copy. */
	is("(function() local f, t = pairs(string) t.upper = 1 return string.upper('x') end)()", "X");
}

static void globals_of_a_script(void **state)
{
	struct worker_run *run = worker_run_new(
		"count = 0\nfunction helper() count = count + 1 return count end\n"
		"return { fetch = function(request) return Response.new(helper() .. _G.count) end }");

	(void)state;
	worker_run(run);
	assert_string_equal(worker_run_body(run), "11");
	worker_run(run);
	assert_string_equal(worker_run_body(run), "22");
	worker_run_free(run);
}

/* Two workers of one configuration share nothing that a script can write to. */
static void workers_are_apart(void **state)
{
	static const char writer[] = "shared = 1\nreturn { fetch = function() secret = 'x' return Response.new('w') end }";
	static const char reader[] = "return { fetch = function() return Response.new(tostring(secret) .. tostring(shared)) end }";
	struct worker_run *run = worker_run_new("return { fetch = function() end }");
	struct worker_conf workers[2], own = run->worker;

	(void)state;
	workers[0] = workers[1] = run->worker;
	workers[0].source = (char *)(uintptr_t)writer;
	workers[0].source_len = sizeof(writer) - 1;
	workers[1].source = (char *)(uintptr_t)reader;
	workers[1].source_len = sizeof(reader) - 1;
	workers[1].index = 1;
	policy_lua_ops.close(run->set);
	run->config.workers = workers;
	run->config.worker_count = 2;
	assert_int_equal(worker_set_open(&run->config, &run->diag, &run->set), ERR_OK);
	run->worker = workers[0];
	worker_run(run);
	assert_string_equal(worker_run_body(run), "w");
	run->worker = workers[1];
	worker_run(run);
	assert_string_equal(worker_run_body(run), "nilnil");
	run->worker = own;
	worker_run_free(run);
}

static void coroutines(void **state)
{
	(void)state;
	is("select('#', coroutine.running())", "2");
	is("coroutine.running()", "nil");
	is("coroutine.isyieldable()", "false");
	refuses("coroutine.yield(1)", "outside a coroutine");
	is("coroutine.wrap(function(a) local b = coroutine.yield(a + 1) return b end)(1)", "2");
	is("(function() local c = coroutine.create(function() error('x', 0) end) local ok, m = coroutine.resume(c)\n"
	   "return tostring(ok) .. m .. coroutine.status(c) end)()", "falsexdead");
	is("(function() local c = coroutine.create(function() coroutine.yield() end) coroutine.resume(c)\n"
	   "return tostring(coroutine.close(c)) .. coroutine.status(c) end)()", "truedead");
	is("(function() local c c = coroutine.wrap(function() return pcall(c) end) return select(2, c()) end)()",
	   "cannot resume non-suspended coroutine");
	is("(function() local ok, m = coroutine.resume(coroutine.create(function()\n"
	   "return pcall(coroutine.yield, 7) end)) return m end)()", "7");
	refuses("coroutine.resume(1)", "coroutine expected");
	refuses("local function f() coroutine.wrap(f)() end f()", "C stack overflow");
	/* A thread that outlives its request is no way back into it. */
	is("(function() kept = kept or coroutine.wrap(function() while true do coroutine.yield(request) end end)\n"
	   "return type(kept()) end)()", "userdata");
}

static void coroutine_kept_over_requests(void **state)
{
	struct worker_run *run = worker_run_new(
		"local kept\nreturn { fetch = function(request)\n"
		"kept = kept or coroutine.wrap(function(r) while true do r = coroutine.yield(r.method) end end)\n"
		"local first = kept(request) return Response.new(first .. kept(request)) end }");

	(void)state;
	for (int i = 0; i < 3; i++) {
		worker_run(run);
		if (run->call.result.outcome != POLICY_RESPONDED)
			fail_msg("%s", worker_run_error(run));
		assert_string_equal(worker_run_body(run), "GETGET");
	}
	worker_run_free(run);
}

static void base_functions(void **state)
{
	(void)state;
	is("select('#', pcall(function(...) return ... end, 1, nil, nil))", "4");
	is("select(2, xpcall(function(a, b) return a + b end, print, 1, 2))", "3");
	is("select(2, xpcall(error, function(m) return m .. '!' end, 'x'))", "x!");
	is("select(2, pcall(error, setmetatable({}, { __tostring = function() return 'obj' end })))", "obj");
	refuses("xpcall(print)", "function expected");
	refuses("setmetatable(1, {})", "table expected");
	refuses("setmetatable(setmetatable({}, { __metatable = 1 }), {})", "cannot be changed");
	is("setmetatable({}, { __index = { a = 5 } }).a", "5");
	is("rawset({}, 'a', 6).a", "6");
	is("tonumber('0x10') + tonumber('z', 36)", "51");
	is("'10' + 5", "15");
	is("-'2'", "-2");
	is("('%5.1f|%s|%q'):format(3.14159, nil, 'a\\nb')", "  3.1|nil|\"a\\\nb\"");
	refuses("string.format(('%d'):rep(300), 1)", "more than 200 conversions");
	is("('ab'):rep(3, '-')", "ab-ab-ab");
	is("('ab'):rep(0) .. ('ab'):rep(-1) .. ('ab'):rep(1, '--') .. (''):rep(5, 'x')", "abxxxx");
	is("string.unpack('<I4', string.pack('<I4', 77))", "77");
	is("utf8.char(228, 8364) .. utf8.len('ä')", "ä€1");
}

static void table_functions(void **state)
{
	(void)state;
	is("(function() local t = { 5, 2, 8, 1, 9, 3 } table.sort(t) return table.concat(t, ',') end)()", "1,2,3,5,8,9");
	is("(function() local t = { 'b', 'a', 'c' } table.sort(t, function(x, y) return x > y end)\n"
	   "return table.concat(t) end)()", "cba");
	refuses("table.sort({ 1, 'x' })", "attempt to compare");
	is("(function() local t = { 1, 2, 3 } table.insert(t, 4) table.insert(t, 1, 0)\n"
	   "return table.concat(t) .. table.remove(t) .. table.remove(t, 1) .. table.concat(t) end)()", "0123440123");
	is("table.remove({})", "nil");
	refuses("table.insert({ 1 }, 5, 1)", "position out of bounds");
	refuses("table.insert({ 1 }, 1, 2, 3)", "wrong number of arguments");
	refuses("table.concat({ 1, {}, 3 })", "invalid value (at index 2)");
	is("table.concat({ 1, 2, 3 }, ', ', 2, 3)", "2, 3");
	is("select('#', table.unpack({ 1, 2, 3 }, 2))", "2");
	is("table.pack(1, nil, 3).n", "3");
	is("table.concat(table.move({ 1, 2, 3 }, 1, 3, 2))", "1123");
	is("table.concat(table.move({ 1, 2, 3 }, 2, 3, 1))", "233");
	is("table.concat(table.move({ 1, 2, 3 }, 1, 3, 1, {}))", "123");
	is("(function() math.randomseed(1) for n = 1, 50 do local t, sum = {}, 0\n"
	   "for i = 1, n do t[i] = math.random(50) sum = sum + t[i] end table.sort(t)\n"
	   "for i = 1, n do sum = sum - t[i] assert(i == 1 or t[i - 1] <= t[i]) end assert(sum == 0) end return 'ok' end)()",
	   "ok");
}

static void codecs(void **state)
{
	(void)state;
	is("base64.encode('a\\0b?>') .. base64.decode('YQBiPz4=') ", "YQBiPz4=a");
	is("base64.decode('YWI') .. base64.decode('YWI=') .. base64.decode('-_--') == 'abab\\xfb\\xff\\xbe'", "true");
	refuses("base64.decode('YWJ!')", "not base64");
	refuses("base64.decode('Y')", "not base64");
	refuses("base64.decode('YR==')", "not base64");
	refuses("base64.decode('YWI==')", "not base64");
	is("hex.encode('\\0\\255az') .. hex.decode('4142') .. hex.decode('6a6B')", "00ff617aABjk");
	refuses("hex.decode('4')", "not hex");
	refuses("hex.decode('4g')", "not hex");
	refuses("hex.encode({})", "string expected");
	is("json.encode({ a = { 1, 2.5, true, json.null, 'x\\n' }, b = {}, c = json.array({}) })",
	   "{\"a\":[1,2.5,true,null,\"x\\n\"],\"b\":{},\"c\":[]}");
	is("json.encode(json.decode('{\"a\":[],\"b\":{},\"c\":[1,[2]],\"d\":null}'))", "{\"a\":[],\"b\":{},\"c\":[1,[2]],\"d\":null}");
	is("json.decode('[1]')[1] + json.decode('2') ", "3");
	is("json.decode('{\"a\":null}').a == json.null", "true");
	refuses("json.decode('{\"a\":1,\"a\":2}')", "duplicate");
	refuses("json.decode('{')", "json.decode: line 1");
	refuses("json.decode(('['):rep(100000))", "json.decode");
	refuses("local t = {} t[1] = t json.encode(t)", "nested too deep");
	refuses("json.encode({ 1, nil, 3, x = 1 })", "holes");
	refuses("json.encode(print)", "no form in JSON");
	refuses("json.encode(0/0)", "not finite");
	refuses("json.encode('\\xff')", "UTF-8");
	refuses("json.encode({ [{}] = 1 })", "key is a table");
	refuses("json.encode(request)", "a Request has no form in JSON");
	refuses("json.encode({ ctx })", "a ctx has no form in JSON");
	is("(function() local h = Headers.new() h:set('b', '2') h:append('b', '3') h:set('a', '1')\n"
	   "return json.encode({ h }) end)()", "[{\"a\":\"1\",\"b\":\"2, 3\"}]");
	refuses("json.encode(('x'):rep(300000))", "over 262144 bytes");
	refuses("return json.null.x", "index json.null");
	is("hex.encode(msgpack.encode({ 1, 'a', true, json.null, -1, 1.5, '\\xff' }))",
	   "9701a161c3c0ffcb3ff8000000000000c401ff");
	is("json.encode(msgpack.decode(msgpack.encode({ a = { 1, 2, { b = 'c' } }, n = -70000 })))" " ~= nil", "true");
	is("msgpack.decode(msgpack.encode(1 << 40)) == 1 << 40 and msgpack.decode(msgpack.encode(-3.25))", "-3.25");
	refuses("msgpack.decode('')", "not one whole");
	refuses("msgpack.decode('\\x01\\x01')", "not one whole");
	refuses("msgpack.decode('\\xdd\\xff\\xff\\xff\\xff')", "not one whole");
	refuses("msgpack.decode('\\xdf\\xff\\xff\\xff\\xff')", "not one whole");
	refuses("msgpack.decode('\\xdb\\xff\\xff\\xff\\xffab')", "not one whole");
	refuses("msgpack.decode(('\\x91'):rep(1000))", "nested too deep");
	refuses("msgpack.decode('\\xc1')", "not supported");
	refuses("local t = {} t.t = t msgpack.encode(t)", "nested too deep");
	refuses("msgpack.encode(print)", "no form in MessagePack");
	is("hex.encode(crypto.digest('sha-256', 'abc'))",
	   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	is("#crypto.digest('SHA-512', '') + #crypto.digest('SHA-384', '') + #crypto.digest('SHA-1', '')", "132");
	refuses("crypto.digest('SHA-3', '')", "not \"SHA-3\"");
	is("crypto.timingSafeEqual('abc', 'abc')", "true");
	is("crypto.timingSafeEqual('abc', 'abd') or crypto.timingSafeEqual('abc', 'ab')", "false");
}

static void urls(void **state)
{
	(void)state;
	is("(function() local u = URL.new('HTTPS://user:pw@API.Example.com:8443/a/b?x=1&y=%41+b&x=2#top')\n"
	   "return table.concat({ u.protocol, u.host, u.hostname, u.port, u.pathname, u.search, u.hash, u.username,\n"
	   "u.searchParams:get('y'), #u.searchParams:getAll('x'), tostring(u.searchParams:get('z')), u.origin }, ' ') end)()",
	   "https: api.example.com:8443 api.example.com 8443 /a/b ?x=1&y=%41+b&x=2 #top user A b 2 nil "
	   "https://api.example.com:8443");
	is("URL.new('https://a:443').host .. URL.new('https://a:443').pathname .. URL.new('https://[::1]:80/x').hostname",
	   "a/[::1]");
	is("URL.new('https://a:0443').host .. URL.new('https://a:08443').port", "a8443");
	is("URL.new('http://a/?').search .. '|' .. URL.new('http://a?q').search", "|?q");
	is("URL.new('https://a/?b=%zz&c').searchParams:get('b') .. tostring(URL.new('https://a/?c').searchParams:has('c'))",
	   "%zztrue");
	refuses("URL.new('/path')", "not an absolute URL");
	refuses("URL.new('https:///x')", "not an absolute URL");
	refuses("URL.new('https://a:99999/')", "not an absolute URL");
	refuses("URL.new('https://a:x/')", "not an absolute URL");
	refuses("URL.new('https://a b/')", "not an absolute URL");
	refuses("URL.new('https://evil.example\\\\@a/')", "not an absolute URL");
	refuses("URL.new('https://a\\\\.b/')", "not an absolute URL");
	refuses("URL.new('https://a\\t.b/')", "not an absolute URL");
	refuses("URL.new('https://a/\\tb')", "not an absolute URL");
	refuses("URL.new('https://a\\xe4/')", "not an absolute URL");
	refuses("URL.new('https://a<b/')", "not an absolute URL");
	is("URL.new('https://a/b\\\\c?d\\\\e').pathname", "/b\\c");
	refuses("URL.new('https://[::1/')", "not an absolute URL");
	refuses("URL.new('1https://a/')", "not an absolute URL");
	refuses("URL.new()", "string expected");
	is("tostring(URL.new('https://a/?b')) .. URL.new('https://a/c'):toString()", "https://a/?bhttps://a/c");
	is("json.encode({ u = URL.new('https://a/\"') })", "{\"u\":\"https://a/\\\"\"}");
	is("tostring(URL.new('https://a/').nothing) .. getmetatable(URL.new('https://a/'))", "nilURL");
	refuses("URL.new('https://a/').pathname = '/b'", "the parts of a URL cannot be changed here (https://a/)");
	refuses("URL.new('https://a/').toString(nil)", "URL expected");
	refuses("msgpack.encode(URL.new('https://a/'))", "no form in MessagePack");
	refuses("json.encode({ s = string })", "has no form in JSON");
}

static void free_headers(void **state)
{
	(void)state;
	is("(function() local h = Headers.new({ ['X-A'] = '1' }) h:append('x-a', 2) h:set('b', 'x')\n"
	   "local r = Response.new('x', { headers = h }) h:set('x-a', 'later')\n"
	   "return r.headers:get('X-A') .. tostring(h:has('b')) .. h:get('x-a') end)()", "1, 2truelater");
	is("(function() local h, t = Headers.new(), {} h:set('b', '2') h:set('a', '1') h:append('b', '3')\n"
	   "for k, v in pairs(h) do t[#t + 1] = k .. '=' .. v end return table.concat(t, ';') end)()", "a=1;b=2, 3");
	refuses("Headers.new({ [1] = 'x' })", "a name is a number");
	refuses("Headers.new('x')", "not string");
	refuses("Headers.new().get(1, 'x')", "Headers expected");
	refuses("local h = Headers.new() h.get('x')", "Headers expected");
	refuses("local x = Headers.new().foo", "read a header with headers:get");
	refuses("Headers.new():set(1, 'x')", "string expected");
	refuses("Headers.new({ a = true })", "must be a text");
	refuses("Response.new('x', { headers = request.headers })", "cannot become a response's");
}

static struct config_dir *folder;

static int make_folder(void **state)
{
	(void)state;
	folder = config_dir_new();
	config_dir_put(folder, "outside.lua", "return 'outside'");
	config_dir_put(folder, "workers/lib/a.lua", "local b = require './lib/b'\nloads = (loads or 0) + 1\nreturn { b = b, loads = loads }");
	config_dir_put(folder, "workers/lib/b.lua", "return 'b'");
	config_dir_put(folder, "workers/lib/circle.lua", "return require './lib/circle'");
	config_dir_put(folder, "workers/lib/broken.lua", "\n\nreturn +");
	config_dir_put(folder, "workers/lib/raises.lua", "\nerror('at top')");
	config_dir_put(folder, "workers/lib/closes.lua", "\nlocal x <close> = nil");
	config_dir_put(folder, "workers/lib/none.lua", "");
	config_dir_put(folder, "workers/lib/compiled.lua", "\033Luaxxxx");
	assert_int_equal(symlink("../outside.lua", config_dir_file(folder, "workers/link.lua")), 0);
	config_dir_put(folder, "workers.old/x.lua", "return 'beside'");
	assert_int_equal(symlink("../workers.old/x.lua", config_dir_file(folder, "workers/beside.lua")), 0);
	assert_int_equal(symlink("lib/b.lua", config_dir_file(folder, "workers/near.lua")), 0);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	config_dir_free(folder);
	return 0;
}

static void place_in_folder(struct worker_run *run)
{
	free(run->config.file);
	free(run->worker.script);
	run->config.file = mem_dup(slice_str(config_dir_file(folder, "mtlsguard.lua")));
	run->worker.script = mem_dup(slice_str(config_dir_file(folder, "workers/w.lua")));
}

static void modules(void **state)
{
	struct worker_run *run = worker_run_with(
		"local a, again, near = require './lib/a', require('./lib/a.lua'), require './near'\n"
		"return { fetch = function(request)\n"
		"return Response.new(a.b .. a.loads .. tostring(a == again) .. near .. require('./lib/b')) end }",
		place_in_folder);

	(void)state;
	if (!run->set)
		fail_msg("%s", run->diag.items[0].message);
	worker_run(run);
	if (run->call.result.outcome != POLICY_RESPONDED)
		fail_msg("%s", worker_run_error(run));
	assert_string_equal(worker_run_body(run), "b1truebb");
	worker_run_free(run);
}

static void modules_that_fail(void **state)
{
	static const struct {
		const char *name, *file, *message;
		unsigned line;
	} cases[] = {
		{ "./lib/broken", "workers/lib/broken.lua", "unexpected symbol near '+'", 3 },
		{ "./lib/raises", "workers/lib/raises.lua", "at top", 2 },
		{ "./lib/closes", "workers/lib/closes.lua", "<close>", 2 },
		{ "./lib/circle", "workers/lib/circle.lua", "in a circle", 1 },
		{ "./lib/compiled", "workers/w.lua", "compiled Lua", 1 },
		{ "./lib/missing", "workers/w.lua", "there is no such file", 1 },
		{ "./link", "workers/w.lua", "there is no such file", 1 },
		{ "./beside", "workers/w.lua", "there is no such file", 1 },
		{ "./lib/b\\0", "workers/w.lua", "takes a name like", 1 },
		{ "./lib/../lib/b", "workers/w.lua", "stays in the folder", 1 },
		{ "./../outside", "workers/w.lua", "stays in the folder", 1 },
		{ "../outside", "workers/w.lua", "takes a name like", 1 },
		{ "/etc/passwd", "workers/w.lua", "takes a name like", 1 },
		{ "lib/b", "workers/w.lua", "takes a name like", 1 },
		{ "./lib//b", "workers/w.lua", "stays in the folder", 1 },
		{ "./lib/b/", "workers/w.lua", "stays in the folder", 1 },
		{ "./", "workers/w.lua", "stays in the folder", 1 },
		{ "./.hidden", "workers/w.lua", "stays in the folder", 1 },
		{ "./lib", "workers/w.lua", "there is no such file", 1 },
		{ "", "workers/w.lua", "takes a name like", 1 },
	};
	char source[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct worker_run *run;

		snprintf(source, sizeof(source), "require '%s' return { fetch = print }", cases[i].name);
		run = worker_run_with(source, place_in_folder);
		assert_null(run->set);
		assert_int_equal(run->diag.count, 1);
		if (!strstr(run->diag.items[0].message, cases[i].message))
			fail_msg("%s: %s", cases[i].name, run->diag.items[0].message);
		assert_string_equal(run->diag.items[0].file, config_dir_file(folder, cases[i].file));
		assert_int_equal(run->diag.items[0].line, cases[i].line);
		worker_run_free(run);
	}
}

static void no_modules_during_a_request(void **state)
{
	struct worker_run *run = worker_run_with(
		"return { fetch = function() return require './lib/b' end }", place_in_folder);

	(void)state;
	worker_run(run);
	assert_int_equal(run->call.result.outcome, POLICY_FAILED);
	assert_non_null(strstr(worker_run_error(run), "require it at the top"));
	assert_non_null(strstr(worker_run_error(run), "workers/w.lua:1"));
	worker_run_free(run);
}

/* Neither calls nor faults leave anything behind. */
static void memory_stays_level(void **state)
{
	struct worker_run *run = open_body(
		"local c = Request.new(request) c.headers:set('x-a', request.cf.tlsClientAuth.certSubjectDN)\n"
		"c.headers:set('x-' .. math.random(1e9), 'v')\n"
		"if math.random(10) == 1 then error({ message = 'x' }) end\n"
		"if math.random(10) == 1 then return json.encode({ 1, 2 }) end\n"
		"if math.random(10) == 1 then pcall(json.decode, '[1,') pcall(json.encode, { { print } }) end\n"
		"if math.random(10) == 1 then local co = coroutine.wrap(coroutine.yield) co() end\n"
		"local r = fetch(c) r.headers:set('x-b', request.url) return r");
	size_t before, after;

	(void)state;
	run->cert = worker_cert_new("alice");
	for (int i = 0; i < 2000; i++)
		worker_run(run);
	before = mallinfo2().uordblks;
	for (int i = 0; i < 10000; i++)
		worker_run(run);
	after = mallinfo2().uordblks;
	/* Garbage that is not collected yet comes and goes. */
	assert_true(after < before + 400000);
	worker_cert_free(run->cert);
	worker_run_free(run);
}

static void console_is_bounded(void **state)
{
	struct worker_run *run = open_body("for i = 1, 300 do console.debug('line', i, nil, {}) end\n"
					   "console.log() print('x\\ny') return fetch(request)");

	(void)state;
	worker_run(run);
	if (run->call.result.outcome != POLICY_PASSED)
		fail_msg("%s", worker_run_error(run));
	worker_run_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(globals),
		cmocka_unit_test(closed_libraries),
		cmocka_unit_test(globals_of_a_script),
		cmocka_unit_test(workers_are_apart),
		cmocka_unit_test(coroutines),
		cmocka_unit_test(coroutine_kept_over_requests),
		cmocka_unit_test(base_functions),
		cmocka_unit_test(table_functions),
		cmocka_unit_test(codecs),
		cmocka_unit_test(urls),
		cmocka_unit_test(free_headers),
		cmocka_unit_test_setup_teardown(modules, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(modules_that_fail, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(no_modules_during_a_request, make_folder, remove_folder),
		cmocka_unit_test(memory_stays_level),
		cmocka_unit_test(console_is_bounded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
