/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_HTTP_TEXTS_H
#define TESTS_LIB_HTTP_TEXTS_H

#include "lib/certs.h"
#include "lib/http_ask.h"

/* Certificates, and the texts that proxies make of them. */
struct http_texts {
	struct certs *ca, *leaf, *other;     /* a leaf of ca, and one of its own */
	char *forms[HTTP_DIALECT_COUNT];     /* the leaf, as each dialect has it */
	char *traefik_chain, *xfcc_chain;    /* the leaf with its CA behind it */
	char *list_chain;		     /* the CA twice, as Client-Cert-Chain */
	char *leaf_pem, *other_pem;	     /* percent-encoded */
	char *leaf_hex, *ca_hex, *hash;	     /* of the DER; of its SHA-256 */
};

/* The header that a dialect has the certificate in. */
extern const char *const http_cert_names[HTTP_DIALECT_COUNT];

/* Those of a group of tests: cmocka_run_group_tests(tests, http_texts_set_up, http_texts_tear_down). */
extern struct http_texts *texts;
int http_texts_set_up(void **state);
int http_texts_tear_down(void **state);

/* printf to a text of its own; free() it. */
char *http_format(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
