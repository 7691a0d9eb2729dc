/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_IO_TLS_H
#define MTLSGUARD_IO_TLS_H

#include "base/diag.h"
#include "base/err.h"

/* The TLS side of a listener (OpenSSL, TLS 1.2 and newer); counted atomically, used by every loop. */
struct tls_server;

/*
 * certificate, key: PEM files. client_authorities: PEM file whose CAs a client
 * certificate must chain to, and then one is demanded; NULL asks for none.
 * alpn: one protocol name, or NULL. Faults go to diag with the file; ERR_CONFIG.
 */
enum err tls_server_new(const char *certificate, const char *key, const char *client_authorities,
			const char *alpn, struct diag_list *diag, struct tls_server **out) MUST_USE;

struct tls_server *tls_server_ref(struct tls_server *tls);
void tls_server_unref(struct tls_server *tls); /* NULL is fine */

#endif
