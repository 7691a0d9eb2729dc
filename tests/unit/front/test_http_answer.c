/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "lib/http_texts.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BLOCK(b, ...) block(b, (const char *const[]){ __VA_ARGS__, NULL })

static struct rig *rig;

static void set_up(const char *refusals)
{
	const struct rig_file files[] = { { "w.lua", "return {}\n" }, { "ca.pem", texts->ca->pem }, { NULL, NULL } };
	char *config = http_format("return { authorities = { ours = { certificates = \"ca.pem\" } }, %s"
				   " headers = { managed_transform = true, client_cert = true, owned = { \"x-client-\", \"x-role\" } },"
				   " hosts = { [\"api.example.com\"] = { authorities = { \"ours\" } },"
				   " [\"w.example.com\"] = { require = \"none\" }, [\"see.example.com\"] = { authorities = { \"ours\" }, enforce = \"observe\" } },"
				   " workers = { { name = \"w\", script = \"w.lua\", routes = { \"w.example.com/*\" } } } }", refusals);

	rig = rig_new(config, files);
	free(config);
}

static int start(void **state)
{
	(void)state;
	set_up("");
	return 0;
}

static int start_quiet(void **state)
{
	(void)state;
	set_up("refusals = { detail = \"id\" },");
	return 0;
}

static int stop(void **state)
{
	(void)state;
	rig_free(rig);
	return 0;
}

static struct slice block(struct buf *b, const char *const *words)
{
	for (; *words; words++)
		buf_varstr(b, slice_str(*words));
	return buf_slice(b);
}

/* The header that says which host was asked for. */
static const char *host_name(enum http_dialect d)
{
	return d == HTTP_ENVOY ? "host" : d == HTTP_NGINX ? "x-original-host" : "x-forwarded-host";
}

static struct http_ask *ask_for(enum http_dialect d, const char *host, const struct check_pair *over)
{
	struct check_pair all[12] = { { host_name(d), host }, { d == HTTP_ENVOY || d == HTTP_NGINX ? "x-ssl-sni" : "x-unused", host } };
	size_t n = 2;

	for (; over && over->name; over++)
		all[n++] = *over;
	return http_ask_new(d, all);
}

/* What a decided question is answered, in words; *lost may be NULL. Frees the question. */
static char *answer_of(struct http_ask *ask, enum http_dialect d, struct http_lost *lost)
{
	struct http_answer answer;
	struct http_lost ignored;
	char *words;

	http_ask_decide(ask, rig);
	assert_int_equal(http_answer_fill(&answer, d, &ask->req, lost ? lost : &ignored), ERR_OK);
	words = http_ask_words(&answer);
	http_ask_free(ask);
	return words;
}

static char *with_worker(enum http_dialect d, const struct check_pair *over, struct http_lost *lost)
{
	return answer_of(ask_for(d, "w.example.com", over), d, lost);
}

static void assert_says(char *words, const char *const *lines)
{
	for (; *lines; lines++) {
		bool absent = **lines == '!';

		if (absent == !!strcasestr(words, *lines + absent))
			fail_msg("%s\"%s\" in:\n%s", absent ? "" : "no ", *lines + absent, words);
	}
	free(words);
}

/* Each text stands in the words, or does not when it begins with "!". */
#define SAYS(words, ...) assert_says(words, (const char *const[]){ __VA_ARGS__, NULL })

