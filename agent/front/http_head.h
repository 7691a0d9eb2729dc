/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_HTTP_HEAD_H
#define MTLSGUARD_FRONT_HTTP_HEAD_H

#include <microhttpd.h>

#include "base/arena.h"
#include "front/http_request.h"

/* What libmicrohttpd says of a request, before its body. */
struct http_head {
	struct MHD_Connection *connection;
	const char *method, *version; /* its own texts */
	const char *raw_target;	      /* where the target stood when it was still whole; NULL: there was none */
	struct slice target;	      /* a copy from then */
	/* Filled by http_head_read: */
	struct http_header *lines;
	size_t count, size; /* of the lines; in bytes, request line and all */
};

/*
 * Reads the header lines into the arena; what they point to holds until the request is answered.
 * False, and *why is a static text, when the head is no HTTP/1.x to the letter, is
 * too large, or its body's end is in doubt; the connection must end with the answer then.
 *
 * libmicrohttpd takes texts to end at a NUL, ends lines at a bare LF and unfolds them. None of
 * these may become something else than the proxy meant, so each part must stand
 * where the part before it ended.
 */
bool http_head_read(struct http_head *head, struct arena *arena, const char **why) MUST_USE;

#endif
