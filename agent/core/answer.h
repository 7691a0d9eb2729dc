/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_ANSWER_H
#define MTLSGUARD_CORE_ANSWER_H

#include "core/config.h"
#include "core/policy.h"
#include "core/request.h"

/*
 * Turns a decision into what the proxy is told. Each fills req->verdict from
 * scratch but for its id; block parts and bodies live as long as the request.
 */

/* An allow, with the origin's headers; result is the worker's edits or NULL. ERR_MEMORY. That of a
 * connection has no headers, and no "until". */
enum err answer_allow(struct request *req, const struct policy_result *result) MUST_USE;

/* True for a header that an allow has or lacks by the configuration alone: what a worker sets under that name is
 * left out. The name is lower-case, its '_' counts as '-'. */
bool answer_sets(const struct headers_conf *conf, struct slice name);

/* A worker's own Response. ERR_LIMIT never happens for a fresh verdict, but must be looked at. */
enum err answer_respond(struct request *req, const struct policy_result *result) MUST_USE;

/* A refusal: status, body by Accept. Never fails; without memory it has no body, nor has a connection's. */
void answer_deny(struct request *req, enum reason reason);

#endif
