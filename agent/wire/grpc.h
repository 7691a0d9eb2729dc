/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_WIRE_GRPC_H
#define MTLSGUARD_WIRE_GRPC_H

#include "base/buf.h"
#include "base/err.h"

/* gRPC over HTTP/2 (grpc.io, PROTOCOL-HTTP2.md) and its health protocol (health.proto). */
enum grpc_status {
	GRPC_OK = 0,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_NOT_FOUND = 5,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
};

#define GRPC_PREFIX 5u

/*
 * The one message of a call's body, as a view. Anything else is told by a
 * status: UNIMPLEMENTED when it is compressed, INTERNAL when it is cut short
 * or more follows it.
 */
enum grpc_status grpc_message(struct slice body, struct slice *out);

/* The five bytes before a message of len bytes. */
void grpc_prefix(uint8_t out[GRPC_PREFIX], uint32_t len);

/* grpc-timeout ("250m": one to eight digits and a unit) in nanoseconds; one that is too large is INT64_MAX. */
bool grpc_timeout(struct slice text, int64_t *ns);

/* True for "application/grpc", alone or followed by "+" or ";". */
bool grpc_content_type(struct slice value);

/* grpc-message: printable ASCII as it is, everything else and "%" as %XX. */
void grpc_escape(struct buf *b, struct slice text);

/* HealthCheckRequest.service. ERR_FORMAT, ERR_TYPE, ERR_SHORT, ERR_DUPLICATE. */
enum err grpc_health_decode(struct slice message, struct slice *service) MUST_USE;
void grpc_health_encode(struct buf *b, bool serving);

#endif
