/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "svc/ocsp_rows.h"
#include "svc/revoker_inside.h"

/*
 * What responders have revoked, over a start: a file that rows are appended to, the last one of a certificate counts. Good
 * answers are not kept, so whatever else may stand in the file can only deny. A row that is cut short or changed is dropped.
 * Rows outlive a kill of the agent; a crash of the machine may take the last ones.
 */
struct ocsp_keep {
	char *path;
	int fd;
	size_t size;
	bool is_told;
};

static void tell(struct ocsp_keep *keep, int fault)
{
	if (!keep->is_told)
		log_warning("what responders revoke cannot be kept for the next start: %s: %s", keep->path, strerror(fault));
	keep->is_told = true;
}

/* Into the cache, due to be asked about again. */
static void take_rows(struct revoker *revoker, const struct ocsp_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		(void)ocsp_cache_put(revoker->cache, &rows->kept[i].key, &rows->kept[i].record);
}

/* A file of these rows alone in the place of what there is. ERR_IO (errno), ERR_MEMORY. */
static enum err write_rows(const char *path, const struct ocsp_rows *rows)
{
	struct bulk bytes = { 0 };
	enum err err = ERR_OK;

	for (size_t i = 0; !err && i < rows->count; i++) {
		struct ocsp_row row = ocsp_row_encode(&rows->kept[i].key, &rows->kept[i].record);

		err = bulk_put(&bytes, slice_of(row.bytes, sizeof(row.bytes)), OCSP_ROWS_MAX);
	}
	if (!err)
		err = list_draft(path, bulk_slice(&bytes));
	if (!err)
		err = list_keep(path);
	bulk_fini(&bytes);
	return err;
}

void ocsp_keep_open(struct revoker *revoker)
{
	struct ocsp_keep *keep;
	struct bulk bytes = { 0 };
	struct ocsp_rows rows;
	enum err err;

	if (!revoker->folder)
		return;
	keep = revoker->keep = mem_new(sizeof(*keep));
	if (asprintf(&keep->path, "%s/ocsp", revoker->folder) < 0)
		keep->path = mem_dup(SLICE_LIT("ocsp"));
	err = bulk_read(&bytes, keep->path, OCSP_ROWS_MAX);
	if (err && !(err == ERR_IO && errno == ENOENT))
		tell(keep, err == ERR_IO ? errno : EFBIG);
	if (!ocsp_rows_decode(bulk_slice(&bytes), &rows))
		take_rows(revoker, &rows);
	if (rows.count * OCSP_ROW_SIZE != bytes.len) {
		err = write_rows(keep->path, &rows);
		if (err)
			tell(keep, err == ERR_IO ? errno : ENOMEM);
	}
	ocsp_rows_fini(&rows);
	bulk_fini(&bytes);
	keep->fd = open(keep->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (keep->fd < 0)
		tell(keep, errno);
	else
		keep->size = (size_t)lseek(keep->fd, 0, SEEK_END) / OCSP_ROW_SIZE * OCSP_ROW_SIZE;
}

/* Behind the last whole row, also where a part of one was written. */
static bool append(struct ocsp_keep *keep, const struct ocsp_row *row)
{
	ssize_t n;

	if (keep->size + OCSP_ROW_SIZE > OCSP_ROWS_MAX) {
		errno = EFBIG;
		return false;
	}
	n = pwrite(keep->fd, row->bytes, OCSP_ROW_SIZE, (off_t)keep->size);
	if (n != (ssize_t)OCSP_ROW_SIZE) {
		errno = n < 0 ? errno : ENOSPC;
		return false;
	}
	keep->size += OCSP_ROW_SIZE;
	return true;
}

void ocsp_keep_note(struct revoker *revoker, const struct ocsp_key *key, const struct ocsp_record *record)
{
	struct ocsp_keep *keep = revoker->keep;
	struct ocsp_row row = ocsp_row_encode(key, record);

	if (!keep)
		return;
	if (keep->fd < 0 || !append(keep, &row)) {
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
