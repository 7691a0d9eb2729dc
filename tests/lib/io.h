/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_IO_H
#define TESTS_LIB_IO_H

#include "base/buf.h"
#include "io/stream.h"

/* Runs the loop until done(arg) or max_ms have passed; tells which. done NULL: always the whole time. */
bool io_until(struct loop *loop, bool (*done)(void *arg), void *arg, int max_ms);

/* Runs the loop for ms. */
void io_turn(struct loop *loop, int ms);

/* The owner of one stream, who notes what happens to it. */
struct io_conn {
	struct stream *stream; /* NULL once it has closed */
	struct buf got;	       /* what was used up */
	size_t offers;	       /* calls of on_data */
	size_t last_offer;     /* bytes of the last one */
	size_t use_at_most;    /* per call; 0: everything */
	bool echo;
	bool closed;
	enum err why;
	unsigned writable; /* calls of on_writable */
	void (*on_offer)(struct io_conn *conn, struct slice in);
};

/* Hangs a conn on fd. A limits of NULL: 64 KiB in, 64 KiB out, no deadline. */
void io_conn_open(struct io_conn *conn, struct loop *loop, int fd, struct tls_server *tls,
		  const struct stream_limits *limits);
void io_conn_close(struct io_conn *conn); /* aborts if it is open, frees what it noted */

/* For io_until. */
bool io_conn_closed(void *conn);

/* Two connected stream sockets; [0] for the stream, [1] for the test, both non-blocking. */
void io_pair(int fds[2]);	/* unix */
void io_pair_tcp(int fds[2]);	/* loopback */

/* A folder of the test's own under TMPDIR; removed with what is in it by io_rmdir. */
void io_mkdir(char path[64]);
void io_rmdir(const char *path);

#endif
