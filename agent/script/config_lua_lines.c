/* SPDX-License-Identifier: Apache-2.0 */
#include "script/config_lua_lines.h"

#include <stdlib.h>

#include "base/mem.h"
#include "script/config_lua_token.h"

/* Deeper constructors have no lines; Lua itself stops at 200. */
#define DEPTH_MAX 64
#define ARENA_MAX ((size_t)512 << 20)

struct lua_ctor {
	struct lua_field *fields; /* in the order of compare_fields */
	size_t count;
};

struct binding {
	struct slice name;
	const struct lua_ctor *ctor;
};

struct lua_lines {
	struct arena arena;
	struct lua_lexer lexer;
	const char *file;
	struct diag_list *diag;
	struct lua_field *open; /* fields of the constructors that are being read, innermost last */
	size_t open_count, open_room;
	struct binding *bindings;
	size_t binding_count, binding_room;
	const struct lua_ctor *root;
	unsigned return_line;
	unsigned depth;
};

static const struct lua_ctor *read_ctor(struct lua_lines *lines);

static int compare_fields(const void *a, const void *b)
{
	const struct lua_field *x = a, *y = b;

	if (x->indexed != y->indexed)
		return x->indexed ? -1 : 1;
	if (x->indexed && x->index != y->index)
		return x->index < y->index ? -1 : 1;
	return x->indexed ? 0 : slice_cmp(x->key, y->key);
}

static int compare_places(const void *a, const void *b)
{
	const struct lua_field *x = a, *y = b;
	int order = compare_fields(a, b);

	return order ? order : x->line < y->line ? -1 : x->line > y->line;
}

static bool is_mark(struct lua_token token, uint8_t mark)
{
	return token.kind == LUA_TOKEN_MARK && token.mark == mark;
}

static bool is_word(struct lua_token token, const char *word)
{
	return token.kind == LUA_TOKEN_NAME && slice_eq(token.text, slice_str(word));
}

/* +1 where a block opens, -1 where one closes, 0 elsewhere: commas inside belong to it. */
static int block_step(struct lua_token token)
{
	static const char *const opening[] = { "function", "if", "do", "repeat" };

	if (is_mark(token, '(') || is_mark(token, '['))
		return 1;
	if (is_mark(token, ')') || is_mark(token, ']') || is_word(token, "end") ||
	    is_word(token, "until"))
		return -1;
	for (size_t i = 0; i < sizeof(opening) / sizeof(opening[0]); i++)
		if (is_word(token, opening[i]))
			return 1;
	return 0;
}

static bool ends_field(struct lua_token token)
{
	return token.kind == LUA_TOKEN_END || is_mark(token, ',') || is_mark(token, ';') ||
	       is_mark(token, '}');
}

/* Steps over the rest of a field's value, reading the constructors in it. */
static void skip_value(struct lua_lines *lines)
{
	long depth = 0;

	for (;;) {
		struct lua_token token = lua_lexer_peek(&lines->lexer);

		if (token.kind == LUA_TOKEN_END || (depth <= 0 && ends_field(token)))
			return;
		token = lua_lexer_next(&lines->lexer);
		if (is_mark(token, '{'))
			read_ctor(lines);
		depth += block_step(token);
	}
}

static void read_value(struct lua_lines *lines, struct lua_field *field)
{
	struct lua_token token = lua_lexer_peek(&lines->lexer);

	if (is_mark(token, '{')) {
		lua_lexer_next(&lines->lexer);
		field->ctor = read_ctor(lines);
	} else if (token.kind == LUA_TOKEN_NAME) {
		struct lua_lexer before = lines->lexer;

		lua_lexer_next(&lines->lexer);
		if (ends_field(lua_lexer_peek(&lines->lexer)))
			field->name = token.text;
		else
			lines->lexer = before;
	}
	skip_value(lines);
}

