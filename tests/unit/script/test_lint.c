/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "script/policy_lua.h"

static struct diag_list found(const char *source)
{
	static char name[] = "w", script[] = "/etc/w.lua", prefix[] = "x-client-";
	static char *owned[] = { prefix };
	struct config config = { .headers = { .managed_transform = true, .owned = owned, .owned_count = 1 } };
	struct worker_conf worker = { .name = name, .script = script, .source = (char *)(uintptr_t)source,
				      .source_len = strlen(source) };
	struct diag_list diag = { 0 };

	worker_lint(&worker, &config, &diag);
	return diag;
}

static void expect(const char *source, unsigned line, const char *part)
{
	struct diag_list diag = found(source);

	if (diag.count != 1)
		fail_msg("%zu lints, not one: %s", diag.count, source);
	assert_int_equal(diag.items[0].severity, DIAG_LINT);
	assert_string_equal(diag.items[0].file, "/etc/w.lua");
	assert_int_equal(diag.items[0].line, line);
	if (!strstr(diag.items[0].message, part) &&
	    !(diag.items[0].hint && strstr(diag.items[0].hint, part)))
		fail_msg("\"%s\" is not in \"%s\"", part, diag.items[0].message);
	diag_fini(&diag);
}

static void expect_none(const char *source)
{
	struct diag_list diag = found(source);

	if (diag.count)
		fail_msg("a lint where none is due: %s (%s)", diag.items[0].message, source);
	diag_fini(&diag);
}

static void test_unknown_property(void **state)
{
	(void)state;
	expect("local t = request.cf.tlsClientAuth\n\nreturn t.certVerify", 3, "did you mean certVerified?");
	expect("x = request.cf.tlsClientAuth.certFoo == 1", 1, "certFoo");
	expect("local x = request.cf.tlsClientAuth['certSki']", 1, "did you mean certSKI?");
	expect_none("local t = request.cf.tlsClientAuth\nx = t.certSKI .. t.certRFC9440");
	expect_none("local t = other.thing\nx = t.certVerify");
	expect_none("-- t.tlsClientAuth.certVerify\nx = 'tlsClientAuth.certVerify'");
}

static void test_truth(void **state)
{
	(void)state;
	expect("if request.cf.tlsClientAuth.certPresented then x() end", 1, "\"0\" or \"1\"");
	expect("local t = r.cf.tlsClientAuth\nif not t.certRevoked then x() end", 2, "certRevoked == \"1\"");
	expect("local t = r.cf.tlsClientAuth\nif (t.certVerified) then x() end", 2, "certVerified");
	expect("local t = r.cf.tlsClientAuth\nif a and t.certPresented and b then x() end", 2, "certPresented");
	expect("local t = r.cf.tlsClientAuth\nif t.certRevoked == 1 then x() end", 2, "certRevoked == \"1\"");
	expect("x = r.cf.tlsClientAuth['certPresented'] ~= true", 1, "certPresented == \"1\"");
	expect("x = r.cf.tlsClientAuth.certVerified == true", 1, "certVerified == \"SUCCESS\"");
	expect("x = r.cf.tlsClientAuth.certSerial == 15", 1, "equals no number");
	expect_none("x = r.cf.tlsClientAuth.certRFC9440TooLarge == true");
	expect_none("x = r.cf.tlsClientAuth.certRevoked .. 1 == '11'");
	expect_none("x = r.cf.tlsClientAuth.certSerial == serial");
	expect_none("local t = r.cf.tlsClientAuth\nif t.certPresented == '1' then x() end");
	expect_none("local t = r.cf.tlsClientAuth\nif not (t.certPresented ~= '1') then x() end");
	expect_none("local t = r.cf.tlsClientAuth\nreturn t.certPresented");
	expect_none("local t = r.cf.tlsClientAuth\nif f(t.certSerial) then x() end");
	expect_none("local tls = r.cf.tlsClientAuth\nlocal function f(r) local tls = r.tls\nif tls.san then x() end end");
}

static void test_identity_header(void **state)
{
	(void)state;
	expect("local t = r.cf.tlsClientAuth\nlocal o = Request.new(r)\no.headers:set('x-user', t.certSubjectDN)",
	       3, "x-user");
	expect("local o = Request.new(r)\no.headers:append('x-spiffe', r.tls.spiffe_id)", 2, "headers.owned");
	expect_none("local t = r.cf.tlsClientAuth\nlocal o = Request.new(r)\no.headers:set('X_Client-Name', t.certSKI)");
	expect_none("local t = r.cf.tlsClientAuth\nlocal a = fetch(r)\na.headers:set('x-user', t.certSubjectDN)");
}

static void test_header_that_is_set_anyway(void **state)
{
	(void)state;
	expect("local o = Request.new(r)\no.headers:set('CF_Cert-Verified', 'true')", 2, "what a worker sets is left out");
	expect("local o = Request.new(r)\no.headers:set('cf-cert-a234567890123456789012345678901234567890123456789012345678901234', 'x')", 2,
	       "what a worker sets");
	expect("local o = Request.new(r) local h = o.headers\nh:append(\"cf-cert-serial\", r.cf.tlsClientAuth.certSerial)", 2,
	       "choose another name");
	/* Not configured: it is a worker's to set, and an owned name. */
	expect_none("local o = Request.new(r)\no.headers:set('client-cert', r.cf.tlsClientAuth.certRFC9440)");
	expect_none("local o = Response.new('')\no.headers:set('cf-cert-verified', 'true')");
}

static void test_source_that_ends_early(void **state)
{
	(void)state;
	expect_none("");
	expect_none("local");
	expect_none("local t =");
	expect_none("local t = r.cf.tlsClientAuth\nreturn t.");
	expect_none("local o = Request.new(r) o.headers:set(");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown_property),
		cmocka_unit_test(test_truth),
		cmocka_unit_test(test_identity_header),
		cmocka_unit_test(test_header_that_is_set_anyway),
		cmocka_unit_test(test_source_that_ends_early),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
