/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_OWNED_H
#define MTLSGUARD_CORE_OWNED_H

#include "base/slice.h"
#include "core/config.h"

/*
 * The header names that only we may set: the 17 cf-cert-*, the RFC 9440 and
 * Cf-Client-Cert pairs, the Access token, x-mtls-*, and what the configuration
 * lists. Immutable; any thread.
 */
struct owned_names;

/* The config must outlive the result. */
struct owned_names *owned_names_new(const struct config *config);
void owned_names_free(struct owned_names *owned); /* NULL is fine */

/* True when `name` (any case, '_' counting as '-') is one of them, or begins with one that is a prefix. */
bool owned_names_has(const struct owned_names *owned, struct slice name);

/* The same for those that are no prefixes. */
bool owned_names_lists(const struct owned_names *owned, struct slice name);

/* All whole names as a name block of verdict.h; prefixes can't be enumerated. */
struct slice owned_names_block(const struct owned_names *owned);

/* Built-in and configured ones, lower case, prefixes ending in '-'; NULL after the last. */
const char *owned_names_get(const struct owned_names *owned, size_t i);

#endif
