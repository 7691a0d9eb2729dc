/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent that does nothing: says HELLO, answers every NOTIFY with the same
 * actions, one read and one write a wake-up. With --ack these are the actions
 * of a real answer of the agent, byte for byte: both then move as much through
 * their sockets, and the rest of the agent's time is what it does.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/reader.h"
#include "bench/peer.h"

#define READ_SIZE 262144
#define EVENTS 128
#define OUT_CAP (8u << 20)

struct conn {
	int fd;
	bool closing;
	uint8_t *in;
	size_t in_len;
	struct buf out;
};

struct agent {
	int epoll, listener;
	struct slice actions;
};

static struct slice read_actions(const char *path)
{
	static uint8_t storage[FRAME_SIZE];
	/* set-var txn verdict = "allow" */
	static const uint8_t smallest[] = "\x01\x03\x02\x07verdict\x08\x05" "allow";
	if (!path)
		return slice_of(smallest, sizeof(smallest) - 1);
	FILE *file = fopen(path, "rb");
	if (!file)
		die("%s: %s", path, strerror(errno));
	size_t len = fread(storage, 1, sizeof(storage), file);
	fclose(file);
	return slice_of(storage, len);
}

static void put_ack(struct buf *out, struct reader *frame, struct slice actions)
{
	const uint8_t *ids = frame->pos;
	(void)reader_varint(frame);
	(void)reader_varint(frame);
	size_t at = peer_begin_frame(out, FRAME_ACK);
	buf_put(out, slice_of(ids, (size_t)(frame->pos - ids)));
	buf_put(out, actions);
	peer_end_frame(out, at);
}

static void put_disconnect(struct buf *out)
{
	static const uint8_t payload[] = "\0\0\x0bstatus-code\x03\0\x07message\x08\x03" "bye";
	size_t at = peer_begin_frame(out, FRAME_AGENT_DISCONNECT);
	buf_put(out, slice_of(payload, sizeof(payload) - 1));
	peer_end_frame(out, at);
}

static void on_frame(struct agent *agent, struct conn *conn, struct slice frame)
{
	struct reader r = reader_of(frame);
	uint8_t type = reader_u8(&r);
	(void)reader_u32(&r);
	if (type == FRAME_NOTIFY)
		put_ack(&conn->out, &r, agent->actions);
	else if (type == FRAME_HELLO)
		peer_put_agent_hello(&conn->out);
	else if (type == FRAME_DISCONNECT) {
		put_disconnect(&conn->out);
		conn->closing = true;
	}
}

static void parse(struct agent *agent, struct conn *conn)
{
	size_t at = 0;
	while (conn->in_len - at >= 4) {
		struct reader head = reader_of(slice_of(conn->in + at, 4));
		size_t len = reader_u32(&head);
		if (len < 7 || len > FRAME_SIZE) {
			conn->closing = true;
			break;
		}
		if (conn->in_len - at < len + 4)
			break;
		on_frame(agent, conn, slice_of(conn->in + at + 4, len));
		at += len + 4;
	}
	memmove(conn->in, conn->in + at, conn->in_len - at);
	conn->in_len -= at;
}

static void conn_close(struct conn *conn)
{
	close(conn->fd);
	buf_fini(&conn->out);
	free(conn->in);
	free(conn);
}

/* One write; what the socket does not take waits for EPOLLOUT. False when the peer is gone. */
static bool flush(struct agent *agent, struct conn *conn)
{
	struct slice out = buf_slice(&conn->out);
	ssize_t n = out.len ? send(conn->fd, out.ptr, out.len, MSG_NOSIGNAL) : 0;
	if (buf_err(&conn->out) || (n < 0 && errno != EAGAIN))
		return false;
	bool was_all = n == (ssize_t)out.len;
	struct epoll_event event = { .events = was_all ? EPOLLIN : EPOLLIN | EPOLLOUT,
				     .data.ptr = conn };
	if (was_all) {
		buf_reset(&conn->out);
		return !conn->closing;
	}
	buf_drop(&conn->out, n > 0 ? (size_t)n : 0);
	return epoll_ctl(agent->epoll, EPOLL_CTL_MOD, conn->fd, &event) == 0;
}

static void on_event(struct agent *agent, struct conn *conn, uint32_t events)
{
	if (events & EPOLLOUT) {
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = conn };
		epoll_ctl(agent->epoll, EPOLL_CTL_MOD, conn->fd, &event);
	}
	ssize_t n = read(conn->fd, conn->in + conn->in_len, READ_SIZE);
	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		conn_close(conn);
		return;
	}
	conn->in_len += n > 0 ? (size_t)n : 0;
	parse(agent, conn);
	if (!flush(agent, conn))
		conn_close(conn);
}

static void on_accept(struct agent *agent)
{
	for (int fd; (fd = accept4(agent->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
		struct conn *conn = calloc(1, sizeof(*conn));
		uint8_t *in = malloc(READ_SIZE + FRAME_SIZE + 4);
		if (!conn || !in)
			die("out of memory");
		*conn = (struct conn){ .fd = fd, .in = in, .out = buf_capped(OUT_CAP) };
		peer_no_delay(fd);
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = conn };
		if (epoll_ctl(agent->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
			die("epoll_ctl: %s", strerror(errno));
	}
}

static void serve(struct agent *agent)
{
	struct epoll_event events[EVENTS];
	for (;;) {
		int n = epoll_wait(agent->epoll, events, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				on_event(agent, events[i].data.ptr, events[i].events);
			else
				on_accept(agent);
		}
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "listen", required_argument, NULL, 'l' },
						 { "ack", required_argument, NULL, 'a' },
						 { NULL, 0, NULL, 0 } };
	const char *address = NULL, *actions = NULL;
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 'l')
			address = optarg;
		else if (c == 'a')
			actions = optarg;
	}
	if (!address || optind < argc)
		die("usage: idle_agent --listen unix:PATH|HOST:PORT [--ack FILE]");
	struct agent agent = { .epoll = epoll_create1(EPOLL_CLOEXEC),
			       .listener = peer_listen(address),
			       .actions = read_actions(actions) };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
	if (agent.epoll < 0 || epoll_ctl(agent.epoll, EPOLL_CTL_ADD, agent.listener, &event) != 0)
		die("epoll: %s", strerror(errno));
	serve(&agent);
}