/* "[…] =": a literal text or number is a key that can be known. */
static void read_bracket(struct lua_lines *lines, struct lua_field *field)
{
	struct lua_token key = lua_lexer_next(&lines->lexer);
	struct lua_token after = lua_lexer_peek(&lines->lexer);
	long depth = 1;

	field->line = key.line;
	if (is_mark(after, ']') && key.kind == LUA_TOKEN_TEXT)
		field->key = key.text.ptr ? key.text : SLICE_LIT("");
	else if (is_mark(after, ']') && key.kind == LUA_TOKEN_NUMBER)
		field->indexed = slice_to_u64(key.text, UINT32_MAX, &field->index);
	depth += block_step(key);
	while (depth > 0) {
		struct lua_token token = lua_lexer_next(&lines->lexer);

		if (token.kind == LUA_TOKEN_END)
			return;
		if (is_mark(token, '{'))
			read_ctor(lines);
		depth += block_step(token);
	}
	if (is_mark(lua_lexer_peek(&lines->lexer), '='))
		lua_lexer_next(&lines->lexer);
}

static struct lua_field read_field(struct lua_lines *lines, uint64_t *next_index)
{
	struct lua_token token = lua_lexer_peek(&lines->lexer);
	struct lua_field field = { .line = token.line, .file = lines->file };
	struct lua_lexer before = lines->lexer;

	if (is_mark(token, '[')) {
		lua_lexer_next(&lines->lexer);
		read_bracket(lines, &field);
	} else {
		bool named = token.kind == LUA_TOKEN_NAME;

		if (named) {
			lua_lexer_next(&lines->lexer);
			named = is_mark(lua_lexer_peek(&lines->lexer), '=');
		}
		if (named) {
			field.key = token.text;
			lua_lexer_next(&lines->lexer);
		} else {
			lines->lexer = before;
			field.indexed = true;
			field.index = (*next_index)++;
		}
	}
	read_value(lines, &field);
	return field;
}

static void push_field(struct lua_lines *lines, const struct lua_field *field)
{
	if (lines->open_count == lines->open_room) {
		lines->open_room = lines->open_room ? lines->open_room * 2 : 64;
		lines->open = mem_grow(lines->open, lines->open_room * sizeof(*lines->open));
	}
	lines->open[lines->open_count++] = *field;
}

static bool is_known(const struct lua_field *field)
{
	return field->indexed || field->key.ptr;
}

static void report_twice(struct lua_lines *lines, const struct lua_ctor *ctor)
{
	for (size_t i = 1; i < ctor->count; i++) {
		const struct lua_field *first = &ctor->fields[i - 1], *again = &ctor->fields[i];

		if (!is_known(again) || compare_fields(first, again))
			continue;
		if (again->indexed)
			diag_add(lines->diag, DIAG_ERROR, lines->file, again->line, NULL,
				 "item %llu is given twice, first in line %u",
				 (unsigned long long)again->index, first->line);
		else
			diag_add(lines->diag, DIAG_ERROR, lines->file, again->line, NULL,
				 "the key \"%.*s\" is given twice, first in line %u",
				 SLICE_FMT(again->key), first->line);
	}
}

/* Takes what was pushed since `from` into a constructor of its own. */
static const struct lua_ctor *close_ctor(struct lua_lines *lines, size_t from)
{
	struct lua_ctor *ctor = arena_zero(&lines->arena, sizeof(*ctor));
	size_t count = lines->open_count - from;

	lines->open_count = from;
	if (!ctor)
		return NULL;
	ctor->fields = arena_take(&lines->arena, (count ? count : 1) * sizeof(*ctor->fields));
	if (!ctor->fields)
		return NULL;
	if (count)
		memcpy(ctor->fields, lines->open + from, count * sizeof(*ctor->fields));
	ctor->count = count;
	qsort(ctor->fields, count, sizeof(*ctor->fields), compare_places);
	report_twice(lines, ctor);
	return ctor;
}

static void skip_ctor(struct lua_lines *lines)
{
	for (unsigned depth = 1; depth;) {
		struct lua_token token = lua_lexer_next(&lines->lexer);

		if (token.kind == LUA_TOKEN_END)
			return;
		depth += is_mark(token, '{');
		depth -= is_mark(token, '}');
	}
}

/* From behind "{" to behind its "}". */
static const struct lua_ctor *read_ctor(struct lua_lines *lines)
{
	size_t from = lines->open_count;
	uint64_t next_index = 1;

	if (lines->depth == DEPTH_MAX) {
		skip_ctor(lines);
		return NULL;
	}
	lines->depth++;
	for (;;) {
		struct lua_token token = lua_lexer_peek(&lines->lexer);
		struct lua_field field;

		if (token.kind == LUA_TOKEN_END)
			break;
		if (is_mark(token, '}')) {
			lua_lexer_next(&lines->lexer);
			break;
		}
		if (ends_field(token)) {
			lua_lexer_next(&lines->lexer);
			continue;
		}
		field = read_field(lines, &next_index);
		push_field(lines, &field);
	}
	lines->depth--;
	return close_ctor(lines, from);
}

