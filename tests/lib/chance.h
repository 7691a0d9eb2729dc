/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_CHANCE_H
#define TESTS_LIB_CHANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* Numbers that look random and are the same in every run (xorshift64*), and what inputs are made of. */
struct chance {
	uint64_t state; /* not 0 */
};

/* 0 to below n. */
static inline uint64_t chance_below(struct chance *chance, uint64_t n)
{
	chance->state ^= chance->state >> 12;
	chance->state ^= chance->state << 25;
	chance->state ^= chance->state >> 27;
	return (chance->state * UINT64_C(0x2545f4914f6cdd1d) >> 11) % n;
}

/* True once in n. */
static inline bool chance_once_in(struct chance *chance, uint64_t n)
{
	return chance_below(chance, n) == 0;
}

/* Mostly short, now and then empty, of a length with two bytes or with three; into p, which has room for 20,000. */
static inline struct slice chance_octets(struct chance *chance, uint8_t *p)
{
	static const uint16_t most[] = { 1, 12, 12, 12, 12, 12, 12, 40, 40, 40, 40, 40, 40, 40, 300, 20000 };
	uint16_t bound = most[chance_below(chance, sizeof(most) / sizeof(most[0]))];
	size_t len = chance_below(chance, bound == 20000 && !chance_once_in(chance, 16) ? 20 : bound);

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)chance_below(chance, 256);
	return slice_of(p, len);
}

/* The same as UTF-8, NUL among it. */
static inline struct slice chance_text(struct chance *chance, uint8_t *p)
{
	struct slice s = chance_octets(chance, p);

	for (size_t i = 0; i < s.len; i++)
		p[i] &= 0x7f;
	for (size_t i = 0; i + 2 <= s.len; i += 7)
		memcpy(p + i, "\xc3\xa9", 2);
	return s;
}

#endif
