/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_WIRE_AUTHZ_H
#define MTLSGUARD_WIRE_AUTHZ_H

#include "base/buf.h"
#include "wire/pb.h"

/*
 * Envoy's envoy.service.auth.v3: a CheckRequest as views on its bytes, and the
 * parts that a CheckResponse is put together from. Field numbers are those of
 * attribute_context.proto, external_auth.proto, base.proto and address.proto.
 */
#define AUTHZ_HEADERS_MAX 512u
#define AUTHZ_EXTENSIONS_MAX 256u

struct authz_pair {
	struct slice name, value;
};

struct authz_peer {
	bool sent;
	struct slice address; /* a textual IP, or empty: a pipe, an internal address, nothing */
	uint32_t port;
	struct slice service;	  /* destination: the SNI, from the network filter; in source a client can forge it */
	struct slice certificate; /* source only: percent-encoded PEM, or empty */
};

struct authz_request {
	struct authz_peer source, destination;
	bool has_request; /* false: from the network filter, a connection without a request */
	bool has_http;	  /* has_request, and it is an HTTP request */
	struct slice id, method, path, host, scheme, protocol;
	bool has_tls;
	struct slice sni;
	bool has_header_map;
	unsigned header_count, extension_count;
	/* Last, since they are never cleared. Headers are in the order sent, pseudo headers among them. */
	struct authz_pair headers[AUTHZ_HEADERS_MAX], extensions[AUTHZ_EXTENSIONS_MAX];
};

/*
 * Reads a CheckRequest; views into message. Unknown fields are passed over.
 * ERR_SHORT, ERR_FORMAT (also: a string that is no UTF-8), ERR_TYPE (a known
 * field of another wire type), ERR_DUPLICATE (a singular field, a oneof or a
 * key of a map twice, headers in both forms), ERR_LIMIT (more headers or
 * context extensions than the bounds above), ERR_NOT_FOUND (no attributes).
 */
enum err authz_request_decode(struct slice message, struct authz_request *out) MUST_USE;

/* google.rpc.Code, as far as it is used. */
enum authz_code {
	AUTHZ_OK = 0,
	AUTHZ_PERMISSION_DENIED = 7,
	AUTHZ_UNAUTHENTICATED = 16,
};

/* Fields of DeniedHttpResponse and OkHttpResponse that hold headers. */
enum authz_header_field {
	AUTHZ_HEADERS = 2, /* denied: to the client; ok: to the origin */
	AUTHZ_HEADERS_TO_REMOVE = 5,
	AUTHZ_RESPONSE_HEADERS = 6,
};

/* CheckResponse.status. An answer begins with it: whatever is left out behind it then denies. */
void authz_put_status(struct buf *b, enum authz_code code);

/* Opens and closes denied_response with its status, or ok_response. */
size_t authz_begin_denied(struct buf *b, int status);
size_t authz_begin_ok(struct buf *b);
void authz_end(struct buf *b, size_t begun);

/*
 * One HeaderValueOption. The flag always stands there: left out it has meant
 * different things in different releases. False overwrites or adds.
 */
void authz_put_header(struct buf *b, enum authz_header_field field, struct slice name,
		      struct slice value, bool append);
void authz_put_removal(struct buf *b, struct slice name);
void authz_put_body(struct buf *b, struct slice body);

/* CheckResponse.dynamic_metadata: opens a google.protobuf.Struct, adds a string to it. */
size_t authz_begin_metadata(struct buf *b);
void authz_put_metadata(struct buf *b, struct slice name, struct slice value);

/* A denial that needs nothing: 403, no headers, no body. */
extern const struct slice authz_bare_deny;

#endif
