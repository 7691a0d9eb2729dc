/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pb.h"

#define VARINT_MAX 10
#define HEAD_MAX 5 /* of a tag and of a length, also one that could be shorter: other readers take no more */

/* Of more than one byte, or at the end. */
static uint64_t read_long_varint(struct reader *r, unsigned max)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < max; i++) {
		uint8_t byte = reader_u8(r);

		/* The tenth byte holds the 64th bit, and nothing more. */
		if (i == VARINT_MAX - 1 && byte > 1)
			break;
		v |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80)
			return v;
	}
	reader_fail(r, ERR_FORMAT);
	return 0;
}

static inline uint64_t read_varint(struct reader *r, unsigned max)
{
	const uint8_t *p = r->pos;

	if (reader_left(r) && p[0] < 0x80)
		return *r->pos++;
	/* The length of most messages. */
	if (reader_left(r) > 1 && p[1] < 0x80) {
		r->pos += 2;
		return (p[0] & 0x7fu) | (uint32_t)p[1] << 7;
	}
	return read_long_varint(r, max);
}

static struct slice read_bytes(struct reader *r)
{
	uint64_t len = read_varint(r, HEAD_MAX);

	if (len > reader_left(r)) {
		reader_fail(r, ERR_SHORT);
		return SLICE_EMPTY;
	}
	return reader_bytes(r, (size_t)len);
}

bool pb_next_any(struct reader *r, struct pb_field *field)
{
	uint64_t tag;

	if (reader_left(r) == 0)
		return false;
	tag = read_varint(r, HEAD_MAX);
	*field = (struct pb_field){ .number = (uint32_t)(tag >> 3), .type = (enum pb_type)(tag & 7) };
	if (tag >> 32 || field->number == 0)
		reader_fail(r, ERR_FORMAT);
	switch (field->type) {
	case PB_VARINT:
		field->value = read_varint(r, VARINT_MAX);
		break;
	case PB_FIXED64:
		(void)reader_bytes(r, 8);
		break;
	case PB_BYTES:
		field->bytes = read_bytes(r);
		break;
	case PB_FIXED32:
		(void)reader_bytes(r, 4);
		break;
	default:
		reader_fail(r, ERR_FORMAT);
	}
	return !reader_err(r);
}

uint8_t *pb_write_long_varint(uint8_t *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

void pb_varint(struct buf *b, uint64_t v)
{
	size_t size = pb_varint_size(v);
	uint8_t *p = buf_want(b, size);

	if (!p)
		return;
	(void)pb_write_varint(p, v);
	buf_added(b, size);
}

void pb_number(struct buf *b, uint32_t number, uint64_t v)
{
	pb_varint(b, (uint64_t)number << 3 | PB_VARINT);
	pb_varint(b, v);
}

void pb_head(struct buf *b, uint32_t number, size_t len)
{
	pb_varint(b, (uint64_t)number << 3 | PB_BYTES);
	pb_varint(b, len);
}

void pb_bytes(struct buf *b, uint32_t number, struct slice s)
{
	size_t size = pb_varint_size((uint64_t)number << 3) + pb_varint_size(s.len) + s.len;
	uint8_t *p = buf_want(b, size);

	if (!p)
		return;
	(void)pb_write_bytes(p, number, s);
	buf_added(b, size);
}

size_t pb_begin(struct buf *b, uint32_t number)
{
	/* Most lengths have one byte; a longer one is made room for when it is known. */
	pb_head(b, number, 0);
	return b->len;
}

void pb_end(struct buf *b, size_t begun)
{
	size_t len, more;

	if (buf_err(b))
		return;
	len = b->len - begun;
	more = pb_varint_size(len) - 1;
	if (more) {
		if (!buf_want(b, more))
			return;
		memmove(b->ptr + begun + more, b->ptr + begun, len);
		buf_added(b, more);
	}
	(void)pb_write_varint(b->ptr + begun - 1, len);
}
