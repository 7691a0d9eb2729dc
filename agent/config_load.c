/* SPDX-License-Identifier: Apache-2.0 */
#include "config_load.h"

#include <malloc.h>
#include <stdlib.h>

#include "base/mem.h"
#include "core/config_build.h"
#include "core/tree.h"
#include "script/config_lua.h"
#include "script/module_files.h"

/* A fault and where it stood: files in the order in which they first have one, lines ascending. */
struct placed {
	struct diag diag;
	size_t file, at;
};

static int compare_placed(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->diag.line != y->diag.line)
		return x->diag.line < y->diag.line ? -1 : 1;
	return x->at < y->at ? -1 : 1;
}

static size_t file_number(const struct placed *placed, size_t count, const char *file)
{
	for (size_t i = 0; i < count; i++) {
		const char *other = placed[i].diag.file;

		if (other == file || (other && file && strcmp(other, file) == 0))
			return placed[i].file;
	}
	return count;
}

/* People read a file from top to bottom; values are checked in another order. */
static void sort_from(struct diag_list *list, size_t first)
{
	size_t count = list->count - first;
	struct placed *placed = mem_array(count, sizeof(*placed));

	for (size_t i = 0; i < count; i++) {
		placed[i].diag = list->items[first + i];
		placed[i].at = i;
		placed[i].file = file_number(placed, i, placed[i].diag.file);
	}
	qsort(placed, count, sizeof(*placed), compare_placed);
	for (size_t i = 0; i < count; i++)
		list->items[first + i] = placed[i].diag;
	free(placed);
}

enum err config_load_all(const char *path, struct diag_list *diag, struct config **out)
{
	size_t first = diag->count;
	struct tree_doc *doc;
	enum err err;

	*out = NULL;
	err = config_lua_read(path, diag, &doc);
	if (!err)
		err = config_build(&doc->root, path, diag, out);
	if (*out)
		module_files_read(*out);
	tree_doc_free(doc);
	/* The values of a large configuration take several times what is kept of them. */
	malloc_trim(0);
	sort_from(diag, first);
	return err;
}

enum err config_load(const char *path, struct diag_list *diag, struct config **out)
{
	enum err err = config_load_all(path, diag, out);

	if (err) {
		config_free(*out);
		*out = NULL;
	}
	return err;
}
