/* SPDX-License-Identifier: Apache-2.0 */
#include "front/http_relay.h"

#include <stdlib.h>

#include "base/mem.h"

#define IN_MAX (64u * 1024)
#define OUT_HIGH (64u * 1024)
#define PATIENCE_NS INT64_C(10000000000)
/* For the proxy to close first, after the last byte of an answer. */
#define LINGER_NS INT64_C(1000000000)

struct http_relay {
	struct stream *outer, *inner; /* NULL once closed */
	void (*ended)(void *arg, enum err why);
	void *arg;
	enum err why;
};

static void end(struct http_relay *relay)
{
	void (*ended)(void *arg, enum err why) = relay->ended;
	void *arg = relay->arg;
	enum err why = relay->why;

	free(relay);
	ended(arg, why);
}

static bool is_full(const struct stream *stream)
{
	return stream && stream_waiting(stream) >= OUT_HIGH;
}

/* A side is read as long as the other one takes what comes. */
static void balance(void *arg)
{
	struct http_relay *relay = arg;


	if (relay->outer)
		stream_pause(relay->outer, is_full(relay->inner));
	if (relay->inner)
		stream_pause(relay->inner, is_full(relay->outer));
}

static size_t pass(struct http_relay *relay, struct stream *to, struct slice in)
{
	if (!to)
		return in.len;
	buf_put(stream_out(to), in);
	stream_flush(to);
	if (is_full(to))
		balance(relay);
	return in.len;
}

static size_t on_outer_data(void *arg, struct slice in)
{
	struct http_relay *relay = arg;

	return pass(relay, relay->inner, in);
}

static size_t on_inner_data(void *arg, struct slice in)
{
	struct http_relay *relay = arg;

	return pass(relay, relay->outer, in);
}

/* The proxy has gone: nobody is there for an answer. */
static void on_outer_close(void *arg, enum err why)
{
	struct http_relay *relay = arg;

	relay->outer = NULL;
	relay->why = why;
	if (relay->inner)
		stream_abort(relay->inner);
	end(relay);
}

/* The last answer may still be on its way out. */
static void on_inner_close(void *arg, enum err why)
{
	struct http_relay *relay = arg;

	(void)why;
	relay->inner = NULL;
	stream_finish(relay->outer, LINGER_NS);
}

static const struct stream_handler outer_handler = {
	.on_data = on_outer_data,
	.on_close = on_outer_close,
	.on_writable = balance,
};

static const struct stream_handler inner_handler = {
	.on_data = on_inner_data,
	.on_close = on_inner_close,
	.on_writable = balance,
};

struct http_relay *http_relay_new(struct loop *loop, int fd, struct tls_server *tls, int inner,
				  void (*ended)(void *arg, enum err why), void *arg)
{
	const struct stream_limits limits = {
		.in_max = IN_MAX,
		.out_high = OUT_HIGH,
		.handshake_ns = PATIENCE_NS,
		.blocked_ns = PATIENCE_NS,
	};
	struct http_relay *relay = mem_new(sizeof(*relay));

	relay->ended = ended;
	relay->arg = arg;
	relay->outer = stream_new(loop, fd, tls, &limits, &outer_handler, relay);
	relay->inner = stream_new(loop, inner, NULL, &limits, &inner_handler, relay);
	return relay;
}

void http_relay_abort(struct http_relay *relay)
{
	if (relay->outer)
		stream_abort(relay->outer);
	if (relay->inner)
		stream_abort(relay->inner);
	free(relay);
}
