/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "core/config_table.h"
#include "lib/config_dir.h"

static struct config_dir *dir;

static int set_up(void **state)
{
	(void)state;
	dir = config_dir_with_ca();
	config_dir_put(dir, "w.lua", "return { fetch = function(r) return fetch(r) end }\n");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	config_dir_free(dir);
	return 0;
}

static void says(const char *source, const char *wanted)
{
	config_dir_says(dir, source, wanted);
}

#define NO_HOSTS "main.lua:1: warning: there are no hosts: every request is denied (add hosts = { … })\n"
#define ONE_CA "authorities = { ca = { certificates = 'ca.pem' } }, "
#define ONE_HOST ONE_CA "hosts = { ['a.example'] = { authorities = { 'ca' } } }, "

static struct config *load(const char *source)
{
	return config_dir_take(dir, source);
}

static void unknown_keys(void **state)
{
	(void)state;
	says("return {\n treads = 1 }", "main.lua:2: error: treads: this version knows no such key "
	     "(did you mean \"threads\"?)\n");
	says("return {\n limits = {\n  frames = 1 } }", "main.lua:3: error: limits.frames: this version "
	     "knows no such key (did you mean \"frame\"?)\n");
	says("return { inflight = 1 }", "main.lua:1: error: inflight: this version knows no such key "
	     "(it is written limits.inflight)\n");
	says("return { ['a b'] = 1 }", "main.lua:1: error: [\"a b\"]: this version knows no such key\n");
	says("return { ['a\\27[31m'] = 1 }", "main.lua:1: error: [\"a?[31m\"]: this version knows no such key\n");
	says("return { 'x' }", NO_HOSTS
	     "main.lua:1: error: the configuration is a table of names, not a list\n");
}

static void keys_of_later_versions(void **state)
{
	static const char *const keys[] = { "rules", "access", "kv" };
	char source[64], wanted[128];

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		snprintf(source, sizeof(source), "return { %s = {} }", keys[i]);
		snprintf(wanted, sizeof(wanted), "main.lua:1: error: %s: this version knows no such key\n",
			 keys[i]);
		says(source, wanted);
	}
	says("return { authorities = { ca = { certificates = 'ca.pem', managed = true } } }",
	     "main.lua:1: error: authorities.ca.managed: this version knows no such key\n");
}

static void wrong_types_and_ranges(void **state)
{
	(void)state;
	says("return {\n threads = 'x',\n state = 7,\n limits = 3,\n deadline = 0,\n headers = {\n"
	     "  client_cert = 1 },\n refusals = { detail = 'reasn' },\n hosts = 'x' }",
	     "main.lua:2: error: threads: it must be a number, not a text\n"
	     "main.lua:3: error: state: it must be a text, not a number\n"
	     "main.lua:4: error: limits: it must be a table, not a number\n"
	     "main.lua:5: error: deadline: it must be seconds from 0.001 to 60, not 0\n"
	     "main.lua:7: error: headers.client_cert: it must be true or false, not a number\n"
	     "main.lua:8: error: refusals.detail: it must be \"id\" or \"reason\", not \"reasn\" (did you mean \"reason\"?)\n"
	     "main.lua:9: error: hosts: it must be a table of names, not a text\n");
	says("return { threads = 257 }",
	     "main.lua:1: error: threads: it must be a whole number from 0 to 256, not 257\n");
	says("return { threads = -1 }",
	     "main.lua:1: error: threads: it must be a whole number from 0 to 256, not -1\n");
	says("return { threads = 0/0 }", "main.lua:1: error: threads: it must be a whole number from 0 to 256, not -nan\n");
	says("return { limits = { connections = 1e300 } }", "main.lua:1: error: limits.connections: "
	     "it must be a whole number from 1 to 1000000, not 1e+300\n");
	says("return { limits = { frame = 70000,\n message = 65536 } }",
	     NO_HOSTS
	     "main.lua:2: error: limits.message: messages of at most 65536 bytes cannot hold a frame of 70000\n");
	says("return { state = '' }", "main.lua:1: error: state: it is empty\n");
}

