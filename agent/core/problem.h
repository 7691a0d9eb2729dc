/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_PROBLEM_H
#define MTLSGUARD_CORE_PROBLEM_H

#include "core/request.h"

/*
 * The body of a refusal: application/problem+json (RFC 9457), text or HTML by
 * the client's Accept header, where the proxy sends it. Each holds the decision
 * id, and the reason when tell_reason. Fills verdict body, content_type and
 * res_set in the request's arena; nothing when the arena is full.
 */
void problem_write(struct request *req, bool tell_reason);

enum problem_form { PROBLEM_JSON, PROBLEM_TEXT, PROBLEM_HTML };

/* The form that an Accept value (RFC 9110 12.5.1) likes best; JSON on a tie or when it likes none. */
enum problem_form problem_form(struct slice accept);

#endif
