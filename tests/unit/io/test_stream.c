/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/loop_ev.h"
#include "lib/io.h"

#define MS INT64_C(1000000)

struct fixture {
	struct loop *loop;
	struct io_conn conn;
	int fds[2]; /* [1]: ours, -1 once closed */
	struct buf got; /* what came to our end */
	size_t want;
	size_t read_at_most; /* per turn; 0: everything */
	bool eof;
};

static int setup_with(void **state, void (*pair)(int fds[2]))
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->loop = loop_new();
	pair(f->fds);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, io_pair);
}

static int setup_tcp(void **state)
{
	return setup_with(state, io_pair_tcp);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	io_conn_close(&f->conn);
	if (f->fds[1] >= 0)
		close(f->fds[1]);
	buf_fini(&f->got);
	loop_free(f->loop);
	free(f);
	return 0;
}

static void open_conn(struct fixture *f, const struct stream_limits *limits)
{
	io_conn_open(&f->conn, f->loop, f->fds[0], NULL, limits);
}

static void give(struct fixture *f, const void *bytes, size_t len)
{
	assert_int_equal(send(f->fds[1], bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* Reads at our end; for io_until. True once `want` bytes, or with a want of 0 the end, are there. */
static bool take(void *arg)
{
	struct fixture *f = arg;
	static uint8_t room[65536];
	size_t most = f->read_at_most ? f->read_at_most : sizeof(room);
	ssize_t n = recv(f->fds[1], room, most, MSG_DONTWAIT);

	if (n > 0)
		buf_put(&f->got, slice_of(room, (size_t)n));
	if (n == 0)
		f->eof = true;
	return f->want ? f->got.len >= f->want : f->eof;
}

static bool has_used(void *arg)
{
	struct fixture *f = arg;

	return f->conn.got.len >= f->want;
}

static void test_peer_gone_at_once(void **state)
{
	struct fixture *f = *state;

	close(f->fds[1]);
	f->fds[1] = -1;
	open_conn(f, NULL);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 1000));
	assert_int_equal(f->conn.why, ERR_CLOSED);
	assert_int_equal(f->conn.offers, 0);
}

static void test_end_in_the_middle_of_a_message(void **state)
{
	struct fixture *f = *state;

	f->conn.use_at_most = 4;
	open_conn(f, NULL);
	give(f, "abcdefg", 7);
	close(f->fds[1]);
	f->fds[1] = -1;
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 1000));
	assert_int_equal(f->conn.why, ERR_CLOSED);
	assert_memory_equal(f->conn.got.ptr, "abcd", 4);
}

static void test_reset_is_a_normal_end(void **state)
{
	struct fixture *f = *state;
	struct linger hard = { .l_onoff = 1, .l_linger = 0 };

	open_conn(f, NULL);
	io_turn(f->loop, 2);
	setsockopt(f->fds[1], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(f->fds[1]);
	f->fds[1] = -1;
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 1000));
	assert_int_equal(f->conn.why, ERR_CLOSED);
}

static void test_writing_to_nobody_raises_no_signal(void **state)
{
	struct fixture *f = *state;

	open_conn(f, NULL);
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
	struct fixture *f = *state;
	static char bytes[3000];

	f->conn.stream = stream_new(f->loop, f->fds[0], NULL, &limits, &handler, &f->conn);
	give(f, bytes, 999);
	io_turn(f->loop, 5);
	assert_int_equal(f->conn.last_offer, 999);
	assert_false(f->conn.closed);
	give(f, bytes, 2000);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 1000));
	assert_int_equal(f->conn.why, ERR_LIMIT);
	assert_int_equal(f->conn.last_offer, 1000);
}

static void test_one_byte_at_a_time(void **state)
{
	static const struct stream_handler handler = { big_message_data, closed_conn, NULL };
	static const struct stream_limits limits = { .in_max = 65536, .out_high = 1000 };
	struct fixture *f = *state;
	static char bytes[40000];
	int64_t cpu;

	f->conn.stream = stream_new(f->loop, f->fds[0], NULL, &limits, &handler, &f->conn);
	/* A large front, then crumbs: what is kept must not be copied again for each of them. */
	give(f, bytes, 40000);
	io_turn(f->loop, 2);
	cpu = clock_thread_cpu_ns();
	for (size_t i = 40000; i < 42000; i++) {
		size_t before = f->conn.offers;

		give(f, "x", 1);
		while (f->conn.offers == before)
			io_turn(f->loop, 0);
	}
	cpu = clock_thread_cpu_ns() - cpu;
	assert_int_equal(f->conn.last_offer, 42000);
	assert_true(cpu / 2000 < 200000);
	give(f, bytes, 18000);
	io_turn(f->loop, 5);
	assert_int_equal(f->conn.last_offer, 60000);
	assert_false(f->conn.closed);
}

