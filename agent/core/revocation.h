/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_REVOCATION_H
#define MTLSGUARD_CORE_REVOCATION_H

#include "core/deny.h"
#include "core/revlist.h"

/*
 * What is known about revocation at one moment: for each authority the lists
 * of its sources and the deny lists read from files. Authorities go by name,
 * so that a state outlives a reload, which numbers them anew.
 *
 * Immutable, counted atomically, any thread. Whoever learns something makes
 * the next state out of the present one (revocation_next, then put and drop)
 * and publishes it to every loop; only then is it shared. Its number is a
 * cheap identity: what was decided with another state is looked at again.
 */
struct revocation;

/* Where lists come from. A source is known by authority, kind and name. */
enum source_kind {
	SOURCE_FILE,  /* revocation.crl, a path */
	SOURCE_URL,   /* revocation.crl, http or https */
	SOURCE_POINT, /* a distribution point's URL, as the certificate has it */
	SOURCE_DENY,  /* a deny entry "file:PATH" */
	SOURCE_KIND_COUNT
};

/* "file", "url", "point", "deny". */
const char *source_kind_name(enum source_kind kind);

/* One list of a source; a PEM file may hold several. */
struct source_list {
	struct revlist *list;
	/*
	 * Its signature was checked with a key that may. What nobody vouches for yet
	 * revokes nobody and answers for nobody: issuer (DER of its name) then
	 * makes a path that brings that issuer ask for the check.
	 */
	bool verified;
	struct slice issuer;
};

/*
 * A source after a try to load it. Everything is copied, lists and deny are
 * counted. After a failed try the lists of the last good one stand here again.
 */
struct revocation_source {
	enum source_kind kind;
	const char *name;
	const struct source_list *lists;
	size_t list_count;
	struct deny_set *deny;	     /* SOURCE_DENY: NULL when it lists nothing */
	bool loaded;		     /* SOURCE_DENY: it was read at least once */
	/* Epoch seconds; 0: never. While a source is tried for the first time it is not put yet. */
	int64_t last_try, last_good;
	const char *error;	     /* of the last try, for people; NULL: it went well */
	/* Of the last good one, as fetched: for status. */
	size_t bytes;
	uint64_t tries, failures; /* since the start of the process */
};

/* The first state: nothing known. One count for the caller, like all below. */
struct revocation *revocation_new(void);

/* One that says what `before` says and has the next number. It may be changed until it is shared. */
struct revocation *revocation_next(const struct revocation *before);

/* Sets a source of that authority, in place of what it said before. */
void revocation_put(struct revocation *next, const char *authority,
		    const struct revocation_source *source);

/* Takes a source out; nothing happens when there is none of that name. */
void revocation_drop(struct revocation *next, const char *authority, enum source_kind kind,
		     const char *name);

/* Takes out all that is kept for authorities which keep() does not want any more. */
void revocation_retain(struct revocation *next, bool (*keep)(void *arg, const char *authority),
		       void *arg);

struct revocation *revocation_ref(struct revocation *state);
void revocation_unref(struct revocation *state); /* NULL is fine */

/* True when the caller's count is the last one, which it then stays: the memory of a million entries takes a
 * millisecond to give back, so somebody who has the time keeps a count until then. */
bool revocation_is_last(const struct revocation *state);

/* Unique in the process, never 0. */
uint64_t revocation_number(const struct revocation *state);

/* Steps through authorities, and through an authority's sources; NULL at the end. Borrowed. */
const char *revocation_authority(const struct revocation *state, size_t i);
const struct revocation_source *revocation_source(const struct revocation *state,
						  const char *authority, size_t i);

/* The source of that kind and name, NULL when it was never tried. Borrowed. */
const struct revocation_source *revocation_find(const struct revocation *state,
						const char *authority, enum source_kind kind,
						const char *name);

#endif
