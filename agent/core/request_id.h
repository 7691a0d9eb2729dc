/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_REQUEST_ID_H
#define MTLSGUARD_CORE_REQUEST_ID_H

#include <stdint.h>

/*
 * Ids of requests: 24 hex digits, the first 8 of them the second of the decision, so that ids sort by time. They
 * don't repeat over restarts and loops, and nobody can guess the next one of another.
 */
#define REQUEST_ID_DIGITS 24
#define REQUEST_ID_HEAD 16

struct request_ids {
	uint64_t start, count;
	uint64_t head; /* what an id's first digits say: they change once a second */
	uint8_t head_digits[REQUEST_ID_HEAD];
};

/* Aborts when the system has no random bytes. */
void request_ids_init(struct request_ids *ids);

/* The next one, into REQUEST_ID_DIGITS bytes; now in epoch seconds. */
void request_ids_next(struct request_ids *ids, int64_t now, uint8_t *out);

#endif