/* Whatever stands in a verdict, only an allow is answered as one. */
static void only_an_allow_is_200(void **state)
{
	(void)state;
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++) {
		struct http_ask *ask = http_ask_new(d, PAIRS({ http_cert_names[d], texts->forms[d] }));
		struct http_answer answer;
		struct http_lost lost;
		struct arena *before = ask->req.arena, scratch;
		struct verdict verdict;

		arena_init(&scratch, 1 << 20);
		http_ask_decide(ask, rig);
		ask->req.arena = &scratch;
		verdict = ask->req.verdict;
		assert_int_equal(verdict.reason, REASON_ALLOWED);
		for (int kind = VERDICT_DENY; kind <= VERDICT_RESPOND + 1; kind++)
			for (enum reason reason = 0; reason < REASON_COUNT; reason++)
				for (int status = -1; status < 700; status++) {
					bool allow = kind == VERDICT_ALLOW && reason == REASON_ALLOWED;

					ask->req.verdict.kind = (enum verdict_kind)kind;
					ask->req.verdict.reason = reason;
					ask->req.verdict.status = status;
					assert_int_equal(http_answer_fill(&answer, d, &ask->req, &lost), ERR_OK);
					if (allow ? answer.status != 200 : answer.status < 300 || answer.status > 599)
						fail_msg("kind %d, reason %d, status %d: %d", kind, reason, status, answer.status);
					arena_reset(&scratch);
					if (allow)
						break;
				}
		ask->req.verdict = verdict;
		ask->req.arena = before;
		arena_fini(&scratch);
		http_ask_free(ask);
	}
}

static void without_memory_it_is_a_refusal(void **state)
{
	struct http_ask *ask = http_ask_new(HTTP_ENVOY, PAIRS({ http_cert_names[HTTP_ENVOY], texts->forms[HTTP_ENVOY] }));
	struct arena *before = ask->req.arena, small;
	struct http_answer answer;
	struct http_lost lost;
	enum err err = ERR_MEMORY;
	unsigned rounds = 0;

	(void)state;
	http_ask_decide(ask, rig);
	for (size_t cap = 0; err; cap += 512) {
		arena_init(&small, cap);
		ask->req.arena = &small;
		err = http_answer_fill(&answer, HTTP_ENVOY, &ask->req, &lost);
		if (err && (answer.status != 403 || answer.header_count != 2))
			fail_msg("%zu octets: %d with %zu headers", cap, answer.status, answer.header_count);
		arena_fini(&small);
		rounds++;
	}
	assert_in_range(rounds, 3, 200);
	assert_int_equal(answer.status, 200);
	ask->req.arena = before;
	http_ask_free(ask);
}

static void the_last_refusal_needs_nothing(void **state)
{
	static const char *const says[HTTP_DIALECT_COUNT] = {
		[HTTP_ENVOY] = "403\ncache-control: no-store\nx-mtls-status: 503\n\n", [HTTP_NGINX] = "403\ncache-control: no-store\nx-mtls-status: 503\n\n",
		[HTTP_TRAEFIK] = "503\ncache-control: no-store\n\n", [HTTP_CADDY] = "503\ncache-control: no-store\n\n",
		[HTTP_HAPROXY] = "503\ncache-control: no-store\n\n",
	};

	(void)state;
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++) {
		struct http_answer answer;
		char *words;

		http_answer_refuse(&answer, d);
		words = http_ask_words(&answer);
		assert_string_equal(words, says[d]);
		free(words);
	}
}

/* Who is told what: the first status goes to nginx, the second to Envoy, the third to everybody else. */
static void each_proxy_gets_a_status_that_it_takes(void **state)
{
	static const struct {
		int status, nginx, envoy, others;
	} cases[] = {
		{ 200, 403, 403, 403 }, { 204, 403, 403, 403 }, { 226, 403, 403, 403 }, { 299, 403, 403, 403 },
		{ 302, 403, 302, 302 }, { 304, 403, 304, 304 }, { 400, 403, 400, 400 }, { 401, 401, 401, 401 },
		{ 403, 403, 403, 403 }, { 404, 403, 404, 404 }, { 421, 403, 421, 421 }, { 451, 403, 451, 451 },
		{ 500, 403, 403, 500 }, { 503, 403, 403, 503 }, { 599, 403, 403, 599 },
	};

	(void)state;
	rig->result = (struct policy_result){ .outcome = POLICY_RESPONDED, .body = SLICE_INIT("words") };
	for (size_t i = 0; i < COUNT(cases); i++)
		for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++) {
			int status = d == HTTP_NGINX ? cases[i].nginx : d == HTTP_ENVOY ? cases[i].envoy : cases[i].others;
			char line[16], real[32];

			rig->result.status = cases[i].status;
			snprintf(line, sizeof(line), "%d\n", status);
			snprintf(real, sizeof(real), "%sx-mtls-status: %d\n", status == cases[i].status ? "!" : "", cases[i].status);
			SAYS(with_worker(d, NULL, NULL), line, real, "\n\nwords", "x-mtls-id: ", "x-mtls-reason: worker_response\n");
		}
}

