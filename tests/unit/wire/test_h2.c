/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/h2_peer.h"
#include "wire/h2.h"

#define MESSAGE_MAX 100000
#define SECOND INT64_C(1000000000)

static struct h2_session *session;
static struct h2_pool pool;
static struct h2_peer *peer;
static struct buf out;
static int64_t now;
static const char *why;
static enum err fault;

/* What calls the session told, and what becomes of them: answered at once, or kept. */
static struct h2_call *kept[64];
static unsigned told, gone, kept_count, held_up;
static bool keep;
static struct h2_call last; /* as it was when it was told */

static void on_call(void *arg, struct h2_call *call)
{
	(void)arg;
	told++;
	last = *call;
	held_up += call->excess == H2_TOO_MUCH_HELD;
	if (keep)
		kept[kept_count++] = call;
	else if (slice_eq(call->path, SLICE_LIT("/fail")))
		h2_fail(call, GRPC_UNIMPLEMENTED, "not here: 100%\n");
	else
		h2_answer(call, SLICE_LIT("answer"));
}

static void on_gone(void *arg, struct h2_call *call)
{
	(void)arg;
	gone++;
	for (unsigned i = 0; i < kept_count; i++)
		if (kept[i] == call)
			kept[i] = NULL;
}

static const struct h2_handler handler = { on_call, on_gone };

static int start(void **state)
{
	(void)state;
	now = SECOND;
	told = gone = kept_count = held_up = 0;
	keep = false;
	fault = ERR_OK;
	out = buf_capped(0);
	session = h2_new(&handler, NULL, &pool, MESSAGE_MAX, now);
	peer = h2_peer_new();
	return session ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	h2_free(session);
	session = NULL;
	h2_pool_fini(&pool);
	h2_peer_free(peer);
	buf_fini(&out);
	return 0;
}

static void feed(struct slice bytes)
{
	/* Exactly as large as what came, so that a sanitizer sees one byte too many. */
	uint8_t *copy = malloc(bytes.len ? bytes.len : 1);

	assert_non_null(copy);
	if (bytes.len)
		memcpy(copy, bytes.ptr, bytes.len);
	if (!fault)
		fault = h2_feed(session, slice_of(copy, bytes.len), now, &why);
	free(copy);
}

/* Both sides talk until neither has anything left. */
static void talk(void)
{
	for (unsigned i = 0; i < 100; i++) {
		h2_peer_say(peer);
		feed(buf_slice(&peer->out));
		if (peer->out.len == 0 && i > 0 && out.len == 0)
			return;
		buf_reset(&peer->out);
		buf_reset(&out);
		if (!fault)
			assert_int_equal(h2_write(session, &out, SIZE_MAX), ERR_OK);
		if (out.len)
			assert_true(h2_peer_take(peer, buf_slice(&out)));
	}
}

static void assert_answer(const struct h2_peer_call *call)
{
	assert_true(slice_eq(h2_peer_message(call), SLICE_LIT("answer")));
}

static void calls_are_answered(void **state)
{
	struct h2_peer_call *one = h2_peer_ask(peer, "/service/Check", SLICE_LIT("hello"));
	struct h2_peer_call *two = h2_peer_ask(peer, "/service/Check", SLICE_EMPTY);
	struct h2_peer_call *bad = h2_peer_ask(peer, "/fail", SLICE_LIT("x"));

	(void)state;
	talk();
	assert_int_equal(told, 3);
	assert_answer(one);
	assert_answer(two);
	assert_int_equal(bad->status, 200);
	assert_int_equal(bad->grpc, GRPC_UNIMPLEMENTED);
	assert_string_equal(bad->message, "not here: 100%25%0A");
	assert_int_equal(bad->answer.len, 0);
	assert_int_equal(peer->empty_data, 0);
	assert_int_equal(h2_open_calls(session), 0);
	assert_int_equal(gone, 0);
}

static void bounds_are_announced(void **state)
{
	(void)state;
	talk();
	assert_int_equal(peer->streams_max, H2_STREAMS_MAX);
	assert_int_equal(peer->window, MESSAGE_MAX + GRPC_PREFIX);
	assert_int_equal(peer->headers_max, H2_HEADERS_MAX);
}

static void bytes_may_come_one_by_one(void **state)
{
	struct h2_peer_call *call = h2_peer_ask(peer, "/service/Check", SLICE_LIT("hello"));

	(void)state;
	h2_peer_say(peer);
	for (size_t i = 0; i < peer->out.len; i++)
		feed(slice_of(peer->out.ptr + i, 1));
	buf_reset(&peer->out);
	talk();
	assert_answer(call);
	assert_true(slice_eq(last.path, SLICE_LIT("/service/Check")));
}

