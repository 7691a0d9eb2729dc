/* SPDX-License-Identifier: Apache-2.0 */
#include "base/reader.h"

void reader_fail(struct reader *r, enum err err)
{
	if (r->err || !err)
		return;
	r->err = err;
	r->end = r->pos;
}

static uint32_t big_endian(struct reader *r, size_t n)
{
	struct slice s = reader_bytes(r, n);
	uint32_t v = 0;

	for (size_t i = 0; i < s.len; i++)
		v = v << 8 | s.ptr[i];
	return v;
}

uint16_t reader_u16(struct reader *r)
{
	return (uint16_t)big_endian(r, 2);
}

uint32_t reader_u24(struct reader *r)
{
	return big_endian(r, 3);
}

static uint64_t varint_tail(struct reader *r, uint64_t first)
{
	const uint8_t *p = r->pos + 1;
	uint64_t v = first;
	unsigned shift = 4;
	uint64_t part;

	do {
		if (unlikely(p == r->end)) {
			reader_fail(r, ERR_SHORT);
			return 0;
		}
		/* Ten bytes hold 64 bits; of the tenth only four bits have room. */
		part = *p;
		if (unlikely(shift > 53) && (shift > 60 || (shift == 60 && part > 0x0f) ||
				   part << shift > UINT64_MAX - v)) {
			reader_fail(r, ERR_FORMAT);
			return 0;
		}
		v += part << shift;
		shift += 7;
	} while (*p++ & 0x80);
	r->pos = p;
	return v;
}

uint64_t reader_varint_long(struct reader *r)
{
	if (reader_left(r) == 0) {
		reader_fail(r, ERR_SHORT);
		return 0;
	}
	return *r->pos >= 240 ? varint_tail(r, *r->pos) : *r->pos++;
}

struct slice reader_rest(struct reader *r)
{
	return reader_bytes(r, reader_left(r));
}

enum err reader_end(struct reader *r)
{
	if (reader_left(r))
		reader_fail(r, ERR_FORMAT);
	return r->err;
}
