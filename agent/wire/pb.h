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
	uint64_t value;	    /* of a PB_VARINT; of the fixed ones nobody needs it */
	struct slice bytes; /* of PB_BYTES: a view */
};

/*
 * The next field of a message. False at the end, and after a fault, which
 * stays in r: ERR_SHORT (a length past the end), ERR_FORMAT (a group, field
 * number 0, a varint of more than ten bytes or 64 bits, a tag or a length of
 * more than five bytes).
 */
bool pb_next_any(struct reader *r, struct pb_field *field);
static inline bool pb_next(struct reader *r, struct pb_field *field)
{
	const uint8_t *p = r->pos;
	size_t left = reader_left(r);

	if (left == 0)
		return false;
	/* Nearly all: bytes, with a number below 16 and fewer than 128 of them. */
	if (left < 2 || (p[0] & 0x87) != PB_BYTES || p[0] < 8 || p[1] >= 0x80 || p[1] > left - 2)
		return pb_next_any(r, field);
	field->number = p[0] >> 3;
	field->type = PB_BYTES;
	field->bytes = slice_of(p + 2, p[1]);
	r->pos = p + 2 + p[1];
	return true;
}

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
static inline size_t pb_varint_size(uint64_t v)
{
	size_t n = 1;

	while (v >>= 7)
		n++;
	return n;
}

/* The same, and a field with bytes, written where room was made for it. They return what follows. */
uint8_t *pb_write_long_varint(uint8_t *p, uint64_t v);
static inline uint8_t *pb_write_varint(uint8_t *p, uint64_t v)
{
	if (v >= 0x80)
		return pb_write_long_varint(p, v);
	*p = (uint8_t)v;
	return p + 1;
}

static inline uint8_t *pb_write_head(uint8_t *p, uint32_t number, size_t len)
{
	return pb_write_varint(pb_write_varint(p, (uint64_t)number << 3 | PB_BYTES), len);
}

static inline uint8_t *pb_write_bytes(uint8_t *p, uint32_t number, struct slice s)
{
	p = pb_write_head(p, number, s.len);
	if (s.len)
		memcpy(p, s.ptr, s.len);
	return p + s.len;
}

/* Appended to a buffer: a varint alone; a field with a varint, with bytes; the head of a field of `len` bytes that follow. */
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