static void metadata_is_read(void **state)
{
	static const struct h2_peer_header extra[] = {
		{ "grpc-timeout", "250m" }, { "x-tls-version", "TLSv1.3" }, { NULL, NULL }
	};
	static const struct h2_peer_header odd[] = {
		{ "grpc-timeout", "soon" },
		{ "x-tls-version", "a value that is far too long to be the version of any protocol" },
		{ NULL, NULL }
	};

	(void)state;
	keep = true;
	h2_peer_request(peer, "POST", "/x", "application/grpc+proto", extra, SLICE_LIT("\0\0\0\0\2hi"), false);
	talk();
	assert_int_equal(last.timeout_ns, 250000000);
	assert_true(slice_eq(last.tls_version, SLICE_LIT("TLSv1.3")));
	assert_true(slice_eq(last.body, SLICE_LIT("\0\0\0\0\2hi")));
	h2_peer_request(peer, "POST", "/x", "application/grpc", odd, SLICE_EMPTY, false);
	talk();
	assert_int_equal(told, 2);
	assert_true(last.timeout_ns == INT64_MAX);
	assert_int_equal(last.tls_version.len, 0);
	assert_int_equal(last.body.len, 0);
}

static void what_is_no_grpc_gets_an_http_status(void **state)
{
	struct h2_peer_call *get = h2_peer_request(peer, "GET", "/x", "application/grpc", NULL, SLICE_EMPTY, false);
	struct h2_peer_call *json = h2_peer_request(peer, "POST", "/x", "application/json", NULL, SLICE_LIT("{}"), false);
	struct h2_peer_call *none = h2_peer_request(peer, "POST", "/x", NULL, NULL, SLICE_LIT("{}"), false);

	(void)state;
	talk();
	assert_int_equal(told, 0);
	assert_int_equal(get->status, 405);
	assert_int_equal(json->status, 415);
	assert_int_equal(none->status, 415);
	assert_true(get->closed && json->closed && none->closed);
}

static void large_messages_are_dropped_and_told(void **state)
{
	static uint8_t bytes[MESSAGE_MAX + 6];
	struct h2_peer_call *fits, *large;

	(void)state;
	fits = h2_peer_request(peer, "POST", "/x", "application/grpc", NULL,
			       slice_of(bytes, MESSAGE_MAX + GRPC_PREFIX), false);
	talk();
	assert_int_equal(last.excess, H2_FITS);
	assert_int_equal(last.body.len, MESSAGE_MAX + GRPC_PREFIX);
	assert_answer(fits);
	large = h2_peer_request(peer, "POST", "/x", "application/grpc", NULL, slice_of(bytes, sizeof(bytes)), false);
	talk();
	assert_int_equal(last.excess, H2_MESSAGE_TOO_LARGE);
	assert_int_equal(last.body.len, 0);
	assert_answer(large);
}

static void endless_bodies_are_reset(void **state)
{
	uint8_t *bytes = calloc(1, 20 << 20);
	struct h2_peer_call *call;

	(void)state;
	assert_non_null(bytes);
	call = h2_peer_request(peer, "POST", "/x", "application/grpc", NULL, slice_of(bytes, 20 << 20), true);
	for (unsigned i = 0; i < 10 && !call->closed; i++)
		talk();
	assert_true(call->closed);
	assert_int_equal(call->error, NGHTTP2_ENHANCE_YOUR_CALM);
	assert_int_equal(told, 0);
	free(bytes);
}

static void bodies_of_one_connection_are_bounded(void **state)
{
	static uint8_t bytes[MESSAGE_MAX];

	(void)state;
	keep = false;
	for (unsigned i = 0; i < H2_HELD_MAX / MESSAGE_MAX + 2; i++)
		h2_peer_request(peer, "POST", "/x", "application/grpc", NULL, slice_of(bytes, sizeof(bytes)), true);
	talk();
	for (size_t i = 0; i < peer->count; i++) {
		peer->calls[i].hold = false;
		nghttp2_session_resume_data(peer->ng, peer->calls[i].stream);
	}
	talk();
	assert_int_equal(told, peer->count);
	assert_int_equal(held_up, 2);
	assert_int_equal(fault, ERR_OK);
}

static void header_lists_are_bounded(void **state)
{
	static char value[4000];
	struct h2_peer_header extra[] = { { "a", value }, { "b", value }, { "c", value }, { "d", value },
					  { "e", value }, { NULL, NULL } };
	struct h2_peer_call *call;

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	call = h2_peer_request(peer, "POST", "/x", "application/grpc", extra, SLICE_LIT("x"), false);
	talk();
	assert_int_equal(told, 0);
	assert_true(call->closed && call->error);
	extra[3].name = NULL;
	call = h2_peer_request(peer, "POST", "/x", "application/grpc", extra, SLICE_LIT("x"), false);
	talk();
	assert_answer(call);
}

