/* SPDX-License-Identifier: Apache-2.0 */
#include "script/pattern_walk.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

#include "script/budget.h"

#define ESCAPE '%'
#define STEPS_A_CHARGE 256

static void step(struct walk *walk)
{
	if (++walk->steps < STEPS_A_CHARGE)
		return;
	walk->steps = 0;
	budget_charge(walk->L, STEPS_A_CHARGE);
}

/* What a letter behind "%" stands for; any other character stands for itself. */
static bool in_class(uint8_t c, uint8_t letter)
{
	bool yes;

	switch (tolower(letter)) {
	case 'a': yes = isalpha(c); break;
	case 'c': yes = iscntrl(c); break;
	case 'd': yes = isdigit(c); break;
	case 'g': yes = isgraph(c); break;
	case 'l': yes = islower(c); break;
	case 'p': yes = ispunct(c); break;
	case 's': yes = isspace(c); break;
	case 'u': yes = isupper(c); break;
	case 'w': yes = isalnum(c); break;
	case 'x': yes = isxdigit(c); break;
	case 'z': yes = c == 0; break; /* deprecated, and still there */
	default: return letter == c;
	}
	return isupper(letter) ? !yes : yes;
}

/* Behind the single-character item at p: a character, "%x", "." or "[set]". */
static const uint8_t *item_end(struct walk *walk, const uint8_t *p)
{
	uint8_t c = *p++;

	if (c == ESCAPE) {
		if (p == walk->pattern_end)
			luaL_error(walk->L, "malformed pattern (ends with '%%')");
		return p + 1;
	}
	if (c != '[')
		return p;
	if (p < walk->pattern_end && *p == '^')
		p++;
	/* A "]" that stands first is one of the set. */
	do {
		if (p >= walk->pattern_end)
			luaL_error(walk->L, "malformed pattern (missing ']')");
		if (*p++ == ESCAPE)
			p++;
	} while (p >= walk->pattern_end || *p != ']');
	return p + 1;
}

/* The set between p, which views "[", and last, which views its "]". */
static bool in_set(struct walk *walk, uint8_t c, const uint8_t *p, const uint8_t *last)
{
	bool inside = true;

	if (*++p == '^') {
		inside = false;
		p++;
	}
	for (; p < last; p++) {
		step(walk);
		if (*p == ESCAPE) {
			if (in_class(c, *++p))
				return inside;
		} else if (p[1] == '-' && p + 2 < last) {
			if (p[0] <= c && c <= p[2])
				return inside;
			p += 2;
		} else if (*p == c) {
			return inside;
		}
	}
	return !inside;
}

static bool item_matches(struct walk *walk, const uint8_t *s, const uint8_t *p, const uint8_t *end)
{
	step(walk);
	if (s >= walk->text_end)
		return false;
	switch (*p) {
	case '.': return true;
	case ESCAPE: return in_class(*s, p[1]);
	case '[': return in_set(walk, *s, p, end - 1);
	default: return *p == *s;
	}
}

static const uint8_t *match_most(struct walk *walk, const uint8_t *s, const uint8_t *p,
				 const uint8_t *end)
{
	ptrdiff_t n = 0;

	while (item_matches(walk, s + n, p, end))
		n++;
	for (; n >= 0; n--) {
		const uint8_t *found = walk_match(walk, s + n, end + 1);

		if (found)
			return found;
	}
	return NULL;
}

static const uint8_t *match_fewest(struct walk *walk, const uint8_t *s, const uint8_t *p,
				   const uint8_t *end)
{
	for (;;) {
		const uint8_t *found = walk_match(walk, s, end + 1);

		if (found)
			return found;
		if (!item_matches(walk, s, p, end))
			return NULL;
		s++;
	}
}

static const uint8_t *open_capture(struct walk *walk, const uint8_t *s, const uint8_t *p, ptrdiff_t len)
{
	const uint8_t *found;

	if (walk->count == WALK_CAPTURES)
		luaL_error(walk->L, "too many captures");
	walk->captures[walk->count++] = (struct walk_capture){ s, len };
	found = walk_match(walk, s, p);
	if (!found)
		walk->count--;
	return found;
}

static const uint8_t *close_capture(struct walk *walk, const uint8_t *s, const uint8_t *p)
{
	const uint8_t *found;
	unsigned i = walk->count;

	while (i && walk->captures[i - 1].len != WALK_OPEN)
		i--;
	if (i == 0)
		luaL_error(walk->L, "invalid pattern capture");
	walk->captures[i - 1].len = s - walk->captures[i - 1].start;
	found = walk_match(walk, s, p);
	if (!found)
		walk->captures[i - 1].len = WALK_OPEN;
	return found;
}

