/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_SPOP_PEER_H
#define TESTS_LIB_SPOP_PEER_H

#include "lib/rig.h"
#include "wire/spop.h"

/* HAProxy's side of a connection: frames that it sends, and what it makes of those that it gets. */

/* Appends a HAPROXY-HELLO; capabilities "pipelining" for 3.1 and newer, "pipelining,async" for older ones. */
void peer_hello(struct buf *out, size_t max_frame_size, const char *capabilities);

/* Appends a NOTIFY with one message, its arguments those of ask_args(over). */
void peer_notify(struct buf *out, uint64_t stream, uint64_t frame, const struct named *over);

/* Appends just the message of it. */
void peer_message(struct buf *out, const char *name, const struct named *over);

/* Appends a frame of any kind. */
void peer_frame(struct buf *out, uint8_t type, uint32_t flags, uint64_t stream, uint64_t frame,
		struct slice payload);

/* Takes the frame at the front of *bytes. Ends the test program when it is malformed, false when there is none. */
bool peer_next(struct slice *bytes, struct spop_frame *out);

/* The value that an ACK gives a variable of scope txn, by its last action on it; NULL: none. Ends the
 * test program when the actions don't decode. */
const struct value *peer_var(const struct spop_frame *ack, const char *name);

/* The same as text: strings as they are, numbers in decimal, "true", "unset"; "" when there is none. Static storage. */
const char *peer_text(const struct spop_frame *ack, const char *name);

/* How many actions an ACK has. */
unsigned peer_actions(const struct spop_frame *ack);

#endif
