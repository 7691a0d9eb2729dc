/* SPDX-License-Identifier: Apache-2.0 */
#include "io/transport.h"

#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/stream.h"
#include "io/tls_ctx.h"

/*
 * OpenSSL over a socket that never blocks. Its own socket BIO writes with
 * write(2), which raises SIGPIPE, so this file brings one that uses send(2).
 */
struct tls_state {
	SSL *ssl;
	struct tls_server *tls;
	const struct peer *peer;
};

static int socket_of(BIO *bio)
{
	return (int)(intptr_t)BIO_get_data(bio);
}

static int bio_write(BIO *bio, const char *from, int len)
{
	ssize_t n = send(socket_of(bio), from, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);

	BIO_clear_retry_flags(bio);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_write(bio);
	return (int)n;
}

static int bio_read(BIO *bio, char *to, int len)
{
	ssize_t n = recv(socket_of(bio), to, (size_t)len, MSG_DONTWAIT);

	BIO_clear_retry_flags(bio);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(bio);
	else if (n == 0)
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *arg)
{
	(void)number;
	(void)arg;
	if (command == BIO_CTRL_EOF)
		return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
	return command == BIO_CTRL_FLUSH;
}

static pthread_once_t method_once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method;

static void make_method(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE");
	if (!method)
		return;
	BIO_meth_set_write(method, bio_write);
	BIO_meth_set_read(method, bio_read);
	BIO_meth_set_ctrl(method, bio_ctrl);
}

static BIO *bio_of(int fd)
{
	BIO *bio;

	pthread_once(&method_once, make_method);
	bio = method ? BIO_new(method) : NULL;
	if (!bio)
		return NULL;
	BIO_set_data(bio, (void *)(intptr_t)fd);
	BIO_set_init(bio, 1);
	return bio;
}

void *transport_tls_new(struct tls_server *tls, int fd, const struct peer *peer)
{
	struct tls_state *state;
	SSL *ssl = SSL_new(tls_server_ctx(tls));
	BIO *bio = ssl ? bio_of(fd) : NULL;

	if (!bio) {
		SSL_free(ssl);
		ERR_clear_error();
		return NULL;
	}
	SSL_set_bio(ssl, bio, bio);
	SSL_set_accept_state(ssl);
	state = mem_new(sizeof(*state));
	state->ssl = ssl;
	state->tls = tls_server_ref(tls);
	state->peer = peer;
	return state;
}

/* At most a line a second: whoever can connect can fail. */
static void tell(const struct tls_state *state, const char *what)
{
	static _Thread_local int64_t told_ns;
	int64_t now = clock_mono_ns();
	long verified = SSL_get_verify_result(state->ssl);
	unsigned long code = ERR_peek_last_error();
	const char *text = ERR_reason_error_string(code);

	if (told_ns && now - told_ns < 1000000000)
		return;
	told_ns = now;
	if (verified != X509_V_OK)
		text = X509_verify_cert_error_string(verified);
	log_warning("TLS %s with %s failed: %s", what, state->peer->text, text ? text : "no reason given");
}

static enum transport_result outcome(struct tls_state *state, int returned, enum err *why)
{
	int fault = errno;
	int kind = SSL_get_error(state->ssl, returned);

	switch (kind) {
	case SSL_ERROR_WANT_READ:
		return TRANSPORT_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TRANSPORT_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		*why = ERR_CLOSED;
		break;
	case SSL_ERROR_SYSCALL:
		*why = fault ? transport_errno(fault) : ERR_CLOSED;
		break;
	default:
		if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
			/* SPOP and HTTP say themselves where a message ends. */
			*why = ERR_CLOSED;
			break;
		}
		*why = ERR_CRYPTO;
		tell(state, SSL_is_init_finished(state->ssl) ? "connection" : "handshake");
	}
	ERR_clear_error();
	return TRANSPORT_FAULT;
}

static enum transport_result tls_handshake(void *arg, enum err *why)
{
	struct tls_state *state = arg;
	int n;

	ERR_clear_error();
	errno = 0;
	n = SSL_do_handshake(state->ssl);
	return n == 1 ? TRANSPORT_DONE : outcome(state, n, why);
}

static enum transport_result tls_read(void *arg, void *to, size_t room, size_t *got, enum err *why)
{
	struct tls_state *state = arg;
	int n;

	ERR_clear_error();
	errno = 0;
	n = SSL_read_ex(state->ssl, to, room, got);
	return n == 1 ? TRANSPORT_DONE : outcome(state, n, why);
}

static enum transport_result tls_write(void *arg, const void *from, size_t len, size_t *put,
				       enum err *why)
{
	struct tls_state *state = arg;
	int n;

	ERR_clear_error();
	errno = 0;
	n = SSL_write_ex(state->ssl, from, len, put);
	return n == 1 ? TRANSPORT_DONE : outcome(state, n, why);
}

static bool tls_pending(void *arg)
{
	return SSL_has_pending(((struct tls_state *)arg)->ssl) == 1;
}

static void tls_goodbye(void *arg)
{
	(void)SSL_shutdown(((struct tls_state *)arg)->ssl);
	ERR_clear_error();
}

static void tls_free(void *arg)
{
	struct tls_state *state = arg;

	SSL_free(state->ssl);
	tls_server_unref(state->tls);
	free(state);
}

const struct transport transport_tls = {
	.handshake = tls_handshake,
	.read = tls_read,
	.write = tls_write,
	.pending = tls_pending,
	.goodbye = tls_goodbye,
	.free = tls_free,
};
