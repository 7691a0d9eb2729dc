/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_SPOE_ORDER_H
#define MTLSGUARD_FRONT_SPOE_ORDER_H

#include "base/reader.h"
#include "core/request.h"
#include "wire/spop.h"

/*
 * The arguments of a connection's questions in their order. HAProxy sends the
 * same ones in the same order every time, so that a name is known by one
 * comparison with what stood there before. What comes in another way is
 * decoded like any message, and learned. No name stands in an order twice.
 */
#define SPOE_ORDER_MAX 24
#define SPOE_ORDER_HEAD 16
#define SPOE_ORDER_ROOM (SPOE_ORDER_HEAD + SPOP_SHORT_HEAD)

struct spoe_order_step {
	uint64_t head[2]; /* SPOE_ORDER_HEAD bytes: length and name as they stand on the wire, then zeros */
	uint64_t mask[2]; /* ones where head has length and name */
	uint8_t size;	  /* of both */
	uint8_t arg;	  /* enum arg; ARG_COUNT: a name that only workers know */
};

struct spoe_order {
	unsigned count;
	struct spoe_order_step steps[SPOE_ORDER_MAX];
};

/*
 * Decodes up to `count` arguments into a request that has none yet, as far as
 * they come in this order. Returns how many; r stands behind them. After a
 * fault of r it returns count: there is nothing more to read. SPOE_ORDER_ROOM
 * bytes behind r's end must be zeros: they are looked at, never taken for any.
 */
unsigned spoe_order_decode(const struct spoe_order *order, struct reader *r, unsigned count,
			   struct request *req);

/* Puts one more argument at the end. False, and nothing done, when the order is full or the name too long. */
bool spoe_order_learn(struct spoe_order *order, struct slice name);

#endif
