/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_CONFIG_TABLE_H
#define MTLSGUARD_CORE_CONFIG_TABLE_H

#include "base/buf.h"
#include "base/err.h"

/*
 * Every directive that this version knows, a row each: the parser, its
 * defaults, its hints, the man page and the annotated example all read this
 * table. Paths are dotted; "hosts[]" stands for any entry of hosts.
 */
enum directive_type {
	DIRECTIVE_SECTION, /* a table whose keys are rows too */
	DIRECTIVE_MAP,	   /* names of the user's choice to tables */
	DIRECTIVE_LIST,
	DIRECTIVE_BOOL,	   /* bool */
	DIRECTIVE_UINT,	   /* unsigned */
	DIRECTIVE_SIZE,	   /* size_t */
	DIRECTIVE_SECONDS, /* int64_t, nanoseconds */
	DIRECTIVE_WORD,	   /* an enum: the word's place in words */
	DIRECTIVE_SWITCH,  /* a bool: true for the second of two words */
	DIRECTIVE_TEXT,	   /* char * */
	DIRECTIVE_PATH	   /* char *, made absolute */
};

struct config_build;
struct config_at;

struct directive {
	const char *path;
	enum directive_type type;
	const char *fallback; /* a Lua literal; NULL: none */
	double min, max;      /* of numbers */
	const char *const *words;
	size_t offset; /* in what the section fills; for listen.*, the listen_kind */
	/* Maps, lists and odd texts are read by code. at->value is NULL when there is neither value nor fallback. */
	void (*read)(struct config_build *build, const struct config_at *at, size_t offset,
		     void *target);
	bool required;
	bool restart; /* a reload doesn't apply it */
	const char *doc;
	const char *example; /* Lua, where the fallback shows too little */
};

/* The rows, in the order in which they are read and shown; the last has no path. */
extern const struct directive config_directives[];

/* The part behind the last dot: the key itself. */
const char *directive_key(const struct directive *directive);

/* True when the row is a key of that section ("" is the whole). */
bool directive_is_in(const struct directive *directive, const char *section);

/* The directives as a section of the man page (man(7) macros). */
void config_doc_man(struct buf *out);

/* An annotated configuration that is valid as it stands: defaults written out, the rest as comments. */
void config_doc_example(struct buf *out);

#endif
