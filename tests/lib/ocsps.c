/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ocsps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#define MUST(what) must(!!(what), #what, __LINE__)

static void must(bool ok, const char *what, int line)
{
	if (ok)
		return;
	fprintf(stderr, "tests/lib/ocsps.c:%d: %s failed\n", line, what);
	ERR_print_errors_fp(stderr);
	abort();
}

static ASN1_GENERALIZEDTIME *moment(int64_t when)
{
	ASN1_GENERALIZEDTIME *out = ASN1_GENERALIZEDTIME_adj(NULL, (time_t)when, 0, 0);

	MUST(out);
	return out;
}

static void add_single(OCSP_BASICRESP *basic, const struct ocsps_spec *spec, const struct certs *cert,
		       enum ocsps_status status)
{
	static const int statuses[] = { V_OCSP_CERTSTATUS_GOOD, V_OCSP_CERTSTATUS_REVOKED,
					V_OCSP_CERTSTATUS_UNKNOWN };
	ASN1_GENERALIZEDTIME *from = moment(spec->this_update ? spec->this_update : CERTS_NOW - 60);
	ASN1_GENERALIZEDTIME *next = spec->next_update < 0 ? NULL :
				     moment(spec->next_update ? spec->next_update : CERTS_NOW + 3600);
	ASN1_GENERALIZEDTIME *when = moment(CERTS_NOW - 3600);
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_get_digestbyname(spec->digest ? spec->digest : "SHA1"),
					  cert->x509, spec->issuer->x509);

	MUST(id);
	MUST(OCSP_basic_add1_status(basic, id, statuses[status], spec->reason > 0 ? spec->reason : -1,
				    when, from, next));
	OCSP_CERTID_free(id);
	ASN1_GENERALIZEDTIME_free(from);
	ASN1_GENERALIZEDTIME_free(next);
	ASN1_GENERALIZEDTIME_free(when);
}

static void add_critical(OCSP_BASICRESP *basic, const char *text)
{
	char *name = strdup(text), *value = strchr(name, '=');
	X509_EXTENSION *extension;
	X509V3_CTX ctx;

	MUST(value);
	*value++ = '\0';
	X509V3_set_ctx(&ctx, NULL, NULL, NULL, NULL, 0);
	MUST(extension = X509V3_EXT_nconf(NULL, &ctx, name, value));
	MUST(OCSP_BASICRESP_add_ext(basic, extension, -1));
	X509_EXTENSION_free(extension);
	free(name);
}

static void sign(OCSP_BASICRESP *basic, const struct ocsps_spec *spec)
{
	const struct certs *responder = spec->responder ? spec->responder : spec->issuer;
	const EVP_MD *md = EVP_get_digestbyname(spec->signature ? spec->signature : "SHA256");
	unsigned long flags = OCSP_NOTIME;

	if (spec->by_key)
		flags |= OCSP_RESPID_KEY;
	if (spec->no_certs)
		flags |= OCSP_NOCERTS;
	MUST(OCSP_basic_sign(basic, responder->x509, responder->key, md, NULL, flags));
	if (spec->bad_signature) {
		const ASN1_OCTET_STRING *signature = OCSP_resp_get0_signature(basic);

		signature->data[signature->length - 1] ^= 1;
	}
}

static OCSP_BASICRESP *make_basic(const struct ocsps_spec *spec)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();

	MUST(basic);
	if (spec->also)
		add_single(basic, spec, spec->also, OCSPS_GOOD);
	add_single(basic, spec, spec->cert, spec->status);
	if (spec->nonce.len)
		MUST(OCSP_basic_add1_nonce(basic, (unsigned char *)(uintptr_t)spec->nonce.ptr,
					   (int)spec->nonce.len));
	if (spec->critical)
		add_critical(basic, spec->critical);
	sign(basic, spec);
	return basic;
}

struct slice ocsps_make(const struct ocsps_spec *spec)
{
	OCSP_BASICRESP *basic = spec->response_status ? NULL : make_basic(spec);
	OCSP_RESPONSE *response = OCSP_response_create(spec->response_status, basic);
	unsigned char *der = NULL;
	struct slice out;
	int n = 0;

	MUST(response);
	n = i2d_OCSP_RESPONSE(response, &der);
	MUST(n > 0);
	out = slice_of(malloc((size_t)n), (size_t)n);
	MUST(out.ptr);
	memcpy((void *)(uintptr_t)out.ptr, der, (size_t)n);
	OPENSSL_free(der);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	return out;
}

struct certs *ocsps_responder(const char *subject, const struct certs *issuer, const char *const *extensions)
{
	static const char *const usual[] = { "extendedKeyUsage=OCSPSigning", "noCheck=NULL", NULL };

	return certs_make(&(struct certs_spec){ .subject = subject, .issuer = issuer,
						.extensions = extensions ? extensions : usual });
}
