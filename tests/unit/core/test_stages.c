/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/certcache.h"
#include "lib/bytes.h"
#include "lib/stage_stand.h"

/* The stages before the workers, seen through a whole engine: what refuses, why, and at which stage. */
static struct rig *rig;

static const char config[] =
	"return { authorities = { ca = { certificates = \"ca.pem\", revocation = { deny = { \"0BAD\" } } } },"
	" hosts = { [\"api.example.com\"] = { authorities = { \"ca\" } },"
	"  [\"*.wild.example.com\"] = { authorities = { \"ca\" } },"
	"  [\"open.example.com\"] = { authorities = { \"ca\" }, require = \"none\" },"
	"  [\"watch.example.com\"] = { authorities = { \"ca\" }, enforce = \"observe\" },"
	"  [\"raw.example.com\"] = { authorities = { \"ca\" }, require = \"none\", paths = \"raw\" } } }";

static int start_all(void **state)
{
	struct rig_file files[] = { { "ca.pem", NULL }, { NULL, NULL } };

	(void)state;
	stage_stand_open();
	files[0].text = ca->pem;
	rig = rig_new(config, files);
	return 0;
}

static int stop_all(void **state)
{
	(void)state;
	rig_free(rig);
	stage_stand_close();
	return 0;
}

static void check(const struct named *over, enum reason reason, const char *stage)
{
	struct rig_request *request = rig_ask(rig, over);

	stage_stand_decided(request, reason, stage);
	rig_done(request);
}

#define CHECK(reason, stage, ...) check((struct named[]){ __VA_ARGS__, NAMED_END }, reason, stage)
#define ALICE BINARY("cert", alice->der)

static void an_argument_that_was_never_sent_is_named(void **state)
{
	static const char *const needed[] = { "cert", "host", "method", "path" };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const struct named over[] = { UNSENT(needed[i]), NAMED_END };
		struct rig_request *request = rig_ask(rig, over);

		assert_int_equal(request->req.verdict.reason, REASON_BAD_REQUEST);
		assert_int_equal(request->req.verdict.status, 400);
		assert_true(slice_ends(request->req.error, slice_str(needed[i])));
		rig_done(request);
	}
}

static void arguments_of_the_wrong_type(void **state)
{
	(void)state;
	CHECK(REASON_BAD_REQUEST, "admit", ALICE, INT("host", 1));
	CHECK(REASON_BAD_REQUEST, "admit", INT("cert", 1));
	CHECK(REASON_BAD_REQUEST, "admit", BOOL("cert", false));
	CHECK(REASON_BAD_REQUEST, "admit", ALICE, TEXT("used", "1"));
	CHECK(REASON_BAD_REQUEST, "admit", ALICE, TEXT("early", "0"));
	CHECK(REASON_BAD_REQUEST, "admit", ALICE, TEXT("src_port", "1"));
	CHECK(REASON_BAD_REQUEST, "admit", ALICE, INT("sni", 0));
	CHECK(REASON_BAD_REQUEST, "admit", ALICE, BOOL("headers", true));
	CHECK(REASON_ALLOWED, "decision", ALICE, TEXT("src", "10.0.0.1"), INT("used", 1));
}

/* Each argument with each kind of value that can be sent. */
static void every_argument_has_its_types(void **state)
{
	static const char *const names[] = {
		"cert", "chain", "sni", "tls_version", "tls_cipher", "method", "scheme", "host", "path", "query",
		"version", "headers", "id", "used", "resumed", "early", "src", "src_port",
	};
	enum { TEXTS = 13, FLAGS = 16, KINDS = VALUE_BINARY + 1 };

	(void)state;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]) * KINDS; i++) {
		const char *name = names[i / KINDS];
		enum value_kind kind = i % KINDS;
		struct named over[] = { { name, { .kind = kind } }, NAMED_END };
		struct rig_request *request = rig_ask(rig, over);
		bool text = kind == VALUE_TEXT || kind == VALUE_BINARY;
		bool number = kind == VALUE_INT || kind == VALUE_UINT;
		bool right = kind <= VALUE_NULL || (i < TEXTS * KINDS ? text :
			     i < FLAGS * KINDS ? number || kind == VALUE_BOOL :
			     strcmp(name, "src") == 0 ? kind == VALUE_IP || kind == VALUE_TEXT : number);
		char wanted[64];

		snprintf(wanted, sizeof(wanted), "an argument of the wrong type: %s", name);
		if (slice_eq(request->req.error, slice_str(wanted)) == right)
			fail_msg("%s of kind %d: %.*s", name, (int)kind, SLICE_FMT(request->req.error));
		rig_done(request);
	}
}