static void authority_faults(void **state)
{
	(void)state;
	says("return { authorities = {} }",
	     "main.lua:1: error: authorities: it is empty (to have none, leave the key out)\n");
	says("return { authorities = {\n a = {},\n b = { certificates = 'no.pem',\n intermediates = '.' },\n"
	     " c = 1,\n [''] = { certificates = 'ca.pem' } } }",
	     "main.lua:2: error: authorities.a: \"certificates\" is missing (for example certificates = \"ca/partners.pem\")\n"
	     "main.lua:3: error: authorities.b.certificates: no.pem cannot be read: No such file or directory\n"
	     "main.lua:4: error: authorities.b.intermediates: . cannot be read: it is a folder\n"
	     "main.lua:5: error: authorities.c: it must be a table, not a number\n"
	     "main.lua:6: error: authorities[\"\"]: a name has 1 to 128 printable characters\n");
}

static void deny_faults(void **state)
{
	static const struct { const char *entry, *fault; } bad[] = {
		{ "zz", "\"zz\" is no serial" }, { "", "it is empty" }, { "0", "is no serial" },
		{ "00:00", "is no serial" }, { ":", "is no serial" }, { "0x12", "is no serial" },
		{ "12 34", "is no serial" }, { "dec:", "is no decimal serial" },
		{ "dec:0", "is no decimal serial" }, { "dec:1a", "is no decimal serial" },
		{ "dec:-1", "is no decimal serial" },
		{ "dec:1461501637330902918203684832716283019655932542976", "is no decimal serial" },
		{ "1461501637330902918203684832716283019655932542976f", "is no serial" },
		{ "0102030405060708090a0b0c0d0e0f101112131415", "is no serial" },
		{ "sha256:", "is no SHA-256" }, { "sha256:00", "is no SHA-256" }, { "spki:0g", "is no SHA-256" },
		{ "ski:", "is no key id" }, { "ski:123", "is no key id" }, { "ski:zz", "is no key id" },
		{ "sha1:00", "is no serial" }, { "SHA256:00", "is no SHA-256" }, { "DEC:1a", "is no decimal serial" },
		{ "93:6E:C", "is no serial" }, { "93:6:EC", "is no serial" }, { "sha256:0:0", "is no SHA-256" },
	};
	char source[512];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(source, sizeof(source), "return { authorities = { ca = { certificates = 'ca.pem',"
			 " revocation = { deny = {\n '%s' } } } } }", bad[i].entry);
		assert_null(config_dir_load(dir, source));
		if (!strstr(config_dir_faults(dir), bad[i].fault) ||
		    strncmp(config_dir_faults(dir), "main.lua:2: error: authorities.ca.revocation.deny[1]: ", 53))
			fail_msg("%s: %s", bad[i].entry, config_dir_faults(dir));
	}
	says("return { authorities = { ca = { certificates = 'ca.pem', revocation = { deny = { 12 } } } } }",
	     "main.lua:1: error: authorities.ca.revocation.deny[1]: write serials as texts: a number loses digits\n");
}

static void assert_entry(const struct deny_entry *entry, enum deny_kind kind, const char *octets,
			 size_t len)
{
	assert_int_equal(entry->kind, kind);
	assert_int_equal(entry->len, len);
	assert_memory_equal(entry->octets, octets, len);
}

