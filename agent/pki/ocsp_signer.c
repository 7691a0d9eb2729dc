/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "pki/ocsp_internal.h"
#include "pki/verify.h"
#include "pki/x509.h"

/* Certificates of a response that are looked at. */
#define CERTS_MAX 8

static bool has_weak_signature(const X509 *x509)
{
	const X509_ALGOR *algorithm;

	X509_get0_signature(NULL, &algorithm, x509);
	return x509_is_weak(algorithm);
}

/* RFC 6960 4.2.2.3: the responder names itself by its name or by the SHA-1 of its key. */
static bool is_named(const OCSP_BASICRESP *basic, X509 *candidate)
{
	const ASN1_OCTET_STRING *key = NULL;
	const X509_NAME *name = NULL;
	const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(candidate);
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (!OCSP_resp_get0_id(basic, &key, &name))
		return false;
	if (name)
		return X509_NAME_cmp(name, X509_get_subject_name(candidate)) == 0;
	return key && bits &&
	       EVP_Digest(ASN1_STRING_get0_data(bits), (size_t)ASN1_STRING_length(bits), hash, &len,
			  EVP_sha1(), NULL) == 1 &&
	       slice_eq(slice_of(hash, len), slice_of(ASN1_STRING_get0_data(key),
						      (size_t)ASN1_STRING_length(key)));
}

static bool has_signed(OCSP_BASICRESP *basic, X509 *candidate)
{
	const X509_ALGOR *algorithm = OCSP_resp_get0_tbs_sigalg(basic);
	EVP_PKEY *key = X509_get0_pubkey(candidate);

	if (!key || EVP_PKEY_get_security_bits(key) < VERIFY_SECURITY_BITS)
		return false;
	return ASN1_item_verify(ASN1_ITEM_rptr(OCSP_RESPDATA), algorithm,
				OCSP_resp_get0_signature(basic), OCSP_resp_get0_respdata(basic),
				key) == 1;
}

/* RFC 6960 4.2.2.2: certified by the very CA that is asked about, for this. */
static bool is_delegate(X509 *candidate, X509 *issuer, int64_t now, const char **why)
{
	int64_t from, until;

	if (X509_check_purpose(candidate, -1, 0) != 1 ||
	    (X509_get_extension_flags(candidate) & (EXFLAG_INVALID | EXFLAG_XKUSAGE)) != EXFLAG_XKUSAGE ||
	    !(X509_get_extended_key_usage(candidate) & XKU_OCSP_SIGN) ||
	    !(X509_get_key_usage(candidate) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION))) {
		*why = "its signer's certificate is not for OCSP signing";
		return false;
	}
	if (x509_dates(candidate, &from, &until) || now < from || now > until) {
		*why = "its signer's certificate is not valid now";
		return false;
	}
	if (has_weak_signature(candidate)) {
		*why = "its signer's certificate is signed with SHA-1 or weaker";
		return false;
	}
	if (X509_check_issued(issuer, candidate) != X509_V_OK ||
	    X509_verify(candidate, X509_get0_pubkey(issuer)) != 1) {
		*why = "its signer was not certified by the certificate's own issuer";
		return false;
	}
	return true;
}

static bool take_serial(X509 *candidate, struct ocsp_answer *out)
{
	bool positive;
	struct slice serial = x509_serial(candidate, &positive);

	if (!positive || serial.len > sizeof(out->signer_serial))
		return false;
	memcpy(out->signer_serial, serial.ptr, serial.len);
	out->signer_serial_len = serial.len;
	out->delegated = true;
	out->nocheck = X509_get_ext_by_NID(candidate, NID_id_pkix_OCSP_noCheck, -1) >= 0;
	return true;
}

enum err ocsp_check_signer(OCSP_BASICRESP *basic, X509 *issuer, int64_t now,
			   struct ocsp_answer *out, const char **why)
{
	const STACK_OF(X509) *certs = OCSP_resp_get0_certs(basic);
	int count = certs ? sk_X509_num(certs) : 0;

	if (x509_is_weak(OCSP_resp_get0_tbs_sigalg(basic))) {
		*why = "it is signed with SHA-1 or weaker, which is not accepted";
		return ERR_CRYPTO;
	}
	*why = "its signer is neither the certificate's issuer nor in the answer";
	if (is_named(basic, issuer)) {
		*why = "its signature is wrong";
		if (has_signed(basic, issuer))
			return ERR_OK;
	}
	for (int i = 0; i < count && i < CERTS_MAX; i++) {
		X509 *candidate = sk_X509_value(certs, i);

		if (!is_named(basic, candidate) || !is_delegate(candidate, issuer, now, why))
			continue;
		*why = "its signature is wrong";
		if (has_signed(basic, candidate) && take_serial(candidate, out))
			return ERR_OK;
	}
	return ERR_CRYPTO;
}
