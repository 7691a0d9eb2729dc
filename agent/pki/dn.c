/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/x509.h"

#include <openssl/bio.h>
#include <openssl/x509.h>

enum err x509_name_rfc2253(struct buf *b, const struct X509_name_st *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long n;

	if (!bio || X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) < 0) {
		BIO_free(bio);
		return ERR_FORMAT;
	}
	n = BIO_get_mem_data(bio, &text);
	if (n > 0)
		buf_put(b, slice_of(text, (size_t)n));
	BIO_free(bio);
	return buf_err(b);
}

enum err x509_name_legacy(struct buf *b, const struct X509_name_st *name)
{
	char *text = X509_NAME_oneline(name, NULL, 0);

	if (!text)
		return ERR_FORMAT;
	buf_str(b, text);
	OPENSSL_free(text);
	return buf_err(b);
}
