/* SPDX-License-Identifier: Apache-2.0 */
#include "haproxy_cfg.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"

#define TEXT_MAX (8u << 20)
#define ARENA_MAX (32u << 20)
#define WORDS_MAX 512
#define IF_DEPTH 64

enum truth { FALSE, TRUE, UNKNOWN };

struct branch {
	bool active;  /* its lines count */
	bool outside; /* those around it do */
	bool taken;   /* a condition before was surely true */
};

struct parse {
	struct haproxy_cfg *cfg;
	unsigned version;
	struct branch branches[IF_DEPTH];
	size_t depth;
	size_t too_deep; /* .if blocks below the deepest kept one; their lines don't count */
	const char *scope;
	size_t line_room, section_room;
	bool full;
};

static const char *const kinds[] = {
	"global", "defaults", "frontend", "backend", "listen", "peers", "resolvers", "userlist",
	"mailers", "cache", "program", "http-errors", "ring", "log-forward", "log-profile",
	"crt-store", "fcgi-app", "traces", "acme", "dynamic-update", "spoe-agent", "spoe-message",
	"spoe-group", NULL,
};

static bool is_kind(const char *word)
{
	for (size_t i = 0; kinds[i]; i++)
		if (strcmp(kinds[i], word) == 0)
			return true;
	return false;
}

/* Takes one word off *line, quotes and escapes resolved, into b. False at the end or at a comment. */
static bool next_word(struct slice *line, struct buf *b)
{
	size_t i = 0;
	uint8_t quote = 0;

	while (i < line->len && (line->ptr[i] == ' ' || line->ptr[i] == '\t' || line->ptr[i] == '\r'))
		i++;
	if (i == line->len || line->ptr[i] == '#')
		return false;
	for (; i < line->len; i++) {
		uint8_t c = line->ptr[i];

		if (!quote && (c == ' ' || c == '\t' || c == '\r' || c == '#'))
			break;
		if (quote != '\'' && c == '\\' && i + 1 < line->len)
			buf_u8(b, line->ptr[++i]);
		else if (c == quote)
			quote = 0;
		else if (!quote && (c == '"' || c == '\''))
			quote = c;
		else
			buf_u8(b, c);
	}
	*line = slice_sub(*line, i, line->len);
	return true;
}

static char *keep(struct parse *parse, struct slice word)
{
	struct slice copy = arena_copy(&parse->cfg->arena, word);

	/* A NUL inside ends the word here: HAProxy wouldn't read it either. */
	parse->full |= !copy.ptr;
	return (char *)(uintptr_t)copy.ptr;
}

static bool split(struct parse *parse, struct slice text, struct haproxy_line *line)
{
	char *words[WORDS_MAX];
	struct buf word = buf_capped(0);

	line->count = 0;
	while (line->count < WORDS_MAX - 1 && next_word(&text, &word)) {
		words[line->count] = keep(parse, buf_slice(&word));
		buf_reset(&word);
		line->count++;
	}
	buf_fini(&word);
	if (line->count == 0 || parse->full)
		return false;
	line->words = arena_take(&parse->cfg->arena, (line->count + 1) * sizeof(*line->words));
	parse->full |= !line->words;
	if (parse->full)
		return false;
	memcpy(line->words, words, line->count * sizeof(*words));
	line->words[line->count] = NULL;
	return true;
}

/* "3.1", "3.1-dev4" or "3.1.5" as 301; 0 when it is none. */
static unsigned version_of(struct slice text)
{
	struct slice major = slice_cut(&text, '.');
	uint64_t a = 0, b = 0;
	size_t digits = 0;

	while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
		digits++;
	if (!slice_to_u64(major, 100, &a))
		return 0;
	if (digits && !slice_to_u64(slice_sub(text, 0, digits), 99, &b))
		return 0;
	return (unsigned)(a * 100 + b);
}

static enum truth invert(enum truth truth)
{
	return truth == UNKNOWN ? UNKNOWN : truth == TRUE ? FALSE : TRUE;
}

static enum truth evaluate(struct parse *parse, struct slice text)
{
	static const struct slice atleast = SLICE_INIT("version_atleast("),
				  before = SLICE_INIT("version_before(");
	bool is_before = slice_starts(text, before);
	struct slice argument;
	unsigned version;

	if (slice_starts(text, SLICE_LIT("!")))
		return invert(evaluate(parse, slice_sub(text, 1, text.len)));
	if (slice_eq(text, SLICE_LIT("0")) || slice_eq(text, SLICE_LIT("1")))
		return text.ptr[0] == '1' ? TRUE : FALSE;
	if (!is_before && !slice_starts(text, atleast))
		return UNKNOWN;
	argument = slice_sub(text, is_before ? before.len : atleast.len, text.len);
	if (slice_find(argument, ')') + 1 != argument.len)
		return UNKNOWN;
	version = version_of(slice_sub(argument, 0, argument.len - 1));
	if (!version)
		return UNKNOWN;
	return (parse->version >= version) != is_before ? TRUE : FALSE;
}

static bool is_active(const struct parse *parse)
{
	return !parse->too_deep && (!parse->depth || parse->branches[parse->depth - 1].active);
}

static void open_branch(struct parse *parse, enum truth truth)
{
	bool outside = is_active(parse);

	if (parse->depth == IF_DEPTH) {
		parse->too_deep++;
		return;
	}
	parse->branches[parse->depth++] = (struct branch){
		.active = outside && truth != FALSE,
		.outside = outside,
		.taken = truth == TRUE,
	};
}

