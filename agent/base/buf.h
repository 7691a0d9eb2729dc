/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BASE_BUF_H
#define MTLSGUARD_BASE_BUF_H

#include "base/err.h"
#include "base/slice.h"

/*
 * The only way to write bytes: a buffer that grows up to a cap, and whose
 * first fault sticks. After a fault writes do nothing; buf_err() is asked once,
 * at the end. With a cap of 0 it grows without bound (process-lifetime data).
 * A buffer made by buf_fixed() writes into storage of the caller and never grows.
 */
struct buf {
	uint8_t *ptr;
	size_t len;
	size_t room;
	size_t cap;
	bool fixed;
	enum err err;
};

/* An empty buffer that may grow to cap bytes (0: no bound). Free with buf_fini. */
static inline struct buf buf_capped(size_t cap)
{
	return (struct buf){ .cap = cap };
}

/* A buffer over `room` bytes at ptr, which stay the caller's. Past them: ERR_LIMIT. */
static inline struct buf buf_fixed(void *ptr, size_t room)
{
	return (struct buf){ .ptr = ptr, .room = room, .cap = room, .fixed = true };
}

/* Gives the memory back (unless fixed) and leaves an empty buffer with the same cap. */
void buf_fini(struct buf *b);

/* Forgets content and fault, keeps the memory. */
static inline void buf_reset(struct buf *b)
{
	b->len = 0;
	b->err = ERR_OK;
}

static inline struct slice buf_slice(const struct buf *b)
{
	return slice_of(b->ptr, b->err ? 0 : b->len);
}

/* The first fault: ERR_LIMIT (over the cap) or ERR_OK. */
static inline enum err buf_err(const struct buf *b)
{
	return b->err;
}

/* What buf_want does when there is not enough room. */
COLD uint8_t *buf_want_more(struct buf *b, size_t n);

/* Makes room for n more bytes and returns where they go, or NULL (fault set).
 * What was written is added with buf_added(). */
static inline uint8_t *buf_want(struct buf *b, size_t n)
{
	if (unlikely(b->err || !b->ptr || n > b->room - b->len))
		return buf_want_more(b, n);
	return b->ptr + b->len;
}

static inline void buf_added(struct buf *b, size_t n)
{
	b->len += n;
}

/* Takes n bytes off the front (what a socket took). */
void buf_drop(struct buf *b, size_t n);

static inline void buf_u8(struct buf *b, uint8_t v)
{
	uint8_t *p = buf_want(b, 1);

	if (!p)
		return;
	*p = v;
	b->len++;
}

static inline void buf_put(struct buf *b, struct slice s)
{
	uint8_t *p;

	if (s.len == 0)
		return;
	p = buf_want(b, s.len);
	if (!p)
		return;
	memcpy(p, s.ptr, s.len);
	b->len += s.len;
}

void buf_u32(struct buf *b, uint32_t v); /* big endian */
void buf_str(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* What buf_varint does with values that need more than one byte. */
void buf_varint_long(struct buf *b, uint64_t v);

/* SPOP's variable-length integer, the one encoding that a value has. */
static inline void buf_varint(struct buf *b, uint64_t v)
{
	if (v < 240)
		buf_u8(b, (uint8_t)v);
	else
		buf_varint_long(b, v);
}

/* A varint length, then the bytes. */
static inline void buf_varstr(struct buf *b, struct slice s)
{
	uint8_t *p;

	if (s.len >= 240) {
		buf_varint_long(b, s.len);
		buf_put(b, s);
		return;
	}
	p = buf_want(b, 1 + s.len);
	if (!p)
		return;
	*p = (uint8_t)s.len;
	if (s.len)
		memcpy(p + 1, s.ptr, s.len);
	b->len += 1 + s.len;
}

/* What buf_u32 writes, where room was made for it. Returns what follows. */
static inline uint8_t *u32_write(uint8_t *to, uint32_t v)
{
	to[0] = (uint8_t)(v >> 24);
	to[1] = (uint8_t)(v >> 16);
	to[2] = (uint8_t)(v >> 8);
	to[3] = (uint8_t)v;
	return to + 4;
}

/* Overwrites four bytes at offset `at` (big endian) with v: back-patched lengths. */
void buf_patch_u32(struct buf *b, size_t at, uint32_t v);

/* s as a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD. */
void buf_json(struct buf *b, struct slice s);

/* What buf_varint writes, where room was made for it, and its size (1 to 10 bytes). Returns what follows. */
#define VARINT_ROOM 10
uint8_t *varint_write(uint8_t *to, uint64_t v);
size_t varint_size(uint64_t v);

#endif
