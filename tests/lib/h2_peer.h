/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_H2_PEER_H
#define TESTS_LIB_H2_PEER_H

#include <nghttp2/nghttp2.h>

#include "base/buf.h"
#include "wire/grpc.h"

/*
 * The client's side of an HTTP/2 connection in memory, in Envoy's manners:
 * what it says is collected in `out`, what it is given comes with h2_peer_take.
 */
#define H2_PEER_CALLS 1200

struct h2_peer_call {
	int32_t stream;
	struct buf body;     /* to be sent, prefix included */
	size_t body_sent;
	bool hold;	     /* its end is not sent */
	int status;	     /* :status, 0: none came */
	int grpc;	     /* grpc-status, -1: none came */
	char message[128];   /* grpc-message */
	struct buf answer;   /* DATA, prefix included */
	bool closed;
	uint32_t error;	     /* of RST_STREAM */
};

struct h2_peer {
	nghttp2_session *ng;
	struct buf out;
	struct h2_peer_call calls[H2_PEER_CALLS];
	size_t count;
	unsigned goaways;
	int32_t last_stream; /* of the last GOAWAY */
	uint32_t goaway_error;
	unsigned pings, empty_data;
	uint32_t streams_max, window, headers_max; /* SETTINGS */
};

struct h2_peer *h2_peer_new(void);
void h2_peer_free(struct h2_peer *peer);

/* Bytes from the server. False: it does not speak HTTP/2. */
bool h2_peer_take(struct h2_peer *peer, struct slice bytes);

/* What there is to say goes to peer->out. */
void h2_peer_say(struct h2_peer *peer);

/* POST of one message to a path, in a prefix. */
struct h2_peer_call *h2_peer_ask(struct h2_peer *peer, const char *path, struct slice message);

/* The same with all of it in the caller's hands; extra ends with a name of NULL. body as it stands. */
struct h2_peer_header {
	const char *name, *value;
};
struct h2_peer_call *h2_peer_request(struct h2_peer *peer, const char *method, const char *path,
				     const char *type, const struct h2_peer_header *extra,
				     struct slice body, bool hold);

/* The message of an answer that came whole with grpc-status 0; else the empty slice with ptr NULL. */
struct slice h2_peer_message(const struct h2_peer_call *call);

#endif