static void next_branch(struct parse *parse, enum truth truth)
{
	struct branch *branch;

	if (parse->too_deep || !parse->depth)
		return;
	branch = &parse->branches[parse->depth - 1];
	branch->active = branch->outside && !branch->taken && truth != FALSE;
	branch->taken |= truth == TRUE;
}

static void close_branch(struct parse *parse)
{
	if (parse->too_deep)
		parse->too_deep--;
	else if (parse->depth)
		parse->depth--;
}

/* ".if" and its like; true when the line was one. */
static bool take_macro(struct parse *parse, const struct haproxy_line *line)
{
	struct slice condition = slice_str(line->count > 1 ? line->words[1] : "");

	if (line->words[0][0] != '.')
		return false;
	/* Several words are a compound condition. */
	if (line->count > 2)
		condition = SLICE_EMPTY;
	if (strcmp(line->words[0], ".if") == 0)
		open_branch(parse, evaluate(parse, condition));
	else if (strcmp(line->words[0], ".elif") == 0)
		next_branch(parse, evaluate(parse, condition));
	else if (strcmp(line->words[0], ".else") == 0)
		next_branch(parse, UNKNOWN);
	else if (strcmp(line->words[0], ".endif") == 0)
		close_branch(parse);
	return true;
}

static void add_section(struct parse *parse, const struct haproxy_section *section)
{
	struct haproxy_cfg *cfg = parse->cfg;

	if (cfg->section_count == parse->section_room) {
		parse->section_room = parse->section_room ? 2 * parse->section_room : 16;
		cfg->sections = mem_grow(cfg->sections, parse->section_room * sizeof(*cfg->sections));
	}
	cfg->sections[cfg->section_count++] = *section;
}

static void add_line(struct parse *parse, const struct haproxy_line *line)
{
	struct haproxy_cfg *cfg = parse->cfg;

	if (cfg->line_count == parse->line_room) {
		parse->line_room = parse->line_room ? 2 * parse->line_room : 64;
		cfg->lines = mem_grow(cfg->lines, parse->line_room * sizeof(*cfg->lines));
	}
	cfg->lines[cfg->line_count++] = *line;
	cfg->sections[cfg->section_count - 1].count++;
}

static void take_line(struct parse *parse, const struct haproxy_line *line)
{
	struct haproxy_section section = { .kind = "", .name = "", .from = "", .scope = parse->scope,
					   .number = line->number, .first = parse->cfg->line_count };
	const char *from;

	if (take_macro(parse, line) || !is_active(parse))
		return;
	if (line->words[0][0] == '[') {
		parse->scope = line->words[0];
		section.scope = parse->scope;
		add_section(parse, &section);
		return;
	}
	if (!is_kind(line->words[0])) {
		if (!parse->cfg->section_count)
			add_section(parse, &section);
		add_line(parse, line);
		return;
	}
	section.kind = line->words[0];
	if (line->count > 1)
		section.name = line->words[1];
	from = haproxy_line_after(line, "from");
	if (from)
		section.from = from;
	add_section(parse, &section);
}

/* One logical line off *text: those that end in a backslash are joined. Returns how many there were. */
static unsigned cut_line(struct slice *text, struct buf *joined)
{
	unsigned lines = 0;
	struct slice line;

	buf_reset(joined);
	do {
		line = slice_cut(text, '\n');
		lines++;
		if (slice_ends(line, SLICE_LIT("\\")) && text->len) {
			buf_put(joined, slice_sub(line, 0, line.len - 1));
			buf_u8(joined, ' ');
			continue;
		}
		buf_put(joined, line);
		return lines;
	} while (text->len);
	return lines;
}

enum err haproxy_cfg_read(struct slice text, const char *file, unsigned version,
			  struct haproxy_cfg *out)
{
	struct parse parse = { .cfg = out, .version = version, .scope = "" };
	struct buf joined = buf_capped(0);
	unsigned number = 1;

	*out = (struct haproxy_cfg){ .file = file };
	arena_init(&out->arena, ARENA_MAX);
	if (text.len > TEXT_MAX)
		return ERR_LIMIT;
	while (text.len && !parse.full) {
		struct haproxy_line line = { .number = number };

		number += cut_line(&text, &joined);
		if (split(&parse, buf_slice(&joined), &line))
			take_line(&parse, &line);
	}
	buf_fini(&joined);
	return parse.full ? ERR_LIMIT : ERR_OK;
}

void haproxy_cfg_fini(struct haproxy_cfg *cfg)
{
	free(cfg->lines);
	free(cfg->sections);
	arena_fini(&cfg->arena);
	*cfg = (struct haproxy_cfg){ 0 };
}

const struct haproxy_section *haproxy_cfg_section(const struct haproxy_cfg *cfg, const char *kind,
						  const char *name)
{
	for (size_t i = 0; i < cfg->section_count; i++)
		if (strcmp(cfg->sections[i].kind, kind) == 0 &&
		    (!name || strcmp(cfg->sections[i].name, name) == 0))
			return &cfg->sections[i];
	return NULL;
}

const char *haproxy_line_after(const struct haproxy_line *line, const char *key)
{
	for (size_t i = 0; i + 1 < line->count; i++)
		if (strcmp(line->words[i], key) == 0)
			return line->words[i + 1];
	return NULL;
}

bool haproxy_line_has(const struct haproxy_line *line, const char *word)
{
	for (size_t i = 0; i < line->count; i++)
		if (strcmp(line->words[i], word) == 0)
			return true;
	return false;
}

bool haproxy_line_is(const struct haproxy_line *line, const char *first, const char *second)
{
	return strcmp(line->words[0], first) == 0 &&
	       (!second || (line->count > 1 && strcmp(line->words[1], second) == 0));
}
