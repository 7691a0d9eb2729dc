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

/* Which proxy speaks on an http listener: it fixes path, headers and what an answer may be. */
enum http_dialect { HTTP_ENVOY, HTTP_NGINX, HTTP_TRAEFIK, HTTP_CADDY, HTTP_HAPROXY, HTTP_DIALECT_COUNT };

/* Their words in the configuration, in the order of the enum; NULL after the last. */
extern const char *const http_dialect_words[];

/* The dialect of that word, or HTTP_DIALECT_COUNT. */
enum http_dialect http_dialect_find(struct slice word);

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

/*
 * The certificates of such an element, by way of pems (NULL is fine): the leaf first, then the rest of Chain.
 * *has_chain: Chain was there, which must begin with Cert; a Hash must be the
 * SHA-256 of Cert. ERR_NOT_FOUND: an element without Cert. ERR_CRYPTO: Hash or
 * Chain is of another certificate. ERR_DUPLICATE, ERR_FORMAT, ERR_LIMIT,
 * ERR_MEMORY as above.
 */
struct pemcache;
enum err dialect_xfcc_chain(struct pemcache *pems, struct arena *arena, struct slice header, struct dialect_chain *out,
			    bool *has_chain) MUST_USE;

/*
 * Client-Cert (RFC 9440 2.2): one byte sequence, ":base64:", padded (RFC 8941
 * 3.3.5), without parameters. Client-Cert-Chain (2.3): a list of them, blanks
 * and tabs around its commas (RFC 8941 3.1), one to max. ERR_FORMAT, ERR_LIMIT, ERR_MEMORY.
 */
enum err dialect_client_cert(struct arena *arena, struct slice text, struct dialect_chain *out) MUST_USE;
enum err dialect_client_cert_chain(struct arena *arena, struct slice text, size_t max, struct dialect_chain *out) MUST_USE;

/*
 * Traefik's passTLSClientCert: base64 of each certificate as it was presented,
 * the leaf first, commas between them; before 2.9.4 each percent-encoded.
 * ERR_FORMAT, ERR_LIMIT (more than max), ERR_MEMORY.
 */
enum err dialect_traefik(struct arena *arena, struct slice text, size_t max, struct dialect_chain *out) MUST_USE;

#endif
