/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/io_tls.h"

#define MS INT64_C(1000000)

static void refused_client(struct io_tls *f)
{
	io_tls_start_client(f);
	(void)io_until(f->loop, io_tls_client_done, f, 2000);
	assert_int_equal(f->step, STEP_FAILED);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 2000));
	assert_int_equal(f->conn.why, ERR_CRYPTO);
	assert_int_equal(f->conn.offers, 0);
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
	io_tls_file(missing, "missing.pem", NULL);
	io_tls_file(encrypted, "encrypted.pem", NULL);
	out = fopen(encrypted, "w");
	PEM_write_PKCS8PrivateKey(out, io_tls_pki.server->key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL);
	fclose(out);
	expect_fault(missing, io_tls_pki.key, NULL, missing, "No such file");
	expect_fault(io_tls_pki.cert, missing, NULL, missing, "No such file");
	expect_fault(io_tls_pki.cert, io_tls_pki.key, missing, missing, "No such file");
	expect_fault(io_tls_pki.rubbish, io_tls_pki.key, NULL, io_tls_pki.rubbish, "no usable certificate");
	expect_fault(io_tls_pki.cert, io_tls_pki.rubbish, NULL, io_tls_pki.rubbish, "no usable private key");
	expect_fault(io_tls_pki.cert, encrypted, NULL, encrypted, "no usable private key");
	expect_fault(io_tls_pki.cert, io_tls_pki.key, io_tls_pki.rubbish, io_tls_pki.rubbish, "no usable CA");
	expect_fault(io_tls_pki.cert, io_tls_pki.other_key, NULL, io_tls_pki.other_key, "does not belong");
	/* All faults of one call are told. */
	assert_int_equal(tls_server_new(missing, io_tls_pki.rubbish, missing, NULL, &diag, &tls), ERR_CONFIG);
	assert_int_equal(diag.errors, 2);
	diag_fini(&diag);
}

static void test_expired_certificate_warns(void **state)
{
	struct diag_list diag = { 0 };
	struct tls_server *tls = NULL;

	(void)state;
	assert_int_equal(tls_server_new(io_tls_pki.expired, io_tls_pki.key, NULL, NULL, &diag, &tls), ERR_OK);
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
	struct io_tls *f = *state;

	io_tls_serve(f, NULL, NULL, NULL);
	assert_int_equal(send(f->fds[1], "\0\0\0\x10plain bytes, no TLS", 23, MSG_NOSIGNAL), 23);
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 2000));
	assert_int_equal(f->conn.why, ERR_CRYPTO);
	assert_int_equal(f->conn.offers, 0);
}

static void test_peer_goes_during_the_handshake(void **state)
{
	struct io_tls *f = *state;

	io_tls_serve(f, NULL, NULL, NULL);
	assert_int_equal(send(f->fds[1], "\x16\x03\x01\x02", 4, MSG_NOSIGNAL), 4);
	io_turn(f->loop, 5);
	close(f->fds[1]);
	f->fds[1] = -1;
	assert_true(io_until(f->loop, io_conn_closed, &f->conn, 2000));
	assert_int_equal(f->conn.why, ERR_CLOSED);
}

static void test_handshake_deadline(void **state)
{
	struct io_tls *f = *state;
	struct stream_limits limits = { .in_max = 65536, .out_high = 65536, .handshake_ns = 40 * MS };
	int64_t start = clock_mono_ns();

	io_tls_serve(f, NULL, NULL, &limits);
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
	struct io_tls *f = *state;
	struct stream_limits limits = { .in_max = 65536, .out_high = 65536, .handshake_ns = 500 * MS };

	io_tls_serve(f, NULL, NULL, &limits);
	io_tls_start_client(f);
	assert_true(io_until(f->loop, io_tls_client_done, f, 400));
	io_turn(f->loop, 600);
	assert_false(f->conn.closed);
}

static void test_client_without_certificate(void **state)
{
	io_tls_serve(*state, io_tls_pki.ca, NULL, NULL);
	refused_client(*state);
}

