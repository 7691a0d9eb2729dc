/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_PKI_POINTS_H
#define MTLSGUARD_PKI_POINTS_H

#include "base/err.h"
#include "base/slice.h"
#include "pki/crl.h"

/*
 * Where a certificate says that its revocation can be learned: CRL distribution
 * points and freshest CRL (RFC 5280 4.2.1.13, 4.2.1.15), OCSP responders and
 * issuers' certificates (authority information access, 4.2.2.1). Everything
 * views the bytes that were read, which must stay. Only http and https URIs of
 * printable ASCII are taken; of more than fits here the rest is passed over,
 * which can only make a list not cover a certificate.
 */
#define POINTS_MAX 8
#define POINTS_URI_MAX 4
#define POINTS_URI_LENGTH 2048

struct point {
	struct slice names;    /* content of fullName: DER GeneralName values in a row; empty: none */
	struct slice relative; /* content of nameRelativeToCRLIssuer; empty: none */
	struct slice issuers;  /* content of cRLIssuer; empty: the certificate's issuer signs the list */
	bool some_reasons;     /* the list there does not speak of all reasons */
	struct slice uris[POINTS_URI_MAX];
	size_t uri_count;
};

struct point_list {
	struct point items[POINTS_MAX];
	size_t count;
};

struct points {
	struct point_list full, delta;
	struct slice ocsp[POINTS_URI_MAX], ca_issuers[POINTS_URI_MAX];
	size_t ocsp_count, ca_issuers_count;
	bool is_ca; /* basicConstraints says so: which lists with onlyContainsCACerts cover it */
};

/* Reads a whole DER certificate; allocates nothing. ERR_FORMAT, ERR_SHORT: *out is empty. */
enum err points_read(struct slice cert, struct points *out) MUST_USE;

/* Reads the value of a CRL's freshest CRL extension (crl.freshest). ERR_FORMAT, ERR_SHORT. */
enum err points_freshest(struct slice value, struct point_list *out) MUST_USE;

/*
 * Whether a list of that scope speaks of the certificate: its kind (user or CA)
 * is one that the list holds, and, when the list has a distribution point name,
 * one of the certificate's points has it, too (RFC 5280 6.3.3 b 2). A list for
 * attribute certificates, or for some reasons only, never does.
 */
bool points_covered(const struct points *points, const struct crl_scope *scope);

/* Whether one of the points names that CRL issuer (DER of the name) by cRLIssuer: for indirect lists. */
bool points_issued_by(const struct points *points, struct slice name);

#endif
