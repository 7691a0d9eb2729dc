/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/tls.h"
#include "lib/certs.h"
#include "lib/io.h"

#define MS INT64_C(1000000)

/* What all tests share: made once, since keys cost time. */
static struct {
	char dir[64];
	char cert[96], key[96], ca[96], foreign_ca[96], other_key[96], expired[96], rubbish[96];
	struct certs *root, *server, *client, *foreign_root, *foreign;
} pki;

static const char *in_dir(char out[96], const char *name, const char *text)
{
	snprintf(out, 96, "%s/%s", pki.dir, name);
	if (text)
		certs_write(out, text);
	return out;
}

static struct certs *make_server(int64_t until)
{
	static const char *const extensions[] = { "extendedKeyUsage=serverAuth", NULL };
	struct certs_spec spec = { .subject = "/CN=agent", .issuer = pki.root,
				   .same_key = pki.server, .not_after = until,
				   .extensions = extensions };

	return certs_make(&spec);
}

static int make_pki(void **state)
{
	struct certs *expired;

	(void)state;
	io_mkdir(pki.dir);
	pki.root = certs_ca("/CN=Root", NULL);
	pki.server = make_server(0);
	pki.client = certs_leaf("/CN=proxy", pki.root);
	pki.foreign_root = certs_ca("/CN=Foreign", NULL);
	pki.foreign = certs_leaf("/CN=stranger", pki.foreign_root);
	expired = make_server(CERTS_FROM + 1000);
	in_dir(pki.cert, "cert.pem", pki.server->pem);
	in_dir(pki.key, "key.pem", pki.server->key_pem);
	in_dir(pki.ca, "ca.pem", pki.root->pem);
	in_dir(pki.foreign_ca, "foreign.pem", pki.foreign_root->pem);
	in_dir(pki.other_key, "other.pem", pki.client->key_pem);
	in_dir(pki.expired, "expired.pem", expired->pem);
	in_dir(pki.rubbish, "rubbish.pem", "-----BEGIN NOTHING-----\n");
	certs_free(expired);
	return 0;
}

static int free_pki(void **state)
{
	(void)state;
	certs_free(pki.root);
	certs_free(pki.server);
	certs_free(pki.client);
	certs_free(pki.foreign_root);
	certs_free(pki.foreign);
	io_rmdir(pki.dir);
	return 0;
}

enum step { STEP_CONNECT, STEP_WRITE, STEP_READ, STEP_DONE, STEP_FAILED };

struct fixture {
	struct loop *loop;
	struct io_conn conn;
	struct tls_server *tls;
	int fds[2];
	SSL_CTX *ctx;
	SSL *ssl;
	enum step step;
	struct slice say; /* what the client writes, and expects back */
	size_t said, heard;
	size_t most_waiting; /* output of the stream at any time */
	bool wrong;
};

static int setup_with(void **state, void (*pair)(int fds[2]))
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->loop = loop_new();
	pair(f->fds);
	f->ctx = SSL_CTX_new(TLS_client_method());
	f->say = SLICE_LIT("hello over TLS");
	f->conn.echo = true;
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, io_pair_tcp);
}

