/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/h2_peer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

static ssize_t collect(nghttp2_session *ng, const uint8_t *data, size_t len, int flags, void *arg)
{
	struct h2_peer *peer = arg;

	(void)ng;
	(void)flags;
	buf_put(&peer->out, slice_of(data, len));
	return (ssize_t)len;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
		     const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
	struct h2_peer_call *call = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
	struct slice n = slice_of(name, name_len);

	(void)flags;
	(void)arg;
	if (!call)
		return 0;
	if (slice_eq(n, SLICE_LIT(":status")))
		call->status = atoi((const char *)value);
	if (slice_eq(n, SLICE_LIT("grpc-status")))
		call->grpc = atoi((const char *)value);
	if (slice_eq(n, SLICE_LIT("grpc-message")))
		snprintf(call->message, sizeof(call->message), "%.*s", (int)value_len, (const char *)value);
	return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t stream, const uint8_t *data, size_t len,
		   void *arg)
{
	struct h2_peer_call *call = nghttp2_session_get_stream_user_data(ng, stream);

	(void)flags;
	(void)arg;
	if (call)
		buf_put(&call->answer, slice_of(data, len));
	return 0;
}

static void take_settings(struct h2_peer *peer, const nghttp2_settings *settings)
{
	for (size_t i = 0; i < settings->niv; i++) {
		if (settings->iv[i].settings_id == NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
			peer->streams_max = settings->iv[i].value;
		if (settings->iv[i].settings_id == NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE)
			peer->window = settings->iv[i].value;
		if (settings->iv[i].settings_id == NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE)
			peer->headers_max = settings->iv[i].value;
	}
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
	struct h2_peer *peer = arg;

	(void)ng;
	switch (frame->hd.type) {
	case NGHTTP2_GOAWAY:
		peer->goaways++;
		peer->last_stream = frame->goaway.last_stream_id;
		peer->goaway_error = frame->goaway.error_code;
		break;
	case NGHTTP2_SETTINGS:
		take_settings(peer, &frame->settings);
		break;
	case NGHTTP2_PING:
		peer->pings++;
		break;
	case NGHTTP2_DATA:
		peer->empty_data += frame->hd.length == 0;
		break;
	default:
		break;
	}
	return 0;
}

static int on_close(nghttp2_session *ng, int32_t stream, uint32_t code, void *arg)
{
	struct h2_peer_call *call = nghttp2_session_get_stream_user_data(ng, stream);

	(void)arg;
	if (call) {
		call->closed = true;
		call->error = code;
	}
	return 0;
}

static ssize_t read_body(nghttp2_session *ng, int32_t stream, uint8_t *to, size_t room, uint32_t *flags,
			 nghttp2_data_source *source, void *arg)
{
	struct h2_peer_call *call = source->ptr;
	struct slice left = slice_sub(buf_slice(&call->body), call->body_sent, room);

	(void)ng;
	(void)stream;
	(void)arg;
	if (left.len == 0 && call->hold)
		return NGHTTP2_ERR_DEFERRED;
	if (left.len)
		memcpy(to, left.ptr, left.len);
	call->body_sent += left.len;
	if (call->body_sent == call->body.len && !call->hold)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)left.len;
}

struct h2_peer *h2_peer_new(void)
{
	struct h2_peer *peer = mem_new(sizeof(*peer));
	nghttp2_session_callbacks *to;
	nghttp2_settings_entry settings[] = { { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
					      { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 16777216 } };

	nghttp2_session_callbacks_new(&to);
	nghttp2_session_callbacks_set_send_callback(to, collect);
	nghttp2_session_callbacks_set_on_header_callback(to, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(to, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(to, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(to, on_close);
	if (nghttp2_session_client_new(&peer->ng, to, peer) ||
	    nghttp2_submit_settings(peer->ng, 0, settings, 2))
		abort();
	nghttp2_session_callbacks_del(to);
	return peer;
}

void h2_peer_free(struct h2_peer *peer)
{
	for (size_t i = 0; i < peer->count; i++) {
		buf_fini(&peer->calls[i].body);
		buf_fini(&peer->calls[i].answer);
	}
	nghttp2_session_del(peer->ng);
	buf_fini(&peer->out);
	free(peer);
}

bool h2_peer_take(struct h2_peer *peer, struct slice bytes)
{
	return nghttp2_session_mem_recv(peer->ng, bytes.ptr, bytes.len) == (ssize_t)bytes.len;
}

void h2_peer_say(struct h2_peer *peer)
{
	if (nghttp2_session_send(peer->ng))
		abort();
}

static nghttp2_nv nv(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
			     strlen(value), 0 };
}

struct h2_peer_call *h2_peer_request(struct h2_peer *peer, const char *method, const char *path,
				     const char *type, const struct h2_peer_header *extra,
				     struct slice body, bool hold)
{
	struct h2_peer_call *call = &peer->calls[peer->count++];
	nghttp2_data_provider provider = { .source.ptr = call, .read_callback = read_body };
	nghttp2_nv headers[64] = { nv(":method", method), nv(":scheme", "http"), nv(":path", path),
				   nv(":authority", "agent.test"), nv("te", "trailers") };
	size_t count = 5;

	if (peer->count == H2_PEER_CALLS)
		abort();
	if (type)
		headers[count++] = nv("content-type", type);
	for (; extra && extra->name; extra++)
		headers[count++] = nv(extra->name, extra->value);
	*call = (struct h2_peer_call){ .body = buf_capped(0), .answer = buf_capped(0), .grpc = -1, .hold = hold };
	buf_put(&call->body, body);
	call->stream = nghttp2_submit_request(peer->ng, NULL, headers, count, body.len || hold ? &provider : NULL,
					      call);
	if (call->stream < 0)
		abort();
	return call;
}

struct h2_peer_call *h2_peer_ask(struct h2_peer *peer, const char *path, struct slice message)
{
	struct h2_peer_call *call;
	struct buf body = buf_capped(0);
	uint8_t prefix[GRPC_PREFIX];

	grpc_prefix(prefix, (uint32_t)message.len);
	buf_put(&body, slice_of(prefix, sizeof(prefix)));
	buf_put(&body, message);
	call = h2_peer_request(peer, "POST", path, "application/grpc", NULL, buf_slice(&body), false);
	buf_fini(&body);
	return call;
}

struct slice h2_peer_message(const struct h2_peer_call *call)
{
	struct slice message = SLICE_EMPTY;

	if (!call->closed || call->error || call->grpc != 0 || call->status != 200 ||
	    grpc_message(buf_slice(&call->answer), &message))
		return SLICE_EMPTY;
	return message;
}
