/* SPDX-License-Identifier: Apache-2.0 */
#include "front/spoe_order.h"

/* Reads both words, however long the head is: what stands behind it is masked out. */
static inline bool is_head(const uint8_t *bytes, const struct spoe_order_step *step)
{
	uint64_t is[2];

	memcpy(is, bytes, sizeof(is));
	return (is[0] & step->mask[0]) == step->head[0] && (is[1] & step->mask[1]) == step->head[1];
}

/* NULL without memory. */
static inline struct value *place_of(struct request *req, const struct spoe_order_step *step,
				     const uint8_t *head)
{
	struct value *place;

	if (likely(step->arg < ARG_COUNT))
		return &req->args[step->arg];
	return request_extra(req, slice_of(head + 1, step->size - 1u), &place) ? NULL : place;
}

unsigned spoe_order_decode(const struct spoe_order *order, struct reader *r, unsigned count,
			   struct request *req)
{
	const uint8_t *pos = r->pos, *end = r->end;
	const struct spoe_order_step *step = order->steps;
	const struct spoe_order_step *last = step + (count < order->count ? count : order->count);

	for (; step < last; step++) {
		const uint8_t *behind = pos + step->size;
		struct value *place = likely(is_head(pos, step)) ? place_of(req, step, pos) : NULL;

		if (unlikely(!place))
			break;
		if (likely(spop_value_decode_short(&behind, end, place))) {
			pos = behind;
			continue;
		}
		/* A head that the end cuts off: whoever reads on from pos sees that it's none. */
		if (behind >= end)
			break;
		r->pos = behind;
		spop_value_decode(r, place);
		pos = r->pos;
		if (reader_err(r))
			return count;
	}
	r->pos = pos;
	return (unsigned)(step - order->steps);
}

bool spoe_order_learn(struct spoe_order *order, struct slice name)
{
	struct spoe_order_step *step = &order->steps[order->count];
	uint8_t head[SPOE_ORDER_HEAD] = { (uint8_t)name.len }, mask[SPOE_ORDER_HEAD] = { 0 };

	if (order->count == SPOE_ORDER_MAX || name.len >= SPOE_ORDER_HEAD)
		return false;
	if (name.len)
		memcpy(head + 1, name.ptr, name.len);
	memset(mask, 0xff, 1 + name.len);
	memcpy(step->head, head, sizeof(head));
	memcpy(step->mask, mask, sizeof(mask));
	step->size = (uint8_t)(1 + name.len);
	step->arg = (uint8_t)arg_find(name);
	order->count++;
	return true;
}
