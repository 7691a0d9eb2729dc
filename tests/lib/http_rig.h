/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_HTTP_RIG_H
#define TESTS_LIB_HTTP_RIG_H

#include "front/http_conn.h"
#include "lib/rig.h"

/*
 * A server of HTTP connections on a loop and a real engine, whose clock is set
 * to the loop's, and one proxy at the other end of a connection.
 * api.example.com lets everybody pass, v.example.com nobody, w.example.com asks
 * the rig's worker.
 */
struct http_rig {
	struct rig *rig;
	struct loop *loop;
	struct http_server *server;
	int fd; /* the proxy's end; -1: closed */
	struct buf got; /* with a NUL behind it */
	bool eof;
	size_t want; /* answers */
	unsigned closed;
	bool drained;
};

#define HTTP_ASK(host, path) \
	"GET /auth/envoy" path " HTTP/1.1\r\nHost: " host "\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"

struct http_rig *http_rig_new(void);
void http_rig_free(struct http_rig *end);

/* A connection instead of the present one, which is closed. */
void http_rig_connect(struct http_rig *end, struct tls_server *tls, enum http_dialect dialect);

/* Writes all of it, running the loop meanwhile; false when the server closes before. */
bool http_rig_say(struct http_rig *end, const void *bytes, size_t len);

/* Runs the loop until that many heads of answers have come in all, or the server has closed, or ms have
 * passed. Returns how many have come. */
size_t http_rig_hear(struct http_rig *end, size_t answers, int ms);

/* Runs the loop until the server has closed; false when it has not after ms. */
bool http_rig_ends(struct http_rig *end, int ms);

/* What came is forgotten. */
void http_rig_forget(struct http_rig *end);

#endif
