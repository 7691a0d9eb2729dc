/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_SPOE_ACK_H
#define MTLSGUARD_FRONT_SPOE_ACK_H

#include "base/buf.h"
#include "core/verdict.h"

/*
 * A verdict as an ACK frame: design 4's variables in the scope txn. Values
 * that are empty are left out. A frame of at most `max` bytes (its length
 * prefix counted) is appended to out: where not all fits, first the variables
 * for logs go, then, of a deny, its body and headers. ERR_LIMIT, and nothing
 * appended, when an allow or a response does not fit; a deny always does from
 * 192 bytes on. ERR_LIMIT too when out is full.
 */
struct spoe_ids {
	uint64_t stream, frame;
};

enum err spoe_ack_encode(struct buf *out, const struct spoe_ids *ids, const struct verdict *verdict,
			 size_t max) MUST_USE;

/* The answer to a NOTIFY that asks nothing: one action that changes nothing, since some
 * HAProxy 3.1 never wake up for an ACK without any. */
void spoe_ack_nothing(struct buf *out, const struct spoe_ids *ids);

#endif