static void deny_entries(void **state)
{
	struct config *config = load("return { " "hosts = { ['a.example'] = { authorities = { 'ca' } } },"
		"authorities = { ca = { certificates = 'ca.pem', revocation = { deny = {\n"
		"'00:93:6e:AC', '123',\n 'dec:10629346', 'ski:01:02', '9', 'f', '12:34',\n"
		"'sha256:000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F',\n"
		"'1461501637330902918203684832716283019655932542975', 'DEC:17', '9:36E0' } } } } }");
	const struct deny_entry *deny = config->authorities[0].revocation.deny;

	(void)state;
	assert_string_equal(config_dir_faults(dir),
		"main.lua:2: lint: authorities.ca.revocation.deny[2]: \"123\" has only digits: it is read as a "
		"hex serial and as a decimal one (write \"dec:\" in front, or the hex form with colons)\n");
	assert_int_equal(config->authorities[0].revocation.deny_count, 12);
	assert_entry(&deny[0], DENY_SERIAL, "\x93\x6e\xac", 3);
	assert_entry(&deny[1], DENY_SERIAL, "\x01\x23", 2);
	assert_entry(&deny[2], DENY_SERIAL, "\x7b", 1);
	assert_entry(&deny[3], DENY_SERIAL, "\xa2\x30\xe2", 3);
	assert_entry(&deny[4], DENY_SKI, "\x01\x02", 2);
	assert_entry(&deny[5], DENY_SERIAL, "\x09", 1);
	assert_entry(&deny[6], DENY_SERIAL, "\x0f", 1);
	assert_entry(&deny[7], DENY_SERIAL, "\x12\x34", 2);
	assert_int_equal(deny[8].kind, DENY_SHA256);
	/* Too long for a serial in hex, just right for a decimal one: 2^160 - 1. */
	assert_entry(&deny[9], DENY_SERIAL, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 20);
	assert_entry(&deny[10], DENY_SERIAL, "\x11", 1);
	assert_entry(&deny[11], DENY_SERIAL, "\x09\x36\xe0", 3);
	config_free(config);
}

static void host_faults(void **state)
{
	(void)state;
	says("return { hosts = {} }", "main.lua:1: error: hosts: it is empty (to have none, leave the key out)\n");
	says("return { " ONE_CA "hosts = {\n ['API.example'] = { authorities = { 'ca' } },\n"
	     " ['api.example'] = { authorities = { 'ca' } },\n"
	     " x = { authorities = { 'c', 'ca', 'ca', 1 } },\n ['a:80'] = {},\n ['b.'] = {},\n ['*c'] = {},\n"
	     " ['d.*'] = {},\n ['*.'] = {},\n [''] = {},\n ['*.[::1]'] = {},\n e = { require = 'some' },\n"
	     " f = { enforce = true },\n g = 'ca' } }",
	     "main.lua:3: error: hosts[\"api.example\"]: this host is given twice, first in main.lua:2\n"
	     "main.lua:4: error: hosts.x.authorities[1]: no authority is called \"c\" (did you mean \"ca\"?)\n"
	     "main.lua:4: error: hosts.x.authorities[3]: \"ca\" is named twice\n"
	     "main.lua:4: error: hosts.x.authorities[4]: it must be a text, not a number\n"
	     "main.lua:5: error: hosts[\"a:80\"]: a host has no port and no dot at its end here\n"
	     "main.lua:6: error: hosts[\"b.\"]: a host has no port and no dot at its end here\n"
	     "main.lua:7: error: hosts[\"*c\"]: * stands only as a whole label at its front\n"
	     "main.lua:8: error: hosts[\"d.*\"]: * stands only as a whole label at its front\n"
	     "main.lua:9: error: hosts[\"*.\"]: it is no host name (letters, digits, - and . only; international "
	     "names in their xn-- form)\n"
	     "main.lua:10: error: hosts[\"\"]: it is no host name (letters, digits, - and . only; international "
	     "names in their xn-- form)\n"
	     "main.lua:11: error: hosts[\"*.[::1]\"]: * stands only as a whole label at its front\n"
	     "main.lua:12: error: hosts.e.require: it must be \"verified\" or \"none\", not \"some\" (did you mean \"none\"?)\n"
	     "main.lua:13: error: hosts.f.enforce: it must be a text, not true or false\n"
	     "main.lua:14: error: hosts.g: it must be a table, not a text\n");
	says("return { hosts = {\n a = { authorities = { 'none' } } } }",
	     "main.lua:2: error: hosts.a.authorities[1]: no authority is called \"none\"\n");
}

