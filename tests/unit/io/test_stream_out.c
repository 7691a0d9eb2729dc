/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/io_end.h"

#define MS INT64_C(1000000)

static void test_writing_to_nobody_raises_no_signal(void **state)
{
	struct io_end *f = *state;

	io_end_open(f, NULL);
	stream_pause(f->conn.stream, true);
	close(f->fds[1]);
	f->fds[1] = -1;
	/* TCP takes the first bytes, and learns from the reset that comes back. */
	for (int i = 0; i < 2 && !f->conn.closed; i++) {
		buf_str(stream_out(f->conn.stream), "answer");
		stream_flush(f->conn.stream);
		io_turn(f->loop, 10);
	}
	assert_true(f->conn.closed);
	assert_int_equal(f->conn.why, ERR_CLOSED);
}

static void answer_in_pieces(struct io_conn *conn, struct slice in)
{
	(void)in;
	buf_str(stream_out(conn->stream), "first ");
	stream_flush(conn->stream);
	buf_str(stream_out(conn->stream), "second ");
	stream_flush(conn->stream);
	buf_str(stream_out(conn->stream), "third");
}

static void test_output_of_a_wakeup_leaves_in_one_write(void **state)
{
	struct io_end *f = *state;
	int socks[2];
	char room[100];

	/* A datagram per write tells them apart. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, socks), 0);
	close(f->fds[0]);
	close(f->fds[1]);
	f->fds[0] = socks[0];
	f->fds[1] = socks[1];
	f->conn.on_offer = answer_in_pieces;
	io_end_open(f, NULL);
	io_end_give(f, "x", 1);
	io_turn(f->loop, 5);
	assert_int_equal(recv(f->fds[1], room, sizeof(room), 0), 18);
	assert_memory_equal(room, "first second third", 18);
	assert_int_equal(recv(f->fds[1], room, sizeof(room), 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static void test_large_output_to_a_slow_reader(void **state)
{
	struct io_end *f = *state;
	static const struct stream_limits limits = { .in_max = 4096, .out_high = 1 << 16,
						     .blocked_ns = 200 * MS };
	size_t size = 4u << 20;
	uint8_t *p;

	io_end_open(f, &limits);
	p = buf_want(stream_out(f->conn.stream), size);
	for (size_t i = 0; i < size; i++)
		p[i] = (uint8_t)(i * 31 + i / 65537);
	buf_added(stream_out(f->conn.stream), size);
	stream_flush(f->conn.stream);
	/* 20 KB a millisecond takes longer than blocked_ns in all, but it is progress. */
	f->read_at_most = 20000;
	f->want = size;
	assert_true(io_until(f->loop, io_end_take, f, 20000));
	for (size_t i = 0; i < size; i++)
		assert_true(f->got.ptr[i] == (uint8_t)(i * 31 + i / 65537));
	assert_false(f->conn.closed);
	assert_int_equal(stream_waiting(f->conn.stream), 0);
}

static void test_blocked_output_times_out(void **state)
{
	struct io_end *f = *state;
	static const struct stream_limits limits = { .in_max = 4096, .out_high = 1 << 16,
						     .blocked_ns = 50 * MS };
	int64_t start = clock_mono_ns(), cpu = clock_thread_cpu_ns();

	io_end_open(f, &limits);
	io_end_fill(f, 8 << 20);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 3000));
	assert_int_equal(f->conn.why, ERR_TIMEOUT);
	assert_true(clock_mono_ns() - start >= 50 * MS);
	assert_true(clock_thread_cpu_ns() - cpu < 2 * (clock_mono_ns() - start) / 3);
}

static void test_reading_pauses_above_the_high_mark(void **state)
{
	struct io_end *f = *state;
	static const struct stream_limits limits = { .in_max = 65536, .out_high = 100000 };
	size_t offers;

	io_end_open(f, &limits);
	io_end_fill(f, 4 << 20);
	io_turn(f->loop, 5);
	assert_true(stream_waiting(f->conn.stream) > 100000);
	io_end_give(f, "more", 4);
	io_turn(f->loop, 10);
	offers = f->conn.offers;
	assert_int_equal(offers, 0);
	assert_int_equal(f->conn.writable, 0);
	f->want = 4 << 20;
	assert_true(io_until(f->loop, io_end_take, f, 10000));
	f->want = 4;
	assert_true(io_until(f->loop, io_end_used, f, 1000));
	assert_int_equal(f->conn.writable, 1);
}

