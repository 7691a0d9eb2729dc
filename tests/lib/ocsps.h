/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_OCSPS_H
#define TESTS_LIB_OCSPS_H

#include "lib/certs.h"

/*
 * Answers of an OCSP responder for tests, made in memory by OpenSSL:
 *
 *	struct slice der = ocsps_make(&(struct ocsps_spec){ .issuer = ca, .cert = leaf, .request = request });
 *	... free((void *)der.ptr);
 */
enum ocsps_status { OCSPS_GOOD, OCSPS_REVOKED, OCSPS_UNKNOWN };

struct ocsps_spec {
	const struct certs *issuer;	/* of the certificate that is spoken of */
	const struct certs *cert;	/* its serial */
	const struct certs *responder;	/* signs; NULL: the issuer */
	bool by_key;			/* the responder names itself by its key */
	bool no_certs;			/* its certificate isn't in the answer */
	enum ocsps_status status;
	int reason;			/* below 0 or 0: none */
	int64_t this_update, next_update; /* 0: CERTS_NOW less a minute, plus an hour; next_update -1: none */
	const char *digest;		/* of the CertID; NULL: SHA1 */
	const char *signature;		/* digest of the signature; NULL: SHA256 */
	struct slice nonce;		/* raw octets to send back; empty: none */
	int response_status;		/* other than 0: that alone is the answer */
	const char *critical;		/* an extension like "1.2.3.4=critical,ASN1:NULL", or NULL */
	bool bad_signature;
	const struct certs *also;	/* an answer "good" about another certificate of the issuer, first */
};

struct slice ocsps_make(const struct ocsps_spec *spec);

/* A responder's certificate, issued by that CA. extensions as in struct certs_spec; NULL: EKU OCSPSigning and nocheck. */
struct certs *ocsps_responder(const char *subject, const struct certs *issuer, const char *const *extensions);

#endif