static void test_left_bytes_come_again_in_order(void **state)
{
	struct fixture *f = *state;
	static uint8_t bytes[50000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	f->conn.use_at_most = 777;
	open_conn(f, NULL);
	for (size_t at = 0; at < sizeof(bytes); at += 500) {
		give(f, bytes + at, 500);
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
	struct fixture *f = *state;
	int socks[2];
	char room[100];

	/* A datagram per write tells them apart. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, socks), 0);
	close(f->fds[0]);
	close(f->fds[1]);
	f->fds[0] = socks[0];
	f->fds[1] = socks[1];
	f->conn.on_offer = answer_in_pieces;
	open_conn(f, NULL);
	give(f, "x", 1);
	io_turn(f->loop, 5);
	assert_int_equal(recv(f->fds[1], room, sizeof(room), 0), 18);
	assert_memory_equal(room, "first second third", 18);
	assert_int_equal(recv(f->fds[1], room, sizeof(room), 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static void test_large_output_to_a_slow_reader(void **state)
{
	struct fixture *f = *state;
	static const struct stream_limits limits = { .in_max = 4096, .out_high = 1 << 16,
						     .blocked_ns = 200 * MS };
	size_t size = 4u << 20;
	uint8_t *p;

	open_conn(f, &limits);
	p = buf_want(stream_out(f->conn.stream), size);
	for (size_t i = 0; i < size; i++)
		p[i] = (uint8_t)(i * 31 + i / 65537);
	buf_added(stream_out(f->conn.stream), size);
	stream_flush(f->conn.stream);
	/* 20 KB a millisecond takes longer than blocked_ns in all, but it is progress. */
	f->read_at_most = 20000;
	f->want = size;
	assert_true(io_until(f->loop, take, f, 20000));
	for (size_t i = 0; i < size; i++)
		assert_true(f->got.ptr[i] == (uint8_t)(i * 31 + i / 65537));
	assert_false(f->conn.closed);
	assert_int_equal(stream_waiting(f->conn.stream), 0);
}

static void fill(struct fixture *f, size_t size)
{
	assert_non_null(buf_want(stream_out(f->conn.stream), size));
	memset(buf_want(stream_out(f->conn.stream), size), 'x', size);
	buf_added(stream_out(f->conn.stream), size);
	stream_flush(f->conn.stream);
}

static void test_blocked_output_times_out(void **state)
{
	struct fixture *f = *state;
	static const struct stream_limits limits = { .in_max = 4096, .out_high = 1 << 16,
						     .blocked_ns = 50 * MS };
	int64_t start = clock_mono_ns(), cpu = clock_thread_cpu_ns();

	open_conn(f, &limits);
	fill(f, 8 << 20);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 3000));
	assert_int_equal(f->conn.why, ERR_TIMEOUT);
	assert_true(clock_mono_ns() - start >= 50 * MS);
	assert_true(clock_thread_cpu_ns() - cpu < 2 * (clock_mono_ns() - start) / 3);
}

static void test_reading_pauses_above_the_high_mark(void **state)
{
	struct fixture *f = *state;
	static const struct stream_limits limits = { .in_max = 65536, .out_high = 100000 };
	size_t offers;

	open_conn(f, &limits);
	fill(f, 4 << 20);
	io_turn(f->loop, 5);
	assert_true(stream_waiting(f->conn.stream) > 100000);
	give(f, "more", 4);
	io_turn(f->loop, 10);
	offers = f->conn.offers;
	assert_int_equal(offers, 0);
	assert_int_equal(f->conn.writable, 0);
	f->want = 4 << 20;
	assert_true(io_until(f->loop, take, f, 10000));
	f->want = 4;
	assert_true(io_until(f->loop, has_used, f, 1000));
	assert_int_equal(f->conn.writable, 1);
}

static bool only_write(void *arg)
{
	static char much[65536];
	struct fixture *f = arg;

	while (send(f->fds[1], much, sizeof(much), MSG_NOSIGNAL) > 0)
		;
	return false;
}