static void malformed_requests(void **state)
{
	(void)state;
	CHECK(REASON_BAD_REQUEST, "admit", ALICE, TEXT("method", ""));
	CHECK(REASON_BAD_REQUEST, "admit", ALICE, TEXT("method", "GE T"));
	CHECK(REASON_BAD_REQUEST, "admit", ALICE, BINARY("headers", SLICE_INIT("\x04" "host" "\x01" "a" "\x04" "Host" "\x01" "a" "\0\0")));
	CHECK(REASON_ALLOWED, "decision", ALICE, BINARY("headers", SLICE_INIT("\x04" "host" "\x01" "a" "\0\0")));
	CHECK(REASON_BAD_REQUEST, "admit", ALICE, TEXT("host", ""));
	CHECK(REASON_BAD_REQUEST, "admit", ALICE, TEXT("host", "api.example.com,evil.example.com"));
	CHECK(REASON_BAD_REQUEST, "admit", ALICE, TEXT("host", "api.example.com "));
	CHECK(REASON_BAD_REQUEST, "admit", ALICE, TEXT("path", ""));
	CHECK(REASON_BAD_REQUEST, "admit", ALICE, TEXT("path", "/../etc"));
	CHECK(REASON_BAD_REQUEST, "admit", ALICE, TEXT("path", "/a%2fb"));
	CHECK(REASON_BAD_REQUEST, "admit", ALICE, TEXT("headers", "rubbish"));
	CHECK(REASON_BAD_REQUEST, "admit", ALICE,
	      TEXT("headers", "\x04" "host" "\x01" "a" "\x04" "Host" "\x01" "b" "\0"));
	CHECK(REASON_ALLOWED, "decision", ALICE, BINARY("headers", SLICE_INIT("\x04" "host" "\x01" "a" "\0\0")));
	CHECK(REASON_ALLOWED, "decision", ALICE, TEXT("method", "OPTIONS"), TEXT("path", ""));
}

static void hosts(void **state)
{
	(void)state;
	CHECK(REASON_HOST_UNKNOWN, "admit", ALICE, TEXT("host", "other.example.com"));
	CHECK(REASON_HOST_UNKNOWN, "admit", ALICE, TEXT("host", "wild.example.com"));
	CHECK(REASON_ALLOWED, "decision", ALICE, TEXT("host", "API.Example.COM.:8443"));
	CHECK(REASON_ALLOWED, "decision", ALICE, TEXT("host", "a.b.wild.example.com"));
}

static void early_data_is_too_early_whatever_the_certificate(void **state)
{
	(void)state;
	CHECK(REASON_EARLY_DATA, "admit", ALICE, BOOL("early", true));
	CHECK(REASON_EARLY_DATA, "admit", INT("early", 1), TEXT("host", "open.example.com"));
	CHECK(REASON_ALLOWED, "decision", ALICE, BOOL("early", false));
	CHECK(REASON_EARLY_DATA, "admit", ALICE, BINARY("headers", SLICE_INIT("\x0a" "Early-Data" "\x01" "1" "\0\0")));
	CHECK(REASON_EARLY_DATA, "admit", ALICE, BINARY("headers", SLICE_INIT("\0\0")), TEXT("hdr_early_data", "1"));
	CHECK(REASON_ALLOWED, "decision", ALICE, TEXT("hdr_early_data", "1"));
	assert_int_equal(reason_status(REASON_EARLY_DATA), 425);
}