static void host_lints(void **state)
{
	(void)state;
	says("return { hosts = {\n a = {},\n b = { authorities = {} },\n c = { require = 'none' } } }",
	     "main.lua:2: lint: hosts.a: a host without authorities denies every request "
	     "(add authorities = { … }, or require = \"none\")\n"
	     "main.lua:3: lint: hosts.b: a host without authorities denies every request "
	     "(add authorities = { … }, or require = \"none\")\n");
	says("return {}", NO_HOSTS);
}

static const struct host_conf *host(const struct config *config, const char *pattern)
{
	for (size_t i = 0; i < config->host_count; i++)
		if (strcmp(config->hosts[i].pattern, pattern) == 0)
			return &config->hosts[i];
	fail_msg("no host %s", pattern);
	return NULL;
}

static void hosts(void **state)
{
	struct config *config = load("return { authorities = { x = { certificates = 'ca.pem' },\n"
		"y = { certificates = 'ca.pem', intermediates = 'ca.pem' } },\n"
		"hosts = { ['A.example'] = { authorities = { 'x', 'y' } },\n"
		"['*.b'] = { authorities = { 'y', 'x' }, enforce = 'observe', paths = 'raw', l4 = true },\n"
		"['*'] = { require = 'none' }, c = { authorities = { 'x', 'y' }, enforce = 'deny' } } }");

	(void)state;
	assert_string_equal(config_dir_faults(dir), "");
	assert_int_equal(config->host_count, 4);
	assert_int_equal(config->set_count, 3);
	assert_int_equal(host(config, "a.example")->rule.set, host(config, "c")->rule.set);
	assert_int_not_equal(host(config, "a.example")->rule.set, host(config, "*.b")->rule.set);
	assert_int_equal(host(config, "*.b")->authority_count, 2);
	assert_string_equal(config->authorities[host(config, "*.b")->authorities[0]].name, "y");
	assert_true(host(config, "*.b")->rule.observe);
	assert_true(host(config, "*.b")->rule.raw_paths);
	assert_true(host(config, "*.b")->rule.l4);
	assert_int_equal(host(config, "*.b")->line, 4);
	assert_int_equal(host(config, "*")->rule.require, REQUIRE_NONE);
	assert_false(host(config, "c")->rule.observe);
	assert_false(host(config, "c")->rule.raw_paths);
	assert_false(host(config, "c")->rule.l4);
	config_free(config);
}

static void worker_faults(void **state)
{
	(void)state;
	config_dir_put(dir, "binary.lua", "\033Lua");
	says("return { " ONE_HOST "workers = {\n {},\n { name = 'a b', script = 'w.lua', routes = {} },\n"
	     " { name = 'a', script = 'none.lua', routes = { 'https://a.example/*',\n 'a.example/*x', 'a.example/?q',\n"
	     " 'b*/x', '/x', 'A.example/*', 'a.example/*' } },\n"
	     " { name = 'a', script = 'binary.lua', routes = { 'a.example/*' }, vars = { T = {} },\n"
	     "   allow_pass_through = 'x' }, 7 } }",
	     "main.lua:2: error: workers[1]: \"name\" is missing (for example name = \"api\")\n"
	     "main.lua:2: error: workers[1]: \"script\" is missing (for example script = \"workers/api.lua\")\n"
	     "main.lua:2: error: workers[1]: \"routes\" is missing (for example routes = { \"api.example.com/*\" })\n"
	     "main.lua:3: error: workers[2].routes: it is empty (to have none, leave the key out)\n"
	     "main.lua:3: error: workers[2].name: \"a b\" is no name: letters, digits, - and _ without blanks\n"
	     "main.lua:4: error: workers[3].routes[1]: a route is \"host/path*\" (leave the scheme out)\n"
	     "main.lua:4: error: workers[3].script: none.lua cannot be read: No such file or directory\n"
	     "main.lua:5: error: workers[3].routes[2]: a path has * only at its end, and neither ? nor #\n"
	     "main.lua:5: error: workers[3].routes[3]: a path has * only at its end, and neither ? nor #\n"
	     "main.lua:6: error: workers[3].routes[4]: \"b*\": * stands only at its front (a route is \"host/path*\")\n"
	     "main.lua:6: error: workers[3].routes[5]: \"\": it is no host name (letters, digits, - and . only; "
	     "international names in their xn-- form) (a route is \"host/path*\")\n"
	     "main.lua:6: error: workers[3].routes[7]: this route is given twice, first in main.lua:6\n"
	     "main.lua:7: error: workers[4].routes[1]: this route is given twice, first in main.lua:6\n"
	     "main.lua:7: error: workers[4].vars.T: a var is a text, a number, true or false\n"
	     "main.lua:7: error: workers[4].name: a worker is called \"a\" already, in main.lua:4\n"
	     "main.lua:7: error: workers[4].script: binary.lua is compiled Lua; only text is run\n"
	     "main.lua:8: error: workers[4].allow_pass_through: it must be true or false, not a text\n"
	     "main.lua:8: error: workers[5]: it must be a table, not a number\n");
}