static void test_peer_that_only_writes_costs_bounded_memory(void **state)
{
	struct fixture *f = *state;
	static const struct stream_limits limits = { .in_max = 65536, .out_high = 100000 };

	f->conn.echo = true;
	open_conn(f, &limits);
	(void)io_until(f->loop, only_write, f, 200);
	assert_in_range(stream_waiting(f->conn.stream), 1, limits.out_high + limits.in_max);
}

static void pause_at_once(struct io_conn *conn, struct slice in)
{
	(void)in;
	stream_pause(conn->stream, true);
}

static void test_pause_keeps_and_offers_again(void **state)
{
	struct fixture *f = *state;

	f->conn.use_at_most = 3;
	f->conn.on_offer = pause_at_once;
	open_conn(f, NULL);
	give(f, "abcdefgh", 8);
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

static void test_half_closed_peer_gets_its_answer(void **state)
{
	struct fixture *f = *state;

	f->conn.echo = true;
	open_conn(f, NULL);
	give(f, "question", 8);
	shutdown(f->fds[1], SHUT_WR);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 1000));
	assert_int_equal(f->conn.why, ERR_CLOSED);
	f->want = 8;
	assert_true(take(f));
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
	struct fixture *f = *state;

	f->conn.on_offer = finish_now;
	f->conn.use_at_most = 1;
	open_conn(f, NULL);
	give(f, "rubbish", 7);
	/* The loop closes while input lies unread: on TCP a reset would take the answer away. */
	give(f, "more rubbish", 12);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 1000));
	assert_int_equal(f->conn.why, ERR_OK);
	assert_int_equal(f->conn.offers, 1);
	f->want = 3;
	assert_true(take(f));
	assert_memory_equal(f->got.ptr, "bye", 3);
	f->want = 0;
	assert_true(take(f));
}

static void test_finish_writes_much_and_closes(void **state)
{
	struct fixture *f = *state;

	open_conn(f, NULL);
	fill(f, 8 << 20);
	stream_finish(f->conn.stream, 0);
	io_turn(f->loop, 5);
	assert_false(f->conn.closed);
	f->want = 0;
	assert_true(io_until(f->loop, take, f, 10000));
	assert_int_equal(f->got.len, 8 << 20);
	assert_true(f->conn.closed);
	assert_int_equal(f->conn.why, ERR_OK);
}

static void test_lingering_waits_for_the_peer(void **state)
{
	struct fixture *f = *state;

	open_conn(f, NULL);
	buf_str(stream_out(f->conn.stream), "last");
	stream_finish(f->conn.stream, 2000 * MS);
	io_turn(f->loop, 20);
	assert_false(f->conn.closed);
	/* No FIN: a peer with requests in flight would take it for a failure. */
	f->want = 4;
	assert_true(take(f));
	(void)take(f);
	assert_false(f->eof);
	give(f, "ignored", 7);
	io_turn(f->loop, 5);
	assert_int_equal(f->conn.offers, 0);
	close(f->fds[1]);
	f->fds[1] = -1;
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 500));
	assert_int_equal(f->conn.why, ERR_OK);
}

static void test_lingering_ends(void **state)
{
	struct fixture *f = *state;
	int64_t start = clock_mono_ns();

	open_conn(f, NULL);
	stream_finish(f->conn.stream, 30 * MS);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 1000));
	assert_int_equal(f->conn.why, ERR_OK);
	assert_true(clock_mono_ns() - start >= 30 * MS);
}

static void test_finishing_to_a_peer_that_reads_nothing(void **state)
{
	struct fixture *f = *state;
	static const struct stream_limits limits = { .in_max = 4096, .out_high = 1 << 16,
						     .blocked_ns = 30 * MS };

	open_conn(f, &limits);
	fill(f, 8 << 20);
	stream_finish(f->conn.stream, 10 * MS);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 2000));
	assert_int_equal(f->conn.why, ERR_TIMEOUT);
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
	struct fixture *f = *state;

	f->conn.on_offer = abort_now;
	open_conn(f, NULL);
	give(f, "x", 1);
	f->want = 0;
	assert_true(io_until(f->loop, take, f, 1000));
	assert_false(f->conn.closed);
}

static size_t waiting_at_peer(struct fixture *f)
{
	int n = 0;

	assert_int_equal(ioctl(f->fds[1], SIOCINQ, &n), 0);
	return (size_t)n;
}

