/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/mem.h"

_Static_assert(DIGEST_MAX >= EVP_MAX_MD_SIZE, "room for every digest");

struct digest {
	EVP_MD_CTX *context;
};

/* OpenSSL's own hash fails for want of memory only. */
static void must(int good)
{
	if (good != 1)
		abort();
}

struct digest *digest_new(void)
{
	struct digest *digest = mem_new(sizeof(*digest));

	digest->context = EVP_MD_CTX_new();
	must(digest->context != NULL);
	must(EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL));
	return digest;
}

void digest_add(struct digest *digest, struct slice bytes)
{
	must(EVP_DigestUpdate(digest->context, bytes.ptr, bytes.len));
}

void digest_finish(struct digest *digest, uint8_t *out)
{
	must(EVP_DigestFinal_ex(digest->context, out, NULL));
	EVP_MD_CTX_free(digest->context);
	free(digest);
}

static const EVP_MD *find(struct slice name)
{
	const struct {
		struct slice name;
		const EVP_MD *(*digest)(void);
	} known[] = {
		{ SLICE_LIT("SHA-256"), EVP_sha256 }, { SLICE_LIT("SHA-1"), EVP_sha1 },
		{ SLICE_LIT("SHA-384"), EVP_sha384 }, { SLICE_LIT("SHA-512"), EVP_sha512 },
		{ SLICE_LIT("MD5"), EVP_md5 },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (slice_eq_nocase(known[i].name, name))
			return known[i].digest();
	return NULL;
}

enum err digest_make(struct slice algorithm, struct slice data, uint8_t *out, size_t *len)
{
	const EVP_MD *digest = find(algorithm);
	unsigned filled = 0;

	if (!digest)
		return ERR_NOT_FOUND;
	if (!EVP_Digest(data.len ? data.ptr : (const uint8_t *)"", data.len, out, &filled, digest, NULL))
		return ERR_CRYPTO;
	*len = filled;
	return ERR_OK;
}

bool digest_equal(struct slice a, struct slice b)
{
	return a.len == b.len && CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0;
}
