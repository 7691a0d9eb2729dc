/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_IO_TLS_H
#define TESTS_LIB_IO_TLS_H

#include <openssl/ssl.h>

#include "io/tls.h"
#include "lib/certs.h"
#include "lib/io.h"

/* What the tests of TLS share: made once a program, since keys cost time. */
struct io_tls_pki {
	char dir[64];
	char cert[96], key[96], ca[96], foreign_ca[96], other_key[96], expired[96], rubbish[96];
	struct certs *root, *server, *client, *foreign_root, *foreign;
};
extern struct io_tls_pki io_tls_pki;

int io_tls_make_pki(void **state);
int io_tls_free_pki(void **state);

/* The path of a file in the folder of the keys; with a text it is written. Returns out. */
const char *io_tls_file(char out[96], const char *name, const char *text);

enum step { STEP_CONNECT, STEP_WRITE, STEP_READ, STEP_DONE, STEP_FAILED };

/* A TLS stream on one end of a connection, an OpenSSL client at the other: the state of a test. */
struct io_tls {
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

int io_tls_setup(void **state);	     /* over loopback */
int io_tls_setup_unix(void **state); /* over a unix socket */
int io_tls_teardown(void **state);

/* Makes the stream; limits as for io_conn_open. */
void io_tls_serve(struct io_tls *f, const char *authorities, const char *alpn,
		  const struct stream_limits *limits);

/* Before start_client: the client's certificate. */
void io_tls_client_has(struct io_tls *f, const struct certs *certs);
void io_tls_start_client(struct io_tls *f);

/* For io_until: goes on with the client; true once it is done or has failed. */
bool io_tls_client_done(void *arg);

#endif
