/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dialect.h"

#include "base/text.h"
#include "core/digest.h"
#include "core/pemcache.h"

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

/* The hex digits of Hash and the SHA-256 of the certificate say the same. */
static enum err check_hash(struct slice digits, struct slice der)
{
	uint8_t octets[DIGEST_MAX], hex[2 * DIGEST_MAX];
	struct buf b = buf_fixed(hex, sizeof(hex));
	size_t len;
	enum err err = digest_make(SLICE_LIT("SHA-256"), der, octets, &len);

	if (err)
		return err;
	text_hex(&b, slice_of(octets, len), false);
	return slice_eq(buf_slice(&b), digits) ? ERR_OK : ERR_CRYPTO;
}

enum err dialect_xfcc_chain(struct pemcache *pems, struct arena *arena, struct slice header, struct dialect_chain *out,
			    bool *has_chain)
{
	struct dialect_xfcc xfcc;
	struct dialect_chain leaf;
	enum err err = dialect_xfcc(header, &xfcc);

	*out = (struct dialect_chain){ .count = 0 };
	*has_chain = !err && xfcc.chain.len > 0;
	if (err)
		return err;
	if (xfcc.cert.len == 0)
		return ERR_NOT_FOUND;
	err = pemcache_get(pems, arena, xfcc.cert, 1, &leaf);
	if (!err && xfcc.hash.len)
		err = check_hash(xfcc.hash, leaf.der);
	if (err)
		return err;
	if (!*has_chain) {
		*out = leaf;
		return ERR_OK;
	}
	err = pemcache_get(pems, arena, xfcc.chain, DIALECT_CHAIN_MAX, out);
	if (!err && !slice_eq(slice_sub(out->der, 0, out->first), leaf.der))
		err = ERR_CRYPTO;
	return err;
}
