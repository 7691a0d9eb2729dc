/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reaches ocsp_rows_decode, with any bytes, and with rows whose sums are right: what it gives back is what the last row of each
 * certificate says, and reads the same when it is written again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "svc/ocsp_rows.h"

#define ROWS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct ocsp_kept *a, const struct ocsp_kept *b)
{
	struct ocsp_row one = ocsp_row_encode(&a->key, &a->record), other = ocsp_row_encode(&b->key, &b->record);

	return memcmp(&one, &other, sizeof(one)) == 0;
}

static void put(struct buf *file, const struct ocsp_kept *kept)
{
	struct ocsp_row row = ocsp_row_encode(&kept->key, &kept->record);

	buf_put(file, slice_of(row.bytes, sizeof(row.bytes)));
}

static void check_again(const struct ocsp_rows *rows)
{
	struct buf file = buf_capped(0);
	struct ocsp_rows again;

	for (size_t i = 0; i < rows->count; i++) {
		if (!rows->kept[i].record.revoked)
			abort();
		put(&file, &rows->kept[i]);
	}
	if (ocsp_rows_decode(buf_slice(&file), &again) || again.count != rows->count)
		abort();
	for (size_t i = 0; i < rows->count; i++)
		if (!same(&rows->kept[i], &again.kept[i]))
			abort();
	ocsp_rows_fini(&again);
	buf_fini(&file);
}

/* A row of four bytes of input: few certificates, so that some come again. */
static struct ocsp_kept made(const uint8_t *p)
{
	struct ocsp_kept kept = { .record = { .revoked = p[1] & 1, .reason = p[2], .this_update = (int8_t)p[3],
					      .next_update = p[1] } };

	memset(kept.key.octets, p[0] & 7, sizeof(kept.key.octets));
	return kept;
}

static const struct ocsp_kept *last_of(const struct ocsp_kept *kept, size_t count, const struct ocsp_key *key)
{
	while (count--)
		if (memcmp(&kept[count].key, key, sizeof(*key)) == 0)
			return &kept[count];
	abort();
}

static void check_rows(const uint8_t *data, size_t size)
{
	struct buf file = buf_capped(0);
	struct ocsp_kept all[ROWS_MAX];
	struct ocsp_rows rows;
	size_t count = 0, revoked = 0;

	for (; count < ROWS_MAX && size >= 4 * (count + 1); count++) {
		all[count] = made(data + 4 * count);
		put(&file, &all[count]);
	}
	if (ocsp_rows_decode(buf_slice(&file), &rows))
		abort();
	for (size_t i = 0; i < count; i++)
		revoked += last_of(all, count, &all[i].key) == &all[i] && all[i].record.revoked;
	if (rows.count != revoked)
		abort();
	for (size_t i = 0; i < rows.count; i++)
		if (!same(&rows.kept[i], last_of(all, count, &rows.kept[i].key)))
			abort();
	ocsp_rows_fini(&rows);
	buf_fini(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ocsp_rows rows;

	if (!ocsp_rows_decode(slice_of(data, size), &rows)) {
		if (rows.count > size / OCSP_ROW_SIZE)
			abort();
		check_again(&rows);
		ocsp_rows_fini(&rows);
	}
	check_rows(data, size);
	return 0;
}
