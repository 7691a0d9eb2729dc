/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uthash.h>
#include <xxhash.h>

#include "base/log.h"
#include "base/mem.h"
#include "svc/revoker_inside.h"

/*
 * What responders have revoked, over a start: a file that rows are appended to, the last one of a certificate counts. Good
 * answers are not kept, so whatever else may stand in the file can only deny. A row that is cut short or changed is dropped.
 * Rows outlive a kill of the agent; a crash of the machine may take the last ones.
 */
#define FILE_MAX (16u << 20)
#define FORMAT 1 /* another one makes rows of this one unknown */

struct kept {
	uint64_t sum; /* of what follows */
	struct ocsp_key key;
	int64_t this_update, next_update, until, revoked_at;
	uint32_t reason, revoked;
};

struct row {
	UT_hash_handle hh;
	struct kept kept;
};

struct ocsp_keep {
	char *path;
	int fd;
	size_t size;
	bool is_told;
};

static uint64_t sum_of(const struct kept *kept)
{
	const uint8_t *bytes = (const uint8_t *)kept;

	return XXH3_64bits_withSeed(bytes + sizeof(kept->sum), sizeof(*kept) - sizeof(kept->sum), FORMAT);
}

static void take_row(struct row **rows, const struct kept *kept)
{
	struct row *row;

	HASH_FIND(hh, *rows, kept->key.octets, sizeof(kept->key.octets), row);
	if (row) {
		row->kept = *kept;
		return;
	}
	row = mem_new(sizeof(*row));
	row->kept = *kept;
	HASH_ADD(hh, *rows, kept.key.octets, sizeof(row->kept.key.octets), row);
}

static struct row *read_rows(struct slice bytes)
{
	struct row *rows = NULL;
	struct kept kept;

	for (size_t at = 0; at + sizeof(kept) <= bytes.len; at += sizeof(kept)) {
		memcpy(&kept, bytes.ptr + at, sizeof(kept));
		if (kept.sum == sum_of(&kept))
			take_row(&rows, &kept);
	}
	return rows;
}

static void tell(struct ocsp_keep *keep, int fault)
{
	if (!keep->is_told)
		log_warning("what responders revoke cannot be kept for the next start: %s: %s", keep->path, strerror(fault));
	keep->is_told = true;
}

/* Into the cache, due to be asked about again; still holds what is worth a row in the next file. */
static void take_rows(struct revoker *revoker, struct row *rows, struct bulk *still)
{
	struct row *row, *next;

	HASH_ITER(hh, rows, row, next) {
		const struct kept *kept = &row->kept;
		const struct ocsp_record record = {
			.revoked = true, .this_update = kept->this_update, .next_update = kept->next_update,
			.until = kept->until, .revoked_at = kept->revoked_at, .reason = kept->reason,
		};

		if (kept->revoked && !bulk_put(still, slice_of(kept, sizeof(*kept)), FILE_MAX))
			(void)ocsp_cache_put(revoker->cache, &kept->key, &record);
		HASH_DEL(rows, row);
		free(row);
	}
}

void ocsp_keep_open(struct revoker *revoker)
{
	struct ocsp_keep *keep;
	struct bulk bytes = { 0 }, still = { 0 };
	enum err err;

	if (!revoker->folder)
		return;
	keep = revoker->keep = mem_new(sizeof(*keep));
	if (asprintf(&keep->path, "%s/ocsp", revoker->folder) < 0)
		keep->path = mem_dup(SLICE_LIT("ocsp"));
	err = bulk_read(&bytes, keep->path, FILE_MAX);
	if (err && !(err == ERR_IO && errno == ENOENT))
		tell(keep, err == ERR_IO ? errno : EFBIG);
	take_rows(revoker, read_rows(bulk_slice(&bytes)), &still);
	if (still.len != bytes.len && (list_draft(keep->path, bulk_slice(&still)) || list_keep(keep->path)))
		tell(keep, errno);
	bulk_fini(&bytes);
	bulk_fini(&still);
	keep->fd = open(keep->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (keep->fd < 0)
		tell(keep, errno);
	else
		keep->size = (size_t)lseek(keep->fd, 0, SEEK_END);
}

/* Behind the last whole row, also where a part of one was written. */
static bool append(struct ocsp_keep *keep, const struct kept *kept)
{
	ssize_t n;

	if (keep->size + sizeof(*kept) > FILE_MAX) {
		errno = EFBIG;
		return false;
	}
	n = pwrite(keep->fd, kept, sizeof(*kept), (off_t)keep->size);
	if (n != (ssize_t)sizeof(*kept)) {
		errno = n < 0 ? errno : ENOSPC;
		return false;
	}
	keep->size += sizeof(*kept);
	return true;
}

void ocsp_keep_note(struct revoker *revoker, const struct ocsp_key *key, const struct ocsp_record *record)
{
	struct ocsp_keep *keep = revoker->keep;
	struct kept kept = {
		.key = *key, .this_update = record->this_update, .next_update = record->next_update,
		.until = record->until, .revoked_at = record->revoked_at, .reason = record->reason,
		.revoked = record->revoked,
	};

	if (!keep)
		return;
	kept.sum = sum_of(&kept);
	if (keep->fd < 0 || !append(keep, &kept)) {
		revoker->count.keep_failures++;
		tell(keep, keep->fd < 0 ? EBADF : errno);
	}
}

void ocsp_keep_close(struct revoker *revoker)
{
	if (!revoker->keep)
		return;
	if (revoker->keep->fd >= 0)
		close(revoker->keep->fd);
	free(revoker->keep->path);
	free(revoker->keep);
}
