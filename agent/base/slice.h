/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BASE_SLICE_H
#define MTLSGUARD_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"

/*
 * A view on bytes that somebody else owns. Input is never NUL-terminated
 * here: wire strings have no NUL, or hide one. {NULL, 0} is the empty view.
 */
struct slice {
	const uint8_t *ptr;
	size_t len;
};

#define SLICE_EMPTY ((struct slice){ NULL, 0 })
/* A view on a string literal, without its NUL; usable in static initialisers. */
#define SLICE_INIT(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }
#define SLICE_LIT(literal) ((struct slice)SLICE_INIT(literal))
/* For printf's "%.*s". */
#define SLICE_FMT(s) (int)(s).len, (s).len ? (const char *)(s).ptr : ""

/* Views len bytes at ptr, which may be NULL when len is 0. */
static inline struct slice slice_of(const void *ptr, size_t len)
{
	return (struct slice){ ptr, len };
}

/* Views a NUL-terminated string; NULL gives the empty view. */
static inline struct slice slice_str(const char *s)
{
	return (struct slice){ (const uint8_t *)s, s ? strlen(s) : 0 };
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (unlikely(a.len == 0) || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ASCII case-insensitive equality. */
bool slice_eq_nocase(struct slice a, struct slice b);

/* memcmp order, the shorter first on a tie: -1, 0 or 1. */
int slice_cmp(struct slice a, struct slice b);

static inline bool slice_starts(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len && slice_eq(slice_of(s.ptr, prefix.len), prefix);
}
bool slice_ends(struct slice s, struct slice suffix);

/* Index of the first byte c, or s.len when there is none. */
size_t slice_find(struct slice s, uint8_t c);

/* The part of s from byte `from`, at most `len` bytes; clamped, never outside s. */
struct slice slice_sub(struct slice s, size_t from, size_t len);

/* Cuts *s at the first c: returns what stood before it, leaves what follows. */
struct slice slice_cut(struct slice *s, uint8_t c);

/* s without ASCII blanks and tabs at both ends. */
struct slice slice_trim(struct slice s);

/* Decimal, 1 to 19 digits, nothing else, at most max. Returns false otherwise. */
bool slice_to_u64(struct slice s, uint64_t max, uint64_t *out);

static inline uint8_t ascii_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

#endif
