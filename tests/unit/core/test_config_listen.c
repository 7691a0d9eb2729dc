/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/config.h"
#include "lib/config_dir.h"

static struct config_dir *dir;

static int set_up(void **state)
{
	(void)state;
	dir = config_dir_with_ca();
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

#define ONE_HOST \
	"authorities = { ca = { certificates = 'ca.pem' } }, hosts = { ['a.example'] = { authorities = { 'ca' } } }, "

static struct config *load(const char *source)
{
	return config_dir_take(dir, source);
}

static void listen_faults(void **state)
{
	(void)state;
	says("return { listen = {\n spop = 'x',\n admin = { 1 },\n control = { '127.0.0.1:1' } } }",
	     "main.lua:2: error: listen.spop: it must be a list, not a text\n"
	     "main.lua:3: error: listen.admin[1]: it must be an address, or a table with one address first "
	     "({ \"127.0.0.1:9640\", … })\n"
	     "main.lua:4: error: listen.control[1]: control needs a unix socket: it asks who its peer is "
	     "(use \"unix:/path\")\n");
	says("return { listen = { spop = {\n 'localhost:1',\n { 'a', 'b' },\n { mode = '0600' },\n"
	     " { 'unix:s', mode = '999' },\n { 'unix:t', mode = 0660 },\n { '[::1]:1', mode = '0660', group = 'x' },\n"
	     " { '[::1]:2', peers = { 1 } },\n { 'unix:u', peers = { '10.0.0.0/8', -1, 'x', 1.5 } },\n"
	     " { 'unix:v', tls = { certificate = 'ca.pem', key = 'k' } },\n { '[::1]:3', peers = {} },\n"
	     " '[::1]:2' } } }",
	     "main.lua:2: error: listen.spop[1]: \"localhost:1\" is no address: its host is no numeric address "
	     "(for all of them: \"0.0.0.0\" or \"[::]\")\n"
	     "main.lua:3: error: listen.spop[2]: it must be an address, or a table with one address first "
	     "({ \"127.0.0.1:9640\", … })\n"
	     "main.lua:4: error: listen.spop[3]: it must be an address, or a table with one address first "
	     "({ \"127.0.0.1:9640\", … })\n"
	     "main.lua:5: error: listen.spop[4].mode: \"999\" are no permission bits (write it like \"0660\")\n"
	     "main.lua:6: error: listen.spop[5].mode: it must be a text, not a number\n"
	     "main.lua:7: error: listen.spop[6].mode: only the file of a unix socket has permissions\n"
	     "main.lua:7: error: listen.spop[6].group: only the file of a unix socket has a group\n"
	     "main.lua:8: error: listen.spop[7].peers: a TCP peer has no uid (name networks)\n"
	     "main.lua:9: error: listen.spop[8].peers[2]: -1 is no uid\n"
	     "main.lua:9: error: listen.spop[8].peers[3]: \"x\" is no network, or has bits behind its prefix "
	     "(write uids as numbers, networks like \"10.0.0.0/8\")\n"
	     "main.lua:9: error: listen.spop[8].peers[4]: 1.5 is no uid\n"
	     "main.lua:9: error: listen.spop[8].peers: the peer of a unix socket has no network address "
	     "(name uids, as numbers)\n"
	     "main.lua:10: error: listen.spop[9].tls: TLS is for TCP addresses of spop, grpc and http\n"
	     "main.lua:11: error: listen.spop[10].peers: it is empty (to have none, leave the key out)\n"
	     "main.lua:12: error: listen.spop[11]: \"[::1]:2\" is listened on twice\n");
	says("return { listen = { admin = { {\n '127.0.0.1:3', tls = { certificate = 'ca.pem', key = 'k' } } },\n"
	     " control = { { 'unix:c', tls = { certificate = 'ca.pem', key = 'k' } } } } }",
	     "main.lua:2: error: listen.admin[1].tls: TLS is for TCP addresses of spop, grpc and http\n"
	     "main.lua:3: error: listen.control[1].tls: TLS is for TCP addresses of spop, grpc and http\n");
	says("return { listen = { spop = { { '[::1]:3',\n chain = 'xfcc' } } } }",
	     "main.lua:2: error: listen.spop[1].chain: chain is for grpc: HAProxy sends it as an argument\n");
	says("return { listen = { spop = { { '[::1]:3',\n dialect = 'nginx' } },\n http = { { '[::1]:4', dialect = 'ngnix' },\n"
	     " { '[::1]:5', dialect = 7, chain = 'xfcc' },\n { 'unix:h', tls = { certificate = 'ca.pem', key = 'k' } } } } }",
	     "main.lua:2: error: listen.spop[1].dialect: dialect is for http\n"
	     "main.lua:3: error: listen.http[1].dialect: it must be \"envoy\", \"nginx\", \"traefik\", \"caddy\" or "
	     "\"haproxy\", not \"ngnix\" (did you mean \"nginx\"?)\n"
	     "main.lua:4: error: listen.http[2].dialect: it must be a text, not a number\n"
	     "main.lua:4: error: listen.http[2].chain: chain is for grpc: the dialect fixes where an http entry finds it\n"
	     "main.lua:5: error: listen.http[3].tls: TLS is for TCP addresses of spop, grpc and http\n");
	says("return { listen = { spop = { { '[::1]:3',\n tls = { certificate = 'none.pem' } } } } }",
	     "main.lua:2: error: listen.spop[1].tls: \"key\" is missing\n"
	     "main.lua:2: error: listen.spop[1].tls.certificate: none.pem cannot be read: No such file or directory\n");
}

static void listen_warnings(void **state)
{
	(void)state;
	says("return { " ONE_HOST "listen = {\n admin = { '0.0.0.0:9643', '127.0.0.1:1', 'unix:a' },\n"
	     " spop = { 'unix:@name', '0.0.0.0:2' } } }",
	     "main.lua:2: warning: listen.admin[1]: admin has no authentication, and 0.0.0.0:9643 is reached "
	     "from other machines (restrict it with peers, or use 127.0.0.1)\n"
	     "main.lua:3: warning: listen.spop[1]: an abstract socket has no permissions: every local user "
	     "reaches unix:@name (set peers to the uids that may connect)\n");
	says("return { " ONE_HOST "listen = { http = {\n '127.0.0.1:2', 'unix:a', { '0.0.0.0:2', peers = { '10.0.0.0/8' } },\n"
	     " { '0.0.0.0:3', tls = { certificate = 'ca.pem', key = 'k.pem', client_authorities = 'ca.pem' } },\n"
	     " { '0.0.0.0:4', tls = { certificate = 'ca.pem', key = 'k.pem' } }, '0.0.0.0:5' } } }",
	     "main.lua:4: warning: listen.http[5]: whoever reaches 0.0.0.0:4 says which certificate its client has "
	     "shown (restrict it with peers or with tls and client_authorities, or use 127.0.0.1)\n"
	     "main.lua:4: warning: listen.http[6]: whoever reaches 0.0.0.0:5 says which certificate its client has "
	     "shown (restrict it with peers or with tls and client_authorities, or use 127.0.0.1)\n");
}

static void listen_entries(void **state)
{
	struct config *config = load("return { " ONE_HOST "listen = { spop = { '127.0.0.1:0', '127.0.0.1:0',\n"
		"{ 'unix:s.sock', mode = '600', group = 'proxy', peers = { 0, 99 } },\n"
		"{ '[::1]:9640', peers = { '10.0.0.0/8', '::1' }, tls = { certificate = 'ca.pem', key = 'k.pem',"
		" client_authorities = 'ca.pem' } } }, grpc = { { '[::1]:9641', chain = 'xfcc' } },"
		" http = { '127.0.0.1:9642', { 'unix:h.sock', dialect = 'caddy' } }, admin = {} } }");
	const struct listen_entry *entries = config->listen[LISTEN_SPOP];

	(void)state;
	assert_int_equal(config->listen_count[LISTEN_SPOP], 4);
	assert_int_equal(config->listen_count[LISTEN_ADMIN], 0);
	assert_true(config->listen[LISTEN_GRPC][0].chain_xfcc && !entries[3].chain_xfcc);
	assert_int_equal(config->listen[LISTEN_HTTP][0].dialect, HTTP_ENVOY);
	assert_int_equal(config->listen[LISTEN_HTTP][1].dialect, HTTP_CADDY);
	assert_int_equal(config->listen_count[LISTEN_CONTROL], 1);
	assert_int_equal(config->listen[LISTEN_CONTROL][0].mode, 0600);
	assert_string_equal(config->listen[LISTEN_CONTROL][0].host, "/run/mtlsguard/control.sock");
	assert_string_equal(entries[2].host, config_dir_file(dir, "s.sock"));
	assert_int_equal(entries[2].mode, 0600);
	assert_int_equal(entries[2].line, 2);
	assert_string_equal(entries[2].group, "proxy");
	assert_int_equal(entries[2].uid_count, 2);
	assert_int_equal(entries[2].uids[1], 99);
	assert_true(entries[3].has_tls);
	assert_int_equal(entries[3].network_count, 2);
	assert_int_equal(entries[3].mode, 0660);
	assert_string_equal(entries[3].tls.key, config_dir_file(dir, "k.pem"));
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listen_faults), cmocka_unit_test(listen_warnings), cmocka_unit_test(listen_entries),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
