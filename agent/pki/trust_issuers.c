/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "pki/trust_store.h"
#include "pki/x509.h"

/* Remembered certificates of one name that are looked at. */
#define RECALL_MAX 16

static bool may_be_signer(X509 *x509)
{
	return X509_check_ca(x509) == 0 && (X509_get_extension_flags(x509) & EXFLAG_KUSAGE) &&
	       (X509_get_key_usage(x509) & KU_CRL_SIGN) && X509_self_signed(x509, 0) != 1;
}

static struct x509_st *certifier(const struct trust *trust, X509 *signer)
{
	for (size_t i = 0; i < trust->count; i++) {
		X509 *ca = trust->cas[i].x509;

		if (ca != signer && X509_check_ca(ca) && X509_check_issued(ca, signer) == X509_V_OK &&
		    X509_get0_pubkey(ca) && X509_verify(signer, X509_get0_pubkey(ca)) == 1)
			return ca;
	}
	return NULL;
}

void signers_find(struct trust *trust)
{
	for (size_t i = 0; i < trust->count; i++) {
		struct ca *ca = &trust->cas[i];

		if (may_be_signer(ca->x509))
			ca->signs_for = certifier(trust, ca->x509);
		if (!ca->signs_for)
			continue;
		ca->anchor = ca->info.anchor = false;
		ca->info.crl_signer = true;
	}
	ERR_clear_error();
}

static bool has_name(X509 *x509, const X509_NAME *name)
{
	return X509_NAME_cmp(X509_get_subject_name(x509), name) == 0;
}

/* A signer speaks for its CA when it bears that CA's name (RFC 5280 6.3.3 b 1), else in indirect lists only. */
static bool describe(const struct ca *ca, int64_t now, struct trust_issuer *out)
{
	X509 *subject = ca->signs_for ? ca->signs_for : ca->x509;

	*out = (struct trust_issuer){ .x509 = ca->x509 };
	if (ca->signs_for) {
		if (now < ca->info.not_before || now > ca->info.not_after)
			return false;
		out->indirect_only = !has_name(ca->x509, X509_get_subject_name(subject));
		if (out->indirect_only)
			subject = ca->x509;
	}
	return x509_issuer_key(subject, out->key);
}

static bool visit_loaded(struct trust *trust, const X509_NAME *name, int64_t now,
			 bool (*on_issuer)(void *arg, const struct trust_issuer *issuer), void *arg)
{
	size_t count, first = trust_find(trust, x509_name_hash(name), &count);
	struct trust_issuer issuer;

	for (size_t i = first; i < first + count; i++) {
		const struct ca *ca = trust_at(trust, i);

		if (has_name(ca->x509, name) && describe(ca, now, &issuer) && on_issuer(arg, &issuer))
			return true;
	}
	return false;
}

static bool visit_remembered(struct trust *trust, const X509_NAME *name,
			     bool (*on_issuer)(void *arg, const struct trust_issuer *issuer), void *arg)
{
	struct x509_st *found[RECALL_MAX];
	size_t count = memory_get(&trust->memory, x509_name_hash(name), found, RECALL_MAX);
	bool done = false;

	for (size_t i = 0; i < count; i++) {
		struct trust_issuer issuer = { .x509 = found[i] };

		if (!done && has_name(found[i], name) && x509_issuer_key(found[i], issuer.key))
			done = on_issuer(arg, &issuer);
		X509_free(found[i]);
	}
	return done;
}

bool trust_issuers(struct trust *trust, struct slice name, int64_t now,
		   bool (*on_issuer)(void *arg, const struct trust_issuer *issuer), void *arg)
{
	const unsigned char *at = name.ptr;
	X509_NAME *parsed = name.len ? d2i_X509_NAME(NULL, &at, (long)name.len) : NULL;
	bool done = parsed && (visit_loaded(trust, parsed, now, on_issuer, arg) ||
			       visit_remembered(trust, parsed, on_issuer, arg));

	X509_NAME_free(parsed);
	ERR_clear_error();
	return done;
}
