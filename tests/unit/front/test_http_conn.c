/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "lib/http_rig.h"
#include "lib/io.h"

#define MS INT64_C(1000000)
#define API HTTP_ASK("api.example.com", "/a?b=%2F&c")
#define REFUSED HTTP_ASK("v.example.com", "/")
#define WORKER HTTP_ASK("w.example.com", "/")

static struct http_rig *end;

static int start(void **state)
{
	(void)state;
	end = http_rig_new();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	http_rig_free(end);
	return 0;
}

static void say(const char *text)
{
	(void)http_rig_say(end, text, strlen(text));
}

static const char *got(void)
{
	return (const char *)end->got.ptr;
}

static void expect(const char *text, const char *first, const char *const *words)
{
	http_rig_forget(end);
	say(text);
	assert_int_equal(http_rig_hear(end, 1, 5000), 1);
	if (strncmp(got(), first, strlen(first)) != 0)
		fail_msg("%s is not at the front of:\n%s", first, got());
	for (; *words; words++)
		if (!strcasestr(got(), *words))
			fail_msg("%s is not in:\n%s", *words, got());
}

#define EXPECT(text, first, ...) expect(text, first, (const char *const[]){ __VA_ARGS__, NULL })

static void requests_follow_each_other(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		EXPECT(API, "HTTP/1.1 200 ", "\r\nx-mtls-reason: allowed\r\n", "\r\ncontent-length: 0\r\n");
		EXPECT(REFUSED, "HTTP/1.1 403 ", "\r\nx-mtls-reason: certificate_required\r\n", "{\"type\"");
	}
	assert_int_equal(http_server_connections(end->server), 1);
	assert_int_equal(http_server_stats(end->server)->requests[HTTP_ENVOY], 40);
	assert_int_equal(http_server_stats(end->server)->answers[HTTP_ENVOY][VERDICT_ALLOW], 20);
	assert_int_equal(http_server_stats(end->server)->answers[HTTP_ENVOY][VERDICT_DENY], 20);
	assert_int_equal(end->rig->inflight.count, 0);
}

static void pipelined_ones_are_answered_in_order(void **state)
{
	const char *first, *second;

	(void)state;
	say(API REFUSED API);
	assert_int_equal(http_rig_hear(end, 3, 5000), 3);
	first = strstr(got(), "HTTP/1.1 403");
	assert_non_null(first);
	second = strstr(first, "HTTP/1.1 200");
	assert_non_null(second);
	assert_true(strncmp(got(), "HTTP/1.1 200", 12) == 0);
}

static void bytes_may_drip(void **state)
{
	static const char text[] = API;

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		assert_int_equal(http_rig_hear(end, 1, 0), 0);
		assert_true(http_rig_say(end, text + i, 1));
		io_turn(end->loop, 1);
	}
	assert_int_equal(http_rig_hear(end, 1, 5000), 1);
	assert_true(strncmp(got(), "HTTP/1.1 200", 12) == 0);
}

static void heads_have_no_body(void **state)
{
	(void)state;
	EXPECT("HEAD /auth/envoy/ HTTP/1.1\r\nHost: v.example.com\r\n\r\n", "HTTP/1.1 403 ", "certificate_required");
	assert_null(strstr(got(), "\"type\""));
	EXPECT(API, "HTTP/1.1 200 ", "allowed");
	EXPECT("CONNECT /auth/envoy/ HTTP/1.1\r\nHost: api.example.com\r\n\r\n", "HTTP/1.1 200 ", "\r\nconnection: close\r\n");
}

static void older_proxies_are_served(void **state)
{
	(void)state;
	EXPECT("GET /auth/envoy/ HTTP/1.0\r\nHost: api.example.com\r\nConnection: keep-alive\r\n\r\n", "HTTP/1.1 200 ",
	       "\r\nconnection: keep-alive\r\n");
	EXPECT("GET /auth/envoy/ HTTP/1.0\r\nHost: api.example.com\r\n\r\n", "HTTP/1.1 200 ", "\r\nconnection: close\r\n");
	assert_true(http_rig_ends(end, 5000));
	assert_int_equal(end->closed, 1);
}

