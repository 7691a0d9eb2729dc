/* SPDX-License-Identifier: Apache-2.0 */
/* Reaches dialect_pem and dialect_xfcc with any text; what the one takes is no longer than its text, and
 * what the other finds lies in it and decodes or does not. */
#include <stdint.h>
#include <stdlib.h>

#include "core/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(struct slice text)
{
	struct dialect_chain chain;
	struct arena arena;

	arena_init(&arena, 4 << 20);
	if (!dialect_pem(&arena, text, DIALECT_CHAIN_MAX, &chain) &&
	    (chain.der.len > text.len || chain.first > chain.der.len || chain.count > DIALECT_CHAIN_MAX ||
	     chain.first == 0))
		abort();
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
