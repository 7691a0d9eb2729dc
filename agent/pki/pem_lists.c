/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/pem.h"

#include <openssl/evp.h>

#include "pki/der.h"

/* How much text the decoder gets at a time; its lengths are ints. */
#define PIECE (64u * 1024)
#define BEGIN "-----BEGIN X509 CRL-----"
#define END "-----END X509 CRL-----"

/*
 * Decodes the base64 of one block to out, which lies before text: three octets
 * out of four characters, so that the writer never passes the reader.
 */
static enum err decode(uint8_t *out, struct slice text, size_t *written)
{
	EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
	enum err err = ctx ? ERR_OK : ERR_CRYPTO;
	int n = 0;

	*written = 0;
	if (ctx)
		EVP_DecodeInit(ctx);
	while (text.len && !err) {
		struct slice piece = slice_sub(text, 0, PIECE);

		text = slice_sub(text, piece.len, text.len);
		if (EVP_DecodeUpdate(ctx, out + *written, &n, piece.ptr, (int)piece.len) < 0)
			err = ERR_FORMAT;
		else
			*written += (size_t)n;
	}
	if (!err && EVP_DecodeFinal(ctx, out + *written, &n) < 0)
		err = ERR_FORMAT;
	EVP_ENCODE_CTX_free(ctx);
	return err;
}

static struct slice find(struct slice text, struct slice what)
{
	const uint8_t *at = text.len ? memmem(text.ptr, text.len, what.ptr, what.len) : NULL;

	return at ? slice_of(at, (size_t)(text.ptr + text.len - at)) : SLICE_EMPTY;
}

/* True when every byte belongs to a whole SEQUENCE, and there is one. */
static bool is_row(struct slice der)
{
	struct reader r = reader_of(der);

	while (reader_left(&r))
		if (der_next(&r).tag != DER_SEQUENCE)
			return false;
	return der.len && !reader_err(&r);
}

static enum err decode_blocks(uint8_t *bytes, size_t len, size_t *der_len)
{
	struct slice rest = slice_of(bytes, len);
	size_t written;

	*der_len = 0;
	while ((rest = find(rest, SLICE_LIT(BEGIN))).len) {
		struct slice text = slice_sub(rest, sizeof(BEGIN) - 1, rest.len), end;
		enum err err;

		end = find(text, SLICE_LIT("-----"));
		if (!slice_starts(end, SLICE_LIT(END)))
			return ERR_FORMAT;
		text.len = (size_t)(end.ptr - text.ptr);
		err = decode(bytes + *der_len, text, &written);
		if (err)
			return err;
		*der_len += written;
		rest = slice_sub(end, sizeof(END) - 1, end.len);
	}
	return ERR_OK;
}

enum err pem_lists(uint8_t *bytes, size_t len, size_t *der_len)
{
	enum err err = ERR_OK;

	*der_len = len;
	if (len == 0 || bytes[0] != DER_SEQUENCE)
		err = decode_blocks(bytes, len, der_len);
	if (!err && !is_row(slice_of(bytes, *der_len)))
		err = ERR_FORMAT;
	return err;
}