static void refusals_say_why(void **state)
{
	(void)state;
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++) {
		SAYS(answer_of(http_ask_new(d, NULL), d, NULL), "403\n", "x-mtls-reason: certificate_required\n", "x-mtls-id: ",
		     "content-type: application/problem+json\n", "cache-control: no-store\n", "\n\n{\"type\":", "!x-mtls-status", "!cf-cert", "!client-cert");
		SAYS(answer_of(ask_for(d, "nobody.example.com", PAIRS({ "accept", "text/plain" })), d, NULL), "403\n",
		     "x-mtls-reason: host_unknown\n", "content-type: text/plain", "\n\n403 ");
		SAYS(answer_of(http_ask_new(d, PAIRS({ "X_SSL_Cert", "" })), d, NULL), d == HTTP_NGINX ? "403\n" : "400\n",
		     "x-mtls-reason: bad_request\n", d == HTTP_NGINX ? "x-mtls-status: 400\n" : "!x-mtls-status", "\"status\":400");
	}
	/* What can be replayed is not decided on; who says so of himself only harms himself. */
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++)
		SAYS(answer_of(http_ask_new(d, PAIRS({ http_cert_names[d], texts->forms[d] }, { "Early-Data", "0" })), d, NULL),
		     d == HTTP_NGINX ? "403\n" : "425\n", "x-mtls-reason: early_data\n");
	/* Three octets are base64, and no certificate. */
	SAYS(answer_of(http_ask_new(HTTP_TRAEFIK, PAIRS({ http_cert_names[HTTP_TRAEFIK], "NONE" })), HTTP_TRAEFIK, NULL),
	     "400\n", "x-mtls-reason: bad_request\n");
}

static void reasons_can_be_kept(void **state)
{
	(void)state;
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++) {
		SAYS(answer_of(http_ask_new(d, NULL), d, NULL), "403\n", "x-mtls-id: ", "!x-mtls-reason", "!certificate_required");
		SAYS(answer_of(http_ask_new(d, PAIRS({ http_cert_names[d], texts->forms[d] })), d, NULL), "200\n", "x-mtls-id: ",
		     "!x-mtls-reason:");
	}
	/* A client's own must not look like ours. */
	SAYS(answer_of(http_ask_new(HTTP_ENVOY, PAIRS({ http_cert_names[HTTP_ENVOY], texts->forms[HTTP_ENVOY] })), HTTP_ENVOY, NULL),
	     "x-mtls-id, x-mtls-reason, x-mtls-status\n");
}

static void good_certificates_pass(void **state)
{
	(void)state;
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++) {
		struct http_lost lost;

		SAYS(answer_of(http_ask_new(d, PAIRS({ http_cert_names[d], texts->forms[d] })), d, &lost), "200\n", "cf-cert-verified: true\n",
		     "cf-cert-presented: true\n", "client-cert: :", "x-mtls-id: ", "x-mtls-reason: allowed\n", "!x-mtls-status:",
		     d == HTTP_ENVOY ? "x-envoy-auth-headers-to-remove: " : "!x-envoy");
		assert_int_equal(lost.request_removals + lost.response_removals + lost.response_headers, 0);
		SAYS(answer_of(ask_for(d, "see.example.com", NULL), d, NULL), "200\n", "x-mtls-reason: allowed\n", "cf-cert-presented: false\n");
	}
}

