/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_PATTERN_H
#define MTLSGUARD_SCRIPT_PATTERN_H

#include <lua.h>

#include "base/slice.h"

/*
 * Lua's patterns (manual 6.4.1), matched with every step counted: a short
 * subject and five ".-" take seconds, and no instruction hook sees them. Steps
 * are charged to the call's budget, so that matching may raise its timeout.
 */
#define PATTERN_CAPTURES 32

struct pattern_capture {
	const char *start;
	ptrdiff_t len; /* or one of the marks below */
};

#define PATTERN_OPEN (-1)     /* not closed yet */
#define PATTERN_POSITION (-2) /* "()" */

struct pattern {
	lua_State *L;
	const char *subject, *subject_end, *end; /* of the subject, of the pattern */
	unsigned steps, depth;
	int count;
	struct pattern_capture captures[PATTERN_CAPTURES];
};

/* Fills a pattern for matching; text and subject must stay where they are. */
void pattern_init(struct pattern *p, lua_State *L, struct slice subject, struct slice text);

/* Matches text (past its "^") at one place of the subject: the end of the match, or NULL. Raises
 * for a malformed pattern. */
const char *pattern_match(struct pattern *p, const char *at, const char *text);

/* Pushes capture i; the whole match when there are none and i is 0. Raises. */
void pattern_push(struct pattern *p, int i, const char *start, const char *end);

/* Pushes all captures, or the whole match when there are none; returns how many values. start NULL:
 * captures only. */
int pattern_push_all(struct pattern *p, const char *start, const char *end);

/* True when text has no magic character. */
bool pattern_is_plain(struct slice text);

#endif
