/* SPDX-License-Identifier: Apache-2.0 */
#include "core/ders.h"

#include <assert.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/mem.h"

struct kept {
	struct der_kept said;
	unsigned refs;
	UT_hash_handle hh;
};

struct ders {
	struct kept *table;
};

struct ders *ders_new(void)
{
	return mem_new(sizeof(struct ders));
}

void ders_free(struct ders *ders)
{
	if (!ders)
		return;
	assert(!ders->table);
	free(ders);
}

struct der_kept *ders_keep(struct ders *ders, struct slice der)
{
	struct kept *kept;

	HASH_FIND(hh, ders->table, der.ptr, der.len, kept);
	if (!kept) {
		kept = mem_new(sizeof(*kept));
		kept->said.der = slice_of(mem_dup(der), der.len);
		HASH_ADD_KEYPTR(hh, ders->table, kept->said.der.ptr, kept->said.der.len, kept);
	}
	kept->refs++;
	return &kept->said;
}

void ders_drop(struct ders *ders, struct der_kept *said)
{
	struct kept *kept = (struct kept *)said;

	if (!kept || --kept->refs)
		return;
	HASH_DEL(ders->table, kept);
	free((void *)(uintptr_t)kept->said.der.ptr);
	free(kept);
}
