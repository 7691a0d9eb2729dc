/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BENCH_PEER_H
#define MTLSGUARD_BENCH_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/slice.h"

/*
 * What load generator and do-nothing agent share: sockets by address, and the
 * frames of the handshake. An address is "unix:PATH" or "HOST:PORT" (IPv4).
 */

#define FRAME_HELLO 1
#define FRAME_DISCONNECT 2
#define FRAME_NOTIFY 3
#define FRAME_AGENT_HELLO 101
#define FRAME_AGENT_DISCONNECT 102
#define FRAME_ACK 103
#define FRAME_SIZE 16380
#define FRAME_HEAD 9 /* length, type, flags */

/* Prints "PROGRAM: why" and ends the process with 2. */
_Noreturn void die(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* A connected, blocking socket, TCP_NODELAY on TCP; -1 with errno. */
int peer_connect(const char *address);

void peer_unblock(int fd);
void peer_no_delay(int fd); /* does nothing on a unix socket */

/* A listening, non-blocking socket; ends the process when the system refuses. */
int peer_listen(const char *address);

/* What HAProxy's SPOE engine offers: up to 3.0, and from 3.1 on, whose unread answers an agent has to bound. */
#define CAPABILITIES_OLD "pipelining,async"
#define CAPABILITIES_NEW "pipelining"

/* Appends HAProxy's HELLO, respectively the agent's answer. */
void peer_put_hello(struct buf *out, const char *capabilities);
void peer_put_agent_hello(struct buf *out);

/* Appends type, flags FIN and a length to be patched; returns the offset for peer_end_frame. */
size_t peer_begin_frame(struct buf *out, uint8_t type);
void peer_end_frame(struct buf *out, size_t at);

/* Connects (blocking), says HELLO and reads the agent's; -1 when it isn't one. */
int peer_shake_hands(const char *address, const char *capabilities);

/* CPU time that a process has used, in nanoseconds; 0 when pid is 0 or gone. */
int64_t peer_cpu_ns(pid_t pid);

#endif
