/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dialect.h"

#define HASH_DIGITS 64

/* "…" behind its first quote, with \" for a quote; *escaped: there was a backslash. */
static bool read_quoted(struct slice *rest, struct slice *value, bool *escaped)
{
	*escaped = false;
	for (size_t i = 0; i < rest->len; i++) {
		if (rest->ptr[i] == '\\') {
			*escaped = true;
			i++;
		} else if (rest->ptr[i] == '"') {
			*value = slice_sub(*rest, 0, i);
			*rest = slice_sub(*rest, i + 1, rest->len);
			return true;
		}
	}
	return false;
}

static bool read_bare(struct slice *rest, struct slice *value)
{
	size_t i = 0;

	for (; i < rest->len && rest->ptr[i] != ';' && rest->ptr[i] != ','; i++)
		if (rest->ptr[i] == '"')
			return false;
	*value = slice_sub(*rest, 0, i);
	*rest = slice_sub(*rest, i, rest->len);
	return true;
}

static bool read_key(struct slice *rest, struct slice *key)
{
	size_t i = 0;

	while (i < rest->len && ascii_lower(rest->ptr[i]) >= 'a' && ascii_lower(rest->ptr[i]) <= 'z')
		i++;
	if (i == 0 || i == rest->len || rest->ptr[i] != '=')
		return false;
	*key = slice_sub(*rest, 0, i);
	*rest = slice_sub(*rest, i + 1, rest->len);
	return true;
}

static bool is_hash(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f')))
			return false;
	return s.len == HASH_DIGITS;
}

/* Puts a value where it belongs; what nobody reads goes nowhere. */
static enum err take(struct dialect_xfcc *out, struct slice key, struct slice value, bool quoted)
{
	bool is_cert = slice_eq_nocase(key, SLICE_LIT("cert")), is_chain = slice_eq_nocase(key, SLICE_LIT("chain"));
	struct slice *place = is_cert ? &out->cert : is_chain ? &out->chain : &out->hash;

	if (!is_cert && !is_chain && !slice_eq_nocase(key, SLICE_LIT("hash")))
		return ERR_OK;
	if (place->len)
		return ERR_DUPLICATE;
	if (value.len == 0 || quoted != (is_cert || is_chain) || (!is_cert && !is_chain && !is_hash(value)))
		return ERR_FORMAT;
	*place = value;
	return ERR_OK;
}

static enum err read_pair(struct slice *rest, struct dialect_xfcc *out)
{
	struct slice key, value;
	bool quoted, escaped = false;

	if (!read_key(rest, &key))
		return ERR_FORMAT;
	quoted = rest->len && rest->ptr[0] == '"';
	if (quoted)
		*rest = slice_sub(*rest, 1, rest->len);
	if (!(quoted ? read_quoted(rest, &value, &escaped) : read_bare(rest, &value)))
		return ERR_FORMAT;
	/* The alphabet of percent-encoding has no backslash. */
	if (escaped && (slice_eq_nocase(key, SLICE_LIT("cert")) || slice_eq_nocase(key, SLICE_LIT("chain"))))
		return ERR_FORMAT;
	return take(out, key, value, quoted);
}

enum err dialect_xfcc(struct slice header, struct dialect_xfcc *out)
{
	struct slice rest = header;
	enum err err;

	*out = (struct dialect_xfcc){ .cert = SLICE_EMPTY };
	for (;;) {
		err = read_pair(&rest, out);
		if (err)
			return err;
		if (rest.len == 0)
			return ERR_OK;
		if (rest.ptr[0] == ',')
			return ERR_DUPLICATE;
		if (rest.ptr[0] != ';')
			return ERR_FORMAT;
		rest = slice_sub(rest, 1, rest.len);
	}
}
