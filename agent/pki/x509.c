/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/x509.h"

#include <time.h>

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "pki/der.h"
#include "pki/verify.h"

/* d2i takes BER around the signed part; a certificate has one encoding, or its hash means nothing.
 * What is signed nobody but its issuer can write another way. */
static bool is_canonical(const X509 *x509, struct slice der)
{
	unsigned char *again = NULL;
	int n = i2d_X509(x509, &again);
	bool same = n >= 0 && slice_eq(slice_of(again, (size_t)n), der);

	OPENSSL_free(again);
	return same;
}

struct x509_st *x509_decode(struct slice der)
{
	const unsigned char *p = der.ptr;
	struct slice issuer, subject;
	X509 *x509;

	if (der.len > X509_DER_MAX || der_names(der, &issuer, &subject))
		return NULL;
	x509 = d2i_X509(NULL, &p, (long)der.len);
	if (x509 && (p != der.ptr + der.len || !is_canonical(x509, der))) {
		X509_free(x509);
		x509 = NULL;
	}
	if (x509)
		(void)X509_check_purpose(x509, -1, 0);
	return x509;
}

void x509_der(const struct x509_st *x509, struct buf *out)
{
	unsigned char *der = NULL;
	int n = i2d_X509(x509, &der);

	if (n > 0)
		buf_put(out, slice_of(der, (size_t)n));
	OPENSSL_free(der);
}

uint32_t x509_name_hash(const struct X509_name_st *name)
{
	int ok = 0;
	unsigned long hash = X509_NAME_hash_ex(name, NULL, NULL, &ok);

	return ok ? (uint32_t)hash : 0;
}

/* Two messages of one digest are found in half as many bits as it has. */
static bool is_weak_digest(int nid)
{
	const EVP_MD *digest = EVP_get_digestbynid(nid);

	return !digest || nid == NID_md5_sha1 || EVP_MD_get_size(digest) * 4 < VERIFY_SECURITY_BITS;
}

/* RSASSA-PSS names its digest in the parameters; left out, it is SHA-1 (RFC 4055 3.1). */
static bool is_weak_pss(const X509_ALGOR *algorithm)
{
	RSA_PSS_PARAMS *pss = NULL;
	const ASN1_OBJECT *oid = NULL;
	bool weak = true;

	if (algorithm->parameter)
		pss = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS), algorithm->parameter);
	if (pss && pss->hashAlgorithm) {
		X509_ALGOR_get0(&oid, NULL, NULL, pss->hashAlgorithm);
		weak = is_weak_digest(OBJ_obj2nid(oid));
	}
	RSA_PSS_PARAMS_free(pss);
	return weak;
}

bool x509_is_weak(const struct X509_algor_st *algorithm)
{
	const ASN1_OBJECT *oid;
	int digest = NID_undef, key = NID_undef;

	X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
	if (!OBJ_find_sigid_algs(OBJ_obj2nid(oid), &digest, &key))
		return true;
	if (digest != NID_undef)
		return is_weak_digest(digest);
	return key == NID_rsassaPss ? is_weak_pss(algorithm) : key != NID_ED25519 && key != NID_ED448;
}

static struct slice octets_of(const ASN1_STRING *string)
{
	if (!string || ASN1_STRING_length(string) <= 0)
		return SLICE_EMPTY;
	return slice_of(ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
}

static bool is_negative(const X509 *x509)
{
	return ASN1_STRING_type(X509_get0_serialNumber(x509)) == V_ASN1_NEG_INTEGER;
}

struct slice x509_serial(const struct x509_st *x509, bool *positive)
{
	struct slice octets = octets_of(X509_get0_serialNumber(x509));

	while (octets.len && octets.ptr[0] == 0)
		octets = slice_sub(octets, 1, octets.len);
	*positive = octets.len > 0 && !is_negative(x509);
	return octets;
}

void x509_serial_text(struct buf *b, const struct x509_st *x509)
{
	bool positive;
	struct slice octets = x509_serial(x509, &positive);

	if (is_negative(x509))
		buf_u8(b, '-');
	if (octets.len)
		text_hex(b, octets, true);
	else
		buf_str(b, "00");
}

struct slice x509_ski(struct x509_st *x509)
{
	return octets_of(X509_get0_subject_key_id(x509));
}

struct slice x509_aki(struct x509_st *x509)
{
	return octets_of(X509_get0_authority_key_id(x509));
}

static enum err epoch(const ASN1_TIME *time, int64_t *out)
{
	struct tm tm;

	if (!time || ASN1_TIME_to_tm(time, &tm) != 1)
		return ERR_FORMAT;
	*out = (int64_t)timegm(&tm);
	return ERR_OK;
}

enum err x509_dates(const struct x509_st *x509, int64_t *not_before, int64_t *not_after)
{
	enum err err = epoch(X509_get0_notBefore(x509), not_before);

	return err ? err : epoch(X509_get0_notAfter(x509), not_after);
}

static bool sha256(struct slice first, struct slice second, uint8_t *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		  EVP_DigestUpdate(ctx, first.ptr, first.len) == 1 &&
		  EVP_DigestUpdate(ctx, second.ptr, second.len) == 1 &&
		  EVP_DigestFinal_ex(ctx, out, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool hash_with_spki(struct slice first, const X509 *x509, uint8_t *out)
{
	unsigned char *spki = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &spki);
	bool ok = n > 0 && sha256(first, slice_of(spki, (size_t)n), out);

	OPENSSL_free(spki);
	return ok;
}

bool x509_spki_sha256(const struct x509_st *x509, uint8_t *out)
{
	return hash_with_spki(SLICE_EMPTY, x509, out);
}

bool x509_issuer_key(const struct x509_st *x509, uint8_t *out)
{
	const unsigned char *name = NULL;
	size_t len = 0;

	return X509_NAME_get0_der(X509_get_subject_name(x509), &name, &len) == 1 &&
	       hash_with_spki(slice_of(name, len), x509, out);
}

bool x509_is_text(struct slice s)
{
	if (!utf8_valid(s))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		bool is_c1 = s.ptr[i] == 0xc2 && s.ptr[i + 1] < 0xa0;

		if (s.ptr[i] < 0x20 || s.ptr[i] == 0x7f || is_c1)
			return false;
	}
	return true;
}

bool x509_string(struct buf *b, const struct asn1_string_st *string)
{
	unsigned char *utf8 = NULL;
	int n = ASN1_STRING_to_UTF8(&utf8, string);
	struct slice text = slice_of(utf8, n > 0 ? (size_t)n : 0);
	bool ok = n >= 0 && x509_is_text(text);

	if (ok)
		buf_put(b, text);
	OPENSSL_free(utf8);
	return ok;
}
