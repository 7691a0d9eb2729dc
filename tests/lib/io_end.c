/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/io_end.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int io_end_setup_with(void **state, void (*pair)(int fds[2]))
{
	struct io_end *f = calloc(1, sizeof(*f));

	f->loop = loop_new();
	pair(f->fds);
	*state = f;
	return 0;
}

int io_end_setup(void **state)
{
	return io_end_setup_with(state, io_pair);
}

int io_end_setup_tcp(void **state)
{
	return io_end_setup_with(state, io_pair_tcp);
}

int io_end_teardown(void **state)
{
	struct io_end *f = *state;

	io_conn_close(&f->conn);
	if (f->fds[1] >= 0)
		close(f->fds[1]);
	buf_fini(&f->got);
	loop_free(f->loop);
	free(f);
	return 0;
}

void io_end_open(struct io_end *f, const struct stream_limits *limits)
{
	io_conn_open(&f->conn, f->loop, f->fds[0], NULL, limits);
}

void io_end_give(struct io_end *f, const void *bytes, size_t len)
{
	assert_int_equal(send(f->fds[1], bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

bool io_end_take(void *arg)
{
	struct io_end *f = arg;
	static uint8_t room[65536];
	size_t most = f->read_at_most ? f->read_at_most : sizeof(room);
	ssize_t n = recv(f->fds[1], room, most, MSG_DONTWAIT);

	if (n > 0)
		buf_put(&f->got, slice_of(room, (size_t)n));
	if (n == 0)
		f->eof = true;
	return f->want ? f->got.len >= f->want : f->eof;
}

bool io_end_used(void *arg)
{
	struct io_end *f = arg;

	return f->conn.got.len >= f->want;
}

void io_end_fill(struct io_end *f, size_t size)
{
	assert_non_null(buf_want(stream_out(f->conn.stream), size));
	memset(buf_want(stream_out(f->conn.stream), size), 'x', size);
	buf_added(stream_out(f->conn.stream), size);
	stream_flush(f->conn.stream);
}
