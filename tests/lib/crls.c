/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/crls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define MUST(what) must(!!(what), #what, __LINE__)

static void must(bool ok, const char *what, int line)
{
	if (ok)
		return;
	fprintf(stderr, "tests/lib/crls.c:%d: %s failed\n", line, what);
	ERR_print_errors_fp(stderr);
	abort();
}

static ASN1_INTEGER *integer(const char *hex)
{
	BIGNUM *number = NULL;
	ASN1_INTEGER *out;

	MUST(BN_hex2bn(&number, hex));
	MUST(out = BN_to_ASN1_INTEGER(number, NULL));
	BN_free(number);
	return out;
}

static ASN1_TIME *moment(int64_t when)
{
	ASN1_TIME *out = ASN1_TIME_adj(NULL, (time_t)when, 0, 0);

	MUST(out);
	return out;
}

static CONF *load_conf(const char *text)
{
	CONF *conf = NCONF_new(NULL);
	BIO *bio = BIO_new_mem_buf(text ? text : "", -1);
	long line = 0;

	MUST(conf && bio && (!text || NCONF_load_bio(conf, bio, &line) > 0));
	BIO_free(bio);
	return conf;
}

static X509_EXTENSION *make_extension(CONF *conf, X509V3_CTX *ctx, const char *text)
{
	char *name = strdup(text), *value = strchr(name, '=');
	X509_EXTENSION *extension;

	MUST(value);
	*value++ = '\0';
	MUST(extension = X509V3_EXT_nconf(conf, ctx, name, value));
	free(name);
	return extension;
}

static void add_entry_extensions(X509_REVOKED *revoked, const struct crls_entry *entry)
{
	CONF *conf = load_conf(NULL);
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, NULL, NULL, NULL, NULL, 0);
	X509V3_set_nconf(&ctx, conf);
	for (size_t i = 0; entry->extensions && entry->extensions[i]; i++) {
		X509_EXTENSION *extension = make_extension(conf, &ctx, entry->extensions[i]);

		MUST(X509_REVOKED_add_ext(revoked, extension, -1));
		X509_EXTENSION_free(extension);
	}
	NCONF_free(conf);
}

static void add_reason(X509_REVOKED *revoked, int reason)
{
	ASN1_ENUMERATED *number = ASN1_ENUMERATED_new();

	MUST(number && ASN1_ENUMERATED_set(number, reason));
	MUST(X509_REVOKED_add1_ext_i2d(revoked, NID_crl_reason, number, 0, 0) == 1);
	ASN1_ENUMERATED_free(number);
}

static void add_certificate_issuer(X509_REVOKED *revoked, const struct certs *issuer)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();

	MUST(names && name);
	GENERAL_NAME_set0_value(name, GEN_DIRNAME,
				X509_NAME_dup(X509_get_subject_name(issuer->x509)));
	MUST(sk_GENERAL_NAME_push(names, name));
	MUST(X509_REVOKED_add1_ext_i2d(revoked, NID_certificate_issuer, names, 1, 0) == 1);
	GENERAL_NAMES_free(names);
}

static void add_entry(X509_CRL *crl, const struct crls_entry *entry)
{
	X509_REVOKED *revoked = X509_REVOKED_new();
	ASN1_INTEGER *serial = integer(entry->serial);
	ASN1_TIME *date = moment(entry->date ? entry->date : CERTS_FROM);

	MUST(revoked && X509_REVOKED_set_serialNumber(revoked, serial) &&
	     X509_REVOKED_set_revocationDate(revoked, date));
	ASN1_INTEGER_free(serial);
	ASN1_TIME_free(date);
	if (entry->reason > 0)
		add_reason(revoked, entry->reason);
	if (entry->issuer)
		add_certificate_issuer(revoked, entry->issuer);
	add_entry_extensions(revoked, entry);
	MUST(X509_CRL_add0_revoked(crl, revoked));
}

static void set_number(X509_CRL *crl, int nid, const char *hex, int critical)
{
	ASN1_INTEGER *number;

	if (!hex)
		return;
	number = integer(hex);
	MUST(X509_CRL_add1_ext_i2d(crl, nid, number, critical, 0) == 1);
	ASN1_INTEGER_free(number);
}

static void set_extensions(X509_CRL *crl, const struct crls_spec *spec)
{
	CONF *conf = load_conf(spec->conf);
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, spec->signer ? spec->signer->x509 : spec->issuer->x509, NULL, NULL, crl, 0);
	X509V3_set_nconf(&ctx, conf);
	set_number(crl, NID_crl_number, spec->number, 0);
	set_number(crl, NID_delta_crl, spec->base, 1);
	for (size_t i = 0; spec->extensions && spec->extensions[i]; i++) {
		X509_EXTENSION *extension = make_extension(conf, &ctx, spec->extensions[i]);

		MUST(X509_CRL_add_ext(crl, extension, -1));
		X509_EXTENSION_free(extension);
	}
	NCONF_free(conf);
}

static void set_dates(X509_CRL *crl, const struct crls_spec *spec)
{
	ASN1_TIME *at = moment(spec->this_update ? spec->this_update : CERTS_NOW - 3600);

	MUST(X509_CRL_set1_lastUpdate(crl, at));
	ASN1_TIME_free(at);
	if (spec->next_update < 0)
		return;
	at = moment(spec->next_update ? spec->next_update : CERTS_NOW + 3600);
	MUST(X509_CRL_set1_nextUpdate(crl, at));
	ASN1_TIME_free(at);
}

static void sign(X509_CRL *crl, const struct crls_spec *spec)
{
	EVP_PKEY *key = spec->signer ? spec->signer->key : spec->issuer->key;
	bool own = EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");
	const ASN1_BIT_STRING *signature;

	MUST(X509_CRL_sign(crl, key, own ? NULL : EVP_get_digestbyname(
						     spec->digest ? spec->digest : "SHA256")) > 0);
	if (!spec->bad_signature)
		return;
	X509_CRL_get0_signature(crl, &signature, NULL);
	signature->data[signature->length - 1] ^= 1;
}

struct slice crls_make(const struct crls_spec *spec)
{
	X509_CRL *crl = X509_CRL_new();
	unsigned char *der = NULL;
	struct slice out;
	int n;

	MUST(crl && X509_CRL_set_version(crl, X509_CRL_VERSION_2));
	MUST(X509_CRL_set_issuer_name(crl, X509_get_subject_name(spec->issuer->x509)));
	set_dates(crl, spec);
	for (const struct crls_entry *entry = spec->entries; entry && entry->serial; entry++)
		add_entry(crl, entry);
	set_extensions(crl, spec);
	sign(crl, spec);
	MUST((n = i2d_X509_CRL(crl, &der)) > 0);
	X509_CRL_free(crl);
	out = slice_of(malloc((size_t)n), (size_t)n);
	MUST(out.ptr);
	memcpy((void *)(uintptr_t)out.ptr, der, (size_t)n);
	OPENSSL_free(der);
	return out;
}

char *crls_pem(struct slice der)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes, *copy = NULL;
	long n;

	MUST(bio && PEM_write_bio(bio, PEM_STRING_X509_CRL, "", der.ptr, (long)der.len));
	n = BIO_get_mem_data(bio, &bytes);
	MUST(n > 0 && (copy = calloc(1, (size_t)n + 1)));
	memcpy(copy, bytes, (size_t)n);
	BIO_free(bio);
	return copy;
}
