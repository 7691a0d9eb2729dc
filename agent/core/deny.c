/* SPDX-License-Identifier: Apache-2.0 */
#include "core/deny.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "core/deny_text.h"

#define DENY_KIND_COUNT (DENY_SPKI + 1)
#define OCTETS_MAX DENY_OCTETS_MAX /* of an SKI that is compared */

/* Fixed-size records of one kind in order: a length octet, then the octets, then zeros. */
struct shelf {
	uint8_t *records;
	size_t count;
};

struct deny_set {
	_Atomic unsigned refs;
	struct shelf shelves[DENY_KIND_COUNT];
};

static size_t record_size(enum deny_kind kind)
{
	static const size_t octets[DENY_KIND_COUNT] = {
		[DENY_SERIAL] = 20, [DENY_SHA256] = 32, [DENY_SKI] = OCTETS_MAX, [DENY_SPKI] = 32 };

	return 1 + octets[kind];
}

static int compare_serials(const void *a, const void *b)
{
	return memcmp(a, b, 21);
}

static int compare_hashes(const void *a, const void *b)
{
	return memcmp(a, b, 33);
}

static int compare_skis(const void *a, const void *b)
{
	return memcmp(a, b, 1 + OCTETS_MAX);
}

typedef int compare_records(const void *a, const void *b);

static compare_records *comparer(enum deny_kind kind)
{
	return kind == DENY_SERIAL ? compare_serials : kind == DENY_SKI ? compare_skis : compare_hashes;
}

/* False when the octets are longer than a record, which nothing can match then. */
static bool fill_record(uint8_t *record, enum deny_kind kind, struct slice octets)
{
	if (octets.len == 0 || octets.len >= record_size(kind))
		return false;
	memset(record, 0, record_size(kind));
	record[0] = (uint8_t)octets.len;
	memcpy(record + 1, octets.ptr, octets.len);
	return true;
}

struct deny_set *deny_new(const struct deny_entry *entries, size_t count)
{
	struct deny_set *set;

	if (count == 0)
		return NULL;
	set = mem_new(sizeof(*set));
	atomic_init(&set->refs, 1);
	for (size_t i = 0; i < count; i++)
		set->shelves[entries[i].kind].count++;
	for (size_t kind = 0; kind < DENY_KIND_COUNT; kind++) {
		set->shelves[kind].records = mem_array(set->shelves[kind].count,
						       record_size((enum deny_kind)kind));
		set->shelves[kind].count = 0;
	}
	for (size_t i = 0; i < count; i++) {
		struct shelf *shelf = &set->shelves[entries[i].kind];
		uint8_t *record = shelf->records + shelf->count * record_size(entries[i].kind);

		shelf->count += fill_record(record, entries[i].kind,
					    slice_of(entries[i].octets, entries[i].len));
	}
	for (size_t kind = 0; kind < DENY_KIND_COUNT; kind++)
		qsort(set->shelves[kind].records, set->shelves[kind].count,
		      record_size((enum deny_kind)kind), comparer((enum deny_kind)kind));
	return set;
}

struct deny_set *deny_ref(struct deny_set *set)
{
	if (set)
		atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
	return set;
}

void deny_free(struct deny_set *set)
{
	if (!set || atomic_fetch_sub(&set->refs, 1) != 1)
		return;
	for (size_t kind = 0; kind < DENY_KIND_COUNT; kind++)
		free(set->shelves[kind].records);
	free(set);
}

size_t deny_count(const struct deny_set *set)
{
	size_t count = 0;

	for (size_t kind = 0; set && kind < DENY_KIND_COUNT; kind++)
		count += set->shelves[kind].count;
	return count;
}

/* What is read of a deny file so far. */
struct reading {
	struct deny_text *texts;
	size_t count, room;
};

static bool read_line(struct reading *reading, struct slice line)
{
	struct deny_text texts[DENY_TEXT_MAX];
	size_t count;

	line = slice_trim(slice_cut(&line, '#'));
	if (line.len && line.ptr[line.len - 1] == '\r')
		line = slice_trim(slice_sub(line, 0, line.len - 1));
	if (line.len == 0)
		return true;
	if (deny_text_read(line, texts, &count))
		return false;
	if (reading->count + count > reading->room) {
		reading->room = 2 * reading->room + DENY_TEXT_MAX;
		reading->texts = mem_grow(reading->texts, reading->room * sizeof(*reading->texts));
	}
	if (count)
		memcpy(reading->texts + reading->count, texts, count * sizeof(texts[0]));
	reading->count += count;
	return true;
}

static struct deny_set *make_set(const struct reading *reading)
{
	struct deny_entry *entries = mem_array(reading->count, sizeof(*entries));
	struct deny_set *set;

	for (size_t i = 0; i < reading->count; i++)
		entries[i] = (struct deny_entry){ .kind = reading->texts[i].kind,
						  .octets = reading->texts[i].octets,
						  .len = reading->texts[i].len };
	set = deny_new(entries, reading->count);
	free(entries);
	return set;
}

enum err deny_parse(struct slice text, struct deny_set **out, unsigned *line)
{
	struct reading reading = { 0 };
	bool good = true;

	for (*line = 0; good && text.len;) {
		++*line;
		good = read_line(&reading, slice_cut(&text, '\n'));
	}
	*out = good ? make_set(&reading) : NULL;
	free(reading.texts);
	return good ? ERR_OK : ERR_FORMAT;
}

static bool is_listed(const struct deny_set *set, enum deny_kind kind, struct slice octets)
{
	const struct shelf *shelf = &set->shelves[kind];
	uint8_t record[1 + OCTETS_MAX];

	return shelf->count && fill_record(record, kind, octets) &&
	       bsearch(record, shelf->records, shelf->count, record_size(kind), comparer(kind));
}

bool deny_hit(const struct deny_set *set, const struct verify_node *node)
{
	return is_listed(set, DENY_SERIAL, slice_of(node->serial, node->serial_len)) ||
	       is_listed(set, DENY_SHA256, slice_of(node->sha256, sizeof(node->sha256))) ||
	       is_listed(set, DENY_SKI, slice_of(node->ski, node->ski_len)) ||
	       is_listed(set, DENY_SPKI, slice_of(node->spki_sha256, sizeof(node->spki_sha256)));
}
