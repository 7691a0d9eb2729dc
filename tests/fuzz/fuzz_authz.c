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
	struct slice message = slice_of(data, size), value;
	struct authz_request request;

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
	if (request.header_count > AUTHZ_HEADERS_MAX || request.extension_count > AUTHZ_EXTENSIONS_MAX)
		abort();
	for (unsigned i = 0; i < request.header_count; i++) {
		check_inside(request.headers[i].name, data, size);
		check_inside(request.headers[i].value, data, size);
	}
	for (unsigned i = 0; i < request.extension_count; i++) {
		check_inside(request.extensions[i].name, data, size);
		check_inside(request.extensions[i].value, data, size);
	}
	return 0;
}
