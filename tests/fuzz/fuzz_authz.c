/* SPDX-License-Identifier: Apache-2.0 */
/* Reaches authz_request_decode and its walks, grpc_message and grpc_health_decode with any bytes. */
#include <stdint.h>
#include <stdlib.h>

#include "wire/authz.h"
#include "wire/grpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct slice s, const uint8_t *data, size_t size)
{
	if (s.len && (s.ptr < data || s.ptr + s.len > data + size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice message = slice_of(data, size), name, value;
	struct authz_cursor cursor = { 0 };
	struct authz_request request;
	unsigned count = 0;

	if (!grpc_message(message, &value))
		check_inside(value, data, size);
	if (!grpc_health_decode(message, &value))
		check_inside(value, data, size);
	if (authz_request_decode(message, &request))
		return 0;
	check_inside(request.source.certificate, data, size);
	check_inside(request.path, data, size);
	check_inside(request.sni, data, size);
	check_inside(request.destination.service, data, size);
	while (authz_header_next(&request, &cursor, &name, &value)) {
		check_inside(name, data, size);
		check_inside(value, data, size);
		count++;
	}
	if (count != request.header_count || count > AUTHZ_HEADERS_MAX)
		abort();
	cursor = (struct authz_cursor){ 0 };
	for (count = 0; authz_extension_next(&request, &cursor, &name, &value); count++)
		check_inside(name, data, size);
	if (count != request.extension_count || count > AUTHZ_EXTENSIONS_MAX)
		abort();
	return 0;
}
