/* SPDX-License-Identifier: Apache-2.0 */
#include "script/pattern.h"

#include <ctype.h>
#include <lauxlib.h>

#include "script/state.h"

/* How deep items may nest, each a frame of C. */
#define DEPTH_MAX 200
/* Steps between two charges. */
#define STEPS 256

static const char *match(struct pattern *p, const char *s, const char *t);

void pattern_init(struct pattern *p, lua_State *L, struct slice subject, struct slice text)
{
	p->L = L;
	p->subject = (const char *)subject.ptr;
	p->subject_end = p->subject + subject.len;
	p->end = (const char *)text.ptr + text.len;
	p->steps = p->depth = 0;
	p->count = 0;
}

static void step(struct pattern *p)
{
	if (++p->steps < STEPS)
		return;
	p->steps = 0;
	budget_charge(p->L, STEPS);
}

bool pattern_is_plain(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] && strchr("^$*+?.([%-", text.ptr[i]))
			return false;
	return true;
}

/* The end of a set that begins at t, behind its "]". */
static const char *set_end(struct pattern *p, const char *t)
{
	t++;
	if (t < p->end && *t == '^')
		t++;
	do {
		if (t >= p->end)
			luaL_error(p->L, "malformed pattern (missing ']')");
		step(p);
		if (*t++ == '%')
			t++; /* an escaped "]" ends nothing */
	} while (t >= p->end || *t != ']');
	return t + 1;
}

/* The end of the single-character class that begins at t. */
static const char *class_end(struct pattern *p, const char *t)
{
	if (*t == '%') {
		if (t + 1 >= p->end)
			luaL_error(p->L, "malformed pattern (ends with '%%')");
		return t + 2;
	}
	return *t == '[' ? set_end(p, t) : t + 1;
}

static bool in_class(int c, int class)
{
	bool in;

	switch (tolower(class)) {
	case 'a': in = isalpha(c); break;
	case 'c': in = iscntrl(c); break;
	case 'd': in = isdigit(c); break;
	case 'g': in = isgraph(c); break;
	case 'l': in = islower(c); break;
	case 'p': in = ispunct(c); break;
	case 's': in = isspace(c); break;
	case 'u': in = isupper(c); break;
	case 'w': in = isalnum(c); break;
	case 'x': in = isxdigit(c); break;
	case 'z': in = c == 0; break; /* deprecated, but still there */
	default: return class == c;
	}
	return isupper(class) ? !in : in;
}

/* The set from t ("[") to last ("]"). */
static bool in_set(struct pattern *p, int c, const char *t, const char *last)
{
	bool found = true;

	t++;
	if (*t == '^') {
		found = false;
		t++;
	}
	for (; t < last; t++) {
		step(p);
		if (*t == '%') {
			if (in_class(c, (unsigned char)*++t))
				return found;
		} else if (t + 2 < last && t[1] == '-') {
			if ((unsigned char)t[0] <= c && c <= (unsigned char)t[2])
				return found;
			t += 2;
		} else if ((unsigned char)*t == c) {
			return found;
		}
	}
	return !found;
}

/* Whether the character at s is in the class from t to class_end. */
static bool is_single(struct pattern *p, const char *s, const char *t, const char *end)
{
	int c;

	step(p);
	if (s >= p->subject_end)
		return false;
	c = (unsigned char)*s;
	switch (*t) {
	case '.':
		return true;
	case '%':
		return in_class(c, (unsigned char)t[1]);
	case '[':
		return in_set(p, c, t, end - 1);
	default:
		return (unsigned char)*t == c;
	}
}

/* "%bxy" */
static const char *match_balance(struct pattern *p, const char *s, const char *t)
{
	int open = 1;

	if (t + 1 >= p->end)
		luaL_error(p->L, "malformed pattern (missing arguments to '%%b')");
	if (s >= p->subject_end || *s != t[0])
		return NULL;
	while (++s < p->subject_end) {
		step(p);
		if (*s == t[1]) {
			if (--open == 0)
				return s + 1;
		} else if (*s == t[0]) {
			open++;
		}
	}
	return NULL;
}

/* As many as there are, then fewer, until the rest matches. */
static const char *match_most(struct pattern *p, const char *s, const char *t, const char *end)
{
	ptrdiff_t i = 0;

	while (is_single(p, s + i, t, end))
		i++;
	for (; i >= 0; i--) {
		const char *found = match(p, s + i, end + 1);

		if (found)
			return found;
	}
	return NULL;
}

/* As few as will do. */
static const char *match_least(struct pattern *p, const char *s, const char *t, const char *end)
{
	for (;;) {
		const char *found = match(p, s, end + 1);

		if (found)
			return found;
		if (!is_single(p, s, t, end))
			return NULL;
		s++;
	}
}

static const char *start_capture(struct pattern *p, const char *s, const char *t, ptrdiff_t what)
{
	const char *found;

	if (p->count >= PATTERN_CAPTURES)
		luaL_error(p->L, "too many captures");
	p->captures[p->count].start = s;
	p->captures[p->count].len = what;
	p->count++;
	found = match(p, s, t);
	if (!found)
		p->count--;
	return found;
}

