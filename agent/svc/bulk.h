/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SVC_BULK_H
#define MTLSGUARD_SVC_BULK_H

#include "base/err.h"
#include "base/slice.h"

/*
 * Bytes that may be many for a short time (a revocation list has up to 64 MB):
 * pages of their own, which grow without a copy and go back to the system at
 * once, whatever the allocator would like to keep.
 */
struct bulk_budget;

struct bulk {
	uint8_t *ptr;
	size_t len;
	size_t room;
	struct bulk_budget *budget; /* set while it is empty; NULL: none */
};

/* What many of them may hold together, on whichever threads; of above, too, which is ended later, or NULL. */
struct bulk_budget *bulk_budget_new(struct bulk_budget *above, size_t max);

/* Nothing is put on it any more: it is freed now, or by whoever gives back the last of what it holds. */
void bulk_budget_end(struct bulk_budget *budget);

/* Appends, up to max bytes in all. ERR_LIMIT, ERR_MEMORY (its budget is used up, too); what was there stays. */
enum err bulk_put(struct bulk *bulk, struct slice bytes, size_t max) MUST_USE;

/* Reads a whole file of at most max bytes. ERR_IO (errno), ERR_LIMIT, ERR_MEMORY; bulk is empty then. */
enum err bulk_read(struct bulk *bulk, const char *path, size_t max) MUST_USE;

/* Gives the pages back; bulk is empty, and keeps its budget. */
void bulk_fini(struct bulk *bulk);

static inline struct slice bulk_slice(const struct bulk *bulk)
{
	return slice_of(bulk->ptr, bulk->len);
}

#endif
