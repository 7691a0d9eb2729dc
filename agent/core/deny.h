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

/* entries are copied. NULL when there are none. */
struct deny_set *deny_new(const struct deny_entry *entries, size_t count);
void deny_free(struct deny_set *set); /* NULL is fine */

/* True when one of the certificate's serial, SHA-256, SKI or SPKI hash is listed. */
bool deny_hit(const struct deny_set *set, const struct verify_node *node);

#endif
