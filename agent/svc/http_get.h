/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SVC_HTTP_GET_H
#define MTLSGUARD_SVC_HTTP_GET_H

#include "io/loop.h"
#include "svc/bulk.h"

/*
 * An HTTP client on one loop (libcurl's multi interface behind it) for bytes
 * that nobody trusts before their signature is checked: lists and OCSP answers.
 * http and https only, also after a redirect, of which five are followed; no
 * proxy, no netrc, nothing out of the environment; the address that is really
 * connected to is checked (target.h), each time, because no connection is kept.
 * The size is that of the decoded bytes, counted while they arrive.
 */
struct http_client;

struct http_limits {
	long connections; /* in all, and to one host; what is over waits inside its time */
	long per_host;
	unsigned requests; /* that are under way or waiting; more are refused */
};

/* NULL when the system refuses; the reason is logged. */
struct http_client *http_client_new(struct loop *loop, const struct http_limits *limits);

/* Cancels what is under way. */
void http_client_free(struct http_client *client); /* NULL is fine */

#define HTTP_TAG_MAX 256 /* longer ones are not used */

struct http_result {
	enum err err; /* ERR_OK: status is 200, or 304 where a tag was sent */
	long status;  /* 0: no answer */
	struct bulk body; /* take it with http_take_body, or it goes */
	char etag[HTTP_TAG_MAX], last_modified[HTTP_TAG_MAX]; /* "": none */
	char why[200]; /* for people, when err is set */
};

struct http_request {
	const char *url;
	bool public_only;
	size_t max_bytes;
	struct bulk_budget *budget; /* what bodies may hold together, until they are given back; NULL: none */
	long timeout_ms; /* for everything */
	struct slice body; /* not empty: POST, copied */
	const char *content_type, *accept; /* NULL: none */
	const char *etag, *last_modified; /* "" or NULL: none; sent as conditions */
	/*
	 * Comes once, on the loop, never from within http_start. ERR_TIMEOUT, ERR_LIMIT (too large), ERR_MEMORY (the budget),
	 * ERR_USAGE (an URL or address that is not allowed), ERR_NOT_FOUND (another status), ERR_IO.
	 */
	void (*on_done)(void *arg, struct http_result *result);
	void *arg;
};

struct http_get;

/* NULL, and no on_done, when there are too many under way or the URL is none. */
struct http_get *http_start(struct http_client *client, const struct http_request *request);

/* No on_done comes any more. */
void http_cancel(struct http_get *get);

/* Moves the body out of the result. */
struct bulk http_take_body(struct http_result *result);

#endif