static const struct lua_ctor *bound(const struct lua_lines *lines, struct slice name)
{
	for (size_t i = lines->binding_count; i-- > 0;)
		if (slice_eq(lines->bindings[i].name, name))
			return lines->bindings[i].ctor;
	return NULL;
}

/* "name = {": the name stands for that constructor from here on. */
static void read_binding(struct lua_lines *lines, struct slice name)
{
	if (!is_mark(lua_lexer_peek(&lines->lexer), '{'))
		return;
	lua_lexer_next(&lines->lexer);
	if (lines->binding_count == lines->binding_room) {
		lines->binding_room = lines->binding_room ? lines->binding_room * 2 : 16;
		lines->bindings = mem_grow(lines->bindings,
					   lines->binding_room * sizeof(*lines->bindings));
	}
	lines->bindings[lines->binding_count++] = (struct binding){ name, read_ctor(lines) };
}

static void read_return(struct lua_lines *lines, unsigned line)
{
	struct lua_token token = lua_lexer_peek(&lines->lexer);

	lines->return_line = line;
	lines->root = NULL;
	if (is_mark(token, '{')) {
		lua_lexer_next(&lines->lexer);
		lines->root = read_ctor(lines);
	} else if (token.kind == LUA_TOKEN_NAME) {
		lua_lexer_next(&lines->lexer);
		lines->root = bound(lines, token.text);
	}
}

static void read_chunk(struct lua_lines *lines)
{
	struct lua_token before = { .kind = LUA_TOKEN_END }, token;
	long depth = 0;

	for (;; before = token) {
		/* In "a, b = {…}" and "a.b = {…}" the table is not what the last name stands for. */
		bool alone = !is_mark(before, ',') && !is_mark(before, '.');

		token = lua_lexer_next(&lines->lexer);
		if (token.kind == LUA_TOKEN_END)
			return;
		depth += block_step(token);
		if (is_mark(token, '{')) {
			read_ctor(lines);
		} else if (is_word(token, "return") && depth == 0) {
			read_return(lines, token.line);
		} else if (token.kind == LUA_TOKEN_NAME && alone &&
			   is_mark(lua_lexer_peek(&lines->lexer), '=')) {
			lua_lexer_next(&lines->lexer);
			read_binding(lines, token.text);
		}
	}
}

struct lua_lines *lua_lines_new(struct slice source, const char *file, struct diag_list *diag)
{
	struct lua_lines *lines = mem_new(sizeof(*lines));

	arena_init(&lines->arena, ARENA_MAX);
	lines->lexer = (struct lua_lexer){ source, 0, 1, &lines->arena };
	lines->file = file;
	lines->diag = diag;
	read_chunk(lines);
	free(lines->open);
	lines->open = NULL;
	return lines;
}

void lua_lines_free(struct lua_lines *lines)
{
	if (!lines)
		return;
	arena_fini(&lines->arena);
	free(lines->bindings);
	free(lines);
}

const struct lua_ctor *lua_lines_root(const struct lua_lines *lines)
{
	return lines->root;
}

unsigned lua_lines_return(const struct lua_lines *lines)
{
	return lines->return_line;
}

static const struct lua_field *find(const struct lua_ctor *ctor, const struct lua_field *wanted)
{
	if (!ctor)
		return NULL;
	return bsearch(wanted, ctor->fields, ctor->count, sizeof(*wanted), compare_fields);
}

const struct lua_field *lua_lines_key(const struct lua_ctor *ctor, struct slice key)
{
	const struct lua_field *found = find(ctor, &(struct lua_field){ .key = key });

	return found && is_known(found) ? found : NULL;
}

const struct lua_field *lua_lines_item(const struct lua_ctor *ctor, uint64_t index)
{
	return find(ctor, &(struct lua_field){ .indexed = true, .index = index });
}

const struct lua_ctor *lua_lines_value(const struct lua_lines *lines, const struct lua_field *field)
{
	if (!field)
		return NULL;
	return field->ctor || !field->name.len ? field->ctor : bound(lines, field->name);
}