static void test_unread_is_told_and_bounded(void **state)
{
	struct fixture *f = *state;
	size_t bound[] = { 7168, 16380, 65536 };

	open_conn(f, NULL);
	assert_int_equal(stream_unread(f->conn.stream), 0);
	fill(f, 100);
	assert_int_equal(stream_unread(f->conn.stream), 100);
	io_turn(f->loop, 2);
	assert_in_range(stream_unread(f->conn.stream), 100, 2000);
	f->want = 100;
	assert_true(take(f));
	assert_int_equal(stream_unread(f->conn.stream), 0);
	for (size_t i = 0; i < 3; i++) {
		stream_bound_unread(f->conn.stream, bound[i]);
		f->got.len = 0;
		fill(f, 200000);
		io_turn(f->loop, 5);
		assert_in_range(waiting_at_peer(f), 1, bound[i]);
		assert_true(stream_unread(f->conn.stream) >= 200000);
		f->want = 200000;
		f->read_at_most = 3000;
		assert_true(io_until(f->loop, take, f, 5000));
	}
}

static void test_unread_bound_does_nothing_on_tcp(void **state)
{
	struct fixture *f = *state;

	open_conn(f, NULL);
	stream_bound_unread(f->conn.stream, 7168);
	fill(f, 60000);
	f->want = 60000;
	assert_true(io_until(f->loop, take, f, 1000));
	assert_memory_equal(stream_peer(f->conn.stream)->text, "127.0.0.1:", 10);
}

struct flood {
	int quiet[2];
	struct io_conn other;
	int64_t sent_ns, worst_ns;
	unsigned rounds;
};

static bool flood_step(void *arg)
{
	struct flood *flood = arg;
	char room[8];

	if (flood->sent_ns && recv(flood->quiet[1], room, sizeof(room), 0) > 0) {
		int64_t took = clock_mono_ns() - flood->sent_ns;

		flood->worst_ns = took > flood->worst_ns ? took : flood->worst_ns;
		flood->sent_ns = 0;
		flood->rounds++;
	}
	if (!flood->sent_ns) {
		flood->sent_ns = clock_mono_ns();
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
	struct fixture *f = *state;
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
	flood.other.echo = true;
	io_conn_open(&flood.other, f->loop, flood.quiet[0], NULL, NULL);
	assert_true(io_until(f->loop, flood_step, &flood, 10000));
	assert_true(noisy->conn.offers > 50);
	assert_true(flood.worst_ns < 50 * MS);
	io_conn_close(&flood.other);
	io_conn_close(&noisy->conn);
	close(flood.quiet[1]);
	free(noisy);
}

#define IDLE 200

static void test_many_idle_connections_hold_no_buffers(void **state)
{
	struct fixture *f = *state;
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
	each = (mallinfo2().uordblks - before - LOOP_SCRATCH) / IDLE;
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_TCP(name) { #name "_tcp", name, setup_tcp, teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_peer_gone_at_once),
		TEST_TCP(test_peer_gone_at_once),
		TEST(test_end_in_the_middle_of_a_message),
		TEST_TCP(test_reset_is_a_normal_end),
		TEST(test_writing_to_nobody_raises_no_signal),
		TEST_TCP(test_writing_to_nobody_raises_no_signal),
		TEST(test_full_buffer_that_nobody_uses),
		TEST(test_one_byte_at_a_time),
		TEST(test_left_bytes_come_again_in_order),
		TEST(test_output_of_a_wakeup_leaves_in_one_write),
		TEST(test_large_output_to_a_slow_reader),
		TEST_TCP(test_large_output_to_a_slow_reader),
		TEST(test_blocked_output_times_out),
		TEST_TCP(test_blocked_output_times_out),
		TEST(test_reading_pauses_above_the_high_mark),
		TEST_TCP(test_reading_pauses_above_the_high_mark),
		TEST(test_peer_that_only_writes_costs_bounded_memory),
		TEST_TCP(test_peer_that_only_writes_costs_bounded_memory),
		TEST(test_pause_keeps_and_offers_again),
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
		TEST(test_abort_within_a_callback),
		TEST(test_unread_is_told_and_bounded),
		TEST_TCP(test_unread_bound_does_nothing_on_tcp),
		TEST(test_flood_does_not_starve_others),
		TEST(test_many_idle_connections_hold_no_buffers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
