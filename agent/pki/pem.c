/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/pem.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

static bool is_certificate(const char *name)
{
	struct slice s = slice_str(name);

	return slice_eq(s, SLICE_LIT(PEM_STRING_X509)) || slice_eq(s, SLICE_LIT(PEM_STRING_X509_OLD));
}

enum err pem_certificates(struct slice pem, struct buf *der, size_t *first)
{
	BIO *bio = pem.len && pem.len < INT_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
	char *name = NULL, *header = NULL;
	unsigned char *data = NULL;
	bool ended_well;
	size_t count = 0;
	long len;

	if (!bio)
		return ERR_FORMAT;
	ERR_clear_error();
	while (PEM_read_bio(bio, &name, &header, &data, &len)) {
		if (is_certificate(name)) {
			buf_put(der, slice_of(data, (size_t)len));
			if (count++ == 0 && first)
				*first = (size_t)len;
		}
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(data);
	}
	ended_well = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	BIO_free(bio);
	return count && ended_well ? buf_err(der) : ERR_FORMAT;
}