/* "%bxy": behind the y that closes the x at s, or NULL. */
static const uint8_t *match_balanced(struct walk *walk, const uint8_t *s, const uint8_t *p)
{
	size_t open = 1;

	if (walk->pattern_end - p < 2)
		luaL_error(walk->L, "malformed pattern (missing arguments to '%%b')");
	if (s >= walk->text_end || *s != p[0])
		return NULL;
	while (++s < walk->text_end) {
		step(walk);
		if (*s == p[1]) {
			if (--open == 0)
				return s + 1;
		} else if (*s == p[0]) {
			open++;
		}
	}
	return NULL;
}

/* "%f[set]": true when s stands between a character outside of the set and one inside. */
static bool at_frontier(struct walk *walk, const uint8_t *s, const uint8_t *p, const uint8_t **end)
{
	uint8_t before = s == walk->text ? 0 : s[-1];
	uint8_t here = s == walk->text_end ? 0 : *s;

	if (p >= walk->pattern_end || *p != '[')
		luaL_error(walk->L, "missing '[' after '%%f' in pattern");
	*end = item_end(walk, p);
	return !in_set(walk, before, p, *end - 1) && in_set(walk, here, p, *end - 1);
}

static const uint8_t *match_back(struct walk *walk, const uint8_t *s, uint8_t digit)
{
	unsigned i = (unsigned)digit - '1';
	size_t len;

	if (digit == '0' || i >= walk->count || walk->captures[i].len == WALK_OPEN)
		luaL_error(walk->L, "invalid capture index %%%c", digit);
	if (walk->captures[i].len == WALK_POSITION)
		return NULL;
	len = (size_t)walk->captures[i].len;
	budget_charge(walk->L, len / 8);
	if ((size_t)(walk->text_end - s) < len || memcmp(s, walk->captures[i].start, len) != 0)
		return NULL;
	return s + len;
}

/* What needs more than one character of text; NULL for a single-character item at p. */
static const uint8_t *match_special(struct walk *walk, const uint8_t **s, const uint8_t *p)
{
	const uint8_t *end;

	if (p + 1 >= walk->pattern_end)
		return NULL;
	if (p[1] == 'b') {
		*s = match_balanced(walk, *s, p + 2);
		return p + 4;
	}
	if (p[1] == 'f') {
		if (!at_frontier(walk, *s, p + 2, &end))
			*s = NULL;
		return end;
	}
	if (isdigit(p[1])) {
		*s = match_back(walk, *s, p[1]);
		return p + 2;
	}
	return NULL;
}

static const uint8_t *match_item(struct walk *walk, const uint8_t **s, const uint8_t **p, bool *done)
{
	const uint8_t *end = item_end(walk, *p);
	uint8_t suffix = end < walk->pattern_end ? *end : 0;
	const uint8_t *found;

	*done = true;
	if (suffix == '*')
		return match_most(walk, *s, *p, end);
	if (suffix == '-')
		return match_fewest(walk, *s, *p, end);
	if (suffix == '+')
		return item_matches(walk, *s, *p, end) ? match_most(walk, *s + 1, *p, end) : NULL;
	if (suffix == '?') {
		if (item_matches(walk, *s, *p, end)) {
			found = walk_match(walk, *s + 1, end + 1);
			if (found)
				return found;
		}
		end++;
	} else if (item_matches(walk, *s, *p, end)) {
		++*s;
	} else {
		return NULL;
	}
	*p = end;
	*done = false;
	return NULL;
}

static const uint8_t *match_here(struct walk *walk, const uint8_t *s, const uint8_t *p)
{
	const uint8_t *behind, *found;
	bool done;

	while (p < walk->pattern_end) {
		if (*p == '(') {
			bool position = p + 1 < walk->pattern_end && p[1] == ')';

			return position ? open_capture(walk, s, p + 2, WALK_POSITION) :
					  open_capture(walk, s, p + 1, WALK_OPEN);
		}
		if (*p == ')')
			return close_capture(walk, s, p + 1);
		if (*p == '$' && p + 1 == walk->pattern_end)
			return s == walk->text_end ? s : NULL;
		behind = *p == ESCAPE ? match_special(walk, &s, p) : NULL;
		if (behind) {
			if (!s)
				return NULL;
			p = behind;
			continue;
		}
		found = match_item(walk, &s, &p, &done);
		if (done)
			return found;
	}
	return s;
}

const uint8_t *walk_match(struct walk *walk, const uint8_t *s, const uint8_t *p)
{
	const uint8_t *found;

	step(walk);
	if (++walk->depth > WALK_DEPTH)
		luaL_error(walk->L, "pattern too complex");
	found = match_here(walk, s, p);
	walk->depth--;
	return found;
}
