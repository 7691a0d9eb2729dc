/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_REQUEST_HEADERS_H
#define MTLSGUARD_CORE_REQUEST_HEADERS_H

#include "base/reader.h"
#include "core/request.h"

/*
 * The client's own request headers, as far as the proxy sent them: all of them
 * in the argument `headers` (HAProxy's req.hdrs_bin), or single ones as hdr_NAME.
 */
enum header_state { HEADER_NOT_SENT, HEADER_ABSENT, HEADER_PRESENT };

/*
 * The first value of a header. name is lower case. NOT_SENT: the proxy sent
 * neither `headers` nor that hdr_NAME ('-' written as '_').
 */
enum header_state request_header(const struct request *req, struct slice name, struct slice *value);

/* Steps through the pairs of `headers`. Start with {0}; false at the end or when it was not sent. */
static inline bool request_header_next(const struct request *req, size_t *at, struct slice *name,
				       struct slice *value)
{
	struct slice block = request_bytes(req, ARG_HEADERS);
	struct reader reader = reader_of(block);

	if (*at)
		reader.pos += *at;
	*name = reader_varstr(&reader);
	*value = reader_varstr(&reader);
	if (reader_err(&reader) || name->len == 0)
		return false;
	*at = (size_t)(reader.pos - block.ptr);
	return true;
}

/* What deciding has to know of all headers. */
struct headers_seen {
	unsigned hosts; /* "host" */
	bool early_data;
};

/* ERR_FORMAT when `headers` was sent and is no row of pairs closed by two empty strings. */
enum err request_headers_check(const struct request *req, struct headers_seen *seen) MUST_USE;

#endif
