/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/certs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/conf.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/mem.h"

#define MUST(what) must(!!(what), #what, __LINE__)

static void must(bool ok, const char *what, int line)
{
	unsigned long code;

	if (ok)
		return;
	fprintf(stderr, "tests/lib/certs.c:%d: %s failed\n", line, what);
	while ((code = ERR_get_error()))
		fprintf(stderr, "  %s\n", ERR_error_string(code, NULL));
	abort();
}

static EVP_PKEY *generate(const char *name, int bits, const char *group)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, name, NULL);
	EVP_PKEY *key = NULL;

	MUST(ctx && EVP_PKEY_keygen_init(ctx) > 0);
	if (bits)
		MUST(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits) > 0);
	if (group)
		MUST(EVP_PKEY_CTX_set_group_name(ctx, group) > 0);
	MUST(EVP_PKEY_generate(ctx, &key) > 0);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *generate_dsa(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DSA", NULL);
	EVP_PKEY *parameters = NULL, *key = NULL;

	MUST(ctx && EVP_PKEY_paramgen_init(ctx) > 0);
	MUST(EVP_PKEY_paramgen(ctx, &parameters) > 0);
	EVP_PKEY_CTX_free(ctx);
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, parameters, NULL);
	MUST(ctx && EVP_PKEY_keygen_init(ctx) > 0 && EVP_PKEY_generate(ctx, &key) > 0);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(parameters);
	return key;
}

/* Slow keys are made once a program, one for CAs and one for leaves. */
static EVP_PKEY *slow_key(enum certs_key_type type, bool ca)
{
	static EVP_PKEY *cache[CERTS_DSA + 1][2];
	EVP_PKEY **slot = &cache[type][ca];

	if (!*slot) {
		if (type == CERTS_DSA)
			*slot = generate_dsa();
		else
			*slot = generate(type == CERTS_RSA_PSS ? "RSA-PSS" : "RSA",
					 type == CERTS_RSA_1024 ? 1024 : 2048, NULL);
	}
	MUST(EVP_PKEY_up_ref(*slot));
	return *slot;
}

static EVP_PKEY *make_key(const struct certs_spec *spec)
{
	if (spec->same_key) {
		MUST(EVP_PKEY_up_ref(spec->same_key->key));
		return spec->same_key->key;
	}
	switch (spec->key) {
	case CERTS_EC:
		return generate("EC", 0, "P-256");
	case CERTS_P384:
		return generate("EC", 0, "P-384");
	case CERTS_ED25519:
		return generate("ED25519", 0, NULL);
	case CERTS_ED448:
		return generate("ED448", 0, NULL);
	default:
		return slow_key(spec->key, spec->ca);
	}
}

static void set_serial(X509 *x509, const char *hex)
{
	unsigned char octets[16];
	BIGNUM *number = NULL;

	if (hex) {
		MUST(BN_hex2bn(&number, hex));
	} else {
		MUST(RAND_bytes(octets, sizeof(octets)) == 1);
		octets[0] = (unsigned char)((octets[0] & 0x7f) | 0x40);
		MUST(number = BN_bin2bn(octets, sizeof(octets), NULL));
	}
	MUST(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)));
	BN_free(number);
}

static void set_dates(X509 *x509, const struct certs_spec *spec)
{
	time_t from = (time_t)(spec->not_before ? spec->not_before : CERTS_FROM);
	time_t until = (time_t)(spec->not_after ? spec->not_after : CERTS_UNTIL);

	MUST(ASN1_TIME_adj(X509_getm_notBefore(x509), from, 0, 0));
	MUST(ASN1_TIME_adj(X509_getm_notAfter(x509), until, 0, 0));
}

/* "/C=GB/CN=x"; a '/' inside a value cannot be said here, use tweak. */
static void set_subject(X509 *x509, const char *subject)
{
	X509_NAME *name = X509_get_subject_name(x509);
	char *copy = strdup(subject ? subject : ""), *save = NULL;

	for (char *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		char *value = strchr(part, '=');

		MUST(value);
		*value++ = '\0';
		MUST(X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8,
						(const unsigned char *)value, -1, -1, 0));
	}
	free(copy);
}

static const char *find_extension(const struct certs_spec *spec, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; spec->extensions && spec->extensions[i]; i++)
		if (!strncmp(spec->extensions[i], name, len) && spec->extensions[i][len] == '=')
			return spec->extensions[i] + len + 1;
	return NULL;
}

static void add_extension(X509 *x509, X509V3_CTX *ctx, CONF *conf, const char *name, const char *value)
{
	X509_EXTENSION *extension;

	if (!*value)
		return;
	MUST(extension = X509V3_EXT_nconf(conf, ctx, name, value));
	MUST(X509_add_ext(x509, extension, -1));
	X509_EXTENSION_free(extension);
}

static const char *default_value(const struct certs_spec *spec, size_t i)
{
	switch (i) {
	case 0:
		return spec->ca ? "critical,CA:TRUE" : "critical,CA:FALSE";
	case 1:
		return spec->ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature";
	case 2:
		return spec->ca ? "" : "clientAuth";
	case 3:
		return "hash";
	default:
		return spec->issuer && X509_get0_subject_key_id(spec->issuer->x509) ? "keyid" : "";
	}
}

static const char *const default_names[] = { "basicConstraints", "keyUsage", "extendedKeyUsage",
					     "subjectKeyIdentifier", "authorityKeyIdentifier" };
#define DEFAULTS (sizeof(default_names) / sizeof(default_names[0]))

