/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/tls_ctx.h"

struct tls_server {
	SSL_CTX *ctx;
	atomic_uint refs;
	uint8_t alpn[256]; /* as on the wire: a length, then the name */
};

/* The newest reason in OpenSSL's queue, which is emptied. */
static const char *reason(char *room, size_t len)
{
	unsigned long code = ERR_peek_last_error();
	const char *text = ERR_reason_error_string(code);

	if (text)
		snprintf(room, len, "%s", text);
	else
		snprintf(room, len, "OpenSSL error %lx", code);
	ERR_clear_error();
	return room;
}

static enum err refuse(struct diag_list *diag, const char *file, const char *what, const char *hint)
{
	char room[256];

	diag_add(diag, DIAG_ERROR, file, 0, hint, "%s: %s", what, reason(room, sizeof(room)));
	return ERR_CONFIG;
}

static enum err readable(struct diag_list *diag, const char *file, const char *what)
{
	FILE *f = fopen(file, "re");

	if (!f) {
		diag_add(diag, DIAG_ERROR, file, 0, "check the path, and that the agent's user may read it",
			 "cannot read the %s: %s", what, strerror(errno));
		return ERR_CONFIG;
	}
	fclose(f);
	return ERR_OK;
}

/* A passphrase can't be asked for: the agent has no terminal. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

static void warn_of_dates(SSL_CTX *ctx, const char *file, struct diag_list *diag)
{
	const X509 *cert = SSL_CTX_get0_certificate(ctx);

	if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
		diag_add(diag, DIAG_WARNING, file, 0, "renew it, then reload",
			 "the listener's certificate has expired: clients that verify it will not connect");
	else if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0)
		diag_add(diag, DIAG_WARNING, file, 0, "check the system's clock",
			 "the listener's certificate is not valid yet");
}

static enum err load_own(SSL_CTX *ctx, const char *certificate, const char *key,
			 struct diag_list *diag)
{
	enum err err = readable(diag, certificate, "listener's certificate");

	if (readable(diag, key, "listener's key"))
		err = ERR_CONFIG;
	if (err)
		return err;
	if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
		return refuse(diag, certificate, "no usable certificate in it",
			      "PEM, the listener's own certificate first, then its intermediates");
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
		if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
			return refuse(diag, key, "the key does not belong to the certificate",
				      "both files must come from the same request");
		return refuse(diag, key, "no usable private key in it",
			      "PEM, without a passphrase");
	}
	if (SSL_CTX_check_private_key(ctx) != 1)
		return refuse(diag, key, "the key does not belong to the certificate",
			      "both files must come from the same request");
	warn_of_dates(ctx, certificate, diag);
	return ERR_OK;
}

static enum err load_authorities(SSL_CTX *ctx, const char *file, struct diag_list *diag)
{
	STACK_OF(X509_NAME) *names;

	if (readable(diag, file, "client authorities"))
		return ERR_CONFIG;
	names = SSL_load_client_CA_file(file);
	if (!names || sk_X509_NAME_num(names) == 0 || SSL_CTX_load_verify_file(ctx, file) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return refuse(diag, file, "no usable CA certificate in it",
			      "PEM, the CAs whose clients may connect");
	}
	SSL_CTX_set_client_CA_list(ctx, names);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	/* As with the configured authorities, an intermediate in the file is an anchor. */
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
	return ERR_OK;
}

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
		       const unsigned char *in, unsigned inlen, void *arg)
{
	struct tls_server *tls = arg;
	unsigned char *chosen;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, outlen, tls->alpn, tls->alpn[0] + 1u, in, inlen) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_ctx(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx)
		return NULL;
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
					 SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* Every connection proves itself anew: a resumed one would outlive its certificate. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	return ctx;
}

static void offer_alpn(struct tls_server *tls, const char *alpn)
{
	size_t len = strlen(alpn);

	tls->alpn[0] = (uint8_t)len;
	memcpy(tls->alpn + 1, alpn, len);
	SSL_CTX_set_alpn_select_cb(tls->ctx, choose_alpn, tls);
}

enum err tls_server_new(const char *certificate, const char *key, const char *client_authorities,
			const char *alpn, struct diag_list *diag, struct tls_server **out)
{
	struct tls_server *tls = mem_new(sizeof(*tls));
	enum err err;

	ERR_clear_error();
	atomic_init(&tls->refs, 1);
	tls->ctx = make_ctx();
	if (!tls->ctx) {
		err = refuse(diag, NULL, "cannot set up TLS", NULL);
		goto fail;
	}
	err = load_own(tls->ctx, certificate, key, diag);
	if (client_authorities && load_authorities(tls->ctx, client_authorities, diag))
		err = ERR_CONFIG;
	if (alpn && *alpn && strlen(alpn) < sizeof(tls->alpn) - 1)
		offer_alpn(tls, alpn);
	if (err)
		goto fail;
	*out = tls;
	return ERR_OK;
fail:
	tls_server_unref(tls);
	return err;
}

struct tls_server *tls_server_ref(struct tls_server *tls)
{
	atomic_fetch_add_explicit(&tls->refs, 1, memory_order_relaxed);
	return tls;
}

void tls_server_unref(struct tls_server *tls)
{
	if (!tls || atomic_fetch_sub_explicit(&tls->refs, 1, memory_order_acq_rel) != 1)
		return;
	SSL_CTX_free(tls->ctx);
	free(tls);
}

SSL_CTX *tls_server_ctx(struct tls_server *tls)
{
	return tls->ctx;
}