static void what_is_no_certificate(void **state)
{
	struct buf twice = buf_capped(0);

	(void)state;
	buf_put(&twice, alice->der);
	buf_put(&twice, alice->der);
	/* Whatever the host requires. */
	CHECK(REASON_BAD_REQUEST, "certificate", TEXT("cert", ""), TEXT("host", "open.example.com"));
	CHECK(REASON_BAD_REQUEST, "certificate", TEXT("cert", "-----BEGIN CERTIFICATE-----"),
	      TEXT("host", "open.example.com"));
	CHECK(REASON_BAD_REQUEST, "certificate", BINARY("cert", buf_slice(&twice)),
	      TEXT("host", "open.example.com"));
	CHECK(REASON_BAD_REQUEST, "certificate",
	      BINARY("cert", slice_sub(alice->der, 0, alice->der.len - 1)), TEXT("host", "open.example.com"));
	CHECK(REASON_BAD_REQUEST, "certificate", ALICE, TEXT("chain", "rubbish"));
	buf_fini(&twice);
}

static void used_without_a_certificate(void **state)
{
	(void)state;
	CHECK(REASON_BAD_REQUEST, "admit", BOOL("used", true));
	CHECK(REASON_BAD_REQUEST, "admit", BOOL("used", true), TEXT("host", "open.example.com"));
	CHECK(REASON_CERTIFICATE_REQUIRED, "requirement", BOOL("used", false));
}

static void certificates_that_are_required(void **state)
{
	(void)state;
	CHECK(REASON_CERTIFICATE_REQUIRED, "requirement", NONE("cert"));
	CHECK(REASON_CERTIFICATE_INVALID, "requirement", BINARY("cert", mallory->der));
	CHECK(REASON_CERTIFICATE_REVOKED, "requirement", BINARY("cert", listed->der));
	CHECK(REASON_ALLOWED, "decision", ALICE);
	/* A chain of somebody else's helps nobody. */
	CHECK(REASON_CERTIFICATE_INVALID, "requirement", BINARY("cert", mallory->der),
	      BINARY("chain", ca->der));
}

static void a_host_that_requires_nothing(void **state)
{
	(void)state;
	CHECK(REASON_ALLOWED, "decision", TEXT("host", "open.example.com"));
	CHECK(REASON_ALLOWED, "decision", TEXT("host", "open.example.com"), BINARY("cert", mallory->der));
	CHECK(REASON_ALLOWED, "decision", TEXT("host", "open.example.com"), BINARY("cert", listed->der));
}

static void a_connection_made_for_another_host(void **state)
{
	(void)state;
	CHECK(REASON_MISDIRECTED_REQUEST, "requirement", TEXT("sni", "open.example.com"));
	CHECK(REASON_MISDIRECTED_REQUEST, "requirement", TEXT("sni", "not a name"));
	CHECK(REASON_MISDIRECTED_REQUEST, "requirement", TEXT("sni", "open.example.com"),
	      BINARY("cert", mallory->der));
	CHECK(REASON_CERTIFICATE_REQUIRED, "requirement", TEXT("sni", "API.example.com"));
	CHECK(REASON_CERTIFICATE_REQUIRED, "requirement", TEXT("sni", ""));
	CHECK(REASON_CERTIFICATE_REQUIRED, "requirement", NONE("sni"));
	/* Who has one that verifies for the host, and who needs none, may share a connection. */
	CHECK(REASON_ALLOWED, "decision", TEXT("sni", "open.example.com"), ALICE);
	CHECK(REASON_ALLOWED, "decision", TEXT("sni", "api.example.com"), TEXT("host", "open.example.com"));
	CHECK(REASON_CERTIFICATE_REVOKED, "requirement", TEXT("sni", "open.example.com"),
	      BINARY("cert", listed->der));
	assert_int_equal(reason_status(REASON_MISDIRECTED_REQUEST), 421);
}

static void a_certificate_that_expires_while_it_is_cached(void **state)
{
	struct certs_spec spec = { .subject = "/CN=short", .issuer = ca, .not_after = CERTS_NOW + 60 };
	struct certs *brief = certs_make(&spec);
	int64_t before = rig_wall_s;

	(void)state;
	CHECK(REASON_ALLOWED, "decision", BINARY("cert", brief->der));
	rig_wall_s = CERTS_NOW + 59;
	CHECK(REASON_ALLOWED, "decision", BINARY("cert", brief->der));
	rig_wall_s = CERTS_NOW + 61;
	CHECK(REASON_CERTIFICATE_INVALID, "requirement", BINARY("cert", brief->der));
	rig_wall_s = before;
	CHECK(REASON_ALLOWED, "decision", BINARY("cert", brief->der));
	certs_free(brief);
}

