/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_HOSTS_H
#define MTLSGUARD_CORE_HOSTS_H

#include "base/err.h"
#include "base/slice.h"

enum require_kind { REQUIRE_VERIFIED, REQUIRE_NONE };

/* What every request asks of its host. An index has it beside the name, in one cache line. */
struct host_rule {
	uint32_t number; /* of the host entry, or whatever else the pattern stands for */
	uint32_t set; /* hosts with the same authorities in the same order have the same number */
	uint32_t routes; /* route_table_new() notes here which are its best ones */
	enum require_kind require;
	bool observe;
	bool raw_paths;
	bool l4; /* connections without requests pass, though policies could not be asked */
};

/*
 * Host patterns to rules, looked up by hash: "api.example.com", "*.example.com"
 * (one label or more below), "*example.com" (the host itself and what is
 * below), "*". Filled once, then immutable; any thread.
 */
struct host_index;

/* Has room for so many patterns; putting more of them is a fault of the caller and aborts. */
struct host_index *host_index_new(size_t most);
void host_index_free(struct host_index *index); /* NULL is fine */

/* Adds a canonical pattern with its rule (both copied). ERR_DUPLICATE, with what is there already in *rule. */
enum err host_index_put(struct host_index *index, struct slice pattern, struct host_rule *rule) MUST_USE;

/*
 * Walks the patterns that match a canonical host, best first: the exact one,
 * then wildcards from the longest to the shortest, "*" last. Start with the
 * host in .host and all else 0; NULL at the end. Rules are the index's own, and stay where they are once
 * it is filled.
 */
struct host_walk {
	struct slice host;
	size_t at;
	unsigned step;
};
const struct host_rule *host_index_next(const struct host_index *index, struct host_walk *walk);

/*
 * A name that will be asked for. Where hosts are many its place is in no cache of the processor: it is
 * fetched while the caller does something else.
 */
struct host_name {
	struct slice name;
	uint32_t hash;
};
struct host_name host_index_expect(const struct host_index *index, struct slice name);

/* The rule of this name, when it and no wildcard is a pattern, or NULL: bytes that match are canonical. */
const struct host_rule *host_index_named(const struct host_index *index, const struct host_name *name);

/*
 * Canonical form of a host pattern as people write it: lower case into *out
 * (malloc'd). *why is a static text with what is wrong; ERR_FORMAT. `within`
 * allows "*example.com", which only routes have.
 */
enum err host_pattern_read(struct slice text, bool within, char **out, const char **why) MUST_USE;

/* True when some host could match both patterns. */
bool host_patterns_meet(struct slice a, struct slice b);

#endif
