/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_HAPROXY_CFG_H
#define MTLSGUARD_HAPROXY_CFG_H

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * A tolerant reader of HAProxy's configuration language, for a main file and
 * for the file of an SPOE filter alike: sections, lines and words, with quotes,
 * escapes and line continuations taken off, and with ".if" blocks resolved for
 * one version of HAProxy. It knows no keyword but the names of sections; what
 * HAProxy would refuse may pass. Variables of the environment stay as written.
 */
struct haproxy_line {
	unsigned number; /* in the file, from 1 */
	char **words;	 /* NUL-terminated; the array ends with NULL */
	size_t count;	 /* at least 1 */
};

struct haproxy_section {
	const char *kind; /* "frontend", "spoe-agent" …; "" for lines before the first one */
	const char *name; /* "" when it has none */
	const char *from; /* name behind "from", or "" */
	const char *scope; /* the "[engine]" that it stands under, or "" */
	unsigned number;
	size_t first, count; /* into the lines, without its own */
};

struct haproxy_cfg {
	const char *file; /* for messages; the caller's */
	struct haproxy_line *lines;
	size_t line_count;
	struct haproxy_section *sections;
	size_t section_count;
	struct arena arena;
};

/*
 * Reads text as one version of HAProxy would see it: major * 100 + minor, 206 is
 * 2.6. A condition that names anything but the version counts as true, and its
 * else branch as well. The text isn't kept, file is. ERR_LIMIT: more than 8 MiB,
 * or more words than fit 32 MiB. Free with haproxy_cfg_fini in any case.
 */
enum err haproxy_cfg_read(struct slice text, const char *file, unsigned version,
			  struct haproxy_cfg *out) MUST_USE;
void haproxy_cfg_fini(struct haproxy_cfg *cfg);

/* The section of that kind and name, NULL when there is none; name NULL: the first of its kind. */
const struct haproxy_section *haproxy_cfg_section(const struct haproxy_cfg *cfg, const char *kind,
						  const char *name);

/* The word behind `key` in the line, NULL when key isn't there or is the last. */
const char *haproxy_line_after(const struct haproxy_line *line, const char *key);

/* True when the line holds that word. */
bool haproxy_line_has(const struct haproxy_line *line, const char *word);

/* True when the line begins with these words; second may be NULL. */
bool haproxy_line_is(const struct haproxy_line *line, const char *first, const char *second);

#endif
