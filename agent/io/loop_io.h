/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_IO_LOOP_IO_H
#define MTLSGUARD_IO_LOOP_IO_H

#include "io/loop.h"

/* Watches a descriptor of somebody else, for libraries that bring their own epoll set. */
struct loop_io;

/* on_readable(arg) runs on the loop for as long as fd has something to read. */
struct loop_io *loop_io_new(struct loop *loop, int fd, void (*on_readable)(void *arg), void *arg);
void loop_io_free(struct loop_io *io); /* NULL is fine; fd stays open */

#endif