/* The names behind x-envoy-auth-headers-to-remove; free() it. */
static char *removals(char *words)
{
	char *start = strstr(words, "x-envoy-auth-headers-to-remove: "), *line;

	assert_non_null(start);
	start = strchr(start, ' ');
	line = http_format(",%.*s,", (int)strcspn(start, "\n"), start);
	assert_null(strstr(start, "x-envoy-auth-headers-to-remove"));
	free(words);
	return line;
}

/* Envoy removes last: what is set for the origin is not named, what is not set is, in every spelling that came. */
static void envoy_is_told_what_to_remove(void **state)
{
	static const char *const gone[] = { "client-cert-chain", "cf-access-jwt-assertion", "cf_cert_verified", "X_Client-Name", "x-role", "x-mtls-forged",
					    "x-mtls-id", "x-mtls-reason", "x-mtls-status", "x_mtls_id" };
	static const char *const kept[] = { "cf-cert-verified", "client-cert", "accept", "x-forwarded-client-cert" };
	char *line = removals(answer_of(http_ask_new(HTTP_ENVOY, PAIRS({ http_cert_names[HTTP_ENVOY], texts->forms[HTTP_ENVOY] }, { "cf_cert_verified", "1" },
		{ "cf-cert-verified", "1" }, { "X_Client-Name", "root" }, { "x-mtls-forged", "1" }, { "x-mtls-id", "1" }, { "x_mtls_id", "1" },
		{ "accept", "x" }, { "x-role", "a" })), HTTP_ENVOY, NULL));

	(void)state;
	for (size_t i = 0; i < COUNT(gone); i++) {
		char *name = http_format(", %s,", gone[i]);

		if (!strstr(line, name))
			fail_msg("%s is not removed: %s", gone[i], line);
		free(name);
	}
	for (size_t i = 0; i < COUNT(kept); i++) {
		char *name = http_format(", %s,", kept[i]);

		if (strstr(line, name))
			fail_msg("%s is removed: %s", kept[i], line);
		free(name);
	}
	free(line);
}

/* A header that is not answered stays the client's, or worse, behind some releases of Caddy. */
static void caddy_hears_of_every_owned_header(void **state)
{
	char *words = answer_of(http_ask_new(HTTP_CADDY, PAIRS({ "Client-Cert", texts->forms[HTTP_CADDY] }, { "x-role", "root" }, { "X-Client-Name", "root" },
		{ "cf-access-jwt-assertion", "x" })), HTTP_CADDY, NULL);

	(void)state;
	for (size_t i = 0; snapshot_owned_name(engine_snapshot(rig->engine), i); i++) {
		const char *name = snapshot_owned_name(engine_snapshot(rig->engine), i);
		char *line = http_format("\n%s: ", name), *first = strcasestr(words, line);

		if (name[strlen(name) - 1] != '-' && !first)
			fail_msg("no %s in:\n%s", name, words);
		if (first && strcasestr(first + 1, line))
			fail_msg("%s twice in:\n%s", name, words);
		free(line);
	}
	SAYS(words, "\nx-role:  \n", "\nX-Client-Name:  \n", "\ncf-access-jwt-assertion:  \n", "!root");
}