static int setup_unix(void **state)
{
	return setup_with(state, io_pair);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

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

static void serve(struct fixture *f, const char *authorities, const char *alpn,
		  const struct stream_limits *limits)
{
	struct diag_list diag = { 0 };

	assert_int_equal(tls_server_new(pki.cert, pki.key, authorities, alpn, &diag, &f->tls), ERR_OK);
	assert_int_equal(diag.count, 0);
	diag_fini(&diag);
	io_conn_open(&f->conn, f->loop, f->fds[0], f->tls, limits);
}

static void client_has(struct fixture *f, const struct certs *certs)
{
	assert_int_equal(SSL_CTX_use_certificate(f->ctx, certs->x509), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(f->ctx, certs->key), 1);
}

static void start_client(struct fixture *f)
{
	X509_STORE_add_cert(SSL_CTX_get_cert_store(f->ctx), pki.root->x509);
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

static int client_read(struct fixture *f)
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

static int client_step(struct fixture *f)
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

static bool client_done(void *arg)
{
	struct fixture *f = arg;
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

static void expect_fault(const char *cert, const char *key, const char *authorities,
			 const char *file, const char *word)
{
	struct diag_list diag = { 0 };
	struct tls_server *tls = NULL;

	assert_int_equal(tls_server_new(cert, key, authorities, NULL, &diag, &tls), ERR_CONFIG);
	assert_null(tls);
	assert_int_equal(diag.errors, 1);
	assert_string_equal(diag.items[0].file, file);
	if (!strstr(diag.items[0].message, word))
		fail_msg("\"%s\" does not say \"%s\"", diag.items[0].message, word);
	diag_fini(&diag);
}

static void test_files_that_will_not_do(void **state)
{
	char missing[96], encrypted[96];
	struct diag_list diag = { 0 };
	struct tls_server *tls = NULL;
	FILE *out;

	(void)state;
	in_dir(missing, "missing.pem", NULL);
	in_dir(encrypted, "encrypted.pem", NULL);
	out = fopen(encrypted, "w");
	PEM_write_PKCS8PrivateKey(out, pki.server->key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL);
	fclose(out);
	expect_fault(missing, pki.key, NULL, missing, "No such file");
	expect_fault(pki.cert, missing, NULL, missing, "No such file");
	expect_fault(pki.cert, pki.key, missing, missing, "No such file");
	expect_fault(pki.rubbish, pki.key, NULL, pki.rubbish, "no usable certificate");
	expect_fault(pki.cert, pki.rubbish, NULL, pki.rubbish, "no usable private key");
	expect_fault(pki.cert, encrypted, NULL, encrypted, "no usable private key");
	expect_fault(pki.cert, pki.key, pki.rubbish, pki.rubbish, "no usable CA");
	expect_fault(pki.cert, pki.other_key, NULL, pki.other_key, "does not belong");
	/* All faults of one call are told. */
	assert_int_equal(tls_server_new(missing, pki.rubbish, missing, NULL, &diag, &tls), ERR_CONFIG);
	assert_int_equal(diag.errors, 2);
	diag_fini(&diag);
}

static void test_expired_certificate_warns(void **state)
{
	struct diag_list diag = { 0 };
	struct tls_server *tls = NULL;

	(void)state;
	assert_int_equal(tls_server_new(pki.expired, pki.key, NULL, NULL, &diag, &tls), ERR_OK);
	assert_int_equal(diag.count, 1);
	assert_int_equal(diag.errors, 0);
	assert_non_null(strstr(diag.items[0].message, "expired"));
	diag_fini(&diag);
	tls_server_unref(tls_server_ref(tls));
	tls_server_unref(tls);
	tls_server_unref(NULL);
}

static void test_no_tls_at_all(void **state)
{
	struct fixture *f = *state;

	serve(f, NULL, NULL, NULL);
	assert_int_equal(send(f->fds[1], "\0\0\0\x10plain bytes, no TLS", 23, MSG_NOSIGNAL), 23);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 2000));
	assert_int_equal(f->conn.why, ERR_CRYPTO);
	assert_int_equal(f->conn.offers, 0);
}

static void test_peer_goes_during_the_handshake(void **state)
{
	struct fixture *f = *state;

	serve(f, NULL, NULL, NULL);
	assert_int_equal(send(f->fds[1], "\x16\x03\x01\x02", 4, MSG_NOSIGNAL), 4);
	io_turn(f->loop, 5);
	close(f->fds[1]);
	f->fds[1] = -1;
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 2000));
	assert_int_equal(f->conn.why, ERR_CLOSED);
}

