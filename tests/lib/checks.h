/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_CHECKS_H
#define TESTS_LIB_CHECKS_H

#include "base/buf.h"

/* CheckRequests, as Envoy writes them: what to ask, and the message of it. */
struct check_pair {
	const char *name, *value;
};

struct check {
	const char *method, *path, *host, *scheme, *protocol;
	struct slice certificate; /* as it goes into source.certificate, or empty */
	const char *address;	  /* NULL: none */
	uint32_t port;
	const char *sni;		     /* NULL: no tls_session */
	const struct check_pair *headers;    /* end with a name of NULL; NULL: none */
	const struct check_pair *extensions; /* likewise */
	bool header_map;		     /* encode_raw_headers */
	bool no_request;		     /* the network filter */
	bool no_http;			     /* a request that is none of HTTP */
	const char *service;		     /* of the destination, where the network filter puts the SNI; NULL: none */
};

/* GET https://api.example.com/ of 192.0.2.7, SNI api.example.com, HTTP/1.1. */
#define CHECK_GET .method = "GET", .path = "/", .host = "api.example.com", .scheme = "https", \
	.protocol = "HTTP/1.1", .address = "192.0.2.7", .port = 4711, .sni = "api.example.com"

/* Appends the message. */
void check_write(struct buf *b, const struct check *check);

/* DER as Envoy hands it over: PEM, percent-encoded; appended. */
void check_certificate(struct buf *b, struct slice der);

#endif
