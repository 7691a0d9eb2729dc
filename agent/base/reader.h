/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BASE_READER_H
#define MTLSGUARD_BASE_READER_H

#include "base/err.h"
#include "base/slice.h"

/*
 * The only way to read bytes: a bounded cursor whose first fault sticks. After
 * a fault every read gives zero or an empty view and moves nothing, so that a
 * decoder reads like its schema and asks reader_err() once, at the end.
 */
struct reader {
	const uint8_t *pos;
	const uint8_t *end; /* after a fault it's where pos is: that alone stops all further reads */
	enum err err;
};

/* Starts at the front of s, whose bytes must outlive the reader. */
static inline struct reader reader_of(struct slice s)
{
	return (struct reader){ s.ptr, likely(s.len) ? s.ptr + s.len : s.ptr, ERR_OK };
}

/* Bytes not read yet; 0 after a fault. */
static inline size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->pos);
}

/* The first fault, or ERR_OK. */
static inline enum err reader_err(const struct reader *r)
{
	return r->err;
}

/* Puts a fault in, unless one is there already. */
COLD void reader_fail(struct reader *r, enum err err);

/* A view on the next n bytes, which stay where they are. ERR_SHORT. */
static inline struct slice reader_bytes(struct reader *r, size_t n)
{
	struct slice s;

	if (unlikely(n > reader_left(r))) {
		reader_fail(r, ERR_SHORT);
		return SLICE_EMPTY;
	}
	if (unlikely(n == 0 && r->err))
		return SLICE_EMPTY;
	s = slice_of(r->pos, n);
	if (n)
		r->pos += n;
	return s;
}

static inline uint8_t reader_u8(struct reader *r)
{
	if (unlikely(reader_left(r) == 0)) {
		reader_fail(r, ERR_SHORT);
		return 0;
	}
	return *r->pos++;
}

uint16_t reader_u16(struct reader *r); /* big endian */
uint32_t reader_u24(struct reader *r); /* big endian */

/* Big endian. */
static inline uint32_t reader_u32(struct reader *r)
{
	const uint8_t *p = reader_bytes(r, 4).ptr;

	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

/* What reader_varint does with values of more than one byte, and at the end. */
uint64_t reader_varint_long(struct reader *r);

/*
 * SPOP's variable-length integer (SPOE text 3.1, "Variable-length integer"):
 * at most ten bytes. ERR_SHORT when the bytes end, ERR_FORMAT for an eleventh
 * byte or a value over 64 bits.
 */
static inline uint64_t reader_varint(struct reader *r)
{
	/* Most are lengths of one byte. */
	if (likely(reader_left(r) && *r->pos < 240))
		return *r->pos++;
	return reader_varint_long(r);
}

/* A varint length, then a view on that many bytes. */
static inline struct slice reader_varstr(struct reader *r)
{
	uint64_t n = reader_varint(r);
	struct slice s;

	if (unlikely(n > reader_left(r))) {
		reader_fail(r, ERR_SHORT);
		return SLICE_EMPTY;
	}
	s = slice_of(r->pos, (size_t)n);
	if (n)
		r->pos += n;
	return s;
}

/* What is left, as a view; the reader is at its end afterwards. */
struct slice reader_rest(struct reader *r);

/* ERR_FORMAT if bytes are left; returns the first fault or ERR_OK. */
enum err reader_end(struct reader *r) MUST_USE;

#endif