static void raw_paths_are_taken_as_they_come(void **state)
{
	const struct named over[] = { TEXT("host", "raw.example.com"), TEXT("path", "/a%2fb/../c"),
				      NAMED_END };
	struct rig_request *request = rig_ask(rig, over);

	(void)state;
	assert_int_equal(request->req.verdict.kind, VERDICT_ALLOW);
	assert_slice(request->req.path, "/a%2fb/../c");
	rig_done(request);
}

static void a_host_that_observes_lets_pass_and_says_why_it_would_not(void **state)
{
	static const struct {
		struct named over;
		enum reason reason;
	} cases[] = {
		{ NONE("cert"), REASON_CERTIFICATE_REQUIRED },
		{ BOOL("used", true), REASON_BAD_REQUEST },
		{ BOOL("early", true), REASON_EARLY_DATA },
		{ TEXT("path", "/.."), REASON_BAD_REQUEST },
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const struct named over[] = { TEXT("host", "watch.example.com"), cases[i].over, NAMED_END };
		struct rig_request *request = rig_ask(rig, over);

		/* What spoils the arguments comes before the host is known. */
		if (cases[i].over.value.kind == VALUE_BOOL && cases[i].reason == REASON_BAD_REQUEST) {
			assert_int_equal(request->req.verdict.kind, VERDICT_DENY);
			assert_int_equal(request->req.observed, 0);
		} else {
			assert_int_equal(request->req.verdict.kind, VERDICT_ALLOW);
			assert_int_equal(request->req.verdict.reason, REASON_ALLOWED);
			assert_int_equal(request->req.observed, cases[i].reason);
			assert_int_equal(request->req.verdict.until, 0);
		}
		rig_done(request);
	}
	CHECK(REASON_ALLOWED, "decision", TEXT("host", "watch.example.com"), ALICE);
}

static void explanations_hold_no_control_characters_and_have_an_end(void **state)
{
	uint8_t long_host[3000];
	const struct named over[] = { { "host", { .kind = VALUE_TEXT,
						  .bytes = { long_host, sizeof(long_host) } } }, NAMED_END };
	struct rig_request *request;

	(void)state;
	memset(long_host, '\n', sizeof(long_host));
	request = rig_ask(rig, over);
	assert_int_equal(request->req.verdict.reason, REASON_BAD_REQUEST);
	assert_in_range(request->req.error.len, 100, 300);
	for (size_t i = 0; i < request->req.error.len; i++)
		assert_in_range(request->req.error.ptr[i], 0x20, 0x7e);
	rig_done(request);
}

static uint64_t cache_looks(void)
{
	const struct metrics *metrics = engine_metrics(rig->engine);

	return metrics->cache_hits + metrics->cache_misses;
}

static void what_the_cache_counts_is_told_when_a_batch_is_over(void **state)
{
	uint64_t before = cache_looks();

	(void)state;
	CHECK(REASON_ALLOWED, "decision", ALICE);
	assert_int_equal(cache_looks(), before + 1);
	engine_wake(rig->engine, rig_mono_ns);
	CHECK(REASON_ALLOWED, "decision", ALICE);
	CHECK(REASON_ALLOWED, "decision", ALICE);
	engine_rest(rig->engine);
	assert_int_equal(cache_looks(), before + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_argument_that_was_never_sent_is_named),
		cmocka_unit_test(arguments_of_the_wrong_type),
		cmocka_unit_test(every_argument_has_its_types),
		cmocka_unit_test(malformed_requests),
		cmocka_unit_test(what_is_no_certificate),
		cmocka_unit_test(used_without_a_certificate),
		cmocka_unit_test(early_data_is_too_early_whatever_the_certificate),
		cmocka_unit_test(hosts),
		cmocka_unit_test(certificates_that_are_required),
		cmocka_unit_test(a_connection_made_for_another_host),
		cmocka_unit_test(a_certificate_that_expires_while_it_is_cached),
		cmocka_unit_test(a_host_that_requires_nothing),
		cmocka_unit_test(raw_paths_are_taken_as_they_come),
		cmocka_unit_test(a_host_that_observes_lets_pass_and_says_why_it_would_not),
		cmocka_unit_test(what_the_cache_counts_is_told_when_a_batch_is_over),
		cmocka_unit_test(explanations_hold_no_control_characters_and_have_an_end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, start_all, stop_all);
}
