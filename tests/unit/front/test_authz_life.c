/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/authz_rig.h"

#define SECOND INT64_C(1000000000)

static struct rig *rig;
static struct authz_rig *end;

static int start(void **state)
{
	static const struct rig_file files[] = { { "w.lua", "return {}\n" }, { NULL, NULL } };

	(void)state;
	rig = rig_new("return { hosts = { [\"api.example.com\"] = { require = \"none\" },"
		      " [\"w.example.com\"] = { require = \"none\" } },"
		      " workers = { { name = \"w\", script = \"w.lua\", routes = { \"w.example.com/*\" } } } }",
		      files);
	end = authz_rig_new(rig, false);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	authz_rig_free(end);
	rig_free(rig);
	return 0;
}

static void assert_says(const struct h2_peer_call *call, const char *const *lines)
{
	char *words;

	if (!call->closed || call->grpc != 0)
		fail_msg("no answer: grpc-status %d (%s)", call->grpc, call->message);
	words = authz_words(h2_peer_message(call));
	for (; *lines; lines++)
		if (!strstr(words, *lines))
			fail_msg("no \"%s\" in:\n%s", *lines, words);
	free(words);
}

#define SAYS(call, ...) assert_says(call, (const char *const[]){ __VA_ARGS__, NULL })

static struct check to_worker(const struct check_pair *headers)
{
	struct check check = { CHECK_GET, .headers = headers };

	check.host = check.sni = "w.example.com";
	return check;
}

static void deadlines_deny(void **state)
{
	struct check check = to_worker(NULL);
	struct h2_peer_call *call;

	(void)state;
	rig->state = POLICY_PENDING;
	call = authz_rig_ask(end, &check);
	authz_rig_sleep(end, SECOND);
	SAYS(call, "code 7\ndenied 503\n", "meta reason=policy_timeout\n");
	assert_int_equal(rig->cancelled, 1);
}

static void envoys_timeout_counts(void **state)
{
	static const struct h2_peer_header timeout[] = { { "grpc-timeout", "100m" }, { NULL, NULL } };
	struct check check = to_worker(NULL);
	struct buf body = buf_capped(0);
	struct h2_peer_call *call;

	(void)state;
	rig->state = POLICY_PENDING;
	buf_put(&body, SLICE_LIT("\0\0\0\0\0"));
	check_write(&body, &check);
	buf_patch_u32(&body, 1, (uint32_t)body.len - 5);
	call = h2_peer_request(end->peer, "POST", AUTHZ_PATH, "application/grpc", timeout, buf_slice(&body), false);
	authz_rig_talk(end);
	authz_rig_sleep(end, SECOND / 10 + ENGINE_LATE_NS - 1);
	assert_false(call->closed);
	authz_rig_sleep(end, 1);
	SAYS(call, "meta reason=policy_timeout\n");
	buf_fini(&body);
}

static void silent_peers_are_left(void **state)
{
	(void)state;
	authz_rig_sleep(end, H2_OPEN_NS);
	assert_true(end->finished);
	assert_int_equal(end->stats.timeouts, 1);
}

static void rubbish_ends_the_connection(void **state)
{
	(void)state;
	authz_feed(end->session, SLICE_LIT("GET / HTTP/1.1\r\n\r\n"));
	assert_true(end->finished);
	assert_int_equal(end->complaints, 1);
	assert_int_equal(end->stats.bad_peers, 1);
}

static void given_up_calls_are_cancelled(void **state)
{
	struct check check = to_worker(NULL);
	struct h2_peer_call *call;

	(void)state;
	rig->state = POLICY_PENDING;
	call = authz_rig_ask(end, &check);
	nghttp2_submit_rst_stream(end->peer->ng, 0, call->stream, NGHTTP2_CANCEL);
	authz_rig_talk(end);
	assert_int_equal(rig->cancelled, 1);
	authz_rig_ask(end, &check);
	/* stop loses the connection with one pending. */
}

static void slow_readers_are_not_read(void **state)
{
	struct check check = { CHECK_GET };
	struct h2_peer_call *call;

	(void)state;
	authz_rig_ask(end, &check);
	end->waiting = AUTHZ_OUT_MAX;
	authz_writable(end->session);
	assert_true(end->paused);
	end->waiting = (size_t)-1;
	authz_writable(end->session);
	assert_false(end->paused);
	call = authz_rig_ask(end, &check);
	SAYS(call, "code 0\n");
}

