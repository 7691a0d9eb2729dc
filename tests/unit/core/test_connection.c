/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/certcache.h"
#include "core/revocation_ask.h"
#include "lib/bytes.h"
#include "lib/stage_stand.h"

/* Connections without requests, seen through a whole engine: stages 1 to 4 decide, and what only requests have is not asked for. */
static struct rig *rig;

#define HOSTS                                                                                          \
	"authorities = { ca = { certificates = \"ca.pem\", revocation = { deny = { \"0BAD\" } } } },"     \
	" hosts = { [\"mqtt.example.com\"] = { authorities = { \"ca\" } },"                               \
	"  [\"*.wild.example.com\"] = { authorities = { \"ca\" } },"                                      \
	"  [\"open.example.com\"] = { require = \"none\" },"                                              \
	"  [\"watch.example.com\"] = { authorities = { \"ca\" }, enforce = \"observe\" },"                \
	"  [\"raw.example.com\"] = { require = \"none\", paths = \"raw\" },"                              \
	"  [\"worker.example.com\"] = { authorities = { \"ca\" } },"                                      \
	"  [\"seen.example.com\"] = { authorities = { \"ca\" }, enforce = \"observe\" },"                 \
	"  [\"l4.example.com\"] = { authorities = { \"ca\" }, l4 = true }"

#define WORKERS                                                                              \
	"}, headers = { managed_transform = true, client_cert = true },"                     \
	" workers = { { name = \"w\", script = \"w.lua\", routes = { \"worker.example.com/*\","  \
	"  \"a.wild.example.com/only/here\", \"seen.example.com/*\", \"l4.example.com/*\" } } } }"

static struct rig *make(const char *config)
{
	const struct rig_file files[] = { { "ca.pem", ca->pem }, { "w.lua", "return {}\n" }, { NULL, NULL } };

	return rig_new(config, files);
}

static int start_all(void **state)
{
	(void)state;
	stage_stand_open();
	rig = make("return { " HOSTS WORKERS);
	return 0;
}

static int stop_all(void **state)
{
	(void)state;
	rig_free(rig);
	stage_stand_close();
	return 0;
}

/* Whatever the verdict: nothing that only a request could use. */
static void assert_bare(const struct verdict *verdict)
{
	assert_int_equal(verdict->req_del.count + verdict->req_set.count, 0);
	assert_int_equal(verdict->res_del.count + verdict->res_set.count, 0);
	assert_int_equal(verdict->body.len + verdict->content_type.len + verdict->location.len, 0);
	assert_false(verdict->client_cert);
	assert_true(verdict->until == 0);
	assert_int_equal(verdict->id.len, 24);
}

static void check(const struct named *args, enum reason reason, const char *stage)
{
	struct rig_request *request = rig_connect(rig, args);

	stage_stand_decided(request, reason, stage);
	assert_bare(&request->req.verdict);
	rig_done(request);
	assert_int_equal(rig->started, 0);
}

#define CHECK(reason, stage, ...) check((const struct named[]){ __VA_ARGS__, NAMED_END }, reason, stage)
#define ALICE BINARY("cert", alice->der)
#define MQTT TEXT("sni", "mqtt.example.com")

static void cert_and_sni_must_have_been_sent(void **state)
{
	(void)state;
	CHECK(REASON_BAD_REQUEST, "admit", ALICE);
	CHECK(REASON_BAD_REQUEST, "admit", MQTT);
	CHECK(REASON_BAD_REQUEST, "admit", ALICE, TEXT("host", "mqtt.example.com"));
	CHECK(REASON_BAD_REQUEST, "admit", NONE("cert"), BOOL("used", true), MQTT);
	CHECK(REASON_BAD_REQUEST, "admit", ALICE, INT("sni", 1));
	CHECK(REASON_BAD_REQUEST, "admit", BOOL("cert", true), MQTT);
	CHECK(REASON_BAD_REQUEST, "admit", ALICE, MQTT, TEXT("early", "0"));
	CHECK(REASON_BAD_REQUEST, "certificate", TEXT("cert", "rubbish"), MQTT);
	CHECK(REASON_BAD_REQUEST, "certificate", TEXT("cert", ""), MQTT);
}

static void names_that_are_none(void **state)
{
	static const char *const names[] = { "a,b", "mqtt.example.com x", ".", "a..b", "mqtt.example.com,mqtt.example.com", "\x01" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct named sni = { "sni", { .kind = VALUE_TEXT, .bytes = slice_str(names[i]) } };

		CHECK(REASON_BAD_REQUEST, "admit", ALICE, sni);
	}
	CHECK(REASON_BAD_REQUEST, "admit", ALICE, BINARY("sni", SLICE_INIT("mqtt.example.com\0")));
}

