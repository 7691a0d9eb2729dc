/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/config_file.h"
#include "pki/digest.h"

#define NS_PER_S 1e9
#define SIBLINGS_MAX 32
/* Of each severity; nobody reads more, and one table may stand in many places. */
#define FAULTS_MAX 1000

static bool is_identifier(const char *key)
{
	if (!key[0] || (key[0] >= '0' && key[0] <= '9'))
		return false;
	return key[strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == 0;
}

static void put_path(struct buf *b, const struct config_at *at)
{
	if (at->up)
		put_path(b, at->up);
	if (at->item)
		buf_printf(b, "[%zu]", at->item);
	else if (at->key && is_identifier(at->key))
		buf_printf(b, "%s%s", b->len ? "." : "", at->key);
	else if (at->key)
		buf_printf(b, "[\"%s\"]", at->key);
}

static const struct tree *placed(const struct config_at *at)
{
	for (; at; at = at->up)
		if (at->value && at->value->file)
			return at->value;
	return NULL;
}

unsigned config_line_of(const struct config_at *at)
{
	const struct tree *value = placed(at);

	return value ? value->line : 0;
}

/* Keys and values are shown on terminals. */
static void make_printable(uint8_t *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
}

static PRINTF_LIKE(5, 0) void note(struct config_build *build, const struct config_at *at,
				   enum diag_severity severity, const char *hint, const char *fmt,
				   va_list args)
{
	const struct tree *value = placed(at);
	struct buf path = buf_capped(4096);
	char text[2048];

	if (build->told[severity]++ >= FAULTS_MAX)
		return;
	vsnprintf(text, sizeof(text), fmt, args);
	put_path(&path, at);
	make_printable((uint8_t *)text, strlen(text));
	make_printable(path.ptr, path.len);
	diag_add(build->diag, severity, value ? value->file : build->file, value ? value->line : 0,
		 hint, "%.*s%s%s", SLICE_FMT(buf_slice(&path)), path.len ? ": " : "", text);
	buf_fini(&path);
}

void config_fault(struct config_build *build, const struct config_at *at, const char *hint,
		  const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	note(build, at, DIAG_ERROR, hint, fmt, args);
	va_end(args);
}

void config_note(struct config_build *build, const struct config_at *at,
		 enum diag_severity severity, const char *hint, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	note(build, at, severity, hint, fmt, args);
	va_end(args);
}

const char *config_hint(struct slice word, const char *const *names, char *storage)
{
	const char *nearest = text_nearest(word, names);

	if (!nearest)
		return NULL;
	snprintf(storage, CONFIG_HINT_MAX, "did you mean \"%s\"?", nearest);
	return storage;
}

const char *config_file_of(struct config_build *build, const struct config_at *at)
{
	const struct tree *value = placed(at);
	const char *name = value ? value->file : build->file;
	struct config *config = build->config;

	/* The same file is asked for again and again: the last one first. */
	for (size_t i = config->file_count; i-- > 0;)
		if (strcmp(config->files[i], name) == 0)
			return config->files[i];
	config->files = mem_grow(config->files, (config->file_count + 1) * sizeof(*config->files));
	config->files[config->file_count] = mem_dup(slice_str(name));
	return config->files[config->file_count++];
}

struct config_at config_member(const struct config_at *at, const char *key)
{
	struct config_at member = { .up = at, .key = key };

	if (at->value)
		member.value = tree_get(at->value, key);
	return member;
}

static void fault_kind(struct config_build *build, const struct config_at *at, const char *wanted)
{
	config_fault(build, at, NULL, "it must be %s, not %s", wanted, tree_kind_name(at->value));
}

bool config_is_text(struct config_build *build, const struct config_at *at, struct slice *out)
{
	if (at->value->kind != TREE_TEXT) {
		fault_kind(build, at, "a text");
		return false;
	}
	if (at->value->text.len == 0) {
		config_fault(build, at, NULL, "it is empty");
		return false;
	}
	*out = at->value->text;
	return true;
}

bool config_is_list(struct config_build *build, const struct config_at *at)
{
	if (at->value->kind == TREE_TABLE && at->value->table->member_count == 0)
		return true;
	fault_kind(build, at, "a list");
	return false;
}

bool config_is_map(struct config_build *build, const struct config_at *at)
{
	if (at->value->kind == TREE_TABLE && at->value->table->item_count == 0)
		return true;
	fault_kind(build, at, "a table of names");
	return false;
}

bool config_is_filled(struct config_build *build, const struct config_at *at)
{
	if (at->value->table->item_count || at->value->table->member_count)
		return true;
	config_fault(build, at, "to have none, leave the key out", "it is empty");
	return false;
}

bool config_load_file(struct config_build *build, const struct config_at *at, const char *path,
		      size_t max, char **text, size_t *len)
{
	const char *why;
	uint64_t size;

	if (config_file_read(path, max, text, len, &why)) {
		config_fault(build, at, NULL, "%s cannot be read: %s", path, why);
		return false;
	}
	size = *len;
	digest_add(build->sum, slice_of(&size, sizeof(size)));
	digest_add(build->sum, slice_of(*text, *len));
	return true;
}

/* A scalar fallback as a value; texts are views into it. */
static void read_literal(const char *literal, struct tree *out)
{
	*out = (struct tree){ .kind = TREE_NUMBER };
	if (literal[0] == '"') {
		out->kind = TREE_TEXT;
		out->text = slice_of(literal + 1, strlen(literal) - 2);
	} else if (literal[0] == 't' || literal[0] == 'f') {
		out->kind = TREE_BOOL;
		out->boolean = literal[0] == 't';
	} else {
		out->number = strtod(literal, NULL);
	}
}

/* A fallback that is a list of texts, in build->literals. */
static const struct tree *read_list_literal(struct config_build *build, const char *literal)
{
	struct tree *list = arena_zero(&build->literals->arena, sizeof(*list));
	size_t count = 0, i = 0;

	for (const char *p = literal; *p; p++)
		count += *p == '"';
	if (!list || tree_table_make(build->literals, count / 2, 0, list))
		return NULL;
	for (const char *p = strchr(literal, '"'); p; p = strchr(p, '"')) {
		const char *end = strchr(p + 1, '"');

		list->table->items[i].kind = TREE_TEXT;
		list->table->items[i++].text =
			arena_copy(&build->literals->arena, slice_of(p + 1, (size_t)(end - p - 1)));
		p = end + 1;
	}
	return list;
}

static void read_number(struct config_build *build, const struct config_at *at,
			const struct directive *row, void *field)
{
	double number = at->value->number;

	if (at->value->kind != TREE_NUMBER) {
		fault_kind(build, at, row->type == DIRECTIVE_SECONDS ? "a number of seconds" :
								       "a number");
		return;
	}
	/* Written so that no number is out of range, too. */
	if (!(number >= row->min && number <= row->max) ||
	    (row->type != DIRECTIVE_SECONDS && (double)(uint64_t)number < number)) {
		config_fault(build, at, NULL, "it must be %s from %.10g to %.10g, not %.10g",
			     row->type == DIRECTIVE_SECONDS ? "seconds" : "a whole number",
			     row->min, row->max, number);
		return;
	}
	if (row->type == DIRECTIVE_UINT)
		*(unsigned *)field = (unsigned)number;
	else if (row->type == DIRECTIVE_SIZE)
		*(size_t *)field = (size_t)number;
	else
		*(int64_t *)field = (int64_t)(number * NS_PER_S + 0.5);
}

static void read_word(struct config_build *build, const struct config_at *at,
		      const struct directive *row, void *field)
{
	char storage[CONFIG_HINT_MAX], known[256] = "";
	struct slice word;

	if (!config_is_text(build, at, &word))
		return;
	for (unsigned i = 0; row->words[i]; i++) {
		size_t used = strlen(known);

		snprintf(known + used, sizeof(known) - used, "%s\"%s\"",
			 i == 0 ? "" : row->words[i + 1] ? ", " : " or ", row->words[i]);
		if (!slice_eq(word, slice_str(row->words[i])))
			continue;
		if (row->type == DIRECTIVE_SWITCH)
			*(bool *)field = i > 0;
		else
			*(unsigned *)field = i;
		return;
	}
	config_fault(build, at, config_hint(word, row->words, storage), "it must be %s, not \"%.*s\"",
		     known, SLICE_FMT(word));
}

static void read_text(struct config_build *build, const struct config_at *at,
		      const struct directive *row, void *field)
{
	char **text = field, *copy;
	struct slice value;

	if (!config_is_text(build, at, &value))
		return;
	free(*text);
	/* A fallback has no NUL behind it. */
	copy = mem_dup(value);
	*text = row->type == DIRECTIVE_PATH ? config_file_join(build->dir, copy) : copy;
	if (*text != copy)
		free(copy);
}

static void read_scalar(struct config_build *build, const struct config_at *at,
			const struct directive *row, void *field)
{
	switch (row->type) {
	case DIRECTIVE_BOOL:
		if (at->value->kind == TREE_BOOL)
			*(bool *)field = at->value->boolean;
		else
			fault_kind(build, at, "true or false");
		break;
	case DIRECTIVE_WORD:
	case DIRECTIVE_SWITCH:
		read_word(build, at, row, field);
		break;
	case DIRECTIVE_TEXT:
	case DIRECTIVE_PATH:
		read_text(build, at, row, field);
		break;
	default:
		read_number(build, at, row, field);
	}
}

static void read_row(struct config_build *build, const struct config_at *around,
		     const struct directive *row, void *target)
{
	struct config_at at = config_member(around, directive_key(row));
	char hint[CONFIG_HINT_MAX];
	struct tree literal;

	if (row->type == DIRECTIVE_SECTION) {
		config_read_section(build, &at, row->path, target);
		return;
	}
	if (!at.value && row->required && around->value) {
		snprintf(hint, sizeof(hint), "for example %s = %s", at.key, row->example);
		config_fault(build, around, row->example ? hint : NULL, "\"%s\" is missing", at.key);
		return;
	}
	if (!at.value && row->fallback && row->type == DIRECTIVE_LIST) {
		at.value = read_list_literal(build, row->fallback);
	} else if (!at.value && row->fallback) {
		read_literal(row->fallback, &literal);
		literal.file = NULL;
		at.value = &literal;
	}
	if (row->read)
		row->read(build, &at, row->offset, target);
	else if (at.value)
		read_scalar(build, &at, row, (char *)target + row->offset);
}

/* The section that has such a key, for one that stands in the wrong place. */
static const char *home_of(const char *key)
{
	for (const struct directive *row = config_directives; row->path; row++)
		if (strcmp(directive_key(row), key) == 0 && !strstr(row->path, "[]"))
			return row->path;
	return NULL;
}

static void fault_unknown(struct config_build *build, const struct config_at *at,
			  const char *section)
{
	const char *siblings[SIBLINGS_MAX + 1];
	char storage[CONFIG_HINT_MAX];
	const char *hint, *home = home_of(at->key);
	size_t count = 0;

	for (const struct directive *row = config_directives; row->path; row++)
		if (directive_is_in(row, section) && count < SIBLINGS_MAX)
			siblings[count++] = directive_key(row);
	siblings[count] = NULL;
	hint = config_hint(slice_str(at->key), siblings, storage);
	if (!hint && home) {
		snprintf(storage, sizeof(storage), "it is written %s", home);
		hint = storage;
	}
	config_fault(build, at, hint, "this version knows no such key");
}

static void check_keys(struct config_build *build, const struct config_at *at, const char *section)
{
	const struct tree_table *table = at->value->table;

	for (size_t i = 0; i < table->member_count; i++) {
		struct config_at member = { .up = at, .key = table->members[i].key,
					    .value = &table->members[i].value };
		const struct directive *row = config_directives;

		while (row->path && (!directive_is_in(row, section) ||
				     strcmp(directive_key(row), member.key)))
			row++;
		if (!row->path)
			fault_unknown(build, &member, section);
	}
}

void config_read_section(struct config_build *build, const struct config_at *at,
			 const char *section, void *target)
{
	struct config_at absent = *at;

	if (at->value && at->value->kind != TREE_TABLE) {
		fault_kind(build, at, "a table");
		absent.value = NULL;
		at = &absent;
	}
	if (at->value)
		check_keys(build, at, section);
	for (const struct directive *row = config_directives; row->path; row++)
		if (directive_is_in(row, section))
			read_row(build, at, row, target);
}