static void worker_lints(void **state)
{
	(void)state;
	says("return { " ONE_HOST "workers = { { name = 'a', script = 'w.lua', routes = {\n 'b.example/*',\n"
	     " '*.b.example/*',\n '*.example/*', '*a.example/x',\n 'a.example//x',\n 'a.example/%2f' } } } }",
	     "main.lua:2: lint: workers[1].routes[1]: no host of the configuration matches this route "
	     "(add it to hosts, or take the route away)\n"
	     "main.lua:3: lint: workers[1].routes[2]: no host of the configuration matches this route "
	     "(add it to hosts, or take the route away)\n"
	     "main.lua:5: lint: workers[1].routes[5]: no request has such a path: it is normalised "
	     "(write \"/x\", or say paths = \"raw\" for its host)\n"
	     "main.lua:6: lint: workers[1].routes[6]: no request has such a path: it would be refused "
	     "(its host would need paths = \"raw\")\n");
}

static void workers(void **state)
{
	struct config *config = load("return { " ONE_HOST "workers = { { name = 'a', script = 'w.lua',\n"
		"routes = { '*A.example', '*.EXAMPLE/Dir/*', '*/*' }, allow_pass_through = true,\n"
		"vars = { T = 'x', N = 1.5, B = true } } } }");
	const struct worker_conf *worker = &config->workers[0];

	(void)state;
	assert_string_equal(config_dir_faults(dir), "");
	assert_string_equal(worker->script, config_dir_file(dir, "w.lua"));
	assert_int_equal(worker->source_len, strlen(worker->source));
	assert_non_null(strstr(worker->source, "fetch"));
	assert_true(worker->allow_pass_through);
	assert_string_equal(worker->routes[0].host, "*a.example");
	assert_string_equal(worker->routes[0].path, "/");
	assert_false(worker->routes[0].prefix);
	assert_string_equal(worker->routes[1].host, "*.example");
	assert_string_equal(worker->routes[1].path, "/Dir/");
	assert_true(worker->routes[1].prefix);
	assert_int_equal(worker->routes[1].line, 2);
	assert_string_equal(worker->routes[2].host, "*");
	assert_int_equal(worker->var_count, 3);
	assert_string_equal(worker->vars[0].name, "B");
	assert_int_equal(worker->vars[0].type, VAR_BOOL);
	assert_int_equal(worker->vars[1].type, VAR_NUMBER);
	assert_true(worker->vars[1].number > 1.4 && worker->vars[1].number < 1.6);
	assert_string_equal(worker->vars[2].value, "x");
	config_free(config);
}

