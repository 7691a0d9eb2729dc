/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_IO_TLS_CTX_H
#define MTLSGUARD_IO_TLS_CTX_H

#include <openssl/ssl.h>

#include "io/tls.h"

/* What connections are made of. Borrowed. */
SSL_CTX *tls_server_ctx(struct tls_server *tls);

#endif
