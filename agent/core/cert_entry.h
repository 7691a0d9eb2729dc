/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_CERT_ENTRY_H
#define MTLSGUARD_CORE_CERT_ENTRY_H

#include "core/certcache.h"

/*
 * Makes an entry of a parsed certificate: verifies it for the query's host,
 * looks at the deny list of its authority, and encodes the texts and headers
 * that the snapshot's configuration asks for. cert is counted by the entry;
 * chain is what counts as presented (copied). Returned with one count.
 */
struct cert_entry *cert_entry_make(struct cert *cert, struct slice chain,
				   const struct certcache_query *query, uint64_t key);

/* The cf-cert-* pairs of a request without a certificate: three booleans. */
struct slice cert_headers_absent(void);

#define CHAIN_CERTS_MAX 32
#define CHAIN_TEXT_MAX (16 * 1024)

#endif
