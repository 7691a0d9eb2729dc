/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/loop_ev.h"
#include "lib/io_end.h"

#define MS INT64_C(1000000)

static void test_peer_gone_at_once(void **state)
{
	struct io_end *f = *state;

	close(f->fds[1]);
	f->fds[1] = -1;
	io_end_open(f, NULL);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 1000));
	assert_int_equal(f->conn.why, ERR_CLOSED);
	assert_int_equal(f->conn.offers, 0);
}

static void test_end_in_the_middle_of_a_message(void **state)
{
	struct io_end *f = *state;

	f->conn.use_at_most = 4;
	io_end_open(f, NULL);
	io_end_give(f, "abcdefg", 7);
	close(f->fds[1]);
	f->fds[1] = -1;
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 1000));
	assert_int_equal(f->conn.why, ERR_CLOSED);
	assert_memory_equal(f->conn.got.ptr, "abcd", 4);
}

static void test_reset_is_a_normal_end(void **state)
{
	struct io_end *f = *state;
	struct linger hard = { .l_onoff = 1, .l_linger = 0 };

	io_end_open(f, NULL);
	io_turn(f->loop, 2);
	setsockopt(f->fds[1], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(f->fds[1]);
	f->fds[1] = -1;
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 1000));
	assert_int_equal(f->conn.why, ERR_CLOSED);
}

static size_t whole_only(struct slice in, size_t whole)
{
	return in.len >= whole ? in.len : 0;
}

static size_t big_message_data(void *arg, struct slice in)
{
	struct io_conn *conn = arg;

	conn->offers++;
	conn->last_offer = in.len;
	return whole_only(in, 60000);
}

static void closed_conn(void *arg, enum err why)
{
	struct io_conn *conn = arg;

	conn->closed = true;
	conn->why = why;
	conn->stream = NULL;
}

static void test_full_buffer_that_nobody_uses(void **state)
{
	static const struct stream_handler handler = { big_message_data, closed_conn, NULL };
	static const struct stream_limits limits = { .in_max = 1000, .out_high = 1000 };
	struct io_end *f = *state;
	static char bytes[3000];

	f->conn.stream = stream_new(f->loop, f->fds[0], NULL, &limits, &handler, &f->conn);
	io_end_give(f, bytes, 999);
	io_turn(f->loop, 5);
	assert_int_equal(f->conn.last_offer, 999);
	assert_false(f->conn.closed);
	io_end_give(f, bytes, 2000);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 1000));
	assert_int_equal(f->conn.why, ERR_LIMIT);
	assert_int_equal(f->conn.last_offer, 1000);
}

static void test_one_byte_at_a_time(void **state)
{
	static const struct stream_handler handler = { big_message_data, closed_conn, NULL };
	static const struct stream_limits limits = { .in_max = 65536, .out_high = 1000 };
	struct io_end *f = *state;
	static char bytes[40000];
	int64_t cpu;

	f->conn.stream = stream_new(f->loop, f->fds[0], NULL, &limits, &handler, &f->conn);
	/* A large front, then crumbs: what is kept must not be copied again for each of them. */
	io_end_give(f, bytes, 40000);
	io_turn(f->loop, 2);
	cpu = clock_thread_cpu_ns();
	for (size_t i = 40000; i < 42000; i++) {
		size_t before = f->conn.offers;

		io_end_give(f, "x", 1);
		while (f->conn.offers == before)
			io_turn(f->loop, 0);
	}
	cpu = clock_thread_cpu_ns() - cpu;
	assert_int_equal(f->conn.last_offer, 42000);
	assert_true(cpu / 2000 < 200000);
	io_end_give(f, bytes, 18000);
	io_turn(f->loop, 5);
	assert_int_equal(f->conn.last_offer, 60000);
	assert_false(f->conn.closed);
}

static void test_left_bytes_come_again_in_order(void **state)
{
	struct io_end *f = *state;
	static uint8_t bytes[50000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	f->conn.use_at_most = 777;
	io_end_open(f, NULL);
	for (size_t at = 0; at < sizeof(bytes); at += 500) {
		io_end_give(f, bytes + at, 500);
		io_turn(f->loop, 0);
	}
	/* Each offer takes 777 of what has come; every offer is begun by more bytes or the end of a pause. */
	f->want = sizeof(bytes);
	for (int i = 0; i < 200 && f->conn.got.len < f->want; i++) {
		stream_pause(f->conn.stream, true);
		stream_pause(f->conn.stream, false);
		io_turn(f->loop, 0);
	}
	assert_int_equal(f->conn.got.len, sizeof(bytes));
	assert_memory_equal(f->conn.got.ptr, bytes, sizeof(bytes));
}

static void pause_at_once(struct io_conn *conn, struct slice in)
{
	(void)in;
	stream_pause(conn->stream, true);
}

static void test_pause_keeps_and_offers_again(void **state)
{
	struct io_end *f = *state;

	f->conn.use_at_most = 3;
	f->conn.on_offer = pause_at_once;
	io_end_open(f, NULL);
	io_end_give(f, "abcdefgh", 8);
	io_turn(f->loop, 10);
	assert_int_equal(f->conn.offers, 1);
	/* A peer that goes meanwhile isn't noticed before what it said is used. */
	close(f->fds[1]);
	f->fds[1] = -1;
	io_turn(f->loop, 10);
	assert_int_equal(f->conn.offers, 1);
	stream_pause(f->conn.stream, false);
	io_turn(f->loop, 10);
	assert_int_equal(f->conn.offers, 2);
	f->conn.on_offer = NULL;
	f->conn.use_at_most = 0;
	stream_pause(f->conn.stream, false);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 1000));
	assert_memory_equal(f->conn.got.ptr, "abcdefgh", 8);
}