static bool is_default(const char *extension)
{
	for (size_t i = 0; i < DEFAULTS; i++) {
		size_t len = strlen(default_names[i]);

		if (!strncmp(extension, default_names[i], len) && extension[len] == '=')
			return true;
	}
	return false;
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

static void set_extensions(X509 *x509, const struct certs_spec *spec)
{
	CONF *conf = load_conf(spec->conf);
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, spec->issuer ? spec->issuer->x509 : x509, x509, NULL, NULL, 0);
	X509V3_set_nconf(&ctx, conf);
	for (size_t i = 0; i < DEFAULTS; i++) {
		const char *value = find_extension(spec, default_names[i]);

		add_extension(x509, &ctx, conf, default_names[i],
			      value ? value : default_value(spec, i));
	}
	for (size_t i = 0; spec->extensions && spec->extensions[i]; i++) {
		char *copy = strdup(spec->extensions[i]), *value = strchr(copy, '=');

		MUST(value);
		*value++ = '\0';
		if (!is_default(spec->extensions[i]))
			add_extension(x509, &ctx, conf, copy, value);
		free(copy);
	}
	NCONF_free(conf);
}

static void sign(X509 *x509, const struct certs_spec *spec, EVP_PKEY *key)
{
	EVP_PKEY *signer = spec->issuer ? spec->issuer->key : key;
	bool has_own_digest = EVP_PKEY_is_a(signer, "ED25519") || EVP_PKEY_is_a(signer, "ED448");
	const EVP_MD *digest =
		has_own_digest ? NULL : EVP_get_digestbyname(spec->digest ? spec->digest : "SHA256");
	const ASN1_BIT_STRING *signature;

	MUST(has_own_digest || digest);
	MUST(X509_sign(x509, signer, digest) > 0);
	if (!spec->bad_signature)
		return;
	X509_get0_signature(&signature, NULL, x509);
	/* The last octets of a signature are a number's lowest: it stays well-formed. */
	signature->data[signature->length - 1] ^= 1;
}

static char *take_text(BIO *bio)
{
	char *bytes, *copy;
	long n = BIO_get_mem_data(bio, &bytes);

	MUST(n >= 0);
	copy = mem_dup(slice_of(bytes, (size_t)n));
	BIO_free(bio);
	return copy;
}

static void encode(struct certs *certs)
{
	unsigned char *der = NULL;
	int n = i2d_X509(certs->x509, &der);
	BIO *bio = BIO_new(BIO_s_mem());

	MUST(n > 0);
	certs->der = slice_of(der, (size_t)n);
	MUST(bio && PEM_write_bio_X509(bio, certs->x509));
	certs->pem = take_text(bio);
	bio = BIO_new(BIO_s_mem());
	MUST(bio && PEM_write_bio_PKCS8PrivateKey(bio, certs->key, NULL, NULL, 0, NULL, NULL));
	certs->key_pem = take_text(bio);
}

struct certs *certs_make(const struct certs_spec *spec)
{
	struct certs *certs = calloc(1, sizeof(*certs));
	const struct certs *issuer = spec->issuer;

	MUST(certs && (certs->x509 = X509_new()));
	certs->key = make_key(spec);
	MUST(X509_set_version(certs->x509, spec->v1 ? X509_VERSION_1 : X509_VERSION_3));
	set_serial(certs->x509, spec->serial);
	set_dates(certs->x509, spec);
	set_subject(certs->x509, spec->subject);
	MUST(X509_set_issuer_name(certs->x509,
				  X509_get_subject_name(issuer ? issuer->x509 : certs->x509)));
	MUST(X509_set_pubkey(certs->x509, certs->key));
	if (!spec->v1)
		set_extensions(certs->x509, spec);
	if (spec->tweak)
		spec->tweak(certs->x509, spec->tweak_arg);
	sign(certs->x509, spec, certs->key);
	encode(certs);
	return certs;
}

struct certs *certs_ca(const char *subject, const struct certs *issuer)
{
	return certs_make(&(struct certs_spec){ .subject = subject, .issuer = issuer, .ca = true });
}

struct certs *certs_leaf(const char *subject, const struct certs *issuer)
{
	return certs_make(&(struct certs_spec){ .subject = subject, .issuer = issuer });
}

void certs_free(struct certs *certs)
{
	if (!certs)
		return;
	X509_free(certs->x509);
	EVP_PKEY_free(certs->key);
	OPENSSL_free((void *)(uintptr_t)certs->der.ptr);
	free(certs->pem);
	free(certs->key_pem);
	free(certs);
}

struct slice certs_chain(const struct certs *const *list, size_t count)
{
	size_t len = 0;
	uint8_t *bytes;

	for (size_t i = 0; i < count; i++)
		len += list[i]->der.len;
	MUST(bytes = malloc(len ? len : 1));
	len = 0;
	for (size_t i = 0; i < count; i++) {
		memcpy(bytes + len, list[i]->der.ptr, list[i]->der.len);
		len += list[i]->der.len;
	}
	return slice_of(bytes, len);
}

char *certs_pem(const struct certs *const *list, size_t count)
{
	size_t len = 0;
	char *text;

	for (size_t i = 0; i < count; i++)
		len += strlen(list[i]->pem);
	MUST(text = calloc(1, len + 1));
	for (size_t i = 0; i < count; i++)
		strcat(text, list[i]->pem);
	return text;
}

void certs_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	MUST(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	MUST(close(fd) == 0);
}

struct slice certs_base64(const char *text)
{
	size_t len = strlen(text), padding = 0;
	uint8_t *bytes;
	int n;

	while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
		padding++;
	MUST(bytes = malloc(len + 1));
	n = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)len);
	MUST(n >= (int)padding);
	return slice_of(bytes, (size_t)n - padding);
}
