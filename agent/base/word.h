/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BASE_WORD_H
#define MTLSGUARD_BASE_WORD_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* Eight bytes looked at together, as one number. */
#define WORD_ONES UINT64_C(0x0101010101010101)
#define WORD_HIGH_BITS (WORD_ONES << 7)

/* In the order of this machine. p need not be aligned. */
static inline uint64_t word_at(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* The first byte is the highest. */
static inline uint64_t word_from_first(const uint8_t *p)
{
	return be64toh(word_at(p));
}

#endif