static void hosts_that_nobody_configured(void **state)
{
	(void)state;
	CHECK(REASON_HOST_UNKNOWN, "admit", ALICE, TEXT("sni", "other.example.com"));
	CHECK(REASON_HOST_UNKNOWN, "admit", ALICE, TEXT("sni", "wild.example.com"));
	/* Without a name there is no host, whatever a client says elsewhere. */
	CHECK(REASON_HOST_UNKNOWN, "admit", ALICE, NONE("sni"));
	CHECK(REASON_HOST_UNKNOWN, "admit", ALICE, TEXT("sni", ""));
	CHECK(REASON_HOST_UNKNOWN, "admit", ALICE, NONE("sni"), TEXT("host", "mqtt.example.com"));
}

static void early_data_can_be_replayed(void **state)
{
	(void)state;
	CHECK(REASON_EARLY_DATA, "admit", ALICE, MQTT, BOOL("early", true));
	CHECK(REASON_ALLOWED, "decision", ALICE, MQTT, BOOL("early", false));
}

static void certificates(void **state)
{
	(void)state;
	CHECK(REASON_CERTIFICATE_REQUIRED, "requirement", NONE("cert"), MQTT);
	CHECK(REASON_CERTIFICATE_INVALID, "requirement", BINARY("cert", mallory->der), MQTT);
	CHECK(REASON_CERTIFICATE_REVOKED, "requirement", BINARY("cert", listed->der), MQTT);
	CHECK(REASON_ALLOWED, "decision", ALICE, MQTT);
	CHECK(REASON_ALLOWED, "decision", ALICE, TEXT("sni", "MQTT.example.com."));
	CHECK(REASON_ALLOWED, "decision", ALICE, TEXT("sni", "b.wild.example.com"), BOOL("resumed", true));
	CHECK(REASON_ALLOWED, "decision", NONE("cert"), TEXT("sni", "open.example.com"));
	/* No path is looked at where paths are raw, either. */
	CHECK(REASON_ALLOWED, "decision", NONE("cert"), TEXT("sni", "raw.example.com"), TEXT("path", "/"));
}

static void hosts_with_workers_refuse_unless_they_say_l4(void **state)
{
	(void)state;
	CHECK(REASON_POLICY_ERROR, "worker", ALICE, TEXT("sni", "worker.example.com"));
	/* A route for one path of one name below a wildcard: that name only. */
	CHECK(REASON_POLICY_ERROR, "worker", ALICE, TEXT("sni", "a.wild.example.com"));
	CHECK(REASON_ALLOWED, "decision", ALICE, TEXT("sni", "l4.example.com"));
	/* What comes before the workers counts first. */
	CHECK(REASON_CERTIFICATE_REQUIRED, "requirement", NONE("cert"), TEXT("sni", "worker.example.com"));
	CHECK(REASON_CERTIFICATE_REVOKED, "requirement", BINARY("cert", listed->der), TEXT("sni", "l4.example.com"));
}

static void observed_hosts_let_pass(void **state)
{
	static const struct {
		const char *host;
		bool presented;
		enum reason observed;
	} cases[] = {
		{ "watch.example.com", false, REASON_CERTIFICATE_REQUIRED }, { "watch.example.com", true, 0 },
		{ "seen.example.com", true, REASON_POLICY_ERROR },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct named args[] = { { "sni", { .kind = VALUE_TEXT, .bytes = slice_str(cases[i].host) } },
					      { "cert", { .kind = cases[i].presented ? VALUE_BINARY : VALUE_NULL,
							  .bytes = alice->der } }, NAMED_END };
		struct rig_request *request = rig_connect(rig, args);

		assert_int_equal(request->req.verdict.kind, VERDICT_ALLOW);
		assert_int_equal(request->req.observed, cases[i].observed);
		assert_bare(&request->req.verdict);
		rig_done(request);
	}
	assert_int_equal(rig->started, 0);
}

static void what_is_told_of_the_certificate(void **state)
{
	const struct named args[] = { ALICE, MQTT, NAMED_END };
	struct rig_request *request = rig_connect(rig, args);

	(void)state;
	assert_slice(request->req.verdict.log->cn, "alice");
	assert_slice(request->req.verdict.log->verified, "SUCCESS");
	assert_int_equal(request->req.verdict.log->fingerprint.len, 64);
	rig_done(request);
}

/* The host "*" is for whoever names none, too; so are routes for every host. */
static void a_host_for_the_rest(void **state)
{
	(void)state;
	rig_free(rig);
	rig = make("return { " HOSTS ", [\"*\"] = { authorities = { \"ca\" } }" WORKERS);
	CHECK(REASON_ALLOWED, "decision", ALICE, NONE("sni"));
	CHECK(REASON_ALLOWED, "decision", ALICE, TEXT("sni", ""));
	CHECK(REASON_ALLOWED, "decision", ALICE, TEXT("sni", "other.example.com"));
	CHECK(REASON_CERTIFICATE_REQUIRED, "requirement", NONE("cert"), NONE("sni"));
	rig_free(rig);
	rig = make("return { hosts = { [\"*\"] = { require = \"none\" } },"
		   " workers = { { name = \"w\", script = \"w.lua\", routes = { \"*/x\" } } } }");
	CHECK(REASON_POLICY_ERROR, "worker", NONE("cert"), NONE("sni"));
	rig_free(rig);
	rig = make("return { " HOSTS WORKERS);
}