static void streams_are_bounded(void **state)
{
	unsigned refused = 0;

	(void)state;
	keep = true;
	/* Before SETTINGS are read a peer may think that it has no bound. */
	for (unsigned i = 0; i < H2_STREAMS_MAX + 20; i++)
		h2_peer_request(peer, "POST", "/x", "application/grpc", NULL, SLICE_LIT("x"), true);
	h2_peer_say(peer);
	feed(buf_slice(&peer->out));
	buf_reset(&peer->out);
	talk();
	for (size_t i = 0; i < peer->count; i++)
		refused += peer->calls[i].closed && peer->calls[i].error == NGHTTP2_REFUSED_STREAM;
	assert_true(h2_open_calls(session) <= H2_STREAMS_MAX);
	assert_true(refused == 0 || refused == 20);
}

static void given_up_calls_are_told(void **state)
{
	struct h2_peer_call *call;

	(void)state;
	keep = true;
	call = h2_peer_ask(peer, "/x", SLICE_LIT("x"));
	talk();
	assert_int_equal(told, 1);
	nghttp2_submit_rst_stream(peer->ng, 0, call->stream, NGHTTP2_CANCEL);
	talk();
	assert_int_equal(gone, 1);
	h2_peer_ask(peer, "/x", SLICE_LIT("x"));
	talk();
	h2_free(session);
	session = NULL;
	assert_int_equal(gone, 2);
}

static void late_answers_leave(void **state)
{
	struct h2_peer_call *one, *two;

	(void)state;
	keep = true;
	one = h2_peer_ask(peer, "/x", SLICE_LIT("1"));
	two = h2_peer_ask(peer, "/x", SLICE_LIT("2"));
	talk();
	assert_int_equal(kept_count, 2);
	h2_answer(kept[1], SLICE_LIT("answer"));
	talk();
	assert_answer(two);
	assert_false(one->closed);
	h2_answer(kept[0], SLICE_LIT("answer"));
	talk();
	assert_answer(one);
	/* The next call has the memory of one of them. */
	assert_int_equal(pool.count, 2);
	keep = false;
	h2_peer_ask(peer, "/x", SLICE_LIT("3"));
	talk();
	assert_int_equal(pool.count, 2);
}

static void answers_may_be_large(void **state)
{
	static uint8_t bytes[200000];
	struct h2_peer_call *call;

	(void)state;
	keep = true;
	call = h2_peer_ask(peer, "/x", SLICE_LIT("1"));
	talk();
	h2_answer(kept[0], slice_of(bytes, sizeof(bytes)));
	talk();
	assert_int_equal(h2_peer_message(call).len, sizeof(bytes));
	assert_int_equal(peer->empty_data, 0);
	/* Its memory is not kept for the next one. */
	assert_int_equal(pool.count, 0);
}

/* Calls whose bodies do not end, of a session that is lost. */
static void lose_calls(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		h2_peer_request(peer, "POST", "/x", "application/grpc", NULL, SLICE_LIT("x"), true);
	talk();
	assert_int_equal(h2_open_calls(session), count);
}

static void what_is_kept_of_calls_is_bounded(void **state)
{
	struct h2_session *other = session;
	struct h2_peer *other_peer = peer;

	lose_calls(200);
	buf_fini(&out);
	assert_int_equal(start(state), 0);
	lose_calls(200);
	h2_free(other);
	h2_peer_free(other_peer);
	assert_int_equal(pool.count, 200);
	h2_free(session);
	assert_int_equal(pool.count, H2_STREAMS_MAX);
	session = NULL;
	stop(state);
	start(state);
	assert_int_equal(pool.count, 0);
}

static void bodies_must_end(void **state)
{
	struct h2_peer_call *call = h2_peer_request(peer, "POST", "/x", "application/grpc", NULL, SLICE_LIT("x"), true);

	(void)state;
	talk();
	assert_true(h2_deadline(session) == now + H2_BODY_NS);
	now += H2_BODY_NS;
	assert_true(h2_tick(session, now));
	assert_true(h2_deadline(session) == INT64_MAX);
	talk();
	assert_true(call->closed);
	assert_int_equal(call->error, NGHTTP2_CANCEL);
	assert_int_equal(told, 0);
	assert_int_equal(h2_open_calls(session), 0);
}

