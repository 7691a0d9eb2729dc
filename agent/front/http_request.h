/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_HTTP_REQUEST_H
#define MTLSGUARD_FRONT_HTTP_REQUEST_H

#include "core/pemcache.h"
#include "core/request.h"

/*
 * A question that a proxy asks by HTTP: its own request, as the bytes said it.
 * The client's request stands in its path and headers, and where, is the
 * dialect's to say (design 5); nothing else of it is believed.
 */
struct http_header {
	struct slice name, value;
};

struct http_question {
	struct slice method, target;	   /* of the request line; nothing decoded, nothing normalised */
	const struct http_header *headers; /* in the order sent, doubles kept, values without blanks around */
	size_t header_count;
};

/*
 * Names the arguments of a request by what the proxy says. What question points
 * to must live as long as the request; pems (NULL is fine) spares decoding a PEM
 * again. Anything but REASON_ALLOWED: the question cannot be taken, and *why,
 * which lives as long as the request, says it in words for the log.
 *
 * A certificate header that is missing or empty, or "::", means that none was
 * presented. Early-Data is believed whoever sent it (RFC 8470): it only denies.
 *
 * REASON_BAD_REQUEST: another path than the dialect's, a header that it needs
 * was not sent, one that it reads came twice or with "_" for "-", another
 * dialect's certificate header beside its own, a value that does not decode,
 * control characters anywhere. REASON_OVERLOADED: no memory.
 */
enum reason http_request_fill(struct request *req, enum http_dialect dialect,
			      const struct http_question *question, struct pemcache *pems, const char **why) MUST_USE;

#endif
