/* SPDX-License-Identifier: Apache-2.0 */
#include "core/canon.h"

#include "base/word.h"

#define HOST_MAX 253

static bool is_host_byte(uint8_t c)
{
	uint8_t l = ascii_lower(c);

	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/* What a byte is to a host that is canonical already: most are, and cost a look at each byte. */
#define PLAIN_HOST 1u
#define PLAIN_DOT 2u
static const uint8_t plain[256] = {
	['-'] = PLAIN_HOST, ['_'] = PLAIN_HOST, ['0' ... '9'] = PLAIN_HOST, ['a' ... 'z'] = PLAIN_HOST,
	['.'] = PLAIN_HOST | PLAIN_DOT,
};

static bool is_hex(uint8_t c)
{
	uint8_t l = ascii_lower(c);

	return (c >= '0' && c <= '9') || (l >= 'a' && l <= 'f');
}

/* Length of "[…]" at the front, or 0 when it is no IPv6 literal. */
static size_t bracketed(struct slice s)
{
	size_t end = slice_find(s, ']');

	if (end == s.len || end < 3)
		return 0;
	for (size_t i = 1; i < end; i++)
		if (!is_hex(s.ptr[i]) && s.ptr[i] != ':' && s.ptr[i] != '.')
			return 0;
	return end + 1;
}

static bool labels_ok(struct slice host)
{
	size_t label = 0;

	for (size_t i = 0; i < host.len; i++) {
		if (!is_host_byte(host.ptr[i]))
			return false;
		if (host.ptr[i] != '.')
			label++;
		else if (label == 0)
			return false;
		else
			label = 0;
	}
	return label > 0;
}

static enum err split_port(struct slice raw, struct slice *host)
{
	size_t name = raw.len && raw.ptr[0] == '[' ? bracketed(raw) : slice_find(raw, ':');
	struct slice port = slice_sub(raw, name, raw.len);
	uint64_t number;

	if (name == 0)
		return ERR_FORMAT;
	/* "host:" has an empty port, which RFC 3986 3.2.3 allows. */
	if (port.len && (port.ptr[0] != ':' ||
			 (port.len > 1 && !slice_to_u64(slice_sub(port, 1, port.len), 65535, &number))))
		return ERR_FORMAT;
	*host = slice_sub(raw, 0, name);
	return ERR_OK;
}

/* Lower case, no port, no empty label. */
static bool is_plain_host(struct slice raw)
{
	unsigned all = PLAIN_HOST, before = PLAIN_DOT, empty_label = 0;

	for (size_t i = 0; i < raw.len; i++) {
		unsigned kind = plain[raw.ptr[i]];

		all &= kind;
		empty_label |= kind & before;
		before = kind & PLAIN_DOT;
	}
	return all && !empty_label && !before && raw.len <= HOST_MAX;
}

enum err canon_host(struct arena *arena, struct slice raw, struct slice *out)
{
	struct slice host;
	uint8_t *copy;
	bool upper = false;
	enum err err;

	if (is_plain_host(raw)) {
		*out = raw;
		return ERR_OK;
	}
	err = split_port(raw, &host);
	if (err)
		return err;
	if (host.ptr[0] != '[') {
		if (host.ptr[host.len - 1] == '.')
			host.len--;
		if (!labels_ok(host))
			return ERR_FORMAT;
	}
	if (host.len > HOST_MAX)
		return ERR_FORMAT;
	for (size_t i = 0; i < host.len; i++)
		upper |= ascii_lower(host.ptr[i]) != host.ptr[i];
	*out = host;
	if (!upper)
		return ERR_OK;
	copy = arena_take(arena, host.len);
	if (!copy)
		return ERR_MEMORY;
	for (size_t i = 0; i < host.len; i++)
		copy[i] = ascii_lower(host.ptr[i]);
	*out = slice_of(copy, host.len);
	return ERR_OK;
}

static bool is_unreserved(uint8_t c)
{
	return is_host_byte(c) || c == '~';
}

static unsigned hex_digit(uint8_t c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(ascii_lower(c) - 'a') + 10;
}

/* As word_from_first() makes it, of fewer bytes, with letters before them. */
static uint64_t word_of(struct slice few)
{
	uint64_t word = WORD_ONES * 'a';

	for (size_t i = 0; i < few.len; i++)
		word = word << 8 | few.ptr[i];
	return word;
}

/* The highest bit of each byte that is not c, if all are ASCII. */
static uint64_t differ(uint64_t word, uint8_t c)
{
	return (word ^ WORD_ONES * c) + WORD_ONES * 0x7f;
}

/* Printable ASCII without escape, "\", "#", "//" and a dot behind a slash. */
static bool is_plain_word(uint64_t word)
{
	uint64_t printable = ~((word - WORD_ONES * 0x21) | (word + WORD_ONES));
	uint64_t ordinary = differ(word, '#') & differ(word, '%') & differ(word, '\\');
	uint64_t slashes = ~differ(word, '/') & WORD_HIGH_BITS;
	uint64_t dots_slashes = ~differ(word | WORD_ONES, '/'); /* '/' is '.' | 1 */

	return likely(!(~(printable & ordinary) & WORD_HIGH_BITS) && !(slashes >> 8 & dots_slashes));
}

/* A look at eight bytes at a time, that overlap by one: each byte is seen with the one before it. */
static bool is_plain_path(struct slice raw)
{
	if (raw.len < 8)
		return is_plain_word(word_of(raw));
	for (size_t i = 0; i < raw.len - 8; i += 7)
		if (!is_plain_word(word_from_first(raw.ptr + i)))
			return false;
	return is_plain_word(word_from_first(raw.ptr + raw.len - 8));
}

/* Decodes what may be decoded, refuses what hides a separator; out has room for raw.len bytes. */
static enum err decode_escapes(struct slice raw, uint8_t *out, size_t *len)
{
	size_t n = 0;

	for (size_t i = 0; i < raw.len; i++) {
		uint8_t c = raw.ptr[i];

		/* Behind a "#" some origins read no further: the path would be another one to them. */
		if (c < 0x20 || c == 0x7f || c == '#')
			return ERR_FORMAT;
		if (c != '%') {
			out[n++] = c == '\\' ? '/' : c;
			continue;
		}
		if (raw.len - i < 3 || !is_hex(raw.ptr[i + 1]) || !is_hex(raw.ptr[i + 2]))
			return ERR_FORMAT;
		c = (uint8_t)(hex_digit(raw.ptr[i + 1]) << 4 | hex_digit(raw.ptr[i + 2]));
		if (c == 0 || c == '/' || c == '\\')
			return ERR_FORMAT;
		if (is_unreserved(c)) {
			out[n++] = c;
		} else {
			out[n++] = '%';
			out[n++] = (uint8_t)("0123456789ABCDEF"[c >> 4]);
			out[n++] = (uint8_t)("0123456789ABCDEF"[c & 15]);
		}
		i += 2;
	}
	*len = n;
	return ERR_OK;
}

/* RFC 3986 5.2.4 in place, joining runs of "/" on the way. path begins with "/". */
static enum err remove_dots(uint8_t *path, size_t len, size_t *out_len)
{
	size_t n = 0; /* what stands already; always ends before a "/" */
	size_t i = 0;

	while (i < len) {
		size_t start = ++i;
		struct slice segment;

		while (i < len && path[i] != '/')
			i++;
		segment = slice_of(path + start, i - start);
		if (slice_eq(segment, SLICE_LIT(".."))) {
			if (n == 0)
				return ERR_FORMAT;
			while (path[--n] != '/')
				;
		} else if (segment.len && !slice_eq(segment, SLICE_LIT("."))) {
			path[n] = '/';
			memmove(path + n + 1, segment.ptr, segment.len);
			n += 1 + segment.len;
			continue;
		}
		/* An empty or dot segment at the end leaves the "/" behind it. */
		if (i == len)
			path[n++] = '/';
	}
	*out_len = n;
	return ERR_OK;
}

static NOINLINE enum err rewrite_path(struct arena *arena, struct slice raw, struct slice *out)
{
	uint8_t *copy = arena_take(arena, raw.len);
	size_t len;
	enum err err;

	if (!copy)
		return ERR_MEMORY;
	err = decode_escapes(raw, copy, &len);
	if (!err)
		err = remove_dots(copy, len, &len);
	*out = slice_of(copy, err ? 0 : len);
	return err;
}

HOT enum err canon_path(struct arena *arena, struct slice raw, struct slice *out)
{
	if (unlikely(raw.len == 0 || (raw.ptr[0] != '/' && raw.ptr[0] != '\\')))
		return ERR_FORMAT;
	if (!is_plain_path(raw))
		return rewrite_path(arena, raw, out);
	*out = raw;
	return ERR_OK;
}
