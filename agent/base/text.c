/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdlib.h>

#include "base/word.h"

void text_hex(struct buf *b, struct slice s, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	uint8_t *p = buf_want(b, s.len * 2);

	if (!p)
		return;
	for (size_t i = 0; i < s.len; i++) {
		p[2 * i] = (uint8_t)digits[s.ptr[i] >> 4];
		p[2 * i + 1] = (uint8_t)digits[s.ptr[i] & 15];
	}
	buf_added(b, s.len * 2);
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum err text_unhex(struct buf *b, struct slice hex)
{
	if (hex.len % 2)
		return ERR_FORMAT;
	for (size_t i = 0; i < hex.len; i += 2) {
		int high = hex_value(hex.ptr[i]), low = hex_value(hex.ptr[i + 1]);

		if (high < 0 || low < 0)
			return ERR_FORMAT;
		buf_u8(b, (uint8_t)(high << 4 | low));
	}
	return buf_err(b);
}

void text_base64(struct buf *b, struct slice s)
{
	static const char set[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = (s.len + 2) / 3 * 4;
	uint8_t *p = buf_want(b, n);

	if (!p)
		return;
	for (size_t i = 0; i < s.len; i += 3, p += 4) {
		uint32_t v = (uint32_t)s.ptr[i] << 16;

		if (i + 1 < s.len)
			v |= (uint32_t)s.ptr[i + 1] << 8;
		if (i + 2 < s.len)
			v |= s.ptr[i + 2];
		p[0] = (uint8_t)set[v >> 18];
		p[1] = (uint8_t)set[v >> 12 & 63];
		p[2] = (uint8_t)(i + 1 < s.len ? set[v >> 6 & 63] : '=');
		p[3] = (uint8_t)(i + 2 < s.len ? set[v & 63] : '=');
	}
	buf_added(b, n);
}

size_t utf8_length(struct slice s)
{
	/* Smallest code point of each length: anything below is an overlong form. */
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c;
	size_t n;

	if (s.len == 0)
		return 0;
	c = s.ptr[0];
	if (c < 0x80)
		return 1;
	n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	if (c < 0xc2 || c > 0xf4 || s.len < n)
		return 0;
	c &= 0x7fu >> n;
	for (size_t i = 1; i < n; i++) {
		if ((s.ptr[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s.ptr[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return n;
}

/* Bytes of ASCII at the front, eight at a time. */
static size_t ascii_run(struct slice s)
{
	size_t n = 0;

	while (n + 8 <= s.len && !(word_at(s.ptr + n) & WORD_HIGH_BITS))
		n += 8;
	while (n < s.len && s.ptr[n] < 0x80)
		n++;
	return n;
}

/* What nearly every text is. The last bytes may be looked at twice. */
static bool is_ascii(struct slice s)
{
	const uint8_t *p = s.ptr;
	size_t left = s.len;
	uint64_t all = 0;

	if (left < 8) {
		while (left)
			all |= p[--left];
		return all < 0x80;
	}
	for (; left >= 32; p += 32, left -= 32)
		all |= word_at(p) | word_at(p + 8) | word_at(p + 16) | word_at(p + 24);
	for (; left > 8; p += 8, left -= 8)
		all |= word_at(p);
	return !((all | word_at(s.ptr + s.len - 8)) & WORD_HIGH_BITS);
}

bool utf8_valid(struct slice s)
{
	if (is_ascii(s))
		return true;
	while (s.len) {
		size_t run = ascii_run(s);
		size_t n = run ? run : utf8_length(s);

		if (n == 0)
			return false;
		s = slice_sub(s, n, s.len);
	}
	return true;
}

static const bool token_chars[256] = {
	['0' ... '9'] = true, ['A' ... 'Z'] = true, ['^' ... 'z'] = true, ['!'] = true, ['#' ... '\''] = true,
	['*' ... '+'] = true, ['-' ... '.'] = true, ['|'] = true, ['~'] = true,
};

bool text_is_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (unlikely(!token_chars[s.ptr[i]]))
			return false;
	return s.len > 0;
}

/* Sets the highest bit of a byte, unless all eight are of 0x20 to 0x7e: those neither borrow nor carry here. */
static uint64_t unplain(const uint8_t *eight)
{
	uint64_t word = word_at(eight);

	return (word - WORD_ONES * 0x20) | (word + WORD_ONES);
}

/* GCC and Clang: 16 bytes that are worked on at once, each for itself. */
typedef uint8_t octets __attribute__((vector_size(16)));

static octets unplain_octets(const uint8_t *sixteen)
{
	octets all;

	memcpy(&all, sixteen, sizeof(all));
	return (all - 0x20) | (all + 1);
}

/* The last sixteen of 16 or more may be looked at twice. */
static bool is_long_plain(struct slice s)
{
	octets all = unplain_octets(s.ptr + s.len - sizeof(all));
	uint64_t halves[2];

	for (size_t i = 0; i < s.len - sizeof(all); i += sizeof(all))
		all |= unplain_octets(s.ptr + i);
	memcpy(halves, &all, sizeof(halves));
	return !((halves[0] | halves[1]) & WORD_HIGH_BITS);
}

/* ASCII that can be printed, which nearly every text is. */
static bool is_plain(struct slice s)
{
	if (s.len >= sizeof(octets))
		return is_long_plain(s);
	if (s.len >= 8)
		return !((unplain(s.ptr) | unplain(s.ptr + s.len - 8)) & WORD_HIGH_BITS);
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e)
			return false;
	return true;
}

HOT bool text_has_control(struct slice s)
{
	if (is_plain(s))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if ((s.ptr[i] < 0x20 && s.ptr[i] != '\t') || s.ptr[i] == 0x7f)
			return true;
	return false;
}

bool text_is_field_value(struct slice s)
{
	return !text_has_control(s) && slice_trim(s).len == s.len;
}

#define NEAREST_MAX 63

static size_t edit_distance(struct slice a, struct slice b)
{
	size_t row[NEAREST_MAX + 1];

	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t change = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);

			diagonal = row[j];
			if (row[j - 1] + 1 < change)
				change = row[j - 1] + 1;
			if (row[j] + 1 < change)
				change = row[j] + 1;
			row[j] = change;
		}
	}
	return row[b.len];
}

const char *text_nearest(struct slice word, const char *const *names)
{
	size_t best = word.len / 3 < 2 ? 2 : word.len / 3;
	const char *found = NULL;

	if (word.len == 0 || word.len > NEAREST_MAX)
		return NULL;
	for (; *names; names++) {
		struct slice name = slice_str(*names);
		size_t distance;

		if (name.len > NEAREST_MAX)
			continue;
		distance = edit_distance(word, name);
		if (distance <= best && distance < name.len) {
			found = *names;
			best = distance ? distance - 1 : 0;
			if (distance == 0)
				break;
		}
	}
	return found;
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar. */
static int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool digits(struct slice *s, size_t n, int64_t low, int64_t high, int64_t *out)
{
	uint64_t v;

	if (s->len < n || !slice_to_u64(slice_sub(*s, 0, n), (uint64_t)high, &v) ||
	    (int64_t)v < low)
		return false;
	*s = slice_sub(*s, n, s->len);
	*out = (int64_t)v;
	return true;
}

static bool mark(struct slice *s, const char *any)
{
	if (s->len == 0 || !s->ptr[0] || !strchr(any, s->ptr[0]))
		return false;
	*s = slice_sub(*s, 1, s->len);
	return true;
}

static bool zone(struct slice *s, int64_t *offset)
{
	int64_t hours, minutes;
	bool west = s->len && s->ptr[0] == '-';

	*offset = 0;
	if (mark(s, "Zz"))
		return s->len == 0;
	if (!mark(s, "+-") || !digits(s, 2, 0, 23, &hours) || !mark(s, ":") ||
	    !digits(s, 2, 0, 59, &minutes))
		return false;
	*offset = (hours * 60 + minutes) * 60 * (west ? -1 : 1);
	return s->len == 0;
}

/* Parts of a second are allowed and mean nothing here. */
static bool fraction(struct slice *s)
{
	size_t n = 0;

	if (!mark(s, "."))
		return true;
	while (n < s->len && s->ptr[n] >= '0' && s->ptr[n] <= '9')
		n++;
	*s = slice_sub(*s, n, s->len);
	return n > 0;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	if (month == 2)
		return leap ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

bool text_to_time(struct slice s, int64_t *out)
{
	int64_t year, month, day, hour, minute, second, offset;
	uint64_t epoch;

	if (slice_to_u64(s, INT64_MAX, &epoch)) {
		*out = (int64_t)epoch;
		return true;
	}
	if (!digits(&s, 4, 0, 9999, &year) || !mark(&s, "-") || !digits(&s, 2, 1, 12, &month) ||
	    !mark(&s, "-") || !digits(&s, 2, 1, days_in_month(year, month), &day) ||
	    !mark(&s, "Tt ") || !digits(&s, 2, 0, 23, &hour) || !mark(&s, ":") ||
	    !digits(&s, 2, 0, 59, &minute) || !mark(&s, ":") || !digits(&s, 2, 0, 60, &second))
		return false;
	if (!fraction(&s) || !zone(&s, &offset))
		return false;
	*out = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
	return true;
}
