/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "front/spoe_conn.h"
#include "lib/bytes.h"
#include "lib/captures.h"
#include "lib/spop_peer.h"

/* Real sockets and a real loop; the engine's clocks stand still. */
#define MS INT64_C(1000000)
#define GIVE_UP (5000 * MS)

static struct rig *rig;
static struct loop *loop;
static struct spoe_server *server;
static unsigned closed;
static int peer = -1;
static struct buf got;
static size_t seen;

static const struct rig_file files[] = { { "w.lua", "return {}\n" }, { NULL, NULL } };
static const char config[] =
	"return { hosts = { [\"api.example.com\"] = { require = \"none\" } },"
	" workers = { { name = \"w\", script = \"w.lua\", routes = { \"api.example.com/w/*\" } } } }";
static const struct named to_worker[] = { TEXT("path", "/w/"), NAMED_END };

static void on_closed(void *arg)
{
	(void)arg;
	closed++;
}

static int start(void **state)
{
	(void)state;
	rig = rig_new(config, files);
	rig_mono_ns = clock_mono_ns(); /* deadlines are compared with the loop's clock */
	loop = loop_new();
	server = spoe_server_new(loop, rig->engine);
	spoe_server_on_closed(server, on_closed, NULL);
	closed = 0;
	seen = 0;
	got = buf_capped(0);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	if (peer >= 0)
		close(peer);
	peer = -1;
	spoe_server_free(server);
	loop_free(loop);
	rig_free(rig);
	buf_fini(&got);
	return 0;
}

static void connect_unix(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	peer = fds[0];
	spoe_server_accept(server, fds[1], NULL);
}

static void connect_tcp(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	peer = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(peer, (struct sockaddr *)&address, len), 0);
	assert_int_equal(fcntl(peer, F_SETFL, O_NONBLOCK), 0);
	spoe_server_accept(server, accept(listener, NULL, NULL), NULL);
	close(listener);
}

/* Runs the loop until ready() or for so long. */
static struct waiting {
	bool (*ready)(void);
	int64_t until;
	struct loop_timer *timer;
	bool met;
} waiting;

static void look(void *arg)
{
	(void)arg;
	waiting.met = waiting.ready();
	if (waiting.met || clock_mono_ns() > waiting.until)
		loop_stop(loop);
	else
		loop_timer_set(waiting.timer, MS / 2);
}

static bool run_until(bool (*ready)(void), int64_t at_most)
{
	waiting.ready = ready;
	waiting.until = clock_mono_ns() + at_most;
	waiting.timer = loop_timer_new(loop, look, NULL);
	loop_timer_set(waiting.timer, 0);
	loop_run(loop);
	loop_timer_free(waiting.timer);
	return waiting.met;
}

static bool never(void)
{
	return false;
}

static size_t wanted_bytes;
static bool peer_closed;

static bool enough_read(void)
{
	uint8_t room[65536];
	ssize_t n;

	while ((n = read(peer, room, sizeof(room))) > 0)
		buf_put(&got, slice_of(room, (size_t)n));
	peer_closed |= n == 0;
	return got.len - seen >= wanted_bytes || peer_closed;
}

static void send_bytes(struct slice bytes)
{
	assert_int_equal(write(peer, bytes.ptr, bytes.len), bytes.len);
}

static bool whole_frame(void)
{
	struct reader r;

	wanted_bytes = SIZE_MAX;
	(void)enough_read();
	r = reader_of(slice_sub(buf_slice(&got), seen, got.len));
	(void)reader_bytes(&r, reader_u32(&r));
	return !reader_err(&r) || peer_closed;
}

static struct spop_frame next(void)
{
	struct spop_frame frame;
	struct slice left;

	peer_closed = false;
	assert_true(run_until(whole_frame, GIVE_UP));
	left = slice_sub(buf_slice(&got), seen, got.len);
	assert_true(peer_next(&left, &frame));
	seen = got.len - left.len;
	return frame;
}

static void hello(void)
{
	send_bytes(bytes(CAPTURE_HELLO_3_2));
	assert_int_equal(next().type, SPOP_AGENT_HELLO);
}

static void ask(unsigned count, const struct named *over)
{
	struct buf frames = buf_capped(0);

	for (unsigned i = 0; i < count; i++)
		peer_notify(&frames, 2 * i + 1, 1, over);
	send_bytes(buf_slice(&frames));
	buf_fini(&frames);
}

static bool one_closed(void)
{
	return closed == 1;
}

static bool some_pending(void)
{
	return rig->pending_count > 0;
}

