/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "core/config_table.h"

#define WIDTH 96u

static const struct directive *find(const char *path, size_t len)
{
	const struct directive *row = config_directives;

	while (row->path && (strlen(row->path) != len || memcmp(row->path, path, len)))
		row++;
	return row->path ? row : NULL;
}

/* "hosts[].require" as people write it: hosts.NAME.require, workers[N].name, listen.KIND[N].mode. */
static void put_shown_path(struct buf *out, const char *path)
{
	const char *entry = strstr(path, "[]");
	const struct directive *whole = entry ? find(path, (size_t)(entry - path)) : NULL;

	if (!whole) {
		buf_str(out, path);
		return;
	}
	buf_put(out, slice_of(path, (size_t)(entry - path)));
	buf_str(out, whole->type == DIRECTIVE_MAP ? ".NAME" :
		     whole->type == DIRECTIVE_LIST ? "[N]" : ".KIND[N]");
	buf_str(out, entry + 2);
}

static const char *type_name(const struct directive *row)
{
	static const char *const names[] = {
		[DIRECTIVE_SECTION] = "table", [DIRECTIVE_MAP] = "table of names",
		[DIRECTIVE_LIST] = "list", [DIRECTIVE_BOOL] = "boolean",
		[DIRECTIVE_UINT] = "whole number", [DIRECTIVE_SIZE] = "whole number",
		[DIRECTIVE_SECONDS] = "seconds", [DIRECTIVE_WORD] = "word",
		[DIRECTIVE_SWITCH] = "word", [DIRECTIVE_TEXT] = "text", [DIRECTIVE_PATH] = "path",
	};

	return names[row->type];
}

static void put_roff(struct buf *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		buf_str(out, "\\&");
	for (; *text; text++) {
		if (*text == '\\')
			buf_str(out, "\\e");
		else if (*text == '-')
			buf_str(out, "\\-");
		else
			buf_u8(out, (uint8_t)*text);
	}
}

static void put_facts(struct buf *out, const struct directive *row)
{
	char range[96];

	put_roff(out, type_name(row));
	if (row->words)
		for (size_t i = 0; row->words[i]; i++)
			buf_printf(out, "%s\"%s\"", i ? ", " : ": ", row->words[i]);
	if (row->max > 0) {
		snprintf(range, sizeof(range), ", %.10g to %.10g", row->min, row->max);
		put_roff(out, range);
	}
	if (row->required)
		buf_str(out, ", needed");
	if (row->fallback) {
		buf_str(out, "; default ");
		put_roff(out, row->fallback);
	}
	if (row->restart)
		buf_str(out, "; a reload does not change it");
}

void config_doc_man(struct buf *out)
{
	buf_str(out, ".SH DIRECTIVES\n");
	for (const struct directive *row = config_directives; row->path; row++) {
		struct buf shown = buf_capped(0);

		put_shown_path(&shown, row->path);
		buf_u8(&shown, 0);
		buf_str(out, ".TP\n\\fB");
		put_roff(out, (const char *)shown.ptr);
		buf_str(out, "\\fR (");
		put_facts(out, row);
		buf_str(out, ")\n");
		put_roff(out, row->doc);
		buf_str(out, "\n");
		if (row->example) {
			buf_str(out, ".br\nExample: ");
			put_roff(out, row->example);
			buf_str(out, "\n");
		}
		buf_fini(&shown);
	}
}

/* A place in the example: how deep, and whether all of it is a comment. */
struct style {
	unsigned indent;
	bool commented;
};

static void put_indent(struct buf *out, struct style style)
{
	for (unsigned i = 0; i < style.indent; i++)
		buf_str(out, "  ");
	if (style.commented)
		buf_str(out, "-- ");
}

/* A comment of as many lines as it takes; among keys that are comments themselves it stands apart. */
static void put_comment(struct buf *out, struct style style, const char *text)
{
	const char *apart = style.commented ? "    " : "";

	style.commented = true;
	while (*text) {
		size_t room = WIDTH - 2 * style.indent - strlen(apart), len = strlen(text);

		if (len > room) {
			len = room;
			while (len && text[len] != ' ')
				len--;
		}
		put_indent(out, style);
		buf_str(out, apart);
		buf_put(out, slice_of(text, len));
		buf_u8(out, '\n');
		text += len + (text[len] == ' ');
	}
}

static void put_section(struct buf *out, const char *section, struct style style);

static void put_row(struct buf *out, const struct directive *row, struct style style)
{
	const char *value = row->fallback ? row->fallback : row->example;
	char entries[128];

	if (!style.commented)
		put_comment(out, style, row->doc);
	if (row->type == DIRECTIVE_SECTION) {
		put_indent(out, style);
		buf_printf(out, "%s = {\n", directive_key(row));
		put_section(out, row->path, (struct style){ style.indent + 1, style.commented });
		put_indent(out, style);
		buf_str(out, "},\n");
	} else {
		/* What has no default can't be given as a value: the file must be good as it stands. */
		put_indent(out, (struct style){ style.indent, style.commented || !row->fallback });
		buf_printf(out, "%s = %s,\n", directive_key(row), value ? value : "\"…\"");
	}
	if (style.commented)
		put_comment(out, style, row->doc);
	snprintf(entries, sizeof(entries), "%s[]", row->path);
	put_section(out, entries, (struct style){ style.indent, true });
}

static void put_section(struct buf *out, const char *section, struct style style)
{
	bool first = true;

	for (const struct directive *row = config_directives; row->path; row++) {
		if (!directive_is_in(row, section))
			continue;
		if (first && strlen(section) > 2 && strcmp(section + strlen(section) - 2, "[]") == 0)
			put_comment(out, (struct style){ style.indent, false }, "Keys of each entry:");
		else if (!first && style.indent == 1 && !style.commented)
			buf_u8(out, '\n');
		first = false;
		put_row(out, row, style);
	}
}

void config_doc_example(struct buf *out)
{
	buf_str(out, "-- Configuration of mtlsguard: Lua 5.4 that returns one table. Relative paths are\n"
		     "-- relative to this file. env \"NAME\", secret \"FILE\" and include \"hosts.d/*.lua\" are there.\n"
		     "return {\n");
	put_section(out, "", (struct style){ 1, false });
	buf_str(out, "}\n");
}
