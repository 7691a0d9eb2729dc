/* SPDX-License-Identifier: Apache-2.0 */
#include "core/revrows.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "pki/crl.h"

#define TAIL 5 /* date in four octets, big endian, and reason */
#define ROW_MAX (REVROWS_SERIAL_MAX + TAIL)
/* From here on a column has pages of its own. */
#define PAGES_FROM (256u * 1024)
/* Fewer rows than this are sorted by insertion. */
#define FEW 24

struct column {
	uint8_t *bytes;
	size_t count, room; /* in rows */
};

struct group {
	uint8_t issuer_key[32];
	struct column columns[REVROWS_SERIAL_MAX + 1]; /* by length of serial */
};

struct revrows {
	struct group *groups; /* in the order of their first row; few */
	size_t count;
	size_t last; /* index of the group used last: rows of one issuer stand together */
};

struct revrows *revrows_new(void)
{
	return mem_new(sizeof(struct revrows));
}

static void column_init(struct column *column, size_t len)
{
	size_t bytes = column->room * (len + TAIL);

	if (bytes >= PAGES_FROM)
		column->bytes = mem_pages(bytes);
	else if (bytes)
		column->bytes = mem_new(bytes);
}

static void column_fini(struct column *column, size_t len)
{
	size_t bytes = column->room * (len + TAIL);

	if (bytes >= PAGES_FROM)
		mem_pages_free(column->bytes, bytes);
	else
		free(column->bytes);
}

void revrows_free(struct revrows *rows)
{
	if (!rows)
		return;
	for (size_t i = 0; i < rows->count; i++)
		for (size_t len = 0; len <= REVROWS_SERIAL_MAX; len++)
			column_fini(&rows->groups[i].columns[len], len);
	free(rows->groups);
	free(rows);
}

static struct group *find_group(const struct revrows *rows, const uint8_t *issuer_key)
{
	for (size_t i = 0; i < rows->count; i++) {
		struct group *group = &rows->groups[(rows->last + i) % rows->count];

		if (memcmp(group->issuer_key, issuer_key, sizeof(group->issuer_key)) == 0)
			return group;
	}
	return NULL;
}

static struct group *group_of(struct revrows *rows, const uint8_t *issuer_key)
{
	struct group *group = find_group(rows, issuer_key);

	if (!group) {
		rows->groups = mem_grow(rows->groups, (rows->count + 1) * sizeof(*rows->groups));
		group = &rows->groups[rows->count++];
		memset(group, 0, sizeof(*group));
		memcpy(group->issuer_key, issuer_key, sizeof(group->issuer_key));
	}
	rows->last = (size_t)(group - rows->groups);
	return group;
}

void revrows_count(struct revrows *rows, const uint8_t *issuer_key, size_t serial_len)
{
	if (serial_len <= REVROWS_SERIAL_MAX)
		group_of(rows, issuer_key)->columns[serial_len].room++;
}

void revrows_reserve(struct revrows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		for (size_t len = 0; len <= REVROWS_SERIAL_MAX; len++)
			column_init(&rows->groups[i].columns[len], len);
}

static uint32_t clamp_date(int64_t date)
{
	if (date < 0)
		return 0;
	return date > UINT32_MAX ? UINT32_MAX : (uint32_t)date;
}

void revrows_put(struct revrows *rows, const uint8_t *issuer_key, struct slice serial, int64_t date,
		 unsigned reason)
{
	struct column *column;
	uint8_t *row;
	uint32_t when = clamp_date(date);

	if (serial.len > REVROWS_SERIAL_MAX)
		return;
	column = &group_of(rows, issuer_key)->columns[serial.len];
	assert(column->count < column->room);
	row = column->bytes + column->count++ * (serial.len + TAIL);
	memcpy(row, serial.len ? serial.ptr : row, serial.len);
	row += serial.len;
	for (size_t i = 0; i < 4; i++)
		row[i] = (uint8_t)(when >> (24 - 8 * i));
	row[4] = (uint8_t)reason;
}

static void sort_few(uint8_t *rows, size_t count, size_t size)
{
	uint8_t row[ROW_MAX];

	for (size_t i = 1; i < count; i++) {
		size_t k = i;

		memcpy(row, rows + i * size, size);
		while (k && memcmp(rows + (k - 1) * size, row, size) > 0)
			k--;
		memmove(rows + (k + 1) * size, rows + k * size, (i - k) * size);
		memcpy(rows + k * size, row, size);
	}
}

static void swap_rows(uint8_t *a, uint8_t *b, size_t size)
{
	uint8_t row[ROW_MAX];

	memcpy(row, a, size);
	memcpy(a, b, size);
	memcpy(b, row, size);
}