static void a_question_over(void (*connect_peer)(void))
{
	struct spop_frame ack;

	connect_peer();
	hello();
	ask(1, NULL);
	ack = next();
	assert_string_equal(peer_text(&ack, "verdict"), "allow");
	close(peer);
	peer = -1;
	assert_true(run_until(one_closed, GIVE_UP));
	assert_int_equal(spoe_server_connections(server), 0);
	assert_int_equal(spoe_server_stats(server)->accepted, 1);
	assert_int_equal(spoe_server_stats(server)->closed, 1);
	assert_int_equal(spoe_server_stats(server)->bad_frames, 0);
}

static void a_question_over_a_unix_socket(void **state)
{
	(void)state;
	a_question_over(connect_unix);
}

static void a_question_over_tcp(void **state)
{
	(void)state;
	a_question_over(connect_tcp);
}

static void connect_and_close(void **state)
{
	(void)state;
	connect_tcp();
	close(peer);
	peer = -1;
	assert_true(run_until(one_closed, GIVE_UP));
	assert_int_equal(spoe_server_stats(server)->bad_frames, 0);
	assert_int_equal(spoe_server_stats(server)->timeouts, 0);
}

static void reset(void)
{
	struct linger hard = { .l_onoff = 1 };

	assert_int_equal(setsockopt(peer, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
	close(peer);
	peer = -1;
}

static void a_reset_while_idle(void **state)
{
	(void)state;
	connect_tcp();
	hello();
	reset();
	assert_true(run_until(one_closed, GIVE_UP));
	assert_int_equal(spoe_server_stats(server)->bad_frames, 0);
}

static void a_reset_while_requests_are_pending(void **state)
{
	(void)state;
	connect_tcp();
	hello();
	rig->state = POLICY_PENDING;
	ask(5, to_worker);
	assert_true(run_until(some_pending, GIVE_UP));
	reset();
	assert_true(run_until(one_closed, GIVE_UP));
	assert_int_equal(rig->cancelled, 5);
	assert_int_equal(rig->inflight.count, 0);
	assert_int_equal(spoe_server_stats(server)->cancelled, 5);
}

static void a_reset_while_an_answer_is_queued(void **state)
{
	(void)state;
	connect_tcp();
	hello();
	rig->state = POLICY_PENDING;
	ask(1, to_worker);
	assert_true(run_until(some_pending, GIVE_UP));
	reset();
	rig_complete(rig, 0, (struct policy_result){ .outcome = POLICY_PASSED });
	assert_true(run_until(one_closed, GIVE_UP));
	assert_int_equal(rig->cancelled, 0);
}

static void an_answer_that_comes_later_leaves(void **state)
{
	struct spop_frame ack;

	(void)state;
	connect_unix();
	hello();
	rig->state = POLICY_PENDING;
	ask(1, to_worker);
	assert_true(run_until(some_pending, GIVE_UP));
	rig_complete(rig, 0, (struct policy_result){ .outcome = POLICY_PASSED });
	ack = next();
	assert_string_equal(peer_text(&ack, "verdict"), "allow");
}

/* What HAProxy 3.1 and newer hang on: 16384 bytes of unread answers. */
static size_t most_unread;

static bool slow_reader(void)
{
	uint8_t room[700];
	int unread = 0;
	ssize_t n;

	assert_int_equal(ioctl(peer, FIONREAD, &unread), 0);
	if ((size_t)unread > most_unread)
		most_unread = (size_t)unread;
	n = read(peer, room, sizeof(room));
	if (n > 0)
		buf_put(&got, slice_of(room, (size_t)n));
	return got.len - seen >= wanted_bytes;
}

static void unread_answers_stay_under_the_size_agreed_on(void **state)
{
	static uint8_t body[9000];
	static const size_t sizes[] = { 1000, 4000, 9000 };

	(void)state;
	connect_unix();
	hello();
	for (size_t i = 0; i < 3; i++) {
		size_t before = seen;

		rig->state = POLICY_DONE;
		rig->result = (struct policy_result){ .outcome = POLICY_RESPONDED, .status = 403,
						      .body = slice_of(body, sizes[i]) };
		ask(20, to_worker);
		most_unread = 0;
		wanted_bytes = 20 * sizes[i];
		assert_true(run_until(slow_reader, GIVE_UP));
		assert_in_range(most_unread, sizes[i], 16380);
		for (unsigned n = 0; n < 20; n++)
			assert_int_equal(next().type, SPOP_ACK);
		assert_true(seen > before + wanted_bytes);
	}
}

static void rubbish_gets_a_goodbye_and_time_to_close(void **state)
{
	struct spop_disconnect goodbye;
	struct spop_frame frame;

	(void)state;
	connect_tcp();
	send_bytes(bytes("\"GET / HTTP/1.1\" 0d 0a 0d 0a"));
	frame = next();
	assert_int_equal(frame.type, SPOP_AGENT_DISCONNECT);
	assert_int_equal(spop_disconnect_decode(frame.payload, &goodbye), SPOP_NORMAL);
	assert_int_equal(goodbye.status, SPOP_TOO_BIG);
	assert_false(run_until(one_closed, 300 * MS));
	close(peer);
	peer = -1;
	assert_true(run_until(one_closed, GIVE_UP));
	assert_int_equal(spoe_server_stats(server)->bad_frames, 1);
}

static void a_health_check(void **state)
{
	(void)state;
	connect_tcp();
	send_bytes(bytes(CAPTURE_HEALTHCHECK));
	assert_int_equal(next().type, SPOP_AGENT_HELLO);
	close(peer);
	peer = -1;
	assert_true(run_until(one_closed, GIVE_UP));
	assert_int_equal(spoe_server_stats(server)->healthchecks, 1);
}

static bool drained;

static void on_drained(void *arg)
{
	assert_ptr_equal(arg, &drained);
	drained = true;
}

static bool is_drained(void)
{
	return drained;
}

static void draining_without_connections_is_done_soon_but_not_within(void **state)
{
	(void)state;
	drained = false;
	spoe_server_drain(server, on_drained, &drained);
	assert_false(drained);
	assert_true(run_until(is_drained, GIVE_UP));
}

static void draining_answers_says_goodbye_and_waits_for_the_close(void **state)
{
	struct spop_disconnect goodbye;
	struct spop_frame frame;

	(void)state;
	drained = false;
	connect_tcp();
	hello();
	rig->state = POLICY_PENDING;
	ask(20, to_worker);
	assert_true(run_until(some_pending, GIVE_UP));
	spoe_server_drain(server, on_drained, &drained);
	assert_false(run_until(never, 20 * MS));
	while (rig->pending_count)
		rig_complete(rig, rig->pending_count - 1, (struct policy_result){ .outcome = POLICY_PASSED });
	for (unsigned i = 20; i-- > 0;) {
		frame = next();
		assert_int_equal(frame.type, SPOP_ACK);
		assert_int_equal(frame.stream_id, 2 * i + 1);
	}
	frame = next();
	assert_int_equal(frame.type, SPOP_AGENT_DISCONNECT);
	assert_int_equal(spop_disconnect_decode(frame.payload, &goodbye), SPOP_NORMAL);
	assert_int_equal(goodbye.status, SPOP_NORMAL);
	assert_false(run_until(is_drained, 250 * MS));
	close(peer);
	peer = -1;
	assert_true(run_until(is_drained, GIVE_UP));
	assert_int_equal(spoe_server_connections(server), 0);
}

static void freeing_the_server_cancels_and_closes(void **state)
{
	(void)state;
	connect_unix();
	hello();
	rig->state = POLICY_PENDING;
	ask(3, to_worker);
	assert_true(run_until(some_pending, GIVE_UP));
	/* stop() does it. */
}

static void metrics_page(void **state)
{
	const struct spoe_stats *loops[] = { spoe_server_stats(server), spoe_server_stats(server) };
	struct buf out = buf_capped(0);

	(void)state;
	connect_unix();
	hello();
	spoe_stats_write(&out, loops, 2);
	buf_u8(&out, 0);
	assert_non_null(strstr((const char *)out.ptr, "mtlsguard_spop_connections 2\n"));
	assert_non_null(strstr((const char *)out.ptr, "mtlsguard_spop_frames_in_total 2\n"));
	assert_non_null(strstr((const char *)out.ptr, "mtlsguard_spop_cancelled_total 0\n"));
	buf_fini(&out);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(connect_and_close),
		TEST(a_reset_while_idle),
		TEST(a_reset_while_requests_are_pending),
		TEST(a_reset_while_an_answer_is_queued),
		TEST(rubbish_gets_a_goodbye_and_time_to_close),
		TEST(a_question_over_a_unix_socket),
		TEST(a_question_over_tcp),
		TEST(an_answer_that_comes_later_leaves),
		TEST(unread_answers_stay_under_the_size_agreed_on),
		TEST(a_health_check),
		TEST(draining_without_connections_is_done_soon_but_not_within),
		TEST(draining_answers_says_goodbye_and_waits_for_the_close),
		TEST(freeing_the_server_cancels_and_closes),
		TEST(metrics_page),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