static void test_client_without_certificate_tls12(void **state)
{
	struct io_tls *f = *state;

	SSL_CTX_set_max_proto_version(f->ctx, TLS1_2_VERSION);
	io_tls_serve(f, io_tls_pki.ca, NULL, NULL);
	refused_client(f);
}

static void test_client_of_a_foreign_authority(void **state)
{
	struct io_tls *f = *state;

	io_tls_client_has(f, io_tls_pki.foreign);
	io_tls_serve(f, io_tls_pki.ca, NULL, NULL);
	refused_client(f);
}

static void test_client_whose_certificate_is_no_client_s(void **state)
{
	struct io_tls *f = *state;

	/* serverAuth only */
	io_tls_client_has(f, io_tls_pki.server);
	io_tls_serve(f, io_tls_pki.ca, NULL, NULL);
	refused_client(f);
}

static void test_client_with_certificate(void **state)
{
	struct io_tls *f = *state;

	io_tls_client_has(f, io_tls_pki.client);
	io_tls_serve(f, io_tls_pki.ca, NULL, NULL);
	io_tls_start_client(f);
	assert_true(io_until(f->loop, io_tls_client_done, f, 3000));
	assert_int_equal(f->step, STEP_DONE);
	assert_false(f->wrong);
	assert_int_equal(SSL_version(f->ssl), TLS1_3_VERSION);
}

static void test_tls12_with_certificate(void **state)
{
	struct io_tls *f = *state;

	SSL_CTX_set_max_proto_version(f->ctx, TLS1_2_VERSION);
	io_tls_client_has(f, io_tls_pki.client);
	io_tls_serve(f, io_tls_pki.ca, NULL, NULL);
	io_tls_start_client(f);
	assert_true(io_until(f->loop, io_tls_client_done, f, 3000));
	assert_int_equal(f->step, STEP_DONE);
	assert_int_equal(SSL_get_peer_signature_type_nid(f->ssl, &(int){ 0 }), 1);
	/* Nothing to resume with. */
	assert_false(SSL_SESSION_has_ticket(SSL_get0_session(f->ssl)));
}

static void test_tls11_is_refused(void **state)
{
	struct io_tls *f = *state;

	SSL_CTX_set_security_level(f->ctx, 0);
	SSL_CTX_set_min_proto_version(f->ctx, TLS1_1_VERSION);
	SSL_CTX_set_max_proto_version(f->ctx, TLS1_1_VERSION);
	io_tls_serve(f, NULL, NULL, NULL);
	refused_client(f);
}

static void test_alpn(void **state)
{
	struct io_tls *f = *state;
	const unsigned char *chosen;
	unsigned len;

	SSL_CTX_set_alpn_protos(f->ctx, (const unsigned char *)"\x08http/1.1\x02h2", 12);
	io_tls_serve(f, NULL, "h2", NULL);
	io_tls_start_client(f);
	assert_true(io_until(f->loop, io_tls_client_done, f, 3000));
	assert_int_equal(f->step, STEP_DONE);
	SSL_get0_alpn_selected(f->ssl, &chosen, &len);
	assert_int_equal(len, 2);
	assert_memory_equal(chosen, "h2", 2);
}

static void test_alpn_of_another_protocol(void **state)
{
	struct io_tls *f = *state;

	SSL_CTX_set_alpn_protos(f->ctx, (const unsigned char *)"\x04spdy", 5);
	io_tls_serve(f, NULL, "h2", NULL);
	refused_client(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, io_tls_setup, io_tls_teardown)
#define TEST_UNIX(name) { #name "_unix", name, io_tls_setup_unix, io_tls_teardown, NULL }

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
		TEST(test_client_with_certificate),
		TEST_UNIX(test_client_with_certificate),
		TEST(test_tls12_with_certificate),
		TEST(test_alpn),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, io_tls_make_pki, io_tls_free_pki);
}