static void abort_now(struct io_conn *conn, struct slice in)
{
	struct stream *stream = conn->stream;

	(void)in;
	conn->stream = NULL;
	stream_abort(stream);
	/* Until the callback returns it is there, and does nothing. */
	stream_flush(stream);
	stream_pause(stream, true);
	stream_finish(stream, 0);
	stream_abort(stream);
}

static void test_abort_within_a_callback(void **state)
{
	struct io_end *f = *state;

	f->conn.on_offer = abort_now;
	io_end_open(f, NULL);
	io_end_give(f, "x", 1);
	f->want = 0;
	assert_true(io_until(f->loop, io_end_take, f, 1000));
	assert_false(f->conn.closed);
}

struct flood {
	struct io_conn other;
	int quiet[2];
	const size_t *noise; /* how often the noisy one was served */
	size_t heard, most;  /* when a ping was sent, and the most from then on until it was read */
	bool sent;
	unsigned rounds;
};

static void pinged(struct io_conn *conn, struct slice in)
{
	struct flood *flood = (struct flood *)(void *)conn;
	size_t meanwhile = *flood->noise - flood->heard;

	(void)in;
	flood->most = meanwhile > flood->most ? meanwhile : flood->most;
}

static bool flood_step(void *arg)
{
	struct flood *flood = arg;
	char room[8];

	if (flood->sent && recv(flood->quiet[1], room, sizeof(room), 0) > 0) {
		flood->sent = false;
		flood->rounds++;
	}
	if (!flood->sent) {
		flood->sent = true;
		flood->heard = *flood->noise;
		(void)!write(flood->quiet[1], "ping", 4);
	}
	return flood->rounds >= 50;
}

static void refill(struct io_conn *conn, struct slice in)
{
	static char much[65536];
	int fd = *(int *)(conn + 1);

	(void)in;
	while (send(fd, much, sizeof(much), MSG_NOSIGNAL) > 0)
		;
}

static void test_flood_does_not_starve_others(void **state)
{
	struct io_end *f = *state;
	struct {
		struct io_conn conn;
		int fd;
	} *noisy = calloc(1, sizeof(*noisy));
	struct flood flood = { 0 };

	/* Its socket is full again whenever the stream has read from it. */
	noisy->fd = f->fds[1];
	noisy->conn.on_offer = refill;
	noisy->conn.got = buf_fixed(NULL, 0);
	io_conn_open(&noisy->conn, f->loop, f->fds[0], NULL, NULL);
	refill(&noisy->conn, SLICE_EMPTY);
	io_pair(flood.quiet);
	flood.noise = &noisy->conn.offers;
	flood.other.echo = true;
	flood.other.on_offer = pinged;
	io_conn_open(&flood.other, f->loop, flood.quiet[0], NULL, NULL);
	assert_true(io_until(f->loop, flood_step, &flood, 10000));
	assert_true(noisy->conn.offers > 50);
	/* Once in the wake-up that goes on, once in the next one. */
	assert_true(flood.most <= 2);
	io_conn_close(&flood.other);
	io_conn_close(&noisy->conn);
	close(flood.quiet[1]);
	free(noisy);
}

#define IDLE 200

static void test_many_idle_connections_hold_no_buffers(void **state)
{
	struct io_end *f = *state;
	struct io_conn *conns = calloc(IDLE, sizeof(*conns));
	int (*pairs)[2] = calloc(IDLE, sizeof(*pairs));
	size_t before = mallinfo2().uordblks, each;
	char c;

	for (int i = 0; i < IDLE; i++) {
		io_pair(pairs[i]);
		conns[i].echo = true;
		conns[i].got = buf_fixed(NULL, 0);
		io_conn_open(&conns[i], f->loop, pairs[i][0], NULL, NULL);
		assert_int_equal(write(pairs[i][1], "x", 1), 1);
	}
	io_turn(f->loop, 30);
	each = (mallinfo2().uordblks - before - LOOP_KEPT - LOOP_SCRATCH) / IDLE;
	if (mallinfo2().uordblks > before) /* a sanitizer's malloc doesn't say */
		assert_in_range(each, 1, 1024);
	for (int i = 0; i < IDLE; i++) {
		assert_int_equal(read(pairs[i][1], &c, 1), 1);
		io_conn_close(&conns[i]);
		close(pairs[i][1]);
	}
	free(conns);
	free(pairs);
	close(f->fds[0]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, io_end_setup, io_end_teardown)
#define TEST_TCP(name) { #name "_tcp", name, io_end_setup_tcp, io_end_teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_peer_gone_at_once),
		TEST_TCP(test_peer_gone_at_once),
		TEST(test_end_in_the_middle_of_a_message),
		TEST_TCP(test_reset_is_a_normal_end),
		TEST(test_full_buffer_that_nobody_uses),
		TEST(test_one_byte_at_a_time),
		TEST(test_left_bytes_come_again_in_order),
		TEST(test_pause_keeps_and_offers_again),
		TEST(test_abort_within_a_callback),
		TEST(test_flood_does_not_starve_others),
		TEST(test_many_idle_connections_hold_no_buffers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