static void test_handshake_deadline(void **state)
{
	struct fixture *f = *state;
	struct stream_limits limits = { .in_max = 65536, .out_high = 65536, .handshake_ns = 40 * MS };
	int64_t start = clock_mono_ns();

	serve(f, NULL, NULL, &limits);
	/* Crumbs don't move it. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(send(f->fds[1], "\x16\x03\x01" + i, 1, MSG_NOSIGNAL), 1);
		io_turn(f->loop, 10);
	}
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 2000));
	assert_int_equal(f->conn.why, ERR_TIMEOUT);
	assert_in_range((clock_mono_ns() - start) / MS, 40, 400);
}

static void test_handshake_deadline_ends_with_it(void **state)
{
	struct fixture *f = *state;
	struct stream_limits limits = { .in_max = 65536, .out_high = 65536, .handshake_ns = 500 * MS };

	serve(f, NULL, NULL, &limits);
	start_client(f);
	assert_true(io_until(f->loop, client_done, f, 400));
	io_turn(f->loop, 600);
	assert_false(f->conn.closed);
}

static void refused_client(struct fixture *f)
{
	start_client(f);
	(void)io_until(f->loop, client_done, f, 2000);
	assert_int_equal(f->step, STEP_FAILED);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 2000));
	assert_int_equal(f->conn.why, ERR_CRYPTO);
	assert_int_equal(f->conn.offers, 0);
}

static void test_client_without_certificate(void **state)
{
	serve(*state, pki.ca, NULL, NULL);
	refused_client(*state);
}

static void test_client_without_certificate_tls12(void **state)
{
	struct fixture *f = *state;

	SSL_CTX_set_max_proto_version(f->ctx, TLS1_2_VERSION);
	serve(f, pki.ca, NULL, NULL);
	refused_client(f);
}

static void test_client_of_a_foreign_authority(void **state)
{
	struct fixture *f = *state;

	client_has(f, pki.foreign);
	serve(f, pki.ca, NULL, NULL);
	refused_client(f);
}

static void test_client_whose_certificate_is_no_client_s(void **state)
{
	struct fixture *f = *state;

	/* serverAuth only */
	client_has(f, pki.server);
	serve(f, pki.ca, NULL, NULL);
	refused_client(f);
}

static void test_client_with_certificate(void **state)
{
	struct fixture *f = *state;

	client_has(f, pki.client);
	serve(f, pki.ca, NULL, NULL);
	start_client(f);
	assert_true(io_until(f->loop, client_done, f, 3000));
	assert_int_equal(f->step, STEP_DONE);
	assert_false(f->wrong);
	assert_int_equal(SSL_version(f->ssl), TLS1_3_VERSION);
}

static void test_tls12_with_certificate(void **state)
{
	struct fixture *f = *state;

	SSL_CTX_set_max_proto_version(f->ctx, TLS1_2_VERSION);
	client_has(f, pki.client);
	serve(f, pki.ca, NULL, NULL);
	start_client(f);
	assert_true(io_until(f->loop, client_done, f, 3000));
	assert_int_equal(f->step, STEP_DONE);
	assert_int_equal(SSL_get_peer_signature_type_nid(f->ssl, &(int){ 0 }), 1);
	/* Nothing to resume with. */
	assert_false(SSL_SESSION_has_ticket(SSL_get0_session(f->ssl)));
}

static void test_tls11_is_refused(void **state)
{
	struct fixture *f = *state;

	SSL_CTX_set_security_level(f->ctx, 0);
	SSL_CTX_set_min_proto_version(f->ctx, TLS1_1_VERSION);
	SSL_CTX_set_max_proto_version(f->ctx, TLS1_1_VERSION);
	serve(f, NULL, NULL, NULL);
	refused_client(f);
}

static void test_alpn(void **state)
{
	struct fixture *f = *state;
	const unsigned char *chosen;
	unsigned len;

	SSL_CTX_set_alpn_protos(f->ctx, (const unsigned char *)"\x08http/1.1\x02h2", 12);
	serve(f, NULL, "h2", NULL);
	start_client(f);
	assert_true(io_until(f->loop, client_done, f, 3000));
	assert_int_equal(f->step, STEP_DONE);
	SSL_get0_alpn_selected(f->ssl, &chosen, &len);
	assert_int_equal(len, 2);
	assert_memory_equal(chosen, "h2", 2);
}

