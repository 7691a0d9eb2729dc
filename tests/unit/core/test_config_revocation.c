/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/config_dir.h"

/* authorities.NAME.revocation, as it is written and as it is understood. */
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

static void revocation_faults(void **state)
{
	(void)state;
	says("return { authorities = { ca = { certificates = 'ca.pem', revocation = {\n"
	     " crl = { 'a.crl', 7, 'ftp://x/a.crl', 'https:///a', 'http://x/a b', '' },\n"
	     " deny = { 'file:' }, when_unknown = 'alow', grace = -1, chain = 1, fetch = 'none',\n"
	     " distribution_point = true } } } }",
	     "main.lua:2: error: authorities.ca.revocation.crl[2]: it must be a text, not a number\n"
	     "main.lua:2: error: authorities.ca.revocation.crl[3]: \"ftp://x/a.crl\" is no http or https URL "
	     "(\"https://pki.example.com/partners.crl\")\n"
	     "main.lua:2: error: authorities.ca.revocation.crl[4]: \"https:///a\" is no http or https URL "
	     "(\"https://pki.example.com/partners.crl\")\n"
	     "main.lua:2: error: authorities.ca.revocation.crl[5]: \"http://x/a b\" is no http or https URL "
	     "(\"https://pki.example.com/partners.crl\")\n"
	     "main.lua:2: error: authorities.ca.revocation.crl[6]: it is empty\n"
	     "main.lua:3: error: authorities.ca.revocation.deny[1]: \"file:\" needs a path "
	     "(\"file:lists/denied.txt\")\n"
	     "main.lua:3: error: authorities.ca.revocation.when_unknown: it must be \"deny\" or \"allow\", not "
	     "\"alow\" (did you mean \"allow\"?)\n"
	     "main.lua:3: error: authorities.ca.revocation.grace: it must be seconds from 0 to 31536000, not -1\n"
	     "main.lua:3: error: authorities.ca.revocation.chain: it must be true or false, not a number\n"
	     "main.lua:3: error: authorities.ca.revocation.fetch: it must be \"any\" or \"public\", not \"none\"\n"
	     "main.lua:4: error: authorities.ca.revocation.distribution_point: this version knows no such key "
	     "(did you mean \"distribution_points\"?)\n");
}

static void revocation_sources(void **state)
{
	struct config *config = config_dir_take(dir,
		"return { authorities = { a = { certificates = 'ca.pem' }, b = { certificates = 'ca.pem',\n"
		" revocation = { crl = { 'x/a.crl', '/b.crl', 'HTTPS://pki.example.com/c' }, ocsp = true,\n"
		" distribution_points = true, chain = true, grace = 90.5, when_unknown = 'allow',\n"
		" fetch = 'public', deny = { '0A', 'file:denied.txt' } } } } }");
	const struct revocation_conf *conf;

	(void)state;
	conf = &config->authorities[0].revocation;
	assert_false(conf->crl_count || conf->deny_count || conf->deny_file_count || conf->points || conf->ocsp ||
		     conf->allow || conf->chain || conf->public_only || conf->grace_ns);
	conf = &config->authorities[1].revocation;
	assert_int_equal(conf->crl_count, 3);
	assert_true(conf->crls[0][0] == '/' && strstr(conf->crls[0], "/x/a.crl"));
	assert_string_equal(conf->crls[1], "/b.crl");
	assert_string_equal(conf->crls[2], "HTTPS://pki.example.com/c");
	assert_true(crl_is_url(conf->crls[2]) && !crl_is_url(conf->crls[1]));
	assert_int_equal(conf->deny_count, 1);
	assert_int_equal(conf->deny_file_count, 1);
	assert_true(conf->deny_files[0][0] == '/' && strstr(conf->deny_files[0], "/denied.txt"));
	assert_true(conf->points && conf->ocsp && conf->allow && conf->chain && conf->public_only);
	assert_int_equal(conf->grace_ns, 90500000000);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(revocation_faults), cmocka_unit_test(revocation_sources),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
