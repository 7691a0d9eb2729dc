/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_HTTP_ANSWER_H
#define MTLSGUARD_FRONT_HTTP_ANSWER_H

#include "core/dialect.h"
#include "core/request.h"
#include "front/http_request.h"

#define HTTP_ANSWER_HEADERS 400u
/* Envoy takes 100 header lines and 60 KiB of an answer, the server's own included; past them it is an error. */
#define HTTP_ANSWER_HEADERS_ENVOY 88u
#define HTTP_ANSWER_HEAD (48u * 1024)
#define HTTP_ANSWER_BODY (4u * 1024 * 1024)

/*
 * What the proxy gets. Names and values are checked and have a NUL behind
 * them, which their length does not count. An empty value is one blank, which
 * is the same to who reads it (RFC 9110 5.5) and no trouble to a server that
 * refuses empty ones. Framing (content-length, connection, date) is the
 * server's. Everything lives as long as the request, or for ever.
 */
struct http_answer {
	int status;
	const struct http_header *headers;
	size_t header_count;
	struct slice body;
};

/* The refusal that needs neither memory nor verdict: 503, said as the dialect says it. */
void http_answer_refuse(struct http_answer *out, enum http_dialect dialect);

/* What a verdict says and this dialect cannot carry. */
struct http_lost {
	unsigned request_removals;  /* a worker wanted these of the client's headers gone */
	unsigned response_removals; /* and these of the origin's */
	unsigned response_headers;  /* set, under a name that would change the request */
};

/*
 * A verdict as an answer of that dialect. 200 only when the verdict is an
 * allow; *out is a refusal before, and stays one when there is an error.
 *
 * ERR_LIMIT: too large for an answer, ERR_MEMORY, ERR_FORMAT: a name or a value
 * that HTTP cannot carry, or that would change how the answer is read.
 */
enum err http_answer_fill(struct http_answer *out, enum http_dialect dialect, const struct request *req,
			  struct http_lost *lost) MUST_USE;

#endif
