/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_CRLS_H
#define TESTS_LIB_CRLS_H

#include "lib/certs.h"

/*
 * Revocation lists for tests, made in memory by OpenSSL:
 *
 *	struct slice der = crls_make(&(struct crls_spec){ .issuer = ca, .entries = (struct crls_entry[]){
 *		{ .serial = "0A" }, { 0 } } });
 *	... free((void *)der.ptr);
 */
struct crls_entry {
	const char *serial; /* hex; NULL ends the list */
	int64_t date;	    /* 0: CERTS_FROM */
	int reason;	    /* below 0 or 0: no reason extension */
	const struct certs *issuer; /* certificateIssuer, for indirect lists */
	const char *const *extensions; /* "name=value" … NULL */
};

struct crls_spec {
	const struct certs *issuer; /* its name and key */
	const struct certs *signer; /* signs instead; NULL: the issuer */
	int64_t this_update, next_update; /* 0: CERTS_NOW less an hour, plus an hour; next_update -1: none */
	const char *number; /* hex; NULL: none */
	const char *base;   /* hex: a delta of that list */
	const char *const *extensions; /* "issuingDistributionPoint=critical,…" … NULL */
	const char *conf;
	const struct crls_entry *entries; /* NULL: none */
	bool bad_signature;
	const char *digest; /* NULL: SHA256, or what the key wants */
};

/* DER of the list; free() its ptr. */
struct slice crls_make(const struct crls_spec *spec);

/* The same as PEM, NUL-terminated; free() it. */
char *crls_pem(struct slice der);

#endif
