/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_CERT_ENTRY_H
#define MTLSGUARD_CORE_CERT_ENTRY_H

#include "core/certcache.h"

/* What entries of one cache share. */
struct cert_entry_env {
	struct ders *ders;
	struct revocation *state;
	const struct revocation_ops *ops;
	void *ops_arg;
};

/*
 * Makes an entry of a parsed certificate: verifies it for the query's host,
 * looks at its revocation, and encodes the texts and headers that the
 * snapshot's configuration asks for. cert is counted by the entry; chain is
 * what counts as presented (copied). Returned with one count.
 */
struct cert_entry *cert_entry_make(const struct cert_entry_env *env, struct cert *cert,
				   struct slice chain, const struct certcache_query *query,
				   uint64_t key);

/*
 * Looks at revocation again, the verification being kept. False: what is shown of it is as it was,
 * and the entry holds again. True: *out is another entry, with that key.
 */
bool cert_entry_look(const struct cert_entry_env *env, struct cert_entry *entry,
		     const struct certcache_query *query, uint64_t key, struct cert_entry **out);

size_t cert_entry_questions(const struct cert_entry_env *env, const struct cert_entry *entry,
			    const struct certcache_query *query, struct revocation_question *out);

/* The cf-cert-* pairs of a request without a certificate: three booleans. */
struct slice cert_headers_absent(void);

#define CHAIN_CERTS_MAX 32
#define CHAIN_TEXT_MAX (16 * 1024)

#endif