static void edits_reach_the_proxy(void **state)
{
	struct buf del = buf_capped(0), set = buf_capped(0), res_del = buf_capped(0), res_set = buf_capped(0);

	(void)state;
	rig->result = (struct policy_result){
		.outcome = POLICY_PASSED,
		.req_del = BLOCK(&del, "x-gone", "x-name", "x-absent", "x-role"),
		.req_set = BLOCK(&set, "x-name", "a", "x-list", "1", "x-list", "2", "x-new", "n", "x-name", "b", "cookie", "d=4", "x-empty", "", "x-role", "r"),
		.res_del = BLOCK(&res_del, "x-set", "server"),
		.res_set = BLOCK(&res_set, "x-set", "1", "set-cookie", "a", "set-cookie", "b", "x-tab", "a\tb"),
	};
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++) {
		struct http_lost lost;

		SAYS(with_worker(d, PAIRS({ "x-list", "client" }, { "+x-list", "again" }, { "x-name", "client" }, { "x-gone", "client" }, { "cookie", "c=3" },
			{ "x-role", "client" }), &lost), "200\n", "\nx-name: a, b\n", "\nx-list: client, again, 1, 2\n", "\nx-new: n\n", "\ncookie: c=3; d=4\n",
			"\nx-empty:  \n", "\nx-role: r\n", d == HTTP_TRAEFIK ? "!x-set" : "\nx-set: 1\nset-cookie: a\nset-cookie: b\nx-tab: a\tb\n",
			d == HTTP_ENVOY ? ", x-gone, x-absent, x-mtls-id, x-mtls-reason, x-mtls-status\n" : d == HTTP_CADDY ? "\nx-gone:  \n" : "!x-gone");
		/* The proxy's own configuration must remove what is not ours: "x-gone" came, "x-absent" did not. */
		assert_int_equal(lost.request_removals, d != HTTP_ENVOY);
		assert_int_equal(lost.response_removals, 1);
		assert_int_equal(lost.response_headers, d == HTTP_TRAEFIK ? 4 : 0);
	}
	buf_fini(&del);
	buf_fini(&set);
	buf_fini(&res_del);
	buf_fini(&res_set);
}

/* Both kinds of headers stand in one answer: the response's must not become the request's. */
static void response_headers_change_no_request(void **state)
{
	struct buf set = buf_capped(0), res_set = buf_capped(0);

	(void)state;
	rig->result = (struct policy_result){
		.outcome = POLICY_PASSED,
		.req_set = BLOCK(&set, "x-name", "a", "X-Mtls-Id", "forged"),
		.res_set = BLOCK(&res_set, "X-Name", "forged", "x-client-name", "forged", "cf-cert-verified", "forged", "x-mtls-id", "forged", "client-cert", "forged",
				 "x-envoy-auth-headers-to-remove", "forged", "content-length", "5", "x-role", "forged", "x-fine", "1"),
	};
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++) {
		struct http_lost lost;

		SAYS(with_worker(d, NULL, &lost), "200\n", "\nx-name: a\n", "!forged", "!content-length", d == HTTP_TRAEFIK ? "!x-fine" : "\nx-fine: 1\n");
		assert_int_equal(lost.response_headers, d == HTTP_TRAEFIK ? 9 : 8);
	}
	buf_fini(&set);
	buf_fini(&res_set);
}

/* On a refusal there is nothing to mistake them for, but the answer stays ours to frame and to sign. */
static void refusals_are_framed_by_us(void **state)
{
	struct buf set = buf_capped(0);

	(void)state;
	rig->result = (struct policy_result){
		.outcome = POLICY_RESPONDED, .status = 302,
		.res_set = BLOCK(&set, "location", "/login", "set-cookie", "a", "set-cookie", "b", "content-length", "999", "transfer-encoding", "chunked",
				 "connection", "close", "x-mtls-id", "forged", "X-Mtls-Reason", "allowed", "x-mtls-status", "200"),
	};
	for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++)
		SAYS(with_worker(d, NULL, NULL), "location: /login\nset-cookie: a\nset-cookie: b\n", "!999", "!chunked", "!connection", "!forged", "!allowed", "!: 200");
	buf_fini(&set);
}

