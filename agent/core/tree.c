/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tree.h"

#include <stdlib.h>

#include "base/mem.h"

struct tree_doc *tree_doc_new(size_t cap)
{
	struct tree_doc *doc = mem_new(sizeof(*doc));

	arena_init(&doc->arena, cap);
	return doc;
}

void tree_doc_free(struct tree_doc *doc)
{
	if (!doc)
		return;
	arena_fini(&doc->arena);
	free(doc);
}

enum err tree_table_make(struct tree_doc *doc, size_t items, size_t members, struct tree *out)
{
	struct tree_table *table;

	if (items > doc->arena.cap / sizeof(*table->items) ||
	    members > doc->arena.cap / sizeof(*table->members))
		return ERR_MEMORY;
	table = arena_zero(&doc->arena, sizeof(*table));
	if (!table)
		return ERR_MEMORY;
	table->items = arena_zero(&doc->arena, items * sizeof(*table->items));
	table->members = arena_zero(&doc->arena, members * sizeof(*table->members));
	if (!table->items || !table->members)
		return ERR_MEMORY;
	table->item_count = items;
	table->member_count = members;
	out->kind = TREE_TABLE;
	out->table = table;
	return ERR_OK;
}

static int compare_members(const void *a, const void *b)
{
	const struct tree_member *x = a, *y = b;

	return strcmp(x->key, y->key);
}

void tree_table_sort(struct tree_table *table)
{
	qsort(table->members, table->member_count, sizeof(*table->members), compare_members);
}

const struct tree *tree_get(const struct tree *table, const char *key)
{
	struct tree_member wanted = { .key = key };
	const struct tree_member *found =
		bsearch(&wanted, table->table->members, table->table->member_count,
			sizeof(wanted), compare_members);

	return found ? &found->value : NULL;
}

const char *tree_kind_name(const struct tree *value)
{
	static const char *const names[] = { "true or false", "a number", "a text" };

	if (value->kind != TREE_TABLE)
		return names[value->kind];
	return value->table->member_count ? "a table" : "a list";
}
