/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_IO_END_H
#define TESTS_LIB_IO_END_H

#include "lib/io.h"

/* A stream on one end of a connection, the test at the other: the state of a cmocka test. */
struct io_end {
	struct loop *loop;
	struct io_conn conn;
	int fds[2]; /* [1]: ours, -1 once closed */
	struct buf got; /* what came to our end */
	size_t want;
	size_t read_at_most; /* per turn; 0: everything */
	bool eof;
};

int io_end_setup(void **state);	    /* over a unix socket */
int io_end_setup_tcp(void **state); /* over loopback */
int io_end_teardown(void **state);

/* Makes the stream; limits as for io_conn_open. */
void io_end_open(struct io_end *f, const struct stream_limits *limits);

/* Writes at our end, all of it. */
void io_end_give(struct io_end *f, const void *bytes, size_t len);

/* Lets the stream write size bytes. */
void io_end_fill(struct io_end *f, size_t size);

/* Reads at our end; for io_until. True once `want` bytes, or with a want of 0 the end, are there. */
bool io_end_take(void *end);

/* For io_until: true once the stream's owner has used `want` bytes. */
bool io_end_used(void *end);

#endif