static void assert_unfit(enum http_dialect d, enum err err)
{
	struct http_ask *ask = ask_for(d, "w.example.com", NULL);
	struct http_answer answer;
	struct http_lost lost;

	http_ask_decide(ask, rig);
	assert_int_equal(http_answer_fill(&answer, d, &ask->req, &lost), err);
	assert_int_not_equal(answer.status, 200);
	/* What the front says then. */
	engine_refuse(rig->engine, &ask->req, err == ERR_LIMIT ? REASON_ANSWER_TOO_LARGE : REASON_POLICY_ERROR, "unfit");
	assert_int_equal(http_answer_fill(&answer, d, &ask->req, &lost), ERR_OK);
	SAYS(http_ask_words(&answer), d == HTTP_ENVOY || d == HTTP_NGINX ? "403\n" : "503\n", "x-mtls-reason: ");
	http_ask_free(ask);
}

static void headers_that_frame_are_faults(void **state)
{
	static const char *const cases[][2] = {
		{ "content-length", "5" }, { "Transfer-Encoding", "chunked" }, { "connection", "x" }, { "x-envoy-auth-headers-to-remove", "cf-cert-verified" },
		{ "x a", "1" }, { "", "1" }, { ":path", "/" }, { "x-a", "1\r\nx-b: 2" }, { "x-a", "\x01" }, { "x-a", " 1" }, { "upgrade", "h2c" }, { "date", "x" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (enum http_dialect d = 0; d < HTTP_DIALECT_COUNT; d++) {
			struct buf set = buf_capped(0);

			rig->result = (struct policy_result){ .outcome = POLICY_PASSED, .req_set = BLOCK(&set, cases[i][0], cases[i][1]) };
			assert_unfit(d, ERR_FORMAT);
			buf_fini(&set);
		}
}

static void answers_are_bounded(void **state)
{
	struct buf set = buf_capped(0), value = buf_capped(0), body = buf_capped(0);

	(void)state;
	for (unsigned i = 0; i < HTTP_ANSWER_HEADERS_ENVOY; i++) {
		char name[16];

		snprintf(name, sizeof(name), "x-%u", i);
		BLOCK(&set, name, "1");
	}
	rig->result = (struct policy_result){ .outcome = POLICY_PASSED, .req_set = buf_slice(&set) };
	assert_unfit(HTTP_ENVOY, ERR_LIMIT);
	SAYS(with_worker(HTTP_NGINX, NULL, NULL), "200\n", "\nx-87: 1\n");
	for (unsigned i = 0; i < HTTP_ANSWER_HEAD / 16; i++)
		buf_str(&value, "0123456789abcdef");
	buf_u8(&value, 0);
	buf_reset(&set);
	rig->result.req_set = BLOCK(&set, "x-a", (const char *)value.ptr);
	assert_unfit(HTTP_NGINX, ERR_LIMIT);
	assert_unfit(HTTP_ENVOY, ERR_LIMIT);
	for (unsigned i = 0; i <= HTTP_ANSWER_BODY / 16; i++)
		buf_str(&body, "0123456789abcdef");
	rig->result = (struct policy_result){ .outcome = POLICY_RESPONDED, .status = 403, .body = buf_slice(&body) };
	assert_unfit(HTTP_TRAEFIK, ERR_LIMIT);
	buf_fini(&set);
	buf_fini(&value);
	buf_fini(&body);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_an_allow_is_200), TEST(without_memory_it_is_a_refusal), TEST(the_last_refusal_needs_nothing),
		TEST(each_proxy_gets_a_status_that_it_takes), TEST(refusals_say_why), TEST(headers_that_frame_are_faults),
		TEST(answers_are_bounded), TEST(refusals_are_framed_by_us), TEST(response_headers_change_no_request),
		TEST(good_certificates_pass), TEST(envoy_is_told_what_to_remove), TEST(caddy_hears_of_every_owned_header),
		TEST(edits_reach_the_proxy),
		cmocka_unit_test_setup_teardown(reasons_can_be_kept, start_quiet, stop),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, http_texts_set_up, http_texts_tear_down);
}
