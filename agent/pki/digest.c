/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/mem.h"

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
