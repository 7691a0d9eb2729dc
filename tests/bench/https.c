/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/https.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/peer.h"

SSL_CTX *https_context(const char *pem)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx)
		die("out of memory");
	if (pem && (SSL_CTX_use_certificate_chain_file(ctx, pem) != 1 ||
		    SSL_CTX_use_PrivateKey_file(ctx, pem, SSL_FILETYPE_PEM) != 1))
		die("%s: OpenSSL can't use it", pem);
	return ctx;
}

SSL *https_connect(SSL_CTX *ctx, const char *address, const char *host)
{
	int fd = peer_connect(address);
	if (fd < 0)
		return NULL;
	SSL *tls = SSL_new(ctx);
	if (tls && SSL_set_fd(tls, fd) == 1 && SSL_set_tlsext_host_name(tls, host) == 1 && SSL_connect(tls) == 1)
		return tls;
	SSL_free(tls);
	close(fd);
	errno = EPROTO;
	return NULL;
}

void https_close(SSL *tls)
{
	if (!tls)
		return;
	int fd = SSL_get_fd(tls);
	SSL_free(tls);
	close(fd);
}

int https_read(SSL *tls)
{
	char in[16384];
	int len = 0;
	for (;;) {
		int n = SSL_read(tls, in + len, (int)sizeof(in) - 1 - len);
		if (n <= 0)
			return 0;
		len += n;
		in[len] = '\0';
		const char *end = strstr(in, "\r\n\r\n");
		const char *length = strcasestr(in, "\r\ncontent-length:");
		if (end && len >= end + 4 - in + (length ? atoi(length + 17) : 0))
			return len > 12 ? atoi(in + 9) : 0;
		if (len >= (int)sizeof(in) - 1)
			return 0;
	}
}
