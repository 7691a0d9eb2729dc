/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"

#define FIRST_ROOM 256

void buf_fini(struct buf *b)
{
	if (likely(!b->fixed)) {
		free(b->ptr);
		b->ptr = NULL;
		b->room = 0;
	}
	buf_reset(b);
}

static COLD bool grow(struct buf *b, size_t need)
{
	size_t room = b->room ? b->room : FIRST_ROOM;

	if (b->cap && need > b->cap) {
		b->err = ERR_LIMIT;
		return false;
	}
	while (room < need)
		room *= 2;
	if (b->cap && room > b->cap)
		room = b->cap;
	b->ptr = mem_grow(b->ptr, room);
	b->room = room;
	return true;
}

uint8_t *buf_want_more(struct buf *b, size_t n)
{
	if (b->err)
		return NULL;
	if (n > SIZE_MAX / 4 - b->len) {
		b->err = ERR_LIMIT;
		return NULL;
	}
	if (b->len + n > b->room) {
		if (b->fixed) {
			b->err = ERR_LIMIT;
			return NULL;
		}
		if (!grow(b, b->len + n))
			return NULL;
	}
	return b->ptr ? b->ptr + b->len : NULL;
}

void buf_drop(struct buf *b, size_t n)
{
	assert(n <= b->len);
	b->len -= n;
	if (b->len)
		memmove(b->ptr, b->ptr + n, b->len);
}

void buf_u32(struct buf *b, uint32_t v)
{
	uint8_t *p = buf_want(b, 4);

	if (!p)
		return;
	u32_write(p, v);
	b->len += 4;
}

void buf_str(struct buf *b, const char *s)
{
	buf_put(b, slice_str(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	int n;
	uint8_t *p;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	assert(n >= 0);
	/* vsnprintf wants room for its NUL, which is not counted as content. */
	p = buf_want(b, (size_t)n + 1);
	if (!p)
		return;
	va_start(args, fmt);
	vsnprintf((char *)p, (size_t)n + 1, fmt, args);
	va_end(args);
	b->len += (size_t)n;
}

NOINLINE uint8_t *varint_write(uint8_t *to, uint64_t v)
{
	if (v >= 240) {
		*to++ = (uint8_t)(v | 0xf0);
		v = (v - 240) >> 4;
		for (; v >= 128; v = (v - 128) >> 7)
			*to++ = (uint8_t)(v | 0x80);
	}
	*to++ = (uint8_t)v;
	return to;
}

size_t varint_size(uint64_t v)
{
	uint8_t scratch[VARINT_ROOM];

	return (size_t)(varint_write(scratch, v) - scratch);
}

void buf_varint_long(struct buf *b, uint64_t v)
{
	uint8_t scratch[VARINT_ROOM];

	buf_put(b, slice_of(scratch, (size_t)(varint_write(scratch, v) - scratch)));
}

void buf_patch_u32(struct buf *b, size_t at, uint32_t v)
{
	if (b->err)
		return;
	assert(at + 4 <= b->len);
	u32_write(b->ptr + at, v);
}

static void json_byte(struct buf *b, uint8_t c)
{
	static const char short_form[] = "btn\0fr";

	if (c == '"' || c == '\\')
		buf_printf(b, "\\%c", c);
	else if (c >= 8 && c <= 13 && c != 11)
		buf_printf(b, "\\%c", short_form[c - 8]);
	else if (c < 0x20 || c == 0x7f)
		buf_printf(b, "\\u%04x", c);
	else
		buf_u8(b, c);
}

void buf_json(struct buf *b, struct slice s)
{
	size_t i = 0;

	buf_u8(b, '"');
	while (i < s.len) {
		size_t n = utf8_length(slice_sub(s, i, 4));

		if (n == 1)
			json_byte(b, s.ptr[i]);
		else if (n)
			buf_put(b, slice_sub(s, i, n));
		else
			buf_str(b, "\xef\xbf\xbd");
		i += n ? n : 1;
	}
	buf_u8(b, '"');
}
