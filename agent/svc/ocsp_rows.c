/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/ocsp_rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <xxhash.h>

#include "base/mem.h"

#define VERSION 1 /* another one makes rows of this one unknown */

/* A row as it stands in the file, which no other machine reads. */
struct layout {
	uint64_t sum; /* of what follows */
	struct ocsp_key key;
	int64_t this_update, next_update, until, revoked_at;
	uint32_t reason, revoked;
};

static_assert(sizeof(struct layout) == OCSP_ROW_SIZE, "no byte between the fields");

struct known {
	UT_hash_handle hh;
	struct ocsp_kept kept;
};

static uint64_t sum_of(const struct layout *layout)
{
	const uint8_t *bytes = (const uint8_t *)layout;

	return XXH3_64bits_withSeed(bytes + sizeof(layout->sum), sizeof(*layout) - sizeof(layout->sum), VERSION);
}

struct ocsp_row ocsp_row_encode(const struct ocsp_key *key, const struct ocsp_record *record)
{
	struct layout layout = {
		.key = *key, .this_update = record->this_update, .next_update = record->next_update,
		.until = record->until, .revoked_at = record->revoked_at, .reason = record->reason,
		.revoked = record->revoked,
	};
	struct ocsp_row row;

	layout.sum = sum_of(&layout);
	memcpy(row.bytes, &layout, sizeof(layout));
	return row;
}

/* False when it is none. */
static bool decode_row(const uint8_t *bytes, struct ocsp_kept *out)
{
	struct layout layout;

	memcpy(&layout, bytes, sizeof(layout));
	if (layout.sum != sum_of(&layout))
		return false;
	out->key = layout.key;
	out->record = (struct ocsp_record){
		.revoked = layout.revoked != 0, .this_update = layout.this_update, .next_update = layout.next_update,
		.until = layout.until, .revoked_at = layout.revoked_at, .reason = layout.reason,
	};
	return true;
}

static void take_row(struct known **all, const struct ocsp_kept *kept)
{
	struct known *known;

	HASH_FIND(hh, *all, kept->key.octets, sizeof(kept->key.octets), known);
	if (known) {
		known->kept = *kept;
		return;
	}
	known = mem_new(sizeof(*known));
	known->kept = *kept;
	HASH_ADD(hh, *all, kept.key.octets, sizeof(known->kept.key.octets), known);
}

/* Those that are still revoked; frees all. */
static void keep_revoked(struct known *all, struct ocsp_rows *out)
{
	struct known *known, *next;

	if (all)
		out->kept = mem_new(HASH_COUNT(all) * sizeof(*out->kept));
	HASH_ITER(hh, all, known, next) {
		if (known->kept.record.revoked)
			out->kept[out->count++] = known->kept;
		HASH_DEL(all, known);
		free(known);
	}
}

enum err ocsp_rows_decode(struct slice file, struct ocsp_rows *out)
{
	struct known *all = NULL;
	struct ocsp_kept kept;

	*out = (struct ocsp_rows){ NULL, 0 };
	if (file.len > OCSP_ROWS_MAX)
		return ERR_LIMIT;
	for (size_t at = 0; file.len - at >= OCSP_ROW_SIZE; at += OCSP_ROW_SIZE)
		if (decode_row(file.ptr + at, &kept))
			take_row(&all, &kept);
	keep_revoked(all, out);
	return ERR_OK;
}

void ocsp_rows_fini(struct ocsp_rows *rows)
{
	free(rows->kept);
	*rows = (struct ocsp_rows){ NULL, 0 };
}
