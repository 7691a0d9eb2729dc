/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_DENY_H
#define MTLSGUARD_CORE_DENY_H

#include "core/config.h"
#include "pki/verify.h"

/*
 * An authority's deny list, made for looking up: serials, fingerprints, subject
 * key ids and hashes of public keys. Immutable; any thread.
 */
struct deny_set;

/* entries are copied. NULL when there are none. Counted atomically: one count for the caller. */
struct deny_set *deny_new(const struct deny_entry *entries, size_t count);
struct deny_set *deny_ref(struct deny_set *set); /* NULL is fine */
void deny_free(struct deny_set *set);		 /* takes one count back; NULL is fine */

/* How many entries it has; NULL has none. */
size_t deny_count(const struct deny_set *set);

/*
 * Reads the text of a deny file: an entry a line, spelled as in the configuration, '#' begins a
 * comment. *out is NULL when it lists nothing. ERR_FORMAT for a line that is no entry: *line is its
 * number, and nothing of the file counts.
 */
enum err deny_parse(struct slice text, struct deny_set **out, unsigned *line) MUST_USE;

/* True when one of the certificate's serial, SHA-256, SKI or SPKI hash is listed. */
bool deny_hit(const struct deny_set *set, const struct verify_node *node);

#endif
