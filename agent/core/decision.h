/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_DECISION_H
#define MTLSGUARD_CORE_DECISION_H

#include "base/buf.h"
#include "core/config.h"
#include "core/request.h"

/*
 * The record of one decision: a JSON object on one line, without the newline.
 * wall_ns: epoch nanoseconds of the verdict; took_ns: from request to verdict.
 */
void decision_write(struct buf *out, const struct request *req, int64_t wall_ns, int64_t took_ns);

/* Whether a decision is recorded at this level: denials are refusals, answers and what was observed. */
bool decision_wanted(const struct request *req, enum decisions_level level);

#endif
