/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/spoe_stand.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The message check-client-connection, beside the one about requests. */

static int start(void **state)
{
	static const struct rig_file files[] = { { "w.lua", "return {}\n" }, { NULL, NULL } };

	(void)state;
	spoe_stand_open("return { hosts = { [\"api.example.com\"] = { require = \"none\" },"
		      " [\"w.example.com\"] = { require = \"none\" } },"
		      " workers = { { name = \"w\", script = \"w.lua\", routes = { \"w.example.com/*\" } } } }", files);
	spoe_rig_hello(peer);
	return 0;
}

static const struct named by_sni[] = { UNSENT("host"), UNSENT("method"), UNSENT("path"),
				       TEXT("sni", "API.example.com"), NAMED_END };

static struct spop_frame ask_about_connection(const struct named *over)
{
	struct buf payload = buf_capped(0);

	peer_message(&payload, "check-client-connection", over);
	spoe_stand_send(buf_slice(&payload));
	buf_fini(&payload);
	return spoe_stand_next();
}

/* Neither headers nor a body: nobody could do anything with them. */
static void assert_plain(const struct spop_frame *ack)
{
	static const char *const none[] = { "body", "content_type", "location", "req_del", "req_headers", "res_del",
					    "res_headers", "client_cert", "until" };

	for (size_t i = 0; i < COUNT(none); i++)
		assert_null(peer_var(ack, none[i]));
}

static void a_connection_is_decided_by_its_sni(void **state)
{
	const struct named unknown[] = { UNSENT("host"), TEXT("sni", "x.example.com"), NAMED_END };
	const struct named nameless[] = { NONE("sni"), NAMED_END };
	const struct named worker[] = { TEXT("sni", "w.example.com"), NAMED_END };
	struct spop_frame ack = ask_about_connection(by_sni);

	(void)state;
	spoe_stand_decided(&ack, "allow", "200", "allowed");
	assert_string_equal(peer_text(&ack, "verified"), "NONE");
	assert_plain(&ack);
	ack = ask_about_connection(unknown);
	spoe_stand_decided(&ack, "deny", "403", "host_unknown");
	assert_plain(&ack);
	/* A host that is sent along is none of a connection. */
	ack = ask_about_connection(nameless);
	spoe_stand_decided(&ack, "deny", "403", "host_unknown");
	ack = ask_about_connection(worker);
	spoe_stand_decided(&ack, "deny", "503", "policy_error");
	assert_plain(&ack);
	assert_int_equal(rig->started, 0);
	ack = ask_about_connection(NULL);
	spoe_stand_decided(&ack, "deny", "400", "bad_request");
}

static void a_frame_holds_one_question(void **state)
{
	static const char *const names[] = { "check-client-cert", "check-client-connection" };
	struct buf payload = buf_capped(0);
	struct spop_frame ack;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		buf_reset(&payload);
		peer_message(&payload, names[i & 1], by_sni);
		peer_message(&payload, names[i / 2], NULL);
		spoe_stand_send(buf_slice(&payload));
		ack = spoe_stand_next();
		spoe_stand_decided(&ack, "deny", "400", "bad_request");
	}
	buf_reset(&payload);
	peer_message(&payload, "other", NULL);
	peer_message(&payload, "check-client-connection", by_sni);
	spoe_stand_send(buf_slice(&payload));
	ack = spoe_stand_next();
	spoe_stand_decided(&ack, "allow", "200", "allowed");
	/* What one frame asked about says nothing about the next one. */
	spoe_rig_ask(peer, 1, 1, NULL);
	ack = spoe_stand_next();
	spoe_stand_decided(&ack, "allow", "200", "allowed");
	assert_non_null(peer_var(&ack, "req_del"));
	buf_fini(&payload);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, spoe_stand_close)
	const struct CMUnitTest tests[] = {
		TEST(a_frame_holds_one_question),
		TEST(a_connection_is_decided_by_its_sni),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
