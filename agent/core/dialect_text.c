/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dialect_text.h"

#include "base/word.h"

static int hex(uint8_t c)
{
	uint8_t lower = ascii_lower(c);

	if (c >= '0' && c <= '9')
		return c - '0';
	return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Copies what stands before the first "%", eight bytes at a time. Returns its length. */
static size_t copy_run(struct slice text, uint8_t *out)
{
	uint64_t v, x;
	size_t n = 0;

	for (; n + sizeof(v) <= text.len; n += sizeof(v)) {
		v = word_at(text.ptr + n);
		/* A byte that is "%" becomes zero, which a borrow shows. */
		x = v ^ (WORD_ONES * '%');
		if ((x - WORD_ONES) & ~x & WORD_HIGH_BITS)
			break;
		memcpy(out + n, &v, sizeof(v));
	}
	for (; n < text.len && text.ptr[n] != '%'; n++)
		out[n] = text.ptr[n];
	return n;
}

enum err dialect_unescape(struct slice text, uint8_t *out, size_t *len)
{
	const uint8_t *p = text.ptr;
	size_t left = text.len;

	*len = 0;
	while (left) {
		size_t run = copy_run(slice_of(p, left), out + *len);
		int high, low;

		*len += run;
		p += run;
		left -= run;
		if (left == 0)
			break;
		high = left < 3 ? -1 : hex(p[1]);
		low = left < 3 ? -1 : hex(p[2]);
		if (high < 0 || low < 0)
			return ERR_FORMAT;
		out[(*len)++] = (uint8_t)(high << 4 | low);
		p += 3;
		left -= 3;
	}
	return ERR_OK;
}

/* The value of a base64 digit plus one, 0: none. */
static const uint8_t digits[256] = {
	['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8,
	['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
	['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
	['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
	['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
	['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
	['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
	['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

size_t dialect_whole_quanta(struct slice text, uint8_t *out)
{
	size_t i = 0;

	for (; i + 4 <= text.len; i += 4, out += 3) {
		const uint8_t *s = text.ptr + i;
		uint32_t a = digits[s[0]] - 1u, b = digits[s[1]] - 1u, c = digits[s[2]] - 1u, d = digits[s[3]] - 1u;
		uint32_t v = a << 18 | b << 12 | c << 6 | d;

		if ((a | b | c | d) > 63)
			break;
		out[0] = (uint8_t)(v >> 16);
		out[1] = (uint8_t)(v >> 8);
		out[2] = (uint8_t)v;
	}
	return i;
}

size_t dialect_quantum(const uint8_t *s, uint8_t *out)
{
	unsigned a = digits[s[0]], b = digits[s[1]], c = digits[s[2]], d = digits[s[3]];
	size_t n = s[3] != '=' ? 3 : s[2] != '=' ? 2 : 1;
	uint32_t v;

	if (!a || !b || (!c && n > 1) || (!d && n > 2))
		return 0;
	v = (a - 1) << 18 | (b - 1) << 12 | (n > 1 ? (c - 1) << 6 : 0) | (n > 2 ? d - 1 : 0);
	/* Bits behind the last octet are zero (RFC 4648 3.5): one certificate, one text. */
	if ((n == 1 && v & 0xffff) || (n == 2 && v & 0xff))
		return 0;
	out[0] = (uint8_t)(v >> 16);
	if (n > 1)
		out[1] = (uint8_t)(v >> 8);
	if (n > 2)
		out[2] = (uint8_t)v;
	return n;
}

enum err dialect_base64(struct slice text, uint8_t *out, size_t *len)
{
	size_t whole = dialect_whole_quanta(text, out);

	*len = whole / 4 * 3;
	if (text.len == 0 || text.len % 4)
		return ERR_FORMAT;
	for (size_t i = whole; i < text.len; i += 4) {
		size_t n = dialect_quantum(text.ptr + i, out + *len);

		if (n == 0 || (n < 3 && i + 4 < text.len))
			return ERR_FORMAT;
		*len += n;
	}
	return ERR_OK;
}
