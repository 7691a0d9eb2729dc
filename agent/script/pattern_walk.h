/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_PATTERN_WALK_H
#define MTLSGUARD_SCRIPT_PATTERN_WALK_H

#include <lua.h>
#include <stddef.h>
#include <stdint.h>

/* One match of a pattern at one place: the part of pattern.h that backtracks. */
#define WALK_CAPTURES 32
#define WALK_DEPTH 200

/* Lengths of captures that are none. */
#define WALK_OPEN (-1)
#define WALK_POSITION (-2)

struct walk_capture {
	const uint8_t *start;
	ptrdiff_t len;
};

struct walk {
	lua_State *L;
	const uint8_t *text, *text_end;
	const uint8_t *pattern_end;
	struct walk_capture captures[WALK_CAPTURES];
	unsigned count;
	unsigned depth;
	unsigned steps; /* not charged yet */
};

/*
 * Matches the pattern from p on at s; returns where the match ends, or NULL.
 * Raises for a malformed pattern, one that nests too deep, or when the budget
 * is used up. walk->count is 0 before the first call.
 */
const uint8_t *walk_match(struct walk *walk, const uint8_t *s, const uint8_t *p);

/* Starts at the next place with the same text and pattern. */
static inline void walk_reset(struct walk *walk)
{
	walk->count = 0;
	walk->depth = 0;
}

#endif
