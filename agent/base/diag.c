/* SPDX-License-Identifier: Apache-2.0 */
#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

static struct diag *next_item(struct diag_list *list)
{
	if (list->count == list->room) {
		list->room = list->room ? list->room * 2 : 8;
		list->items = mem_grow(list->items, list->room * sizeof(*list->items));
	}
	return &list->items[list->count++];
}

static PRINTF_LIKE(1, 0) char *format(const char *fmt, va_list args)
{
	va_list again;
	char *text;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	text = mem_new((size_t)n + 1);
	vsnprintf(text, (size_t)n + 1, fmt, args);
	return text;
}

void diag_add(struct diag_list *list, enum diag_severity severity, const char *file, unsigned line,
	      const char *hint, const char *fmt, ...)
{
	struct diag *item = next_item(list);
	va_list args;

	va_start(args, fmt);
	item->message = format(fmt, args);
	va_end(args);
	item->file = file ? mem_dup(slice_str(file)) : NULL;
	item->line = line;
	item->severity = severity;
	item->hint = hint ? mem_dup(slice_str(hint)) : NULL;
	if (severity == DIAG_ERROR)
		list->errors++;
}

const char *diag_severity_name(enum diag_severity severity)
{
	static const char *const names[] = { "error", "warning", "lint" };

	return names[severity];
}

void diag_fini(struct diag_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].file);
		free(list->items[i].message);
		free(list->items[i].hint);
	}
	free(list->items);
	*list = (struct diag_list){ 0 };
}
