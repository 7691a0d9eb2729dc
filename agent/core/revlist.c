/* SPDX-License-Identifier: Apache-2.0 */
#include "core/revlist.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "core/revrows.h"
#include "pki/names.h"

#define KEY_LEN 32
#define SPEND_STEP (1u << 20)

struct revlist {
	_Atomic unsigned refs;
	uint8_t issuer_key[KEY_LEN];
	struct names *names; /* that entries of an indirect list give as their issuer */
	struct revrows *rows;
	int64_t this_update, next_update;
	bool covers_nobody;
	struct crl_number number;
	struct crl_scope scope; /* views into storage */
	struct slice issuer;	/* DER of the name, in storage */
	uint8_t *storage;
	size_t storage_len;
};

/* Where the entries of a list go: their issuer changes as an indirect list goes on. */
struct filling {
	const struct crl *crl;
	struct names *names;
	uint8_t group[KEY_LEN];
};

static void start(struct filling *filling, const struct crl *crl, const struct revlist *list)
{
	*filling = (struct filling){ .crl = crl, .names = list->names };
	memcpy(filling->group, list->issuer_key, sizeof(filling->group));
}

/*
 * Entries that name their issuer stand in a group of that name, whoever may bear it:
 * RFC 5280 5.3.3 gives no key, so they count for each CA of the name, those too that
 * come into sight when the list was built long ago. No hash is a number and zeros.
 */
static void group_of_name(size_t number, uint8_t *group)
{
	memset(group, 0, KEY_LEN);
	for (size_t i = 0; i < sizeof(number); i++)
		group[i] = (uint8_t)(number >> (8 * i));
}

static enum err follow_issuer(struct filling *filling, const struct crl_entry *entry)
{
	size_t number;
	enum err err;

	if (entry->issuer.len == 0)
		return ERR_OK;
	if (!filling->crl->scope.indirect)
		return ERR_FORMAT;
	err = names_add(filling->names, entry->issuer, &number);
	if (!err)
		group_of_name(number, filling->group);
	return err;
}

/* What to do with each entry. */
struct sink {
	void (*take)(struct sink *sink, const uint8_t *group, const struct crl_entry *entry);
	struct revrows *rows;
	const struct revrows *changed; /* entries that stand here are left out */
	bool removals;		       /* entries with removeFromCRL are taken, too */
	bool spend;		       /* entries are not read again */
	size_t spent;
};

static void count_entry(struct sink *sink, const uint8_t *group, const struct crl_entry *entry)
{
	revrows_count(sink->rows, group, entry->serial.len);
}

static void put_entry(struct sink *sink, const uint8_t *group, const struct crl_entry *entry)
{
	revrows_put(sink->rows, group, entry->serial, entry->date, entry->reason);
}

static void spend(struct sink *sink, struct slice entries, size_t at)
{
	if (!sink->spend || at - sink->spent < SPEND_STEP)
		return;
	mem_spend(slice_sub(entries, sink->spent, at - sink->spent));
	sink->spent = at;
}

static enum err each(struct filling *filling, struct sink *sink)
{
	struct crl_cursor cursor = { 0 };
	struct crl_entry entry;

	while (crl_next(filling->crl, &cursor, &entry)) {
		enum err err = follow_issuer(filling, &entry);

		if (err)
			return err;
		if (!sink->removals && entry.reason == CRL_REASON_REMOVE_FROM_CRL)
			continue;
		if (!sink->changed || !revrows_find(sink->changed, filling->group, entry.serial, NULL, NULL))
			sink->take(sink, filling->group, &entry);
		spend(sink, filling->crl->entries, cursor.at);
	}
	return cursor.err;
}

/* Two walks over the entries: the first says how much room the second needs. */
static enum err collect(const struct revlist *list, const struct crl *crl, struct sink *sink)
{
	static void (*const takes[])(struct sink *, const uint8_t *,
				     const struct crl_entry *) = { count_entry, put_entry };
	bool spends = sink->spend;
	struct filling filling;
	enum err err;

	for (size_t i = 0; i < 2; i++) {
		if (i)
			revrows_reserve(sink->rows);
		start(&filling, crl, list);
		sink->take = takes[i];
		sink->spend = spends && i == 1;
		err = each(&filling, sink);
		if (err)
			return err;
	}
	revrows_sort(sink->rows);
	return ERR_OK;
}

bool revlist_follows(const struct crl *delta, const struct crl *full)
{
	return delta->is_delta && delta->has_number && full->has_number &&
	       slice_eq(delta->issuer, full->issuer) && crl_scope_eq(&delta->scope, &full->scope) &&
	       crl_number_cmp(&delta->base, &full->number) <= 0 &&
	       crl_number_cmp(&delta->number, &full->number) > 0;
}

static struct slice keep(uint8_t *storage, size_t *at, struct slice bytes)
{
	struct slice kept = slice_of(storage + *at, bytes.len);

