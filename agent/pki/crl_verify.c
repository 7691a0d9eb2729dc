/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/crl.h"

#include <limits.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "pki/verify.h"
#include "pki/x509.h"

/* Signatures whose digest follows from the algorithm alone; the list is hashed where it lies. */
static bool verify_digest(EVP_PKEY *key, const EVP_MD *md, struct slice tbs, struct slice signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
		    EVP_DigestVerify(ctx, signature.ptr, signature.len, tbs.ptr, tbs.len) == 1;

	EVP_MD_CTX_free(ctx);
	return good;
}

/* Signatures with parameters of their own (RSASSA-PSS): OpenSSL reads those, and copies the list for it. */
static bool verify_parameters(EVP_PKEY *key, X509_ALGOR *algorithm, struct slice tbs,
			      struct slice signature)
{
	ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
	ASN1_STRING *text = ASN1_STRING_type_new(V_ASN1_SEQUENCE);
	ASN1_TYPE *any = ASN1_TYPE_new();
	bool good = bits && text && any && tbs.len < INT_MAX && signature.len < INT_MAX &&
		    ASN1_STRING_set(text, tbs.ptr, (int)tbs.len) &&
		    ASN1_BIT_STRING_set(bits, (unsigned char *)(uintptr_t)signature.ptr,
					(int)signature.len);

	if (good) {
		bits->flags = (bits->flags & ~7L) | ASN1_STRING_FLAG_BITS_LEFT;
		ASN1_TYPE_set(any, V_ASN1_SEQUENCE, text);
		text = NULL;
		good = ASN1_item_verify(ASN1_ITEM_rptr(ASN1_ANY), algorithm, bits, any, key) == 1;
	}
	ASN1_TYPE_free(any);
	ASN1_STRING_free(text);
	ASN1_BIT_STRING_free(bits);
	return good;
}

static bool verify_signature(EVP_PKEY *key, X509_ALGOR *algorithm, const struct crl *crl)
{
	const ASN1_OBJECT *oid;
	int digest = NID_undef, pkey = NID_undef;

	X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
	if (!OBJ_find_sigid_algs(OBJ_obj2nid(oid), &digest, &pkey))
		return false;
	if (digest != NID_undef)
		return EVP_PKEY_is_a(key, OBJ_nid2sn(pkey)) &&
		       verify_digest(key, EVP_get_digestbynid(digest), crl->tbs, crl->signature);
	if (pkey == NID_ED25519 || pkey == NID_ED448)
		return EVP_PKEY_is_a(key, OBJ_nid2sn(pkey)) &&
		       verify_digest(key, NULL, crl->tbs, crl->signature);
	return verify_parameters(key, algorithm, crl->tbs, crl->signature);
}

static bool may_sign(const struct crl *crl, X509 *issuer)
{
	const unsigned char *at = crl->issuer.ptr;
	X509_NAME *name = d2i_X509_NAME(NULL, &at, (long)crl->issuer.len);
	bool same = name && X509_NAME_cmp(name, X509_get_subject_name(issuer)) == 0;
	struct slice key = x509_ski(issuer);

	X509_NAME_free(name);
	if (!same || (X509_get_key_usage(issuer) & KU_CRL_SIGN) == 0)
		return false;
	return key.len == 0 || crl->authority_key.len == 0 || slice_eq(key, crl->authority_key);
}

static X509_ALGOR *algorithm_of(const struct crl *crl)
{
	const unsigned char *at = crl->algorithm.ptr;

	return d2i_X509_ALGOR(NULL, &at, (long)crl->algorithm.len);
}

bool crl_is_weak(const struct crl *crl)
{
	X509_ALGOR *algorithm = algorithm_of(crl);
	bool weak = !algorithm || x509_is_weak(algorithm);

	X509_ALGOR_free(algorithm);
	ERR_clear_error();
	return weak;
}

enum err crl_verify(const struct crl *crl, struct x509_st *issuer)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);
	X509_ALGOR *algorithm;
	bool good;

	if (!key || !may_sign(crl, issuer) || EVP_PKEY_get_security_bits(key) < VERIFY_SECURITY_BITS)
		return ERR_CRYPTO;
	algorithm = algorithm_of(crl);
	good = algorithm && !x509_is_weak(algorithm) && verify_signature(key, algorithm, crl);
	X509_ALGOR_free(algorithm);
	ERR_clear_error();
	return good ? ERR_OK : ERR_CRYPTO;
}
