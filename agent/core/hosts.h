/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_HOSTS_H
#define MTLSGUARD_CORE_HOSTS_H

#include "base/err.h"
#include "base/slice.h"

/*
 * Host patterns to numbers, looked up by hash: "api.example.com", "*.example.com"
 * (one label or more below), "*example.com" (the host itself and what is
 * below), "*". Filled once, then immutable; any thread.
 */
struct host_index;

struct host_index *host_index_new(void);
void host_index_free(struct host_index *index); /* NULL is fine */

/* Adds a canonical pattern (copied) with a number of 32 bits. ERR_DUPLICATE, with the number that is
 * there already in *value. */
enum err host_index_put(struct host_index *index, struct slice pattern, size_t *value) MUST_USE;

/*
 * Walks the patterns that match a canonical host, best first: the exact one,
 * then wildcards from the longest to the shortest, "*" last. Start with the
 * host in .host and all else 0; false at the end.
 */
struct host_walk {
	struct slice host;
	size_t at;
	unsigned step;
};
bool host_index_next(const struct host_index *index, struct host_walk *walk, size_t *value);

/* True when this name, and no wildcard, is a pattern: bytes that match are canonical. */
bool host_index_named(const struct host_index *index, struct slice name, size_t *value);

/*
 * Canonical form of a host pattern as people write it: lower case into *out
 * (malloc'd). *why is a static text with what is wrong; ERR_FORMAT. `within`
 * allows "*example.com", which only routes have.
 */
enum err host_pattern_read(struct slice text, bool within, char **out, const char **why) MUST_USE;

/* True when some host could match both patterns. */
bool host_patterns_meet(struct slice a, struct slice b);

#endif