static bool only_write(void *arg)
{
	static char much[65536];
	struct io_end *f = arg;

	while (send(f->fds[1], much, sizeof(much), MSG_NOSIGNAL) > 0)
		;
	return false;
}

/* An owner that stopped at the mark hears of it, though nothing is left to wait after one write. */
static void test_one_write_from_the_high_mark(void **state)
{
	struct io_end *f = *state;
	static const struct stream_limits limits = { .in_max = 65536, .out_high = 10000 };

	io_end_open(f, &limits);
	io_end_fill(f, 9999);
	io_turn(f->loop, 5);
	assert_int_equal(stream_waiting(f->conn.stream), 0);
	assert_int_equal(f->conn.writable, 0);
	io_end_fill(f, 10000);
	io_turn(f->loop, 5);
	assert_int_equal(stream_waiting(f->conn.stream), 0);
	assert_int_equal(f->conn.writable, 1);
}

static void test_peer_that_only_writes_costs_bounded_memory(void **state)
{
	struct io_end *f = *state;
	static const struct stream_limits limits = { .in_max = 65536, .out_high = 100000 };

	f->conn.echo = true;
	io_end_open(f, &limits);
	(void)io_until(f->loop, only_write, f, 200);
	assert_in_range(stream_waiting(f->conn.stream), 1, limits.out_high + limits.in_max);
}

static void test_half_closed_peer_gets_its_answer(void **state)
{
	struct io_end *f = *state;

	f->conn.echo = true;
	io_end_open(f, NULL);
	io_end_give(f, "question", 8);
	shutdown(f->fds[1], SHUT_WR);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 1000));
	assert_int_equal(f->conn.why, ERR_CLOSED);
	f->want = 8;
	assert_true(io_end_take(f));
	assert_memory_equal(f->got.ptr, "question", 8);
}

static void finish_now(struct io_conn *conn, struct slice in)
{
	(void)in;
	buf_str(stream_out(conn->stream), "bye");
	stream_finish(conn->stream, 0);
	stream_finish(conn->stream, 1000 * MS);
	stream_flush(conn->stream);
	stream_pause(conn->stream, true);
	stream_pause(conn->stream, false);
}

static void test_finish_writes_and_closes(void **state)
{
	struct io_end *f = *state;

	f->conn.on_offer = finish_now;
	f->conn.use_at_most = 1;
	io_end_open(f, NULL);
	io_end_give(f, "rubbish", 7);
	/* The loop closes while input lies unread: on TCP a reset would take the answer away. */
	io_end_give(f, "more rubbish", 12);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 1000));
	assert_int_equal(f->conn.why, ERR_OK);
	assert_int_equal(f->conn.offers, 1);
	f->want = 3;
	assert_true(io_end_take(f));
	assert_memory_equal(f->got.ptr, "bye", 3);
	f->want = 0;
	assert_true(io_end_take(f));
}

static void test_finish_writes_much_and_closes(void **state)
{
	struct io_end *f = *state;

	io_end_open(f, NULL);
	io_end_fill(f, 8 << 20);
	stream_finish(f->conn.stream, 0);
	io_turn(f->loop, 5);
	assert_false(f->conn.closed);
	f->want = 0;
	assert_true(io_until(f->loop, io_end_take, f, 10000));
	assert_int_equal(f->got.len, 8 << 20);
	assert_true(f->conn.closed);
	assert_int_equal(f->conn.why, ERR_OK);
}

static void test_lingering_waits_for_the_peer(void **state)
{
	struct io_end *f = *state;

	io_end_open(f, NULL);
	buf_str(stream_out(f->conn.stream), "last");
	stream_finish(f->conn.stream, 2000 * MS);
	io_turn(f->loop, 20);
	assert_false(f->conn.closed);
	/* No FIN: a peer with requests in flight would take it for a failure. */
	f->want = 4;
	assert_true(io_end_take(f));
	(void)io_end_take(f);
	assert_false(f->eof);
	io_end_give(f, "ignored", 7);
	io_turn(f->loop, 5);
	assert_int_equal(f->conn.offers, 0);
	close(f->fds[1]);
	f->fds[1] = -1;
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 500));
	assert_int_equal(f->conn.why, ERR_OK);
}