static void test_alpn_of_another_protocol(void **state)
{
	struct fixture *f = *state;

	SSL_CTX_set_alpn_protos(f->ctx, (const unsigned char *)"\x04spdy", 5);
	serve(f, NULL, "h2", NULL);
	refused_client(f);
}

static void test_much_both_ways(void **state)
{
	struct fixture *f = *state;
	struct stream_limits limits = { .in_max = 65536, .out_high = 100000, .blocked_ns = 500 * MS };
	size_t size = 3u << 20;
	uint8_t *bytes = malloc(size);

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i * 13 + i / 4099);
	f->say = slice_of(bytes, size);
	serve(f, NULL, NULL, &limits);
	start_client(f);
	assert_true(io_until(f->loop, client_done, f, 20000));
	/* The client reads only when it can't write: the stream has to stop reading, and go on later. */
	assert_int_equal(f->step, STEP_DONE);
	assert_in_range(f->most_waiting, 0, limits.out_high + limits.in_max);
	assert_false(f->wrong);
	assert_int_equal(f->heard, size);
	free(bytes);
}

static void finish_now(struct io_conn *conn, struct slice in)
{
	(void)in;
	stream_finish(conn->stream, 0);
}

static bool client_at_end(void *arg)
{
	struct fixture *f = arg;
	char c;

	return SSL_read(f->ssl, &c, 1) <= 0 &&
	       SSL_get_error(f->ssl, 0) == SSL_ERROR_ZERO_RETURN;
}

static void test_finish_says_goodbye(void **state)
{
	struct fixture *f = *state;

	f->conn.on_offer = finish_now;
	serve(f, NULL, NULL, NULL);
	start_client(f);
	assert_true(io_until(f->loop, client_done, f, 3000));
	assert_int_equal(f->step, STEP_DONE);
	assert_true(io_until(f->loop, client_at_end, f, 2000));
	assert_true(f->conn.closed);
	assert_int_equal(f->conn.why, ERR_OK);
}

static void test_finish_during_the_handshake(void **state)
{
	struct fixture *f = *state;

	serve(f, NULL, NULL, NULL);
	buf_str(stream_out(f->conn.stream), "never sent");
	stream_flush(f->conn.stream);
	stream_finish(f->conn.stream, 1000 * MS);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 500));
	assert_int_equal(f->conn.why, ERR_OK);
}

static void test_output_before_the_handshake_waits_for_it(void **state)
{
	struct fixture *f = *state;

	f->conn.echo = false;
	f->say = SLICE_LIT("greeting");
	serve(f, NULL, NULL, NULL);
	buf_str(stream_out(f->conn.stream), "greeting");
	stream_flush(f->conn.stream);
	start_client(f);
	assert_true(io_until(f->loop, client_done, f, 3000));
	assert_int_equal(f->step, STEP_DONE);
	assert_false(f->wrong);
}

static void test_close_without_goodbye_is_a_normal_end(void **state)
{
	struct fixture *f = *state;

	serve(f, NULL, NULL, NULL);
	start_client(f);
	assert_true(io_until(f->loop, client_done, f, 3000));
	shutdown(f->fds[1], SHUT_RDWR);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 2000));
	assert_int_equal(f->conn.why, ERR_CLOSED);
}

static void test_broken_record(void **state)
{
	struct fixture *f = *state;

	serve(f, NULL, NULL, NULL);
	start_client(f);
	assert_true(io_until(f->loop, client_done, f, 3000));
	assert_int_equal(send(f->fds[1], "\x17\x03\x03\0\x20" "thirty-two bytes of no cipher tx", 37,
			      MSG_NOSIGNAL), 37);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 2000));
	assert_int_equal(f->conn.why, ERR_CRYPTO);
}