static int innermost_open(struct pattern *p)
{
	for (int i = p->count - 1; i >= 0; i--)
		if (p->captures[i].len == PATTERN_OPEN)
			return i;
	return luaL_error(p->L, "invalid pattern capture");
}

static const char *end_capture(struct pattern *p, const char *s, const char *t)
{
	struct pattern_capture *capture = &p->captures[innermost_open(p)];
	const char *found;

	capture->len = s - capture->start;
	found = match(p, s, t);
	if (!found)
		capture->len = PATTERN_OPEN;
	return found;
}

/* "%1" */
static const char *match_again(struct pattern *p, const char *s, int digit)
{
	int i = digit - '1';
	ptrdiff_t len;

	if (i < 0 || i >= p->count || p->captures[i].len == PATTERN_OPEN)
		luaL_error(p->L, "invalid capture index %%%d", i + 1);
	/* A position has no length; as a text it is longer than any subject. */
	len = p->captures[i].len;
	if (len < 0 || p->subject_end - s < len || memcmp(p->captures[i].start, s, (size_t)len))
		return NULL;
	budget_charge(p->L, (size_t)len / 16);
	return s + len;
}

/* "%f[set]" at t, which is its "[" */
static bool at_frontier(struct pattern *p, const char *s, const char *t, const char *end)
{
	int before = s == p->subject ? 0 : (unsigned char)s[-1];
	int here = s == p->subject_end ? 0 : (unsigned char)*s;

	return !in_set(p, before, t, end - 1) && in_set(p, here, t, end - 1);
}

/* An item that begins with "%" and is more than a class: *t moves behind it, or stays. */
static const char *match_escape(struct pattern *p, const char *s, const char **t)
{
	const char *at = *t;

	switch (at[1]) {
	case 'b':
		s = match_balance(p, s, at + 2);
		*t = at + 4;
		return s;
	case 'f':
		at += 2;
		if (at >= p->end || *at != '[')
			luaL_error(p->L, "missing '[' after '%%f' in pattern");
		*t = class_end(p, at);
		return at_frontier(p, s, at, *t) ? s : NULL;
	default:
		*t = at + 2;
		return match_again(p, s, at[1]);
	}
}

static bool is_escape_item(const struct pattern *p, const char *t)
{
	return *t == '%' && t + 1 < p->end &&
	       (t[1] == 'b' || t[1] == 'f' || isdigit((unsigned char)t[1]));
}

/* A class with its quantifier. *done: the result is the whole rest's; else go on at *t. */
static const char *match_single(struct pattern *p, const char *s, const char **t, bool *done)
{
	const char *end = class_end(p, *t), *found;
	char quantifier = '\0';

	if (end < p->end)
		quantifier = *end;
	*done = true;
	switch (quantifier) {
	case '*':
		return match_most(p, s, *t, end);
	case '+':
		return is_single(p, s, *t, end) ? match_most(p, s + 1, *t, end) : NULL;
	case '-':
		return match_least(p, s, *t, end);
	case '?':
		if (is_single(p, s, *t, end)) {
			found = match(p, s + 1, end + 1);
			if (found)
				return found;
		}
		*done = false;
		*t = end + 1;
		return s;
	default:
		if (!is_single(p, s, *t, end))
			return NULL;
		*done = false;
		*t = end;
		return s + 1;
	}
}

static const char *match_items(struct pattern *p, const char *s, const char *t)
{
	bool done = false;

	while (s && !done && t < p->end) {
		step(p);
		if (*t == '(') {
			bool position = t + 1 < p->end && t[1] == ')';

			return start_capture(p, s, t + 1 + position,
					     position ? PATTERN_POSITION : PATTERN_OPEN);
		}
		if (*t == ')')
			return end_capture(p, s, t + 1);
		if (*t == '$' && t + 1 == p->end)
			return s == p->subject_end ? s : NULL;
		if (is_escape_item(p, t))
			s = match_escape(p, s, &t);
		else
			s = match_single(p, s, &t, &done);
	}
	return s;
}

static const char *match(struct pattern *p, const char *s, const char *t)
{
	if (++p->depth > DEPTH_MAX)
		luaL_error(p->L, "pattern too complex");
	s = match_items(p, s, t);
	p->depth--;
	return s;
}

const char *pattern_match(struct pattern *p, const char *at, const char *text)
{
	p->depth = 0;
	p->count = 0;
	return match(p, at, text);
}

void pattern_push(struct pattern *p, int i, const char *start, const char *end)
{
	if (i >= p->count) {
		if (i)
			luaL_error(p->L, "invalid capture index %%%d", i + 1);
		lua_pushlstring(p->L, start, (size_t)(end - start));
	} else if (p->captures[i].len == PATTERN_OPEN) {
		luaL_error(p->L, "unfinished capture");
	} else if (p->captures[i].len == PATTERN_POSITION) {
		lua_pushinteger(p->L, p->captures[i].start - p->subject + 1);
	} else {
		lua_pushlstring(p->L, p->captures[i].start, (size_t)p->captures[i].len);
	}
}

int pattern_push_all(struct pattern *p, const char *start, const char *end)
{
	int count = p->count == 0 && start ? 1 : p->count;

	luaL_checkstack(p->L, count, "too many captures");
	for (int i = 0; i < count; i++)
		pattern_push(p, i, start, end);
	return count;
}
