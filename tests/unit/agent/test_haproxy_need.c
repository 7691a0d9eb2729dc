/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "config_load.h"
#include "haproxy_need.h"
#include "lib/certs.h"

static char folder[] = "/tmp/mtlsguard-need-XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
	struct certs *root = certs_ca("/CN=Root", NULL);

	(void)state;
	assert_non_null(mkdtemp(folder));
	write_file("ca.pem", root->pem);
	certs_free(root);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "ca.pem", "c.lua", "w.lua" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

/* What a configuration with this worker, and these headers, needs. */
static void read_need(const char *worker, const char *more, struct haproxy_need *need)
{
	struct diag_list diag = { 0 };
	struct snapshot *snapshot;
	struct config *config;
	char path[128], text[1024];

	snprintf(text, sizeof(text),
		 "return { authorities = { a = { certificates = 'ca.pem' } },\n"
		 " hosts = { ['h.example'] = { authorities = { 'a' } } },\n"
		 " workers = { { name = 'w', script = 'w.lua', routes = { 'h.example/*' } } }, %s }\n",
		 more);
	write_file("c.lua", text);
	write_file("w.lua", worker);
	snprintf(path, sizeof(path), "%s/c.lua", folder);
	if (config_load(path, &diag, &config) || snapshot_build(config, NULL, &diag, &snapshot))
		fail_msg("%s", diag.count ? diag.items[0].message : "no configuration");
	haproxy_need_init(need, snapshot);
	snapshot_unref(snapshot);
	diag_fini(&diag);
}

static const struct haproxy_arg *find(const struct haproxy_need *need, const char *name)
{
	for (size_t i = 0; i < need->arg_count; i++)
		if (strcmp(need->args[i].name, name) == 0)
			return &need->args[i];
	return NULL;
}

/* One argument, as this worker makes it: 0 not there, 1 offered, 2 needed. */
static int level(const char *worker, const char *name)
{
	struct haproxy_need need;
	const struct haproxy_arg *arg;
	int found;

	read_need(worker, "", &need);
	arg = find(&need, name);
	found = !arg ? 0 : arg->required ? 2 : 1;
	haproxy_need_fini(&need);
	return found;
}

#define WORKER(body) "local M = {}\nfunction M.fetch(request, env, ctx)\n" body "\nend\nreturn M\n"

static void what_every_configuration_needs(void **state)
{
	static const char *const needed[] = { "cert", "host", "method", "path", "chain", "resumed" };
	static const char *const offered[] = { "used", "sni", "early", "src", "id", "query", "hdr_accept" };

	(void)state;
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(level(WORKER("return fetch(request)"), needed[i]), 2);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(level(WORKER("return fetch(request)"), offered[i]), 1);
	assert_int_equal(level(WORKER("return fetch(request)"), "headers"), 0);
}

/* Nothing of a request, whatever workers read: none runs for a connection. */
static void what_a_connection_needs(void **state)
{
	static const char *const required[] = { "cert", "chain", "resumed", "sni" };
	struct haproxy_need need;
	size_t count = 0;

	(void)state;
	read_need(WORKER("return request.headers:get('a') or request.args.b"), "", &need);
	for (size_t i = 0; i < need.connection_arg_count; i++) {
		const struct haproxy_arg *arg = &need.connection_args[i];

		assert_non_null(arg->sample);
		assert_null(strstr(arg->sample, "req."));
		if (!arg->required)
			continue;
		assert_true(count < 4);
		assert_string_equal(arg->name, required[count++]);
	}
	assert_int_equal(count, 4);
	haproxy_need_fini(&need);
}

static void headers_that_a_worker_reads(void **state)
{
	(void)state;
	assert_int_equal(level(WORKER("return request.headers:get('User-Agent')"), "hdr_user_agent"), 2);
	assert_int_equal(level(WORKER("return request.headers:get('User-Agent')"), "headers"), 0);
	assert_int_equal(level(WORKER("return request.headers:has( \"a\" )"), "hdr_a"), 2);
	assert_int_equal(level(WORKER("return request.headers:get(name)"), "headers"), 2);
	assert_int_equal(level(WORKER("for k, v in pairs(request.headers) do end"), "headers"), 2);
	assert_int_equal(level(WORKER("local h = request.headers"), "headers"), 2);
	assert_int_equal(level(WORKER("request.headers:set('a', 'b')"), "headers"), 0);
	assert_int_equal(level(WORKER("my_request.headers:get('a')"), "hdr_a"), 0);
	assert_int_equal(level(WORKER("-- request.headers"), "headers"), 0);
}

static void properties_that_a_worker_reads(void **state)
{
	(void)state;
	assert_int_equal(level(WORKER("return request.url"), "query"), 2);
	assert_int_equal(level(WORKER("return request.url"), "scheme"), 2);
	assert_int_equal(level(WORKER("return request.cf.tlsVersion"), "tls_version"), 2);
	assert_int_equal(level(WORKER("local cf = request.cf return cf.tlsCipher"), "tls_cipher"), 2);
	assert_int_equal(level(WORKER("return request.cf.httpProtocol"), "version"), 2);
	assert_int_equal(level(WORKER("return request.args.country"), "country"), 2);
}

static void names_of_the_parameter(void **state)
{
	(void)state;
	assert_int_equal(level("return { fetch = function(req) return req.headers:get('a') end }\n", "hdr_a"), 2);
	assert_int_equal(level("local M = {}\nM.fetch = function ( r, env ) return r.url end\nreturn M\n", "query"), 2);
	assert_int_equal(level("local M = {}\nfunction M.fetch(r) return fetch(request.url) end\nreturn M\n", "query"), 1);
}

static void names_that_a_front_deletes(void **state)
{
	static const char *const wanted[] = { "cf-cert-verified", "client-cert", "x-mtls-", "x-client-", "x-one" };
	struct haproxy_need need;

	(void)state;
	read_need(WORKER(""), "headers = { owned = { 'X-Client-', 'x-one' } }, listen = { spop = { 'unix:/run/a.sock' } }",
		  &need);
	for (size_t i = 0; i < 5; i++) {
		size_t k = 0;

		while (k < need.owned_count && strcmp(need.owned[k], wanted[i]) != 0)
			k++;
		assert_true(k < need.owned_count);
	}
	assert_int_equal(need.socket_count, 1);
	assert_string_equal(need.sockets[0], "/run/a.sock");
	haproxy_need_fini(&need);
}

static void assert_regex(const char *owned, const char *expected)
{
	struct buf b = buf_capped(0);

	haproxy_owned_regex(&b, owned);
	buf_u8(&b, '\0');
	assert_string_equal((const char *)b.ptr, expected);
	buf_fini(&b);
}

static void expressions(void **state)
{
	(void)state;
	assert_regex("client-cert", "^client[-_]cert$");
	assert_regex("x-mtls-", "^x[-_]mtls[-_]");
	assert_regex("X_Odd.na'me", "^x[-_]odd.na.me$");
	assert_regex("cf-cert-serial", "^cf[-_]cert[-_]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_every_configuration_needs),
		cmocka_unit_test(what_a_connection_needs),
		cmocka_unit_test(headers_that_a_worker_reads),
		cmocka_unit_test(properties_that_a_worker_reads),
		cmocka_unit_test(names_of_the_parameter),
		cmocka_unit_test(names_that_a_front_deletes),
		cmocka_unit_test(expressions),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