static void test_writing_to_nobody_raises_no_signal(void **state)
{
	struct fixture *f = *state;

	serve(f, NULL, NULL, NULL);
	start_client(f);
	assert_true(io_until(f->loop, client_done, f, 3000));
	stream_pause(f->conn.stream, true);
	SSL_free(f->ssl);
	f->ssl = NULL;
	close(f->fds[1]);
	f->fds[1] = -1;
	for (int i = 0; i < 3 && !f->conn.closed; i++) {
		buf_str(stream_out(f->conn.stream), "answer");
		stream_flush(f->conn.stream);
		io_turn(f->loop, 10);
	}
	assert_true(f->conn.closed);
	assert_int_equal(f->conn.why, ERR_CLOSED);
}

/* A paused reader gets what OpenSSL holds, though the socket has nothing left to announce. */
static void pause_each_time(struct io_conn *conn, struct slice in)
{
	(void)in;
	stream_pause(conn->stream, true);
}

static void test_bytes_held_by_tls_come_after_a_pause(void **state)
{
	struct fixture *f = *state;
	struct stream_limits limits = { .in_max = 1000, .out_high = 65536 };
	static uint8_t bytes[10000];

	memset(bytes, 'b', sizeof(bytes));
	f->say = slice_of(bytes, sizeof(bytes));
	f->conn.on_offer = pause_each_time;
	serve(f, NULL, NULL, &limits);
	start_client(f);
	(void)io_until(f->loop, client_done, f, 300);
	assert_int_equal(f->conn.offers, 1);
	for (int i = 0; i < 20 && f->step != STEP_DONE; i++) {
		stream_pause(f->conn.stream, false);
		(void)io_until(f->loop, client_done, f, 20);
	}
	assert_int_equal(f->step, STEP_DONE);
	assert_false(f->wrong);
}

static bool key_updated(void *arg)
{
	struct fixture *f = arg;

	if (f->step == STEP_DONE && f->said == f->say.len) {
		SSL_key_update(f->ssl, SSL_KEY_UPDATE_REQUESTED);
		f->step = STEP_WRITE;
		f->said = f->heard = 0;
		f->say = SLICE_LIT("after the key update");
	}
	return client_done(f) && f->conn.offers >= 2;
}

static void test_key_update(void **state)
{
	struct fixture *f = *state;

	serve(f, NULL, NULL, NULL);
	start_client(f);
	assert_true(io_until(f->loop, client_done, f, 3000));
	assert_true(io_until(f->loop, key_updated, f, 3000));
	assert_int_equal(f->step, STEP_DONE);
	assert_false(f->wrong);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_UNIX(name) { #name "_unix", name, setup_unix, teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_that_will_not_do),
		cmocka_unit_test(test_expired_certificate_warns),
		TEST(test_no_tls_at_all),
		TEST(test_peer_goes_during_the_handshake),
		TEST(test_handshake_deadline),
		TEST(test_handshake_deadline_ends_with_it),
		TEST(test_client_without_certificate),
		TEST(test_client_without_certificate_tls12),
		TEST(test_client_of_a_foreign_authority),
		TEST(test_client_whose_certificate_is_no_client_s),
		TEST(test_tls11_is_refused),
		TEST(test_alpn_of_another_protocol),
		TEST(test_broken_record),
		TEST(test_writing_to_nobody_raises_no_signal),
		TEST(test_client_with_certificate),
		TEST_UNIX(test_client_with_certificate),
		TEST(test_tls12_with_certificate),
		TEST(test_alpn),
		TEST(test_much_both_ways),
		TEST_UNIX(test_much_both_ways),
		TEST(test_finish_says_goodbye),
		TEST(test_finish_during_the_handshake),
		TEST(test_output_before_the_handshake_waits_for_it),
		TEST(test_close_without_goodbye_is_a_normal_end),
		TEST(test_bytes_held_by_tls_come_after_a_pause),
		TEST(test_key_update),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_pki, free_pki);
}
