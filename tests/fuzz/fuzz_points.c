/* SPDX-License-Identifier: Apache-2.0 */
/* Reaches points_read, points_covered and points_issued_by with a certificate, and pem_lists with any text. */
#include <stdint.h>
#include <stdlib.h>

#include "pki/pem.h"
#include "pki/points.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct slice s, const uint8_t *data, size_t size)
{
	if (s.len && (s.ptr < data || s.ptr + s.len > data + size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct points points;
	uint8_t *copy = malloc(size + 1);
	size_t len = 0;

	if (!copy)
		return 0;
	if (size)
		memcpy(copy, data, size);
	if (pem_lists(copy, size, &len) == ERR_OK && len > size)
		abort();
	free(copy);
	if (points_read(slice_of(data, size), &points))
		return 0;
	for (size_t i = 0; i < points.full.count; i++) {
		struct crl_scope scope = { .names = points.full.items[i].names };

		check_inside(scope.names, data, size);
		for (size_t k = 0; k < points.full.items[i].uri_count; k++)
			check_inside(points.full.items[i].uris[k], data, size);
		if (points.full.items[i].uri_count && !points_covered(&points, &scope))
			abort();
		(void)points_issued_by(&points, scope.names);
	}
	return 0;
}