static void bodies_are_dropped(void **state)
{
	char *text = malloc(70000);

	(void)state;
	snprintf(text, 70000, "PUT /auth/envoy/ HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 60000\r\n\r\n%060000d", 0);
	EXPECT(text, "HTTP/1.1 200 ", "allowed");
	EXPECT("POST /auth/envoy/ HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n"
	       "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "HTTP/1.1 200 ", "allowed");
	http_rig_forget(end);
	say("POST /auth/envoy/ HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
	assert_int_equal(http_rig_hear(end, 1, 50), 0);
	assert_string_equal(got(), "HTTP/1.1 100 Continue\r\n\r\n");
	EXPECT("hi", "HTTP/1.1 200 ", "allowed");
	EXPECT(API, "HTTP/1.1 200 ", "allowed");
	free(text);
}

static void large_bodies_are_refused(void **state)
{
	static const char chunk[] = "1000\r\n%04096d\r\n";
	char text[4200];

	(void)state;
	EXPECT("PUT /auth/envoy/ HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 65537\r\n\r\n", "HTTP/1.1 400 ",
	       "bad_request", "\r\nconnection: close\r\n");
	assert_true(http_rig_ends(end, 5000));
	http_rig_connect(end, NULL, HTTP_ENVOY);
	say("PUT /auth/envoy/ HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n");
	snprintf(text, sizeof(text), chunk, 0);
	for (int i = 0; i < 64 && http_rig_say(end, text, strlen(text)); i++)
		io_turn(end->loop, 1);
	assert_int_equal(http_rig_hear(end, 1, 5000), 1);
	assert_true(strncmp(got(), "HTTP/1.1 403", 12) == 0);
	assert_non_null(strstr((char *)end->rig->records.ptr, "body is over 64 KiB"));
	assert_int_equal(http_server_stats(end->server)->malformed, 2);
}

static void verdicts_may_come_later(void **state)
{
	(void)state;
	end->rig->state = POLICY_PENDING;
	say(WORKER);
	assert_int_equal(http_rig_hear(end, 1, 50), 0);
	assert_int_equal(end->rig->pending_count, 1);
	rig_complete(end->rig, 0, (struct policy_result){ .outcome = POLICY_PASSED });
	assert_int_equal(http_rig_hear(end, 1, 5000), 1);
	assert_true(strncmp(got(), "HTTP/1.1 200", 12) == 0);
	end->rig->state = POLICY_DONE;
	end->rig->result.outcome = POLICY_PASSED;
	EXPECT(WORKER, "HTTP/1.1 200 ", "allowed");
}

static void late_verdicts_are_denials(void **state)
{
	(void)state;
	end->rig->state = POLICY_PENDING;
	/* 503 would be the agent's own fault to Envoy. */
	EXPECT(WORKER, "HTTP/1.1 403 ", "x-mtls-reason: policy_timeout", "x-mtls-status: 503");
	assert_int_equal(end->rig->cancelled, 1);
	assert_int_equal(end->rig->inflight.count, 0);
	EXPECT(API, "HTTP/1.1 200 ", "allowed");
}

#define TIMED(value) \
	"GET /auth/envoy/ HTTP/1.1\r\nHost: w.example.com\r\nX-Envoy-Expected-Rq-Timeout-Ms: " value "\r\n\r\n"

/* Milliseconds until that question, which the worker leaves pending, was answered. */
static int64_t waited(const char *text)
{
	int64_t begun = rig_mono_ns = clock_mono_ns();

	EXPECT(text, "HTTP/1.1 403 ", "policy_timeout");
	return (clock_mono_ns() - begun) / MS;
}

static void envoys_own_timeout_counts(void **state)
{
	int64_t least = INT64_MAX;

	(void)state;
	end->rig->state = POLICY_PENDING;
	/* On a busy machine any single one may take longer. */
	for (int i = 0; i < 5 && least > 400; i++) {
		int64_t ms = waited(TIMED("60"));

		least = ms < least ? ms : least;
	}
	assert_in_range(least, 60, 400);
	assert_in_range(waited(TIMED("soon")), 500, 20000);
	assert_in_range(waited(TIMED("60000")), 500, 20000);
}

static bool is_cancelled(void *arg)
{
	(void)arg;
	return end->rig->cancelled == 1;
}

static bool is_closed(void *arg)
{
	(void)arg;
	return end->closed == 1;
}

static void who_goes_cancels(void **state)
{
	(void)state;
	end->rig->state = POLICY_PENDING;
	say(WORKER);
	assert_int_equal(http_rig_hear(end, 1, 30), 0);
	assert_int_equal(end->rig->pending_count, 1);
	close(end->fd);
	end->fd = -1;
	/* Before its deadline would have ended it. */
	assert_true(io_until(end->loop, is_cancelled, NULL, 400));
	assert_true(io_until(end->loop, is_closed, NULL, 5000));
	assert_int_equal(end->rig->inflight.count, 0);
	assert_int_equal(http_server_stats(end->server)->cancelled, 1);
}

static void half_closed_ones_get_their_answer(void **state)
{
	(void)state;
	say(API);
	shutdown(end->fd, SHUT_WR);
	assert_int_equal(http_rig_hear(end, 1, 5000), 1);
	assert_true(http_rig_ends(end, 5000));
}

static void what_is_pending_goes_with_the_server(void **state)
{
	(void)state;
	end->rig->state = POLICY_PENDING;
	say(WORKER);
	assert_int_equal(http_rig_hear(end, 1, 30), 0);
	http_rig_connect(end, NULL, HTTP_ENVOY);
	say(WORKER);
	assert_int_equal(http_rig_hear(end, 1, 30), 0);
	assert_int_equal(http_server_connections(end->server), 1);
}

/* Its bytes are there, and nobody has looked at them when the first one is cancelled. */
static void what_comes_last_goes_with_it_too(void **state)
{
	int first = end->fd;

	(void)state;
	end->rig->state = POLICY_PENDING;
	say(WORKER);
	assert_int_equal(http_rig_hear(end, 1, 30), 0);
	end->fd = -1;
	http_rig_connect(end, NULL, HTTP_ENVOY);
	assert_int_equal(http_rig_hear(end, 1, 30), 0);
	assert_int_equal(http_server_connections(end->server), 2);
	say(WORKER);
	http_server_free(end->server);
	end->server = NULL;
	assert_int_equal(end->rig->cancelled, 2);
	assert_int_equal(end->rig->inflight.count, 0);
	close(first);
}

static void on_drained(void *arg)
{
	((struct http_rig *)arg)->drained = true;
}

static bool is_drained(void *arg)
{
	return ((struct http_rig *)arg)->drained;
}

static void draining_answers_and_closes(void **state)
{
	(void)state;
	EXPECT(API, "HTTP/1.1 200 ", "allowed");
	http_server_drain(end->server, on_drained, end);
	EXPECT(API, "HTTP/1.1 200 ", "\r\nconnection: close\r\n");
	assert_true(http_rig_ends(end, 5000));
	assert_true(io_until(end->loop, is_drained, end, 5000));
	assert_int_equal(end->closed, 1);
}

static void draining_waits_for_two_seconds(void **state)
{
	int64_t begun = clock_mono_ns();

	(void)state;
	EXPECT(API, "HTTP/1.1 200 ", "allowed");
	say("GET /auth/envoy/ HTTP/1.1\r\nHost:");
	io_turn(end->loop, 10);
	http_server_drain(end->server, on_drained, end);
	assert_true(io_until(end->loop, is_drained, end, 20000));
	assert_in_range((clock_mono_ns() - begun) / MS, 1900, 20000);
}

static void nothing_to_drain(void **state)
{
	(void)state;
	close(end->fd);
	end->fd = -1;
	io_turn(end->loop, 20);
	http_server_drain(end->server, on_drained, end);
	assert_false(end->drained);
	assert_true(io_until(end->loop, is_drained, end, 5000));
}

static void answers_that_do_not_fit_deny(void **state)
{
	struct buf block = buf_capped(0);
	char *big = malloc(50001);

	(void)state;
	memset(big, 'b', 50000);
	big[50000] = '\0';
	buf_varint(&block, 1);
	buf_str(&block, "x");
	buf_varint(&block, 50000);
	buf_str(&block, big);
	end->rig->state = POLICY_DONE;
	end->rig->result = (struct policy_result){ .outcome = POLICY_PASSED, .req_set = buf_slice(&block) };
	EXPECT(WORKER, "HTTP/1.1 403 ", "answer_too_large", "x-mtls-status: 503");
	end->rig->result = (struct policy_result){
		.outcome = POLICY_RESPONDED, .status = 200, .body = slice_of(big, 50000),
	};
	EXPECT(WORKER, "HTTP/1.1 403 ", "x-mtls-status: 200", "worker_response", "bbbbbbbbbb");
	buf_fini(&block);
	free(big);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_follow_each_other), TEST(pipelined_ones_are_answered_in_order), TEST(bytes_may_drip),
		TEST(heads_have_no_body), TEST(older_proxies_are_served), TEST(bodies_are_dropped),
		TEST(large_bodies_are_refused), TEST(verdicts_may_come_later), TEST(late_verdicts_are_denials),
		TEST(envoys_own_timeout_counts),
		TEST(who_goes_cancels), TEST(half_closed_ones_get_their_answer),
		TEST(what_is_pending_goes_with_the_server),
		TEST(what_comes_last_goes_with_it_too), TEST(draining_answers_and_closes),
		TEST(draining_waits_for_two_seconds), TEST(nothing_to_drain), TEST(answers_that_do_not_fit_deny),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