static void headers_and_decisions(void **state)
{
	struct config *config;

	(void)state;
	says("return { headers = { owned = {\n 'a b', 'x-*', '', '-', 'Host', 'Content_Length' } } }",
	     "main.lua:2: error: headers.owned[1]: \"a b\" is no header name (a prefix ends in -)\n"
	     "main.lua:2: error: headers.owned[2]: \"x-*\" is no header name (a prefix ends in -)\n"
	     "main.lua:2: error: headers.owned[3]: it is empty\n"
	     "main.lua:2: error: headers.owned[4]: \"-\" is no header name (a prefix ends in -)\n"
	     "main.lua:2: error: headers.owned[5]: \"host\" cannot be taken away: no request works without it\n"
	     "main.lua:2: error: headers.owned[6]: \"content-length\" cannot be taken away: no request works without it\n");
	says("return { " ONE_HOST "decisions = {\n log = 'stderr' } }",
	     "main.lua:2: lint: decisions.log: nothing is logged while decisions.level is \"off\" "
	     "(add level = \"denials\" or \"all\")\n");
	config = load("return { " ONE_HOST "headers = { managed_transform = true, client_cert = true,"
		      " forward_certificate = true, owned = { 'X_Client-', 'Y' } },"
		      " decisions = { log = 'd.log', level = 'all' }, refusals = { detail = 'id' } }");
	assert_true(config->headers.managed_transform && config->headers.client_cert &&
		    config->headers.forward_certificate);
	assert_int_equal(config->headers.owned_count, 2);
	assert_string_equal(config->headers.owned[0], "x-client-");
	assert_string_equal(config->headers.owned[1], "y");
	assert_string_equal(config->decisions_log, config_dir_file(dir, "d.log"));
	assert_int_equal(config->decisions_level, DECISIONS_ALL);
	assert_false(config->refusals_reason);
	config_free(config);
}

static void defaults(void **state)
{
	struct config *config = load("return {}");

	(void)state;
	assert_string_equal(config->file, config_dir_file(dir, "main.lua"));
	assert_int_equal(config->listen_count[LISTEN_SPOP], 2);
	assert_string_equal(config->listen[LISTEN_SPOP][0].text, "127.0.0.1:9640");
	assert_string_equal(config->listen[LISTEN_SPOP][1].host, "/run/mtlsguard/spop.sock");
	assert_int_equal(config->listen[LISTEN_SPOP][1].mode, 0660);
	assert_int_equal(config->listen[LISTEN_ADMIN][0].port, 9643);
	assert_int_equal(config->listen[LISTEN_CONTROL][0].mode, 0600);
	assert_true(config->threads >= 1);
	assert_string_equal(config->state, "/var/lib/mtlsguard");
	assert_int_equal(config->deadline_ns, 500000000);
	assert_int_equal(config->limits.connections, 4096);
	assert_int_equal(config->limits.inflight, 16384);
	assert_int_equal(config->limits.frame, 65536);
	assert_int_equal(config->limits.message, 262144);
	assert_int_equal(config->limits.worker_cpu_ns, 10000000);
	assert_int_equal(config->limits.worker_memory, 8388608);
	assert_int_equal(config->limits.certificate_cache, 100000);
	assert_int_equal(config->limits.connection_age_ns, INT64_C(1800000000000));
	assert_false(config->headers.managed_transform || config->headers.client_cert ||
		     config->headers.forward_certificate);
	assert_true(config->refusals_reason);
	assert_int_equal(config->decisions_level, DECISIONS_OFF);
	assert_string_equal(config->decisions_log, "stdout");
	config_free(config);
}

static char *generation(const char *source)
{
	struct config *config = load(source);
	char *copy = mem_dup(slice_str(config->generation));

	assert_int_equal(strlen(copy), 32);
	config_free(config);
	return copy;
}

static void same_generation(const char *a, const char *b, bool same)
{
	char *x = generation(a), *y = generation(b);

	assert_int_equal(strcmp(x, y) == 0, same);
	free(x);
	free(y);
}

