/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ext_authz server that does nothing: nghttp2, the same CheckResponse for
 * every call, one read and one write a wake-up. What it costs is what any
 * server on that library has to pay; the rest is ours.
 */
#include <errno.h>
#include <getopt.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/peer.h"

#define READ_SIZE 65536
#define EVENTS 128
#define PREFIX 5
/* An answer is one DATA frame. */
#define ANSWER_MAX 16384
#define STREAMS 1024
#define WINDOW (16 << 20)

struct conn {
	int fd;
	nghttp2_session *session;
	struct buf out;
};

static uint8_t answer[ANSWER_MAX];
static size_t answer_len;
static int epoll;

#define NV(n, v) { (uint8_t *)(uintptr_t)(n), (uint8_t *)(uintptr_t)(v), sizeof(n) - 1, sizeof(v) - 1, \
		   NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE }

static void read_answer_file(const char *path)
{
	/* CheckResponse: an empty status, an empty ok_response */
	static const uint8_t smallest[] = "\x0a\x00\x1a\x00";
	size_t len = sizeof(smallest) - 1;
	memcpy(answer + PREFIX, smallest, len);
	if (path) {
		FILE *file = fopen(path, "rb");
		if (!file)
			die("%s: %s", path, strerror(errno));
		len = fread(answer + PREFIX, 1, sizeof(answer) - PREFIX, file);
		fclose(file);
	}
	answer[3] = (uint8_t)(len >> 8);
	answer[4] = (uint8_t)len;
	answer_len = PREFIX + len;
}

static ssize_t read_answer(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room,
			   uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	static const nghttp2_nv trailers[] = { NV("grpc-status", "0") };
	(void)source;
	(void)arg;
	if (room < answer_len)
		return NGHTTP2_ERR_DEFERRED;
	memcpy(to, answer, answer_len);
	*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
	if (nghttp2_submit_trailer(session, stream, trailers, 1))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	return (ssize_t)answer_len;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	static const nghttp2_nv headers[] = { NV(":status", "200"), NV("content-type", "application/grpc") };
	static const nghttp2_data_provider body = { .read_callback = read_answer };
	(void)arg;
	if (frame->hd.type != NGHTTP2_DATA || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	return nghttp2_submit_response(session, frame->hd.stream_id, headers, 2, &body);
}

static void make_session(struct conn *conn)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW },
	};
	nghttp2_session_callbacks *back;
	nghttp2_option *option;
	if (nghttp2_session_callbacks_new(&back) || nghttp2_option_new(&option))
		die("out of memory");
	nghttp2_session_callbacks_set_on_frame_recv_callback(back, on_frame);
	nghttp2_option_set_no_closed_streams(option, 1);
	if (nghttp2_session_server_new2(&conn->session, back, conn, option) ||
	    nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, settings, 2) ||
	    nghttp2_session_set_local_window_size(conn->session, NGHTTP2_FLAG_NONE, 0, WINDOW))
		die("out of memory");
	nghttp2_session_callbacks_del(back);
	nghttp2_option_del(option);
}

static void conn_close(struct conn *conn)
{
	close(conn->fd);
	nghttp2_session_del(conn->session);
	buf_fini(&conn->out);
	free(conn);
}

/* One write; what the socket does not take waits for EPOLLOUT. False when the peer is gone. */
static bool flush(struct conn *conn)
{
	const uint8_t *bytes;
	ssize_t n;
	while ((n = nghttp2_session_mem_send(conn->session, &bytes)) > 0)
		buf_put(&conn->out, slice_of(bytes, (size_t)n));
	if (n < 0)
		return false;
	if (conn->out.len == 0)
		return true;
	n = send(conn->fd, conn->out.ptr, conn->out.len, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN)
		return false;
	if (n == (ssize_t)conn->out.len) {
		buf_reset(&conn->out);
		return true;
	}
	buf_drop(&conn->out, n > 0 ? (size_t)n : 0);
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT, .data.ptr = conn };
	return epoll_ctl(epoll, EPOLL_CTL_MOD, conn->fd, &event) == 0;
}

static void on_event(struct conn *conn, uint32_t events)
{
	static uint8_t in[READ_SIZE];
	if (events & EPOLLOUT) {
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = conn };
		epoll_ctl(epoll, EPOLL_CTL_MOD, conn->fd, &event);
	}
	ssize_t n = read(conn->fd, in, sizeof(in));
	bool gone = n == 0 || (n < 0 && errno != EAGAIN) ||
		    (n > 0 && nghttp2_session_mem_recv(conn->session, in, (size_t)n) < 0);
	if (gone || !flush(conn))
		conn_close(conn);
}

static void on_accept(int listener)
{
	for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
		struct conn *conn = calloc(1, sizeof(*conn));
		if (!conn)
			die("out of memory");
		*conn = (struct conn){ .fd = fd, .out = buf_capped(0) };
		make_session(conn);
		peer_no_delay(fd);
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = conn };
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
			die("epoll_ctl: %s", strerror(errno));
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "listen", required_argument, NULL, 'l' },
						 { "answer", required_argument, NULL, 'a' },
						 { NULL, 0, NULL, 0 } };
	const char *address = NULL, *path = NULL;
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 'l')
			address = optarg;
		else if (c == 'a')
			path = optarg;
	}
	if (!address || optind < argc)
		die("usage: idle_authz --listen unix:PATH|HOST:PORT [--answer FILE]");
	read_answer_file(path);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	int listener = peer_listen(address);
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0)
		die("epoll: %s", strerror(errno));
	for (;;) {
		struct epoll_event events[EVENTS];
		int n = epoll_wait(epoll, events, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				on_event(events[i].data.ptr, events[i].events);
			else
				on_accept(listener);
		}
	}
}
