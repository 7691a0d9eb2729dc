/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/io_tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>

struct io_tls_pki io_tls_pki;

const char *io_tls_file(char out[96], const char *name, const char *text)
{
	snprintf(out, 96, "%s/%s", io_tls_pki.dir, name);
	if (text)
		certs_write(out, text);
	return out;
}

static struct certs *make_server(int64_t until)
{
	static const char *const extensions[] = { "extendedKeyUsage=serverAuth", NULL };
	struct certs_spec spec = { .subject = "/CN=agent", .issuer = io_tls_pki.root,
				   .same_key = io_tls_pki.server, .not_after = until,
				   .extensions = extensions };

	return certs_make(&spec);
}

int io_tls_make_pki(void **state)
{
	struct certs *expired;

	(void)state;
	io_mkdir(io_tls_pki.dir);
	io_tls_pki.root = certs_ca("/CN=Root", NULL);
	io_tls_pki.server = make_server(0);
	io_tls_pki.client = certs_leaf("/CN=proxy", io_tls_pki.root);
	io_tls_pki.foreign_root = certs_ca("/CN=Foreign", NULL);
	io_tls_pki.foreign = certs_leaf("/CN=stranger", io_tls_pki.foreign_root);
	expired = make_server(CERTS_FROM + 1000);
	io_tls_file(io_tls_pki.cert, "cert.pem", io_tls_pki.server->pem);
	io_tls_file(io_tls_pki.key, "key.pem", io_tls_pki.server->key_pem);
	io_tls_file(io_tls_pki.ca, "ca.pem", io_tls_pki.root->pem);
	io_tls_file(io_tls_pki.foreign_ca, "foreign.pem", io_tls_pki.foreign_root->pem);
	io_tls_file(io_tls_pki.other_key, "other.pem", io_tls_pki.client->key_pem);
	io_tls_file(io_tls_pki.expired, "expired.pem", expired->pem);
	io_tls_file(io_tls_pki.rubbish, "rubbish.pem", "-----BEGIN NOTHING-----\n");
	certs_free(expired);
	return 0;
}

int io_tls_free_pki(void **state)
{
	(void)state;
	certs_free(io_tls_pki.root);
	certs_free(io_tls_pki.server);
	certs_free(io_tls_pki.client);
	certs_free(io_tls_pki.foreign_root);
	certs_free(io_tls_pki.foreign);
	io_rmdir(io_tls_pki.dir);
	return 0;
}

static int io_tls_setup_with(void **state, void (*pair)(int fds[2]))
{
	struct io_tls *f = calloc(1, sizeof(*f));

	f->loop = loop_new();
	pair(f->fds);
	f->ctx = SSL_CTX_new(TLS_client_method());
	f->say = SLICE_LIT("hello over TLS");
	f->conn.echo = true;
	*state = f;
	return 0;
}

int io_tls_setup(void **state)
{
	return io_tls_setup_with(state, io_pair_tcp);
}

int io_tls_setup_unix(void **state)
{
	return io_tls_setup_with(state, io_pair);
}

int io_tls_teardown(void **state)
{
	struct io_tls *f = *state;

	io_conn_close(&f->conn);
	tls_server_unref(f->tls);
	SSL_free(f->ssl);
	SSL_CTX_free(f->ctx);
	if (f->fds[1] >= 0)
		close(f->fds[1]);
	loop_free(f->loop);
	free(f);
	return 0;
}

void io_tls_serve(struct io_tls *f, const char *authorities, const char *alpn,
		  const struct stream_limits *limits)
{
	struct diag_list diag = { 0 };

	assert_int_equal(tls_server_new(io_tls_pki.cert, io_tls_pki.key, authorities, alpn, &diag, &f->tls), ERR_OK);
	assert_int_equal(diag.count, 0);
	diag_fini(&diag);
	io_conn_open(&f->conn, f->loop, f->fds[0], f->tls, limits);
}

void io_tls_client_has(struct io_tls *f, const struct certs *certs)
{
	assert_int_equal(SSL_CTX_use_certificate(f->ctx, certs->x509), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(f->ctx, certs->key), 1);
}

void io_tls_start_client(struct io_tls *f)
{
	X509_STORE_add_cert(SSL_CTX_get_cert_store(f->ctx), io_tls_pki.root->x509);
	SSL_CTX_set_verify(f->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(f->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	f->ssl = SSL_new(f->ctx);
	SSL_set_fd(f->ssl, f->fds[1]);
}

/* OpenSSL's own socket BIO in the client raises SIGPIPE; that one isn't ours to judge. */
static void sigpipe(bool off, sigset_t *old)
{
	struct timespec none = { 0, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	if (off) {
		pthread_sigmask(SIG_BLOCK, &set, old);
		return;
	}
	(void)sigtimedwait(&set, NULL, &none);
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

static int client_read(struct io_tls *f)
{
	uint8_t room[16384];
	int n = SSL_read(f->ssl, room, sizeof(room));

	if (n > 0) {
		if (f->heard + (size_t)n > f->say.len ||
		    memcmp(room, f->say.ptr + f->heard, (size_t)n) != 0)
			f->wrong = true;
		f->heard += (size_t)n;
		if (f->heard == f->say.len)
			f->step = STEP_DONE;
	}
	return n;
}

static int client_step(struct io_tls *f)
{
	int n = 1;

	if (f->step == STEP_CONNECT) {
		n = SSL_connect(f->ssl);
		if (n == 1)
			f->step = STEP_WRITE;
	}
	if (f->step == STEP_WRITE) {
		n = SSL_write(f->ssl, f->say.ptr + f->said, (int)(f->say.len - f->said));
		if (n > 0)
			f->said += (size_t)n;
		if (f->said == f->say.len)
			f->step = STEP_READ;
		else if (n < 0 && f->conn.stream)
			n = client_read(f);
	}
	if (f->step == STEP_READ)
		n = client_read(f);
	return n;
}

bool io_tls_client_done(void *arg)
{
	struct io_tls *f = arg;
	sigset_t old;
	int n, kind;

	if (f->step >= STEP_DONE)
		return true;
	if (f->conn.stream && stream_waiting(f->conn.stream) > f->most_waiting)
		f->most_waiting = stream_waiting(f->conn.stream);
	sigpipe(true, &old);
	ERR_clear_error();
	n = client_step(f);
	kind = n > 0 ? SSL_ERROR_NONE : SSL_get_error(f->ssl, n);
	if (kind != SSL_ERROR_NONE && kind != SSL_ERROR_WANT_READ && kind != SSL_ERROR_WANT_WRITE)
		f->step = STEP_FAILED;
	sigpipe(false, &old);
	return f->step >= STEP_DONE;
}