static void late_verdicts_are_told(void **state)
{
	struct check check = to_worker(NULL);
	struct h2_peer_call *call;

	(void)state;
	rig->state = POLICY_PENDING;
	call = authz_rig_ask(end, &check);
	assert_false(call->closed);
	rig_complete(rig, 0, (struct policy_result){ .outcome = POLICY_PASSED });
	assert_true(end->flushed > 0);
	authz_rig_talk(end);
	SAYS(call, "code 0\nok\n");
}

static int ask_health(const char *message)
{
	struct h2_peer_call *call = h2_peer_ask(end->peer, HEALTH_PATH, slice_str(message));
	struct slice answer;

	authz_rig_talk(end);
	answer = h2_peer_message(call);
	if (call->grpc)
		return -call->grpc;
	assert_int_equal(answer.len, 2);
	return answer.ptr[1];
}

static void health_is_told(void **state)
{
	(void)state;
	assert_int_equal(ask_health(""), 1);
	assert_int_equal(ask_health("\x0a\x23" "envoy.service.auth.v3.Authorization"), 1);
	assert_int_equal(ask_health("\x0a\x01x"), -GRPC_NOT_FOUND);
	assert_int_equal(ask_health("\x0a\x05x"), -GRPC_INVALID_ARGUMENT);
	authz_drain(end->session);
	assert_int_equal(ask_health(""), 2);
}

static void draining_sessions_decide_then_go(void **state)
{
	struct check check = { CHECK_GET };

	(void)state;
	authz_rig_ask(end, &check);
	authz_drain(end->session);
	for (unsigned i = 0; i < 5; i++) {
		SAYS(authz_rig_ask(end, &check), "code 0\nok\n");
		authz_rig_sleep(end, AUTHZ_QUIET_NS / 2);
		assert_int_equal(end->peer->goaways, 0);
	}
	authz_rig_sleep(end, AUTHZ_QUIET_NS);
	assert_int_equal(end->peer->goaways, 1);
	assert_int_equal(end->peer->last_stream, INT32_MAX);
	/* A client without streams is done with the first one, and reads no second. */
	authz_rig_sleep(end, AUTHZ_GOAWAY_NS);
	assert_true(end->finished);
}

static void busy_connections_drain_too(void **state)
{
	struct check check = { CHECK_GET };

	(void)state;
	authz_rig_ask(end, &check);
	authz_drain(end->session);
	for (unsigned i = 0; i < 60 && !end->peer->goaways; i++) {
		authz_rig_ask(end, &check);
		authz_rig_sleep(end, SECOND / 20);
	}
	assert_int_equal(end->peer->goaways, 1);
	assert_false(end->finished);
	authz_rig_sleep(end, 4 * SECOND);
	assert_true(end->finished);
}

static void pending_calls_hold_the_end_up(void **state)
{
	struct check check = to_worker(NULL);
	struct h2_peer_call *call;

	(void)state;
	rig->state = POLICY_PENDING;
	call = authz_rig_ask(end, &check);
	authz_drain(end->session);
	authz_rig_sleep(end, AUTHZ_QUIET_NS + AUTHZ_GOAWAY_NS);
	assert_int_equal(end->peer->goaways, 2);
	assert_false(end->finished);
	rig_complete(rig, 0, (struct policy_result){ .outcome = POLICY_PASSED });
	authz_rig_talk(end);
	SAYS(call, "code 0\n");
	assert_true(end->finished);
}

static void old_connections_move(void **state)
{
	struct check check = { CHECK_GET };

	(void)state;
	authz_rig_ask(end, &check);
	/* limits.connection_age, and the tenth. */
	authz_rig_sleep(end, INT64_C(1980000000000) + AUTHZ_GOAWAY_NS);
	assert_int_equal(end->peer->goaways, 1);
	assert_true(end->finished);
	assert_int_equal(end->stats.aged, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(deadlines_deny),
		TEST(envoys_timeout_counts),
		TEST(silent_peers_are_left),
		TEST(rubbish_ends_the_connection),
		TEST(given_up_calls_are_cancelled),
		TEST(slow_readers_are_not_read),
		TEST(late_verdicts_are_told),
		TEST(health_is_told),
		TEST(draining_sessions_decide_then_go),
		TEST(busy_connections_drain_too),
		TEST(pending_calls_hold_the_end_up),
		TEST(old_connections_move),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
