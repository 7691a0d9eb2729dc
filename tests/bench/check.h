/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BENCH_CHECK_H
#define MTLSGUARD_BENCH_CHECK_H

#include "bench/mix.h"

/*
 * Envoy's Check call as bytes, made and read without the agent's own code: a
 * gRPC message with a CheckRequest as the shipped docker/envoy/grpc.yaml has it
 * sent, and what a CheckResponse says.
 */

#define CHECK_PREFIX 5 /* of a gRPC message: a flag and the length */

/* A whole message; item->id_at is where 16 hex digits of x-request-id stand. */
mix_form check_form;

/* Writes the message to `to` (len bytes), with an id of its own. */
void check_stamp(const struct mix_item *item, uint8_t *to, uint64_t id);

/*
 * Whether a gRPC body (prefix and CheckResponse) says what the item expects:
 * its status, and verdict and reason in its dynamic metadata. False for rubbish
 * too; *why gets a short text then.
 */
bool check_answer_right(const struct mix_item *item, struct slice body, const char **why);

#endif