static void test_lingering_ends(void **state)
{
	struct io_end *f = *state;
	int64_t start = clock_mono_ns();

	io_end_open(f, NULL);
	stream_finish(f->conn.stream, 30 * MS);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 1000));
	assert_int_equal(f->conn.why, ERR_OK);
	assert_true(clock_mono_ns() - start >= 30 * MS);
}

static void test_finishing_to_a_peer_that_reads_nothing(void **state)
{
	struct io_end *f = *state;
	static const struct stream_limits limits = { .in_max = 4096, .out_high = 1 << 16,
						     .blocked_ns = 30 * MS };

	io_end_open(f, &limits);
	io_end_fill(f, 8 << 20);
	stream_finish(f->conn.stream, 10 * MS);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 2000));
	assert_int_equal(f->conn.why, ERR_TIMEOUT);
}

static size_t waiting_at_peer(struct io_end *f)
{
	int n = 0;

	assert_int_equal(ioctl(f->fds[1], SIOCINQ, &n), 0);
	return (size_t)n;
}

static void test_unread_is_told_and_bounded(void **state)
{
	struct io_end *f = *state;
	size_t bound[] = { 7168, 16380, 65536 };

	io_end_open(f, NULL);
	assert_int_equal(stream_unread(f->conn.stream), 0);
	io_end_fill(f, 100);
	assert_int_equal(stream_unread(f->conn.stream), 100);
	io_turn(f->loop, 2);
	assert_in_range(stream_unread(f->conn.stream), 100, 2000);
	f->want = 100;
	assert_true(io_end_take(f));
	assert_int_equal(stream_unread(f->conn.stream), 0);
	for (size_t i = 0; i < 3; i++) {
		stream_bound_unread(f->conn.stream, bound[i]);
		f->got.len = 0;
		io_end_fill(f, 200000);
		io_turn(f->loop, 5);
		assert_in_range(waiting_at_peer(f), 1, bound[i]);
		assert_true(stream_unread(f->conn.stream) >= 200000);
		f->want = 200000;
		f->read_at_most = 3000;
		assert_true(io_until(f->loop, io_end_take, f, 5000));
	}
}

static void test_unread_bound_does_nothing_on_tcp(void **state)
{
	struct io_end *f = *state;

	io_end_open(f, NULL);
	stream_bound_unread(f->conn.stream, 7168);
	io_end_fill(f, 60000);
	f->want = 60000;
	assert_true(io_until(f->loop, io_end_take, f, 1000));
	assert_memory_equal(stream_peer(f->conn.stream)->text, "127.0.0.1:", 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, io_end_setup, io_end_teardown)
#define TEST_TCP(name) { #name "_tcp", name, io_end_setup_tcp, io_end_teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_writing_to_nobody_raises_no_signal),
		TEST_TCP(test_writing_to_nobody_raises_no_signal),
		TEST(test_output_of_a_wakeup_leaves_in_one_write),
		TEST(test_large_output_to_a_slow_reader),
		TEST_TCP(test_large_output_to_a_slow_reader),
		TEST(test_blocked_output_times_out),
		TEST_TCP(test_blocked_output_times_out),
		TEST(test_reading_pauses_above_the_high_mark),
		TEST_TCP(test_reading_pauses_above_the_high_mark),
		TEST(test_one_write_from_the_high_mark),
		TEST_TCP(test_one_write_from_the_high_mark),
		TEST(test_peer_that_only_writes_costs_bounded_memory),
		TEST_TCP(test_peer_that_only_writes_costs_bounded_memory),
		TEST(test_half_closed_peer_gets_its_answer),
		TEST_TCP(test_half_closed_peer_gets_its_answer),
		TEST(test_finish_writes_and_closes),
		TEST_TCP(test_finish_writes_and_closes),
		TEST(test_finish_writes_much_and_closes),
		TEST_TCP(test_finish_writes_much_and_closes),
		TEST(test_lingering_waits_for_the_peer),
		TEST_TCP(test_lingering_waits_for_the_peer),
		TEST(test_lingering_ends),
		TEST(test_finishing_to_a_peer_that_reads_nothing),
		TEST(test_unread_is_told_and_bounded),
		TEST_TCP(test_unread_bound_does_nothing_on_tcp),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