static void an_arena_that_is_full_denies(void **state)
{
	bool passed = false;

	(void)state;
	for (size_t room = 0; room < 4096; room += 16) {
		struct arena arena;
		struct request req;
		struct ticket ticket = { .req = &req };

		arena_init(&arena, room);
		request_init(&req, &arena);
		req.connection = true;
		req.args[ARG_CERT] = (struct value){ .kind = VALUE_BINARY, .bytes = alice->der };
		req.args[ARG_SNI] = (struct value){ .kind = VALUE_TEXT, .bytes = SLICE_LIT("MQTT.example.com") };
		assert_int_equal(engine_submit(rig->engine, &ticket), ENGINE_DONE);
		passed |= req.verdict.kind == VERDICT_ALLOW;
		if (req.verdict.kind != VERDICT_ALLOW)
			assert_int_equal(req.verdict.reason, REASON_OVERLOADED);
		engine_release(rig->engine, &req);
		arena_fini(&arena);
	}
	assert_true(passed);
}

static struct revocation_wait *waiting;

static void do_nothing(struct ticket *ticket)
{
	(void)ticket;
}

static bool no_ocsp(void *arg, const struct revocation_question *question, int64_t now, struct ocsp_record *out)
{
	(void)arg;
	(void)question;
	(void)now;
	(void)out;
	return false;
}

static bool ask(void *arg, struct revocation_wait *wait)
{
	(void)arg;
	waiting = wait;
	return true;
}

static void cancel(void *arg, struct revocation_wait *wait)
{
	(void)arg;
	assert_ptr_equal(wait, waiting);
	waiting = NULL;
}

#define ASKING "return { authorities = { ca = { certificates = \"ca.pem\", revocation = { ocsp = true } } }," \
	       " hosts = { [\"mqtt.example.com\"] = { authorities = { \"ca\" } } } }"

/* While it waited the configuration changed, and what is left of its memory is too little to begin again. */
static void decide_in_little_memory(struct slice cert, size_t room)
{
	struct arena arena;
	struct request req;
	struct ticket ticket = { .req = &req, .on_done = do_nothing };

	arena_init(&arena, room);
	request_init(&req, &arena);
	req.connection = true;
	req.args[ARG_CERT] = (struct value){ .kind = VALUE_BINARY, .bytes = cert };
	req.args[ARG_SNI] = (struct value){ .kind = VALUE_TEXT, .bytes = SLICE_LIT("MQTT.example.com") };
	if (engine_submit(rig->engine, &ticket) == ENGINE_PENDING) {
		rig_reload(rig, ASKING);
		rig_mono_ns = waiting->deadline_ns;
		waiting->on_done(waiting);
	}
	assert_int_equal(req.verdict.kind, VERDICT_DENY);
	engine_release(rig->engine, &req);
	arena_fini(&arena);
}

/* What it waited for comes to nothing: it is decided anew, as the connection that it is. */
static void it_waits_for_revocation(void **state)
{
	static const struct revocation_ops ops = { no_ocsp, ask, cancel };
	const char *const aia[] = { "authorityInfoAccess=OCSP;URI:http://ocsp.example/", NULL };
	struct certs *asked = certs_make(&(struct certs_spec){ .subject = "/CN=asked", .issuer = ca, .extensions = aia });
	const struct named args[] = { BINARY("cert", asked->der), MQTT, NAMED_END };
	struct rig_request *request;

	(void)state;
	rig_free(rig);
	rig_revocation = &ops;
	rig = make(ASKING);
	request = rig_connect(rig, args);
	assert_int_equal(request->state, ENGINE_PENDING);
	rig_done(request);
	assert_null(waiting);
	request = rig_connect(rig, args);
	assert_int_equal(request->state, ENGINE_PENDING);
	rig_mono_ns = waiting->deadline_ns;
	waiting->on_done(waiting);
	assert_int_equal(request->done, 1);
	assert_int_equal(request->req.verdict.reason, REASON_REVOCATION_UNKNOWN);
	assert_bare(&request->req.verdict);
	rig_done(request);
	for (size_t room = 0; room < 4096; room += 16)
		decide_in_little_memory(asked->der, room);
	rig_free(rig);
	rig_revocation = NULL;
	rig = make("return { " HOSTS WORKERS);
	certs_free(asked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cert_and_sni_must_have_been_sent),
		cmocka_unit_test(names_that_are_none),
		cmocka_unit_test(hosts_that_nobody_configured),
		cmocka_unit_test(early_data_can_be_replayed),
		cmocka_unit_test(certificates),
		cmocka_unit_test(hosts_with_workers_refuse_unless_they_say_l4),
		cmocka_unit_test(observed_hosts_let_pass),
		cmocka_unit_test(what_is_told_of_the_certificate),
		cmocka_unit_test(a_host_for_the_rest),
		cmocka_unit_test(it_waits_for_revocation),
		cmocka_unit_test(an_arena_that_is_full_denies),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, start_all, stop_all);
}
