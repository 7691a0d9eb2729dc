/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_FILL_H
#define MTLSGUARD_FRONT_FILL_H

#include "core/request.h"

/* What fronts share that name the arguments of a request out of another protocol. */
struct filling {
	struct request *req;
	const char **why; /* where a refusal is said in words */
};

/* REASON_BAD_REQUEST, said as what (static, or in the request's arena). */
enum reason fill_bad(const struct filling *filling, const char *what);

/* The same, with a name before what: "x-ssl-cert came twice". */
enum reason fill_bad_name(const struct filling *filling, const char *name, const char *what);

/* REASON_OVERLOADED. */
enum reason fill_no_memory(const struct filling *filling);

void fill_text(const struct filling *filling, enum arg arg, struct slice text);

/* An empty text is "looked for, and there was none". */
void fill_text_or_null(const struct filling *filling, enum arg arg, struct slice text);

/* What a header says to every front that has all of them: x-request-id. */
void fill_from_header(const struct filling *filling, struct slice name, struct slice value);

/* ARG_SRC by the text of an IPv4 or IPv6 address. ERR_FORMAT, ERR_MEMORY. */
enum err fill_source(const struct filling *filling, struct slice address) MUST_USE;

#endif