/*
 * Rows that are equal before octet `at`, in place and octet by octet (American flag sort):
 * libc's qsort_r takes as much memory again as a million rows have. Whole rows are
 * compared, so of one serial the earliest date comes first.
 */
static void sort_rows(uint8_t *rows, size_t count, size_t size, size_t at)
{
	size_t ends[256] = { 0 }, next[256], sum = 0;

	if (count < FEW || at == size) {
		sort_few(rows, at == size ? 0 : count, size);
		return;
	}
	for (size_t i = 0; i < count; i++)
		ends[rows[i * size + at]]++;
	for (size_t value = 0; value < 256; value++) {
		next[value] = sum;
		sum += ends[value];
		ends[value] = sum;
	}
	for (size_t value = 0; value < 256; value++)
		while (next[value] < ends[value]) {
			uint8_t *row = rows + next[value] * size;
			uint8_t goes_to = row[at];

			if (goes_to == value)
				next[value]++;
			else
				swap_rows(row, rows + next[goes_to]++ * size, size);
		}
	for (size_t value = 0; value < 256; value++) {
		size_t from = value ? ends[value - 1] : 0;

		sort_rows(rows + from * size, ends[value] - from, size, at + 1);
	}
}

void revrows_sort(struct revrows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		for (size_t len = 0; len <= REVROWS_SERIAL_MAX; len++) {
			struct column *column = &rows->groups[i].columns[len];

			if (column->count > 1)
				sort_rows(column->bytes, column->count, len + TAIL, 0);
		}
}

/* The first row of a column that is not below serial. */
static const uint8_t *lower_bound(const struct column *column, struct slice serial)
{
	size_t size = serial.len + TAIL, low = 0, high = column->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (serial.len && memcmp(column->bytes + middle * size, serial.ptr, serial.len) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < column->count ? column->bytes + low * size : NULL;
}

bool revrows_find(const struct revrows *rows, const uint8_t *issuer_key, struct slice serial,
		  int64_t *date, unsigned *reason)
{
	const struct group *group = find_group(rows, issuer_key);
	const uint8_t *row;

	if (!group || serial.len > REVROWS_SERIAL_MAX)
		return false;
	row = lower_bound(&group->columns[serial.len], serial);
	if (!row || (serial.len && memcmp(row, serial.ptr, serial.len) != 0))
		return false;
	row += serial.len;
	if (date)
		*date = (int64_t)((uint32_t)row[0] << 24 | (uint32_t)row[1] << 16 |
				  (uint32_t)row[2] << 8 | row[3]);
	if (reason)
		*reason = row[4];
	return true;
}

/* take: what to do with each row. */
static void each_row(const struct revrows *rows, bool removals, struct revrows *out,
		     void (*take)(struct revrows *out, const uint8_t *issuer_key, const uint8_t *row,
				  size_t len))
{
	for (size_t i = 0; i < rows->count; i++)
		for (size_t len = 0; len <= REVROWS_SERIAL_MAX; len++) {
			const struct column *column = &rows->groups[i].columns[len];

			for (size_t k = 0; k < column->count; k++) {
				const uint8_t *row = column->bytes + k * (len + TAIL);

				if (removals || row[len + 4] != CRL_REASON_REMOVE_FROM_CRL)
					take(out, rows->groups[i].issuer_key, row, len);
			}
		}
}

static void count_row(struct revrows *out, const uint8_t *issuer_key, const uint8_t *row, size_t len)
{
	(void)row;
	revrows_count(out, issuer_key, len);
}

static void copy_row(struct revrows *out, const uint8_t *issuer_key, const uint8_t *row, size_t len)
{
	struct column *column = &group_of(out, issuer_key)->columns[len];

	memcpy(column->bytes + column->count++ * (len + TAIL), row, len + TAIL);
}

struct revrows *revrows_join(struct revrows *a, const struct revrows *b)
{
	struct revrows *out = revrows_new();

	each_row(a, true, out, count_row);
	each_row(b, false, out, count_row);
	revrows_reserve(out);
	each_row(a, true, out, copy_row);
	each_row(b, false, out, copy_row);
	revrows_free(a);
	revrows_sort(out);
	return out;
}

size_t revrows_entries(const struct revrows *rows)
{
	size_t n = 0;

	for (size_t i = 0; i < rows->count; i++)
		for (size_t len = 0; len <= REVROWS_SERIAL_MAX; len++)
			n += rows->groups[i].columns[len].count;
	return n;
}

size_t revrows_bytes(const struct revrows *rows)
{
	size_t bytes = sizeof(*rows) + rows->count * sizeof(*rows->groups);

	for (size_t i = 0; i < rows->count; i++)
		for (size_t len = 0; len <= REVROWS_SERIAL_MAX; len++)
			bytes += rows->groups[i].columns[len].room * (len + TAIL);
	return bytes;
}
