/* SPDX-License-Identifier: Apache-2.0 */
/* Reaches crl_parse, every entry by crl_next, and crl_number_cmp on what was read. */
#include <stdint.h>
#include <stdlib.h>

#include "pki/crl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice der = slice_of(data, size);
	struct crl_cursor cursor = { 0 };
	struct crl_entry entry;
	struct crl crl;

	if (crl_parse(der, &crl))
		return 0;
	while (crl_next(&crl, &cursor, &entry))
		if (entry.serial.len && (entry.serial.ptr < data || entry.serial.ptr >= data + size))
			abort();
	if (crl_number_cmp(&crl.number, &crl.base) != -crl_number_cmp(&crl.base, &crl.number))
		abort();
	return 0;
}
