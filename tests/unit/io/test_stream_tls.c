/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/io_tls.h"

#define MS INT64_C(1000000)

static void test_much_both_ways(void **state)
{
	struct io_tls *f = *state;
	struct stream_limits limits = { .in_max = 65536, .out_high = 100000, .blocked_ns = 500 * MS };
	size_t size = 3u << 20;
	uint8_t *bytes = malloc(size);

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i * 13 + i / 4099);
	f->say = slice_of(bytes, size);
	io_tls_serve(f, NULL, NULL, &limits);
	io_tls_start_client(f);
	assert_true(io_until(f->loop, io_tls_client_done, f, 20000));
	/* The client reads only when it can't write: the stream has to stop reading, and go on later. */
	assert_int_equal(f->step, STEP_DONE);
	assert_in_range(f->most_waiting, 0, limits.out_high + limits.in_max);
	assert_false(f->wrong);
	assert_int_equal(f->heard, size);
	free(bytes);
}

static void finish_now(struct io_conn *conn, struct slice in)
{
	(void)in;
	stream_finish(conn->stream, 0);
}

static bool client_at_end(void *arg)
{
	struct io_tls *f = arg;
	char c;

	return SSL_read(f->ssl, &c, 1) <= 0 &&
	       SSL_get_error(f->ssl, 0) == SSL_ERROR_ZERO_RETURN;
}

static void test_finish_says_goodbye(void **state)
{
	struct io_tls *f = *state;

	f->conn.on_offer = finish_now;
	io_tls_serve(f, NULL, NULL, NULL);
	io_tls_start_client(f);
	assert_true(io_until(f->loop, io_tls_client_done, f, 3000));
	assert_int_equal(f->step, STEP_DONE);
	assert_true(io_until(f->loop, client_at_end, f, 2000));
	assert_true(f->conn.closed);
	assert_int_equal(f->conn.why, ERR_OK);
}

static void test_finish_during_the_handshake(void **state)
{
	struct io_tls *f = *state;

	io_tls_serve(f, NULL, NULL, NULL);
	buf_str(stream_out(f->conn.stream), "never sent");
	stream_flush(f->conn.stream);
	stream_finish(f->conn.stream, 1000 * MS);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 500));
	assert_int_equal(f->conn.why, ERR_OK);
}

static void test_output_before_the_handshake_waits_for_it(void **state)
{
	struct io_tls *f = *state;

	f->conn.echo = false;
	f->say = SLICE_LIT("greeting");
	io_tls_serve(f, NULL, NULL, NULL);
	buf_str(stream_out(f->conn.stream), "greeting");
	stream_flush(f->conn.stream);
	io_tls_start_client(f);
	assert_true(io_until(f->loop, io_tls_client_done, f, 3000));
	assert_int_equal(f->step, STEP_DONE);
	assert_false(f->wrong);
}

static void test_close_without_goodbye_is_a_normal_end(void **state)
{
	struct io_tls *f = *state;

	io_tls_serve(f, NULL, NULL, NULL);
	io_tls_start_client(f);
	assert_true(io_until(f->loop, io_tls_client_done, f, 3000));
	shutdown(f->fds[1], SHUT_RDWR);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 2000));
	assert_int_equal(f->conn.why, ERR_CLOSED);
}

static void test_broken_record(void **state)
{
	struct io_tls *f = *state;

	io_tls_serve(f, NULL, NULL, NULL);
	io_tls_start_client(f);
	assert_true(io_until(f->loop, io_tls_client_done, f, 3000));
	assert_int_equal(send(f->fds[1], "\x17\x03\x03\0\x20" "thirty-two bytes of no cipher tx", 37,
			      MSG_NOSIGNAL), 37);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 2000));
	assert_int_equal(f->conn.why, ERR_CRYPTO);
}

static void test_writing_to_nobody_raises_no_signal(void **state)
{
	struct io_tls *f = *state;

	io_tls_serve(f, NULL, NULL, NULL);
	io_tls_start_client(f);
	assert_true(io_until(f->loop, io_tls_client_done, f, 3000));
	stream_pause(f->conn.stream, true);
	SSL_free(f->ssl);
	f->ssl = NULL;
	close(f->fds[1]);
	f->fds[1] = -1;
	for (int i = 0; i < 3 && !f->conn.closed; i++) {
		buf_str(stream_out(f->conn.stream), "answer");
		stream_flush(f->conn.stream);
		io_turn(f->loop, 10);
	}
	assert_true(f->conn.closed);
	assert_int_equal(f->conn.why, ERR_CLOSED);
}

/* A paused reader gets what OpenSSL holds, though the socket has nothing left to announce. */
static void pause_each_time(struct io_conn *conn, struct slice in)
{
	(void)in;
	stream_pause(conn->stream, true);
}

static void test_bytes_held_by_tls_come_after_a_pause(void **state)
{
	struct io_tls *f = *state;
	struct stream_limits limits = { .in_max = 1000, .out_high = 65536 };
	static uint8_t bytes[10000];

	memset(bytes, 'b', sizeof(bytes));
	f->say = slice_of(bytes, sizeof(bytes));
	f->conn.on_offer = pause_each_time;
	io_tls_serve(f, NULL, NULL, &limits);
	io_tls_start_client(f);
	(void)io_until(f->loop, io_tls_client_done, f, 300);
	assert_int_equal(f->conn.offers, 1);
	for (int i = 0; i < 20 && f->step != STEP_DONE; i++) {
		stream_pause(f->conn.stream, false);
		(void)io_until(f->loop, io_tls_client_done, f, 20);
	}
	assert_int_equal(f->step, STEP_DONE);
	assert_false(f->wrong);
}

static bool key_updated(void *arg)
{
	struct io_tls *f = arg;

	if (f->step == STEP_DONE && f->said == f->say.len) {
		SSL_key_update(f->ssl, SSL_KEY_UPDATE_REQUESTED);
		f->step = STEP_WRITE;
		f->said = f->heard = 0;
		f->say = SLICE_LIT("after the key update");
	}
	return io_tls_client_done(f) && f->conn.offers >= 2;
}

static void test_key_update(void **state)
{
	struct io_tls *f = *state;

	io_tls_serve(f, NULL, NULL, NULL);
	io_tls_start_client(f);
	assert_true(io_until(f->loop, io_tls_client_done, f, 3000));
	assert_true(io_until(f->loop, key_updated, f, 3000));
	assert_int_equal(f->step, STEP_DONE);
	assert_false(f->wrong);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, io_tls_setup, io_tls_teardown)
#define TEST_UNIX(name) { #name "_unix", name, io_tls_setup_unix, io_tls_teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_broken_record),
		TEST(test_writing_to_nobody_raises_no_signal),
		TEST(test_much_both_ways),
		TEST_UNIX(test_much_both_ways),
		TEST(test_finish_says_goodbye),
		TEST(test_finish_during_the_handshake),
		TEST(test_output_before_the_handshake_waits_for_it),
		TEST(test_close_without_goodbye_is_a_normal_end),
		TEST(test_bytes_held_by_tls_come_after_a_pause),
		TEST(test_key_update),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, io_tls_make_pki, io_tls_free_pki);
}