static void generations(void **state)
{
	struct config_dir *first = dir;
	char *here, *there;

	(void)state;
	same_generation("return { threads = 1, deadline = 0.5 }", "-- x\nreturn { deadline = 0.5, threads = 1 }", true);
	same_generation("return { threads = 1 }", "return { threads = 2 }", false);
	same_generation("return { " ONE_CA " }", "return {}", false);
	same_generation("return { headers = { owned = { 'a', 'b' } } }", "return { headers = { owned = { 'b', 'a' } } }", false);
	same_generation("return { headers = { owned = { 'ab' } } }", "return { headers = { owned = { 'a', 'b' } } }", false);
	/* Another folder, the same words: the same generation. Another file's content: another one. */
	here = generation("return { " ONE_HOST "workers = { { name = 'a', script = 'w.lua', routes = { 'a.example/*' } } } }");
	config_dir_put(dir, "w.lua", "return {}\n");
	there = generation("return { " ONE_HOST "workers = { { name = 'a', script = 'w.lua', routes = { 'a.example/*' } } } }");
	assert_string_not_equal(here, there);
	free(here);
	dir = config_dir_new();
	config_dir_put(dir, "w.lua", "return {}\n");
	here = generation("return { hosts = { a = { require = 'none' } }, workers = { { name = 'a', script = 'w.lua', routes = { 'a/*' } } } }");
	config_dir_free(dir);
	dir = first;
	free(there);
	there = generation("return { hosts = { a = { require = 'none' } }, workers = { { name = 'a', script = 'w.lua', routes = { 'a/*' } } } }");
	assert_string_equal(here, there);
	free(here);
	free(there);
}

static void included_hosts(void **state)
{
	(void)state;
	config_dir_put(dir, "hosts.d/a.lua", "return {\n ['a.example'] = { authorities = { 'cb' } } }");
	config_dir_put(dir, "hosts.d/b.lua", "return {\n\n ['A.example'] = { authorities = { 'ca' } },\n x = {} }");
	says("return { " ONE_CA "hosts = include 'hosts.d/*.lua' }",
	     "hosts.d/a.lua:2: error: hosts[\"a.example\"].authorities[1]: no authority is called \"cb\" "
	     "(did you mean \"ca\"?)\n"
	     "hosts.d/a.lua:2: error: hosts[\"a.example\"]: this host is given twice, first in hosts.d/b.lua:3\n"
	     "hosts.d/b.lua:4: lint: hosts.x: a host without authorities denies every request "
	     "(add authorities = { … }, or require = \"none\")\n");
}

static void documents(void **state)
{
	struct buf example = buf_capped(0), man = buf_capped(0);
	struct config *config;

	(void)state;
	config_doc_example(&example);
	buf_u8(&example, 0);
	config = load((const char *)example.ptr);
	assert_string_equal(config_dir_faults(dir), "main.lua:3: warning: there are no hosts: every "
			    "request is denied (add hosts = { … })\n");
	assert_int_equal(config->limits.frame, 65536);
	config_free(config);
	config_doc_man(&man);
	buf_u8(&man, 0);
	assert_non_null(strstr((const char *)man.ptr, "\\fBhosts.NAME.require\\fR (word: \"verified\", "
			       "\"none\"; default \"verified\")"));
	for (const struct directive *row = config_directives; row->path; row++) {
		assert_non_null(row->doc);
		assert_non_null(strstr((const char *)example.ptr, directive_key(row)));
	}
	buf_fini(&example);
	buf_fini(&man);
}

static void floods_of_faults(void **state)
{
	size_t lines = 0;

	(void)state;
	assert_null(config_dir_load(dir, "local t = {} for i = 1, 5000 do t['h' .. i] = { x = 1 } end return { hosts = t }"));
	for (const char *p = config_dir_faults(dir); *p; p++)
		lines += *p == '\n';
	assert_true(lines <= 2001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_keys), cmocka_unit_test(keys_of_later_versions),
		cmocka_unit_test(wrong_types_and_ranges),
		cmocka_unit_test(authority_faults), cmocka_unit_test(deny_faults),
		cmocka_unit_test(deny_entries), cmocka_unit_test(host_faults),
		cmocka_unit_test(host_lints), cmocka_unit_test(hosts), cmocka_unit_test(worker_faults),
		cmocka_unit_test(worker_lints), cmocka_unit_test(workers),
		cmocka_unit_test(headers_and_decisions), cmocka_unit_test(defaults),
		cmocka_unit_test(generations), cmocka_unit_test(included_hosts),
		cmocka_unit_test(documents), cmocka_unit_test(floods_of_faults),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
