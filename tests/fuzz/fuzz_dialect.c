/* SPDX-License-Identifier: Apache-2.0 */
/* Reaches every decoder of dialect.h with any text; what one takes is no longer than its text, and what
 * dialect_xfcc finds lies in it. A chain that XFCC says has its Cert first. */
#include <stdint.h>
#include <stdlib.h>

#include "core/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(enum err err, struct slice text, size_t max, const struct dialect_chain *chain)
{
	if (!err && (chain->der.len > text.len || chain->first > chain->der.len || chain->count > max ||
		     chain->count == 0 || chain->first == 0))
		abort();
}

static void decode(struct slice text)
{
	struct dialect_chain chain;
	struct arena arena;
	bool has_chain;

	arena_init(&arena, 4 << 20);
	check(dialect_pem(&arena, text, DIALECT_CHAIN_MAX, &chain), text, DIALECT_CHAIN_MAX, &chain);
	check(dialect_client_cert(&arena, text, &chain), text, 1, &chain);
	check(dialect_client_cert_chain(&arena, text, 3, &chain), text, 3, &chain);
	check(dialect_traefik(&arena, text, 3, &chain), text, 3, &chain);
	check(dialect_xfcc_chain(NULL, &arena, text, &chain, &has_chain), text, DIALECT_CHAIN_MAX, &chain);
	arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(data, size);
	struct dialect_xfcc xfcc;

	decode(text);
	if (dialect_xfcc(text, &xfcc))
		return 0;
	if (xfcc.chain.len && (xfcc.chain.ptr < data || xfcc.chain.ptr + xfcc.chain.len > data + size))
		abort();
	decode(xfcc.chain);
	decode(xfcc.cert);
	return 0;
}
