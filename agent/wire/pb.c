/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pb.h"

#define VARINT_MAX 10

static uint64_t read_varint(struct reader *r)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < VARINT_MAX; i++) {
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

static struct slice read_bytes(struct reader *r)
{
	uint64_t len = read_varint(r);

	if (len > reader_left(r)) {
		reader_fail(r, ERR_SHORT);
		return SLICE_EMPTY;
	}
	return reader_bytes(r, (size_t)len);
}

bool pb_next(struct reader *r, struct pb_field *field)
{
	uint64_t tag;

	if (reader_left(r) == 0)
		return false;
	tag = read_varint(r);
	*field = (struct pb_field){ .number = (uint32_t)(tag >> 3), .type = (enum pb_type)(tag & 7) };
	if (tag >> 32 || field->number == 0)
		reader_fail(r, ERR_FORMAT);
	switch (field->type) {
	case PB_VARINT:
		field->value = read_varint(r);
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

size_t pb_varint_size(uint64_t v)
{
	size_t n = 1;

	while (v >>= 7)
		n++;
	return n;
}

static size_t put_varint(uint8_t *p, uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		p[n++] = (uint8_t)(v | 0x80);
	p[n++] = (uint8_t)v;
	return n;
}

void pb_varint(struct buf *b, uint64_t v)
{
	uint8_t *p = buf_want(b, pb_varint_size(v));

	if (p)
		buf_added(b, put_varint(p, v));
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
	pb_head(b, number, s.len);
	buf_put(b, s);
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
	(void)put_varint(b->ptr + begun - 1, len);
}
