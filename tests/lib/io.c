/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/io.h"

#include <arpa/inet.h>
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/loop.h"

struct turn {
	struct loop *loop;
	struct loop_timer *tick;
	bool (*done)(void *arg);
	void *arg;
	int64_t end_ns;
	bool met;
};

static void ticked(void *arg)
{
	struct turn *turn = arg;

	turn->met = turn->done && turn->done(turn->arg);
	if (turn->met || clock_mono_ns() >= turn->end_ns)
		loop_stop(turn->loop);
	else
		loop_timer_set(turn->tick, 1000000);
}

bool io_until(struct loop *loop, bool (*done)(void *arg), void *arg, int max_ms)
{
	struct turn turn = { .loop = loop, .done = done, .arg = arg };

	turn.end_ns = clock_mono_ns() + (int64_t)max_ms * 1000000;
	turn.tick = loop_timer_new(loop, ticked, &turn);
	loop_timer_set(turn.tick, 0);
	loop_run(loop);
	loop_timer_free(turn.tick);
	return turn.met;
}

void io_turn(struct loop *loop, int ms)
{
	(void)io_until(loop, NULL, NULL, ms);
}

static size_t on_data(void *arg, struct slice in)
{
	struct io_conn *conn = arg;
	struct slice used = in;

	conn->offers++;
	conn->last_offer = in.len;
	if (conn->use_at_most && conn->use_at_most < used.len)
		used.len = conn->use_at_most;
	buf_put(&conn->got, used);
	if (conn->echo)
		buf_put(stream_out(conn->stream), used);
	if (conn->on_offer)
		conn->on_offer(conn, in);
	return used.len;
}

static void on_close(void *arg, enum err why)
{
	struct io_conn *conn = arg;

	assert(!conn->closed);
	conn->closed = true;
	conn->why = why;
	conn->stream = NULL;
}

static void on_writable(void *arg)
{
	((struct io_conn *)arg)->writable++;
}

void io_conn_open(struct io_conn *conn, struct loop *loop, int fd, struct tls_server *tls,
		  const struct stream_limits *limits)
{
	static const struct stream_handler handler = { on_data, on_close, on_writable };
	static const struct stream_limits usual = { .in_max = 65536, .out_high = 65536 };

	conn->stream = stream_new(loop, fd, tls, limits ? limits : &usual, &handler, conn);
}

void io_conn_close(struct io_conn *conn)
{
	if (conn->stream)
		stream_abort(conn->stream);
	conn->stream = NULL;
	buf_fini(&conn->got);
}

bool io_conn_closed(void *arg)
{
	return ((struct io_conn *)arg)->closed;
}

void io_pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds))
		abort();
}

void io_pair_tcp(int fds[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(l, (struct sockaddr *)&at, sizeof(at)) || listen(l, 1) ||
	    getsockname(l, (struct sockaddr *)&at, &len))
		abort();
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fds[1], (struct sockaddr *)&at, sizeof(at)))
		abort();
	fds[0] = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fds[0] < 0 || fcntl(fds[1], F_SETFL, O_NONBLOCK))
		abort();
	close(l);
}

void io_mkdir(char path[64])
{
	const char *base = getenv("TMPDIR");

	snprintf(path, 64, "%s/mtlsguard-XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
	if (!mkdtemp(path))
		abort();
}

void io_rmdir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
		    unlinkat(dirfd(dir), entry->d_name, 0))
			(void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	if (dir)
		closedir(dir);
	(void)rmdir(path);
}
