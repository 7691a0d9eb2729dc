/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_CERTS_H
#define TESTS_LIB_CERTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/*
 * Certificates for tests, made in memory. A CA and a leaf of it:
 *
 *	struct certs *ca = certs_ca("/CN=Test CA", NULL);
 *	struct certs *leaf = certs_leaf("/O=Example/CN=alice", ca);
 *	... leaf->der, leaf->pem, leaf->key_pem ...
 *	certs_free(leaf);
 *	certs_free(ca);
 *
 * Whatever else a test wants goes through certs_make(). A fault of the helper
 * or of its caller ends the test program with a message. Not for more than one
 * thread.
 */
#define CERTS_FROM INT64_C(1577836800) /* 2020-01-01, the default notBefore */
#define CERTS_NOW INT64_C(1780000000)  /* 2026-05-28, a moment inside the default dates */
#define CERTS_UNTIL INT64_C(2493072000) /* 2049-01-01, the default notAfter */

enum certs_key_type { CERTS_EC, CERTS_RSA, CERTS_RSA_1024, CERTS_RSA_PSS, CERTS_ED25519,
		      CERTS_ED448, CERTS_P384, CERTS_DSA };

struct x509_st;
struct evp_pkey_st;

struct certs {
	struct x509_st *x509;
	struct evp_pkey_st *key;
	struct slice der; /* the certificate */
	char *pem;	  /* the certificate, NUL-terminated */
	char *key_pem;	  /* the private key, PKCS #8 */
};

struct certs_spec {
	const char *subject; /* "/C=GB/O=Example/CN=alice", UTF-8; NULL: no name at all */
	const struct certs *issuer; /* NULL: self-signed */
	const struct certs *same_key; /* has this one's key; NULL: a key of its own */
	enum certs_key_type key;
	bool ca; /* basicConstraints and keyUsage of a CA; otherwise of a client's leaf with EKU clientAuth */
	const char *serial; /* hex, "-" in front for a negative one; NULL: random and positive */
	int64_t not_before, not_after; /* epoch seconds; 0: CERTS_FROM, CERTS_UNTIL */
	const char *digest; /* "SHA256" and so on; NULL: SHA256, or what the key wants */
	/*
	 * Extensions as in openssl.cnf, "name=value", ends with NULL; NULL: none. They replace the
	 * default of the same name ("basicConstraints", "keyUsage", "extendedKeyUsage",
	 * "subjectKeyIdentifier", "authorityKeyIdentifier"); an empty value leaves it out.
	 */
	const char *const *extensions;
	const char *conf; /* sections that extensions refer to with "@section" or "dirName:section" */
	bool v1;	  /* version 1, without extensions */
	bool bad_signature; /* one bit of it is wrong */
	/* Called before the signature, for what no field above can say. */
	void (*tweak)(struct x509_st *x509, void *arg);
	void *tweak_arg;
};

/* Makes one; free it with certs_free. */
struct certs *certs_make(const struct certs_spec *spec);

/* A CA (issuer NULL: a root) and a client's leaf, EC P-256, with all defaults. */
struct certs *certs_ca(const char *subject, const struct certs *issuer);
struct certs *certs_leaf(const char *subject, const struct certs *issuer);

void certs_free(struct certs *certs); /* NULL is fine */

/* DER of count certificates behind one another (HAProxy's ssl_c_chain_der); free() the pointer. */
struct slice certs_chain(const struct certs *const *list, size_t count);

/* PEM of count certificates behind one another, NUL-terminated; free() it. */
char *certs_pem(const struct certs *const *list, size_t count);

/* Writes a NUL-terminated text (pem, key_pem) to a file, mode 0600. */
void certs_write(const char *path, const char *text);

/* DER from base64 without line breaks; free() the pointer. */
struct slice certs_base64(const char *text);

#endif
