/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_REVROWS_H
#define MTLSGUARD_CORE_REVROWS_H

#include "base/slice.h"

/*
 * The storage of a revocation list: rows of serial, date and reason, packed,
 * one array for each issuer and length of serial. Counted first, then reserved,
 * filled and sorted; looked up by halving. Serials over 20 octets are left out:
 * no certificate that has one verifies (RFC 5280 4.1.2.2).
 */
#define REVROWS_SERIAL_MAX 20

struct revrows;

struct revrows *revrows_new(void);
void revrows_free(struct revrows *rows); /* NULL is fine */

/* One row more is to come. issuer_key: 32 octets. */
void revrows_count(struct revrows *rows, const uint8_t *issuer_key, size_t serial_len);

/* Room for all that was counted. */
void revrows_reserve(struct revrows *rows);

/* One row of those counted. Dates outside 1970 to 2106 are moved to that end. */
void revrows_put(struct revrows *rows, const uint8_t *issuer_key, struct slice serial, int64_t date,
		 unsigned reason);

void revrows_sort(struct revrows *rows);

/* date and reason (NULL: not wanted) of the row with the earliest date; false when there is none. */
bool revrows_find(const struct revrows *rows, const uint8_t *issuer_key, struct slice serial,
		  int64_t *date, unsigned *reason);

/* Both sorted: a and those of b that do not say removeFromCRL, sorted; frees a. */
struct revrows *revrows_join(struct revrows *a, const struct revrows *b);

size_t revrows_entries(const struct revrows *rows);
size_t revrows_bytes(const struct revrows *rows);

#endif
