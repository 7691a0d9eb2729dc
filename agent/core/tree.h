/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_TREE_H
#define MTLSGUARD_CORE_TREE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * A configuration as values, whatever language it was written in: texts,
 * numbers, booleans, and tables that hold a list, named members, or both.
 * Each value knows the file and line of the key that it stands behind, or of
 * the nearest key around it when the language could not tell. Made once, read,
 * freed as a whole: everything is in the document's arena.
 */
enum tree_kind { TREE_BOOL, TREE_NUMBER, TREE_TEXT, TREE_TABLE };

struct tree {
	enum tree_kind kind;
	unsigned line;	  /* 0: unknown */
	const char *file; /* for messages; NULL: unknown */
	union {
		bool boolean;
		double number;
		struct slice text; /* with a NUL behind it, and none inside */
		struct tree_table *table;
	};
};

struct tree_member {
	const char *key;
	struct tree value;
};

struct tree_table {
	struct tree *items;
	size_t item_count;
	struct tree_member *members; /* by key, in the order of strcmp */
	size_t member_count;
};

struct tree_doc {
	struct arena arena;
	struct tree root;
};

/* An empty document whose values take at most cap bytes. Free with tree_doc_free. */
struct tree_doc *tree_doc_new(size_t cap);
void tree_doc_free(struct tree_doc *doc); /* NULL is fine */

/* Makes *out a table with that many places, members still without key. ERR_MEMORY. */
enum err tree_table_make(struct tree_doc *doc, size_t items, size_t members,
			 struct tree *out) MUST_USE;

/* Puts members in order; call it once they are filled in. */
void tree_table_sort(struct tree_table *table);

/* The member with that key or NULL. The value must be a table. */
const struct tree *tree_get(const struct tree *table, const char *key);

/* "a text", "a number", "true or false", "a list", "a table". */
const char *tree_kind_name(const struct tree *value);

#endif