	if (bytes.len)
		memcpy(storage + *at, bytes.ptr, bytes.len);
	*at += bytes.len;
	return kept;
}

static void describe(struct revlist *list, const struct crl *full, const struct crl *latest)
{
	const struct crl_scope *scope = &full->scope;
	size_t at = 0;

	list->this_update = latest->this_update;
	/* Past the delta's end the full list still answers, and what the delta revoked stays so. */
	list->next_update = latest->next_update;
	if (full->next_update == 0 || latest->next_update == 0)
		list->next_update = full->next_update;
	else if (full->next_update > latest->next_update)
		list->next_update = full->next_update;
	list->number = latest->number;
	list->storage_len = scope->names.len + scope->relative.len + full->issuer.len;
	list->storage = mem_new(list->storage_len);
	list->scope = *scope;
	list->scope.names = keep(list->storage, &at, scope->names);
	list->scope.relative = keep(list->storage, &at, scope->relative);
	list->issuer = keep(list->storage, &at, full->issuer);
}

static enum err fill(struct revlist *list, const struct crl *full, const struct crl *delta,
		     bool spend)
{
	struct revrows *changed = NULL;
	struct sink sink = { 0 };
	enum err err = ERR_OK;

	if (delta) {
		sink = (struct sink){ .rows = changed = revrows_new(), .removals = true };
		err = revlist_follows(delta, full) ? collect(list, delta, &sink) : ERR_RANGE;
	}
	if (!err) {
		/* A list that is complete has nothing to remove from: there such an entry revokes. */
		sink = (struct sink){ .rows = list->rows, .changed = changed, .removals = true,
				       .spend = spend };
		err = collect(list, full, &sink);
	}
	if (!err && changed)
		list->rows = revrows_join(list->rows, changed);
	revrows_free(changed);
	return err;
}

static struct revlist *revlist_new(const struct crl *full, const struct crl *latest, const uint8_t *issuer_key)
{
	struct revlist *list = mem_new(sizeof(*list));

	atomic_store(&list->refs, 1);
	memcpy(list->issuer_key, issuer_key, sizeof(list->issuer_key));
	list->names = names_new();
	list->rows = revrows_new();
	describe(list, full, latest);
	return list;
}

static enum err finish(struct revlist *list, enum err err, struct revlist **out)
{
	if (err)
		revlist_unref(list);
	else
		*out = list;
	return err;
}

enum err revlist_build(const struct crl *full, const struct crl *delta, const uint8_t *issuer_key,
		       bool spend, struct revlist **out)
{
	struct revlist *list = revlist_new(full, delta ? delta : full, issuer_key);

	return finish(list, full->is_delta ? ERR_RANGE : fill(list, full, delta, spend), out);
}

enum err revlist_build_delta(const struct crl *delta, const uint8_t *issuer_key, struct revlist **out)
{
	struct revlist *list = revlist_new(delta, delta, issuer_key);
	struct sink sink = { .rows = list->rows };

	list->covers_nobody = true;
	return finish(list, delta->is_delta ? collect(list, delta, &sink) : ERR_RANGE, out);
}

struct revlist *revlist_ref(struct revlist *list)
{
	atomic_fetch_add_explicit(&list->refs, 1, memory_order_relaxed);
	return list;
}

void revlist_unref(struct revlist *list)
{
	if (!list || atomic_fetch_sub(&list->refs, 1) != 1)
		return;
	revrows_free(list->rows);
	names_free(list->names);
	free(list->storage);
	free(list);
}

bool revlist_find(const struct revlist *list, const struct revlist_subject *subject,
		  struct slice serial, struct revlist_hit *out)
{
	bool found = revrows_find(list->rows, subject->issuer_key, serial, &out->date, &out->reason);
	uint8_t group[KEY_LEN];
	struct revlist_hit named;
	size_t number;

	if (!names_find(list->names, subject->issuer_name, &number))
		return found;
	group_of_name(number, group);
	if (!revrows_find(list->rows, group, serial, &named.date, &named.reason))
		return found;
	if (!found || named.date < out->date)
		*out = named;
	return true;
}

void revlist_info(const struct revlist *list, struct revlist_info *out)
{
	*out = (struct revlist_info){
		.issuer_key = list->issuer_key,
		.this_update = list->this_update,
		.next_update = list->next_update,
		.number = slice_of(list->number.octets, list->number.len),
		.entries = revrows_entries(list->rows),
		.bytes = revrows_bytes(list->rows) + sizeof(*list) + list->storage_len,
		.indirect = list->scope.indirect,
	};
}

bool revlist_covers(const struct revlist *list, const struct revlist_subject *subject)
{
	bool own = memcmp(list->issuer_key, subject->issuer_key, sizeof(list->issuer_key)) == 0;

	if (list->covers_nobody || (!own && !(list->scope.indirect && points_issued_by(subject->points, list->issuer))))
		return false;
	return points_covered(subject->points, &list->scope);
}