static void who_never_speaks_is_left(void **state)
{
	(void)state;
	assert_true(h2_deadline(session) == now + H2_OPEN_NS);
	now += H2_OPEN_NS;
	assert_false(h2_tick(session, now));
}

static void other_protocols_are_left(void **state)
{
	(void)state;
	feed(SLICE_LIT("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
	assert_int_equal(fault, ERR_FORMAT);
	assert_non_null(why);
}

static void the_end_is_announced_first(void **state)
{
	struct h2_peer_call *before;

	(void)state;
	keep = true;
	before = h2_peer_ask(peer, "/x", SLICE_LIT("1"));
	talk();
	h2_announce_end(session);
	talk();
	assert_int_equal(peer->goaways, 1);
	assert_int_equal(peer->last_stream, INT32_MAX);
	h2_end(session);
	talk();
	assert_int_equal(peer->goaways, 2);
	assert_int_equal(peer->last_stream, before->stream);
	assert_int_equal(peer->goaway_error, NGHTTP2_NO_ERROR);
	assert_false(h2_is_over(session));
	h2_answer(kept[0], SLICE_LIT("answer"));
	talk();
	assert_answer(before);
	assert_true(h2_is_over(session));
}

/* What comes between the two GOAWAYs is still served. */
static void calls_after_the_announcement_are_served(void **state)
{
	struct h2_peer_call *call;

	(void)state;
	talk();
	call = h2_peer_ask(peer, "/x", SLICE_LIT("1"));
	h2_announce_end(session);
	talk();
	assert_answer(call);
	h2_end(session);
	talk();
	assert_true(h2_is_over(session));
}

static void floods_end_the_connection(void **state)
{
	static const uint8_t ping[17] = { 0, 0, 8, 6, 0, 0, 0, 0, 0 };
	static const uint8_t settings[9] = { 0, 0, 0, 4, 0, 0, 0, 0, 0 };

	(void)state;
	talk();
	for (unsigned i = 0; i < 2 * H2_ACKS_MAX && !fault; i++)
		feed(slice_of(ping, sizeof(ping)));
	assert_int_equal(fault, ERR_LIMIT);
	stop(state);
	start(state);
	talk();
	for (unsigned i = 0; i < 2 * H2_ACKS_MAX && !fault; i++)
		feed(slice_of(settings, sizeof(settings)));
	assert_int_equal(fault, ERR_LIMIT);
}

static void continuations_are_bounded(void **state)
{
	/* HEADERS without END_HEADERS on stream 1, then empty CONTINUATIONs without end. */
	static const uint8_t headers[] = { 0, 0, 1, 1, 0, 0, 0, 0, 1, 0x83 };
	static const uint8_t more[] = { 0, 0, 0, 9, 0, 0, 0, 0, 1 };

	(void)state;
	talk();
	feed(slice_of(headers, sizeof(headers)));
	for (unsigned i = 0; i < 4 * H2_CONTINUATIONS_MAX && !fault; i++)
		feed(slice_of(more, sizeof(more)));
	assert_int_equal(fault, ERR_FORMAT);
	assert_int_equal(told, 0);
}

static void resets_are_bounded(void **state)
{
	(void)state;
	keep = false;
	talk();
	for (unsigned i = 0; i < H2_RESETS_BURST + 100 && !peer->goaways && !fault; i++) {
		struct h2_peer_call *call = h2_peer_request(peer, "POST", "/x", "application/grpc", NULL, SLICE_LIT("x"), true);

		nghttp2_session_send(peer->ng);
		nghttp2_submit_rst_stream(peer->ng, 0, call->stream, NGHTTP2_CANCEL);
		talk();
	}
	assert_true(peer->goaways || fault);
	assert_int_equal(h2_open_calls(session), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(other_protocols_are_left),
		TEST(who_never_speaks_is_left),
		TEST(what_is_no_grpc_gets_an_http_status),
		TEST(large_messages_are_dropped_and_told),
		TEST(endless_bodies_are_reset),
		TEST(bodies_of_one_connection_are_bounded),
		TEST(header_lists_are_bounded),
		TEST(streams_are_bounded),
		TEST(bodies_must_end),
		TEST(floods_end_the_connection),
		TEST(continuations_are_bounded),
		TEST(resets_are_bounded),
		TEST(bounds_are_announced),
		TEST(calls_are_answered),
		TEST(bytes_may_come_one_by_one),
		TEST(metadata_is_read),
		TEST(given_up_calls_are_told),
		TEST(late_answers_leave),
		TEST(answers_may_be_large),
		TEST(what_is_kept_of_calls_is_bounded),
		TEST(the_end_is_announced_first),
		TEST(calls_after_the_announcement_are_served),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
