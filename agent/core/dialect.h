/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_DIALECT_H
#define MTLSGUARD_CORE_DIALECT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * How proxies put a client certificate into text. Which form a listener reads
 * is its configuration's to say, never the text's; each decoder takes its own
 * form to the letter and refuses everything else.
 */

/* DER certificates in the arena, one behind the other. */
struct dialect_chain {
	struct slice der;
	size_t first; /* length of the first one */
	size_t count;
};

#define DIALECT_CHAIN_MAX 32u

/*
 * Percent-encoded PEM (Envoy's urlEncode, nginx's $ssl_client_escaped_cert):
 * one to max CERTIFICATE blocks (RFC 7468, nothing around them, lines of up to
 * 76 characters) after every %XX was decoded; "+" is itself. ERR_FORMAT;
 * ERR_LIMIT (more than max), ERR_MEMORY. What the blocks hold is not looked at.
 */
enum err dialect_pem(struct arena *arena, struct slice text, size_t max, struct dialect_chain *out) MUST_USE;

/* The parts of an x-forwarded-client-cert that are used: views into it, still percent-encoded. */
struct dialect_xfcc {
	struct slice cert, chain; /* empty: not there */
	struct slice hash;	  /* hex, or empty */
};

/*
 * One element of x-forwarded-client-cert, as Envoy writes it: pairs of a key and a value in quotes or bare.
 * Names out of the certificate stand in it bare, so a certificate may hold
 * what looks like more of them. Envoy's own Hash, Cert and Chain come first;
 * ERR_DUPLICATE: one of them twice, or a second element. ERR_FORMAT: every
 * other doubt, the JSON form too.
 */
enum err dialect_xfcc(struct slice header, struct dialect_xfcc *out) MUST_USE;

#endif
