/* SPDX-License-Identifier: Apache-2.0 */
#include "front/spoe_order.h"

#include "wire/spop.h"

/* Whether the first `size` of eight bytes are those of the other eight, which end in zeros. */
static inline bool is_word(const uint8_t *bytes, const uint8_t *other, unsigned size)
{
	static const uint8_t window[16] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	uint64_t is, wanted, mask;

	memcpy(&is, bytes, sizeof(is));
	memcpy(&wanted, other, sizeof(wanted));
	memcpy(&mask, window + sizeof(mask) - size, sizeof(mask));
	return (is & mask) == wanted;
}

/* Both pieces are SPOE_ORDER_HEAD bytes; most names end in the first eight. */
static inline bool is_head(const uint8_t *bytes, const struct spoe_order_step *step)
{
	if (step->size <= 8)
		return is_word(bytes, step->head, step->size);
	return memcmp(bytes, step->head, 8) == 0 && is_word(bytes + 8, step->head + 8, step->size - 8u);
}

/* NULL without memory. */
static inline struct value *place_of(struct request *req, const struct spoe_order_step *step,
				     const uint8_t *head)
{
	struct value *place;

	if (step->arg < ARG_COUNT)
		return &req->args[step->arg];
	return request_extra(req, slice_of(head + 1, step->size - 1u), &place) ? NULL : place;
}

unsigned spoe_order_decode(const struct spoe_order *order, struct reader *r, unsigned count,
			   struct request *req)
{
	const uint8_t *pos = r->pos, *end = r->end;
	unsigned i, most = count < order->count ? count : order->count;

	for (i = 0; i < most; i++) {
		const struct spoe_order_step *step = &order->steps[i];
		struct value *place;

		/* Whole heads only, and something behind them: near the end of a frame another decodes. */
		if (end - pos <= SPOE_ORDER_HEAD || !is_head(pos, step))
			break;
		place = place_of(req, step, pos);
		if (!place)
			break;
		pos += step->size;
		if (spop_value_decode_short(&pos, end, place))
			continue;
		r->pos = pos;
		spop_value_decode(r, place);
		pos = r->pos;
		if (reader_err(r))
			return count;
	}
	r->pos = pos;
	return i;
}

bool spoe_order_learn(struct spoe_order *order, struct slice name)
{
	struct spoe_order_step *step = &order->steps[order->count];

	if (order->count == SPOE_ORDER_MAX || name.len >= SPOE_ORDER_HEAD)
		return false;
	*step = (struct spoe_order_step){ .size = (uint8_t)(1 + name.len), .arg = (uint8_t)arg_find(name) };
	step->head[0] = (uint8_t)name.len;
	if (name.len)
		memcpy(step->head + 1, name.ptr, name.len);
	order->count++;
	return true;
}
