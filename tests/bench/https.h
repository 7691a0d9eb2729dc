/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BENCH_HTTPS_H
#define MTLSGUARD_BENCH_HTTPS_H

#include <openssl/ssl.h>

/* HTTPS with a client certificate, blocking, for answers that have a Content-Length. */

/* A context that presents what the PEM file holds (certificates and key); NULL: no certificate. */
SSL_CTX *https_context(const char *pem);

/* A connection with that SNI; NULL with errno when nobody accepts or the handshake fails. */
SSL *https_connect(SSL_CTX *ctx, const char *address, const char *host);

/* Closes connection and socket. NULL is fine. */
void https_close(SSL *tls);

/* Reads one answer: its status, or 0 when the connection ended. */
int https_read(SSL *tls);

#endif
