/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_STAGES_H
#define MTLSGUARD_CORE_STAGES_H

#include "core/certcache.h"
#include "core/request.h"

/*
 * The stages before the policies. Each looks at the request and says whether
 * it may go on: REASON_ALLOWED, or the reason of the refusal, with words for
 * the log in req->error.
 */

/* What the proxy must have sent was sent, the request is canonical, the host is known, no early data. A
 * connection needs cert and sni only, and its host is the SNI; without one, only "*" matches. */
enum reason stage_admit(struct request *req);

/* The presented certificate, parsed and verified for the host; req->cert afterwards. */
enum reason stage_certificate(struct request *req, struct certcache *cache);

/* What the host requires of it: design 3, stages 3 and 4. */
enum reason stage_requirement(struct request *req);

/*
 * What stands in the place of the policies for a connection: none of them can decide without a
 * request, so a host that has some refuses, unless it says l4 = true.
 */
enum reason stage_connection(struct request *req);

/* Sets req->error to a text with one part of the request in it, cut and made printable. */
COLD void request_explain(struct request *req, const char *what, struct slice detail);

#endif
