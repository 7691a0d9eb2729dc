/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_WIRE_PB_H
#define MTLSGUARD_WIRE_PB_H

#include "base/buf.h"
#include "base/reader.h"

/*
 * Protocol buffers' wire form (protobuf.dev, "Encoding"), read field by field
 * and without recursion: a message inside a message is a slice until somebody
 * reads it, so that no nesting can cost stack. Groups are refused.
 */
enum pb_type { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 };

struct pb_field {
	uint32_t number; /* 1 to 2^29 - 1 */
	enum pb_type type;
	uint64_t value;	    /* PB_VARINT; of the fixed ones nobody needs it */
	struct slice bytes; /* PB_BYTES: a view */
};

/*
 * The next field of a message. False at the end, and after a fault, which
 * stays in r: ERR_SHORT (a length past the end), ERR_FORMAT (a group, field
 * number 0, a varint of more than ten bytes or 64 bits).
 */
bool pb_next(struct reader *r, struct pb_field *field);

/*
 * One of the fields that a message knows: what its number means to whoever
 * reads it, and that it stands once. Singular fields that come twice are
 * refused, scalars too: two readers that pick different ones would be a way
 * around a policy.
 */
static inline bool pb_is(struct reader *r, const struct pb_field *field, enum pb_type type,
			 uint32_t *seen)
{
	uint32_t bit = UINT32_C(1) << (field->number & 31);

	if (field->type != type)
		reader_fail(r, ERR_TYPE);
	else if (*seen & bit)
		reader_fail(r, ERR_DUPLICATE);
	*seen |= bit;
	return !reader_err(r);
}

/* Bytes that a varint takes, 1 to 10. */
size_t pb_varint_size(uint64_t v);

/* A varint alone; a field with a varint, with bytes; the head of a field of `len` bytes that follow. */
void pb_varint(struct buf *b, uint64_t v);
void pb_number(struct buf *b, uint32_t number, uint64_t v);
void pb_bytes(struct buf *b, uint32_t number, struct slice s);
void pb_head(struct buf *b, uint32_t number, size_t len);

/* What pb_bytes writes for a field number below 16. */
static inline size_t pb_bytes_size(size_t len)
{
	return 1 + pb_varint_size(len) + len;
}

/* A message as a field, whose length is not known yet: begin, write its fields, end. */
size_t pb_begin(struct buf *b, uint32_t number);
void pb_end(struct buf *b, size_t begun);

#endif
