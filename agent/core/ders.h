/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_DERS_H
#define MTLSGUARD_CORE_DERS_H

#include "base/slice.h"

/*
 * CA certificates that a loop's cache entries refer to, each kept once: a
 * hundred thousand clients have few issuers. Belongs to one thread.
 */
struct ders;

struct der_kept {
	struct slice der;
};

struct ders *ders_new(void);
void ders_free(struct ders *ders); /* nothing may be kept any more */

/* The one copy of these bytes, with one more count. */
struct der_kept *ders_keep(struct ders *ders, struct slice der);
void ders_drop(struct ders *ders, struct der_kept *kept); /* NULL is fine */

#endif
