/* SPDX-License-Identifier: Apache-2.0 */
#include "script/config_lua_token.h"

static uint8_t byte_at(const struct lua_lexer *lexer, size_t ahead)
{
	size_t at = lexer->at + ahead;

	return at < lexer->source.len ? lexer->source.ptr[at] : 0;
}

static bool at_end(const struct lua_lexer *lexer)
{
	return lexer->at >= lexer->source.len;
}

static void take(struct lua_lexer *lexer)
{
	lexer->line += byte_at(lexer, 0) == '\n';
	lexer->at++;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_name(uint8_t c)
{
	uint8_t l = ascii_lower(c);

	return (l >= 'a' && l <= 'z') || is_digit(c) || c == '_';
}

/* "[[", "[=[" …: the number of "=" plus one, or 0 when no long bracket is here. */
static size_t long_bracket(const struct lua_lexer *lexer)
{
	size_t level = 1;

	while (byte_at(lexer, level) == '=')
		level++;
	return byte_at(lexer, 0) == '[' && byte_at(lexer, level) == '[' ? level : 0;
}

static bool closes(const struct lua_lexer *lexer, size_t level)
{
	for (size_t i = 1; i < level; i++)
		if (byte_at(lexer, i) != '=')
			return false;
	return byte_at(lexer, 0) == ']' && byte_at(lexer, level) == ']';
}

/* The content of a long bracket; its first line break doesn't count. */
static struct slice long_text(struct lua_lexer *lexer, size_t level)
{
	size_t start;

	for (size_t i = 0; i <= level; i++)
		take(lexer);
	if (byte_at(lexer, 0) == '\r')
		take(lexer);
	if (byte_at(lexer, 0) == '\n')
		take(lexer);
	start = lexer->at;
	while (!at_end(lexer)) {
		if (closes(lexer, level)) {
			lexer->at += level + 1;
			return slice_sub(lexer->source, start, lexer->at - level - 1 - start);
		}
		take(lexer);
	}
	return slice_sub(lexer->source, start, SIZE_MAX);
}

static void skip_blanks(struct lua_lexer *lexer)
{
	while (!at_end(lexer)) {
		uint8_t c = byte_at(lexer, 0);

		if (c == '-' && byte_at(lexer, 1) == '-') {
			size_t level;

			lexer->at += 2;
			level = long_bracket(lexer);
			if (level)
				long_text(lexer, level);
			else
				while (!at_end(lexer) && byte_at(lexer, 0) != '\n')
					take(lexer);
		} else if (c == ' ' || (c >= '\t' && c <= '\r')) {
			take(lexer);
		} else {
			return;
		}
	}
}

static unsigned hex(uint8_t c)
{
	return is_digit(c) ? (unsigned)(c - '0') : (unsigned)(ascii_lower(c) - 'a') + 10;
}

static size_t put_utf8(uint8_t *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (uint8_t)(0xe0 | c >> 12);
		out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | (c >> 18 & 7));
	out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

/* "\u{XXX}": at least five bytes of source for at most four of text. */
static size_t unicode_escape(struct lua_lexer *lexer, uint8_t *out)
{
	uint32_t c = 0;

	if (byte_at(lexer, 0) == '{')
		take(lexer);
	while (!at_end(lexer) && byte_at(lexer, 0) != '}') {
		c = c << 4 | (hex(byte_at(lexer, 0)) & 15);
		take(lexer);
	}
	take(lexer);
	return put_utf8(out, c);
}

static size_t decimal_escape(struct lua_lexer *lexer, uint8_t *out)
{
	unsigned c = 0;

	for (int i = 0; i < 3 && is_digit(byte_at(lexer, 0)); i++) {
		c = c * 10 + (unsigned)(byte_at(lexer, 0) - '0');
		take(lexer);
	}
	*out = (uint8_t)c;
	return 1;
}

/* What stands behind a "\"; returns how many bytes it wrote. */
static size_t escape(struct lua_lexer *lexer, uint8_t *out)
{
	static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
	uint8_t c = byte_at(lexer, 0);
	const char *known = c ? strchr(from, c) : NULL;

	if (is_digit(c))
		return decimal_escape(lexer, out);
	take(lexer);
	if (c == 'z') {
		while (!at_end(lexer) && (byte_at(lexer, 0) == ' ' ||
					  (byte_at(lexer, 0) >= '\t' && byte_at(lexer, 0) <= '\r')))
			take(lexer);
		return 0;
	}
	if (c == 'u')
		return unicode_escape(lexer, out);
	if (c == 'x') {
		*out = (uint8_t)(hex(byte_at(lexer, 0)) << 4 | hex(byte_at(lexer, 1)));
		take(lexer);
		take(lexer);
		return 1;
	}
	if (c == '\r' && byte_at(lexer, 0) == '\n')
		take(lexer);
	*out = known ? (uint8_t)to[known - from] : c == '\r' ? '\n' : c;
	return 1;
}

static struct slice decode(const struct lua_lexer *lexer, size_t start, size_t end, unsigned line)
{
	struct lua_lexer inner = { slice_sub(lexer->source, 0, end), start, line, NULL };
	uint8_t *out = arena_take(lexer->arena, end - start + 4);
	size_t n = 0;

	if (!out)
		return SLICE_EMPTY;
	while (!at_end(&inner)) {
		uint8_t c = byte_at(&inner, 0);

		take(&inner);
		if (c == '\\')
			n += escape(&inner, out + n);
		else
			out[n++] = c;
	}
	return slice_of(out, n);
}

static struct slice quoted(struct lua_lexer *lexer, uint8_t quote)
{
	size_t start = lexer->at + 1, end;
	unsigned line = lexer->line;
	bool escaped = false;

	take(lexer);
	while (!at_end(lexer) && byte_at(lexer, 0) != quote) {
		if (byte_at(lexer, 0) == '\\') {
			escaped = true;
			take(lexer);
		}
		take(lexer);
	}
	end = at_end(lexer) ? lexer->source.len : lexer->at;
	take(lexer);
	if (escaped && lexer->arena)
		return decode(lexer, start, end, line);
	return slice_sub(lexer->source, start, end - start);
}

static struct slice number(struct lua_lexer *lexer)
{
	size_t start = lexer->at;

	while (is_name(byte_at(lexer, 0)) || byte_at(lexer, 0) == '.') {
		uint8_t c = ascii_lower(byte_at(lexer, 0));

		take(lexer);
		if ((c == 'e' || c == 'p') && (byte_at(lexer, 0) == '+' || byte_at(lexer, 0) == '-'))
			take(lexer);
	}
	return slice_sub(lexer->source, start, lexer->at - start);
}

static uint8_t mark(struct lua_lexer *lexer)
{
	uint8_t c = byte_at(lexer, 0), next = byte_at(lexer, 1);
	bool with_equals = next == '=' && strchr("=~<>", c);

	take(lexer);
	if (!with_equals)
		return c;
	take(lexer);
	return 0;
}

struct lua_token lua_lexer_next(struct lua_lexer *lexer)
{
	struct lua_token token = { .kind = LUA_TOKEN_END };
	size_t level;
	uint8_t c;

	skip_blanks(lexer);
	token.line = lexer->line;
	if (at_end(lexer))
		return token;
	c = byte_at(lexer, 0);
	level = long_bracket(lexer);
	if (level || c == '"' || c == '\'') {
		token.kind = LUA_TOKEN_TEXT;
		token.text = level ? long_text(lexer, level) : quoted(lexer, c);
	} else if (is_digit(c) || (c == '.' && is_digit(byte_at(lexer, 1)))) {
		token.kind = LUA_TOKEN_NUMBER;
		token.text = number(lexer);
	} else if (is_name(c)) {
		size_t start = lexer->at;

		token.kind = LUA_TOKEN_NAME;
		while (is_name(byte_at(lexer, 0)))
			take(lexer);
		token.text = slice_sub(lexer->source, start, lexer->at - start);
	} else {
		token.kind = LUA_TOKEN_MARK;
		token.mark = mark(lexer);
	}
	return token;
}

struct lua_token lua_lexer_peek(const struct lua_lexer *lexer)
{
	struct lua_lexer copy = *lexer;

	/* Escapes matter only to whoever takes the token. */
	copy.arena = NULL;
	return lua_lexer_next(&copy);
}
