/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_FRONT_AUTHZ_ANSWER_H
#define MTLSGUARD_FRONT_AUTHZ_ANSWER_H

#include "base/buf.h"
#include "core/request.h"

/* Bytes of an answer, gRPC's own usual bound. */
#define AUTHZ_ANSWER_MAX (4u * 1024 * 1024)

/*
 * A verdict as a CheckResponse, appended to out, which stays as it was when
 * there is an error. An allow only when the verdict is one; every other, and
 * everything that this cannot say, denies.
 *
 * Envoy removes after it sets and reads one value of a name: names that are
 * set are not removed, values of one name are joined. It cannot delete headers
 * of the origin's response: *undeletable counts those that a worker wanted gone.
 *
 * ERR_LIMIT: too large for an answer, ERR_MEMORY, ERR_FORMAT: a value that is
 * no UTF-8, which protobuf cannot carry.
 */
enum err authz_answer_encode(struct buf *out, const struct request *req, unsigned *undeletable) MUST_USE;

#endif
