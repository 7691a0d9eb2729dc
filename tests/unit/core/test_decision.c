/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/decision.h"
#include "lib/certs.h"
#include "lib/rig.h"

static struct certs *ca, *alice;
static struct rig *rig;

static const char config[] =
	"return { authorities = { ca = { certificates = \"ca.pem\" } },"
	" hosts = { [\"api.example.com\"] = { authorities = { \"ca\" } } }, decisions = { level = \"all\" } }";

static int start_all(void **state)
{
	struct rig_file files[] = { { "ca.pem", NULL }, { NULL, NULL } };

	(void)state;
	ca = certs_ca("/CN=CA", NULL);
	alice = certs_leaf("/CN=al\"ice", ca);
	files[0].text = ca->pem;
	rig = rig_new(config, files);
	return 0;
}

static int stop_all(void **state)
{
	(void)state;
	rig_free(rig);
	certs_free(alice);
	certs_free(ca);
	return 0;
}

/* The record of one request, which must be one JSON object on one line. */
static json_t *record_of(const struct named *over)
{
	json_t *json;

	buf_reset(&rig->records);
	rig_done(rig_ask(rig, over));
	assert_int_equal(slice_find(buf_slice(&rig->records), '\n'), rig->records.len - 1);
	json = json_loadb((const char *)rig->records.ptr, rig->records.len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	return json;
}

#define RECORD(...) record_of((struct named[]){ __VA_ARGS__, NAMED_END })

static const char *text(const json_t *json, const char *key)
{
	const char *value = json_string_value(json_object_get(json, key));

	return value ? value : "";
}

static void a_connection(void **state)
{
	const struct named args[] = { NONE("cert"), TEXT("sni", "API.example.com"), TEXT("host", "other.example.com"),
				      NAMED_END };
	const struct named bad[] = { NONE("cert"), TEXT("sni", "a..b"), TEXT("host", "other.example.com"), NAMED_END };
	json_t *json;

	(void)state;
	buf_reset(&rig->records);
	rig_done(rig_connect(rig, bad));
	json = json_loadb((const char *)rig->records.ptr, rig->records.len, JSON_REJECT_DUPLICATES, NULL);
	assert_string_equal(text(json, "host"), "a..b");
	json_decref(json);
	buf_reset(&rig->records);
	rig_done(rig_connect(rig, args));
	json = json_loadb((const char *)rig->records.ptr, rig->records.len, JSON_REJECT_DUPLICATES, NULL);
	assert_true(json_is_true(json_object_get(json, "connection")));
	assert_string_equal(text(json, "host"), "api.example.com");
	assert_string_equal(text(json, "sni"), "API.example.com");
	assert_string_equal(text(json, "reason"), "certificate_required");
	assert_null(json_object_get(json, "method"));
	assert_null(json_object_get(json, "path"));
	json_decref(json);
	json = RECORD(NONE("cert"));
	assert_null(json_object_get(json, "connection"));
	json_decref(json);
}

static void an_allow(void **state)
{
	json_t *json = RECORD(BINARY("cert", alice->der), TEXT("id", "unique-1"), TEXT("sni", "api.example.com"),
			      { "src", { .kind = VALUE_IP, .bytes = SLICE_INIT("\xc0\0\x02\x07") } },
			      INT("src_port", 40123), BOOL("resumed", true), TEXT("path", "/a/../b"));
	const json_t *certificate = json_object_get(json, "certificate");

	(void)state;
	assert_string_equal(text(json, "time"), "2026-05-28T20:26:40.000000Z");
	assert_string_equal(text(json, "verdict"), "allow");
	assert_string_equal(text(json, "reason"), "allowed");
	assert_int_equal(json_integer_value(json_object_get(json, "status")), 200);
	assert_string_equal(text(json, "stage"), "decision");
	assert_int_equal(strlen(text(json, "id")), 24);
	assert_string_equal(text(json, "request_id"), "unique-1");
	assert_string_equal(text(json, "host"), "api.example.com");
	assert_string_equal(text(json, "method"), "GET");
	assert_string_equal(text(json, "path"), "/b");
	assert_string_equal(text(json, "sni"), "api.example.com");
	assert_string_equal(text(json, "src"), "192.0.2.7");
	assert_int_equal(json_integer_value(json_object_get(json, "src_port")), 40123);
	assert_string_equal(text(json, "verified"), "SUCCESS");
	assert_string_equal(text(certificate, "subject"), "CN=al\\\"ice");
	assert_string_equal(text(certificate, "authority"), "ca");
	assert_true(json_is_true(json_object_get(certificate, "resumed")));
	assert_true(json_is_false(json_object_get(certificate, "revoked")));
	assert_true(strlen(text(json, "generation")) >= 32);
	assert_null(json_object_get(json, "error"));
	assert_null(json_object_get(json, "observed"));
	json_decref(json);
}

static void a_deny_says_why(void **state)
{
	json_t *json = RECORD(NONE("cert"), { "src", { .kind = VALUE_IP,
			      .bytes = SLICE_INIT("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01") } });

	(void)state;
	assert_string_equal(text(json, "verdict"), "deny");
	assert_string_equal(text(json, "reason"), "certificate_required");
	assert_string_equal(text(json, "stage"), "requirement");
	assert_true(strlen(text(json, "error")) > 0);
	assert_string_equal(text(json, "src"), "2001:db8:0:0:0:0:0:1");
	assert_string_equal(text(json, "verified"), "NONE");
	assert_null(json_object_get(json, "certificate"));
	json_decref(json);
}

static void what_clients_send_cannot_forge_a_line(void **state)
{
	static const char hostile[] = "/\"},\n{\"verdict\":\"allow\"\x01\x7f\xff\xc3\x28";
	json_t *json = RECORD({ "path", { .kind = VALUE_TEXT, .bytes = SLICE_INIT(hostile) } },
			      { "id", { .kind = VALUE_BINARY, .bytes = SLICE_INIT(hostile) } },
			      { "method", { .kind = VALUE_TEXT, .bytes = SLICE_INIT(hostile) } },
			      { "host", { .kind = VALUE_TEXT, .bytes = SLICE_INIT(hostile) } },
			      { "sni", { .kind = VALUE_TEXT, .bytes = SLICE_INIT(hostile) } },
			      { "src", { .kind = VALUE_TEXT, .bytes = SLICE_INIT(hostile) } });

	(void)state;
	assert_string_equal(text(json, "verdict"), "deny");
	assert_string_equal(text(json, "reason"), "bad_request");
	json_decref(json);
}

static void an_address_of_no_length_is_left_out(void **state)
{
	json_t *json = RECORD({ "src", { .kind = VALUE_NULL } }, NONE("src_port"));

	(void)state;
	assert_null(json_object_get(json, "src"));
	assert_null(json_object_get(json, "src_port"));
	json_decref(json);
}

static void levels(void **state)
{
	struct request allowed = { .verdict = { .kind = VERDICT_ALLOW } };
	struct request observed = { .verdict = { .kind = VERDICT_ALLOW }, .observed = REASON_BAD_REQUEST };
	struct request answered = { .verdict = { .kind = VERDICT_RESPOND } };
	struct request denied = { .verdict = { .kind = VERDICT_DENY } };

	(void)state;
	assert_false(decision_wanted(&denied, DECISIONS_OFF));
	assert_false(decision_wanted(&allowed, DECISIONS_OFF));
	assert_false(decision_wanted(&allowed, DECISIONS_DENIALS));
	assert_true(decision_wanted(&observed, DECISIONS_DENIALS));
	assert_true(decision_wanted(&answered, DECISIONS_DENIALS));
	assert_true(decision_wanted(&denied, DECISIONS_DENIALS));
	assert_true(decision_wanted(&allowed, DECISIONS_ALL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_clients_send_cannot_forge_a_line),
		cmocka_unit_test(an_address_of_no_length_is_left_out),
		cmocka_unit_test(a_deny_says_why),
		cmocka_unit_test(an_allow),
		cmocka_unit_test(a_connection),
		cmocka_unit_test(levels),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, start_all, stop_all);
}
