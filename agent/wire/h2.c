/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/h2.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"

/* Longer ones cannot be a name that is served. */
#define PATH_MAX_LEN 128
#define VERSION_MAX 32
/* What a body may still send after it was found too large. */
#define DROPPED_MAX (16u * 1024 * 1024)
/* A pooled call keeps this much of its buffers. */
#define KEEP_MAX (16u * 1024)
/* And so many calls are pooled: those that a busy connection has at a time. */
#define POOLED_MAX H2_STREAMS_MAX

/* A call with all that its owner need not see; the call is its first member. */
struct h2_record {
	struct h2_call call;
	size_t header_bytes;
	char path[PATH_MAX_LEN], version[VERSION_MAX];
	bool is_post, is_grpc;
	bool told;	 /* and not answered */
	bool receiving;	 /* in the list of those whose body does not stand yet */
	int64_t begun;
	struct buf body, answer;
	size_t dropped, sent;
	bool given_up;	/* RST_STREAM is under way */
	struct h2_record *prev, *next; /* those whose body does not stand yet; next: of a pool, too */
	struct h2_record *before, *after; /* all of the session */
};

struct h2_session {
	nghttp2_session *ng;
	const struct h2_handler *handler;
	void *arg;
	struct h2_pool *pool;
	size_t message_max;
	size_t held; /* bytes of bodies */
	struct h2_record *receiving; /* in the order in which they began */
	struct h2_record *all;
	struct h2_record *filling; /* whose headers come; NULL: nobody's */
	unsigned open;
	int64_t now, opened; /* opened: until when the preface is waited for */
};

static void destroy(struct h2_record *record)
{
	buf_fini(&record->body);
	buf_fini(&record->answer);
	free(record);
}

void h2_pool_fini(struct h2_pool *pool)
{
	struct h2_record *record;

	while ((record = pool->records)) {
		pool->records = record->next;
		destroy(record);
	}
	pool->count = 0;
}

static struct h2_record *take(struct h2_session *session)
{
	struct h2_record *record = session->pool->records;
	struct buf body = buf_capped(0), answer = buf_capped(0);

	if (record) {
		session->pool->records = record->next;
		session->pool->count--;
		body = record->body;
		answer = record->answer;
		buf_reset(&body);
		buf_reset(&answer);
	} else {
		record = mem_new(sizeof(*record));
	}
	*record = (struct h2_record){ .call = { .session = session, .timeout_ns = INT64_MAX },
				      .body = body, .answer = answer, .begun = session->now };
	record->body.cap = GRPC_PREFIX + session->message_max;
	DL_APPEND2(session->all, record, before, after);
	session->open++;
	return record;
}

static void stop_receiving(struct h2_record *record)
{
	if (!record->receiving)
		return;
	record->receiving = false;
	DL_DELETE(record->call.session->receiving, record);
}

static void give_back(struct h2_record *record)
{
	struct h2_session *session = record->call.session;
	struct h2_pool *pool = session->pool;

	stop_receiving(record);
	if (session->filling == record)
		session->filling = NULL;
	DL_DELETE2(session->all, record, before, after);
	session->held -= record->body.len;
	session->open--;
	if (record->body.room + record->answer.room > KEEP_MAX || pool->count == POOLED_MAX) {
		destroy(record);
		return;
	}
	record->next = pool->records;
	pool->records = record;
	pool->count++;
}

#define NV(n, v) { (uint8_t *)(uintptr_t)(n), (uint8_t *)(uintptr_t)(v), sizeof(n) - 1, sizeof(v) - 1, \
		   NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE }

/* Whatever goes wrong with an answer, the stream does not stay without one. */
static void reset(struct h2_record *record, uint32_t code)
{
	stop_receiving(record);
	if (record->given_up)
		return;
	record->given_up = true;
	(void)nghttp2_submit_rst_stream(record->call.session->ng, NGHTTP2_FLAG_NONE, record->call.stream,
					code);
}

static void say_http(struct h2_record *record, bool bad_method)
{
	static const nghttp2_nv method[] = { NV(":status", "405"), NV("allow", "POST") };
	static const nghttp2_nv type[] = { NV(":status", "415") };
	nghttp2_session *ng = record->call.session->ng;

	if (bad_method ? nghttp2_submit_response(ng, record->call.stream, method, 2, NULL) :
			 nghttp2_submit_response(ng, record->call.stream, type, 1, NULL))
		reset(record, NGHTTP2_INTERNAL_ERROR);
}

void h2_fail(struct h2_call *call, enum grpc_status status, const char *message)
{
	struct h2_record *record = (struct h2_record *)call;
	char digits[12];
	struct buf text = buf_capped(1024);
	nghttp2_nv nv[] = { NV(":status", "200"), NV("content-type", "application/grpc"),
			    NV("grpc-status", ""), NV("grpc-message", "") };

	record->told = false;
	nv[2].value = (uint8_t *)digits;
	nv[2].valuelen = (size_t)snprintf(digits, sizeof(digits), "%d", (int)status);
	nv[2].flags = nv[3].flags = NGHTTP2_NV_FLAG_NO_COPY_NAME;
	grpc_escape(&text, slice_str(message));
	nv[3].value = text.ptr;
	nv[3].valuelen = buf_slice(&text).len;
	if (nghttp2_submit_response(call->session->ng, call->stream, nv, nv[3].valuelen ? 4 : 3, NULL))
		reset(record, NGHTTP2_INTERNAL_ERROR);
	buf_fini(&text);
}

static ssize_t read_answer(nghttp2_session *ng, int32_t stream, uint8_t *to, size_t room,
			   uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	static const nghttp2_nv trailers[] = { NV("grpc-status", "0") };
	struct h2_record *record = source->ptr;
	struct slice left = slice_sub(buf_slice(&record->answer), record->sent, room);

	(void)arg;
	memcpy(to, left.ptr, left.len);
	record->sent += left.len;
	if (record->sent == record->answer.len) {
		/* The trailers end the stream, and an empty DATA frame before them counts as an attack. */
		*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		if (nghttp2_submit_trailer(ng, stream, trailers, 1))
			return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	return (ssize_t)left.len;
}

struct buf *h2_answer_begin(struct h2_call *call)
{
	static const uint8_t prefix[GRPC_PREFIX];
	struct buf *answer = &((struct h2_record *)call)->answer;

	buf_put(answer, slice_of(prefix, sizeof(prefix)));
	return answer;
}

void h2_answer_end(struct h2_call *call)
{
	static const nghttp2_nv nv[] = { NV(":status", "200"), NV("content-type", "application/grpc") };
	struct h2_record *record = (struct h2_record *)call;
	nghttp2_data_provider provider = { .source.ptr = record, .read_callback = read_answer };
	struct buf *answer = &record->answer;

	record->told = false;
	if (buf_err(answer) || answer->len - GRPC_PREFIX > UINT32_MAX) {
		reset(record, NGHTTP2_INTERNAL_ERROR);
		return;
	}
	grpc_prefix(answer->ptr, (uint32_t)(answer->len - GRPC_PREFIX));
	if (nghttp2_submit_response(call->session->ng, call->stream, nv, 2, &provider))
		reset(record, NGHTTP2_INTERNAL_ERROR);
}

void h2_answer(struct h2_call *call, struct slice message)
{
	buf_put(h2_answer_begin(call), message);
	h2_answer_end(call);
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
	struct h2_session *session = arg;
	struct h2_record *record;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	record = take(session);
	record->call.stream = frame->hd.stream_id;
	record->receiving = true;
	session->filling = record;
	DL_APPEND(session->receiving, record);
	if (nghttp2_session_set_stream_user_data(ng, record->call.stream, record)) {
		give_back(record);
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	return 0;
}

static struct h2_record *record_of(nghttp2_session *ng, int32_t stream)
{
	return stream ? nghttp2_session_get_stream_user_data(ng, stream) : NULL;
}

static struct slice keep(char *room, size_t size, struct slice value)
{
	if (value.len > size)
		return SLICE_EMPTY;
	memcpy(room, value.ptr, value.len);
	return slice_of(room, value.len);
}

static void take_header(struct h2_record *record, struct slice name, struct slice value)
{
	struct h2_call *call = &record->call;

	if (slice_eq(name, SLICE_LIT(":path"))) {
		call->path = keep(record->path, sizeof(record->path), value);
	} else if (slice_eq(name, SLICE_LIT(":method"))) {
		record->is_post = slice_eq(value, SLICE_LIT("POST"));
	} else if (slice_eq(name, SLICE_LIT("content-type"))) {
		record->is_grpc = grpc_content_type(value);
	} else if (slice_eq(name, SLICE_LIT("x-tls-version"))) {
		call->tls_version = keep(record->version, sizeof(record->version), value);
	} else if (slice_eq(name, SLICE_LIT("grpc-timeout"))) {
		/* One that cannot be read leaves our own deadline, which is as good. */
		(void)grpc_timeout(value, &call->timeout_ns);
	}
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
		     const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
	struct h2_session *session = arg;
	struct h2_record *record = session->filling;

	(void)flags;
	/* No need to search for the one that has just begun. */
	if (!record || record->call.stream != frame->hd.stream_id)
		record = record_of(ng, frame->hd.stream_id);
	if (!record || frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	record->header_bytes += name_len + value_len + 32;
	if (record->header_bytes > H2_HEADERS_MAX)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		take_header(record, slice_of(name, name_len), slice_of(value, value_len));
	return 0;
}

static void drop_body(struct h2_record *record, enum h2_excess excess)
{
	record->call.excess = excess;
	record->call.session->held -= record->body.len;
	record->body.len = 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t stream, const uint8_t *data, size_t len,
		   void *arg)
{
	struct h2_session *session = arg;
	struct h2_record *record = record_of(ng, stream);

	(void)flags;
	if (!record)
		return 0;
	if (record->call.excess == H2_FITS && record->body.len + len > record->body.cap)
		drop_body(record, H2_MESSAGE_TOO_LARGE);
	if (record->call.excess == H2_FITS && session->held + len > H2_HELD_MAX)
		drop_body(record, H2_TOO_MUCH_HELD);
	if (record->call.excess != H2_FITS) {
		record->dropped += len;
		if (record->dropped > DROPPED_MAX)
			reset(record, NGHTTP2_ENHANCE_YOUR_CALM);
		return 0;
	}
	buf_put(&record->body, slice_of(data, len));
	session->held += len;
	return 0;
}

/* The peer has sent all of a call. */
static void dispatch(struct h2_session *session, struct h2_record *record)
{
	stop_receiving(record);
	if (!record->is_post || !record->is_grpc) {
		say_http(record, !record->is_post);
		return;
	}
	record->call.body = buf_slice(&record->body);
	record->told = true;
	session->handler->on_call(session->arg, &record->call);
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
	struct h2_session *session = arg;
	struct h2_record *record;

	session->opened = INT64_MAX;
	if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) ||
	    (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
		return 0;
	record = record_of(ng, frame->hd.stream_id);
	if (record && record->receiving)
		dispatch(session, record);
	return 0;
}

static int on_close(nghttp2_session *ng, int32_t stream, uint32_t code, void *arg)
{
	struct h2_session *session = arg;
	struct h2_record *record = record_of(ng, stream);

	(void)code;
	if (!record)
		return 0;
	(void)nghttp2_session_set_stream_user_data(ng, stream, NULL);
	if (record->told)
		session->handler->on_gone(session->arg, &record->call);
	give_back(record);
	return 0;
}

static nghttp2_session_callbacks *callbacks(void)
{
	nghttp2_session_callbacks *to;

	if (nghttp2_session_callbacks_new(&to))
		return NULL;
	nghttp2_session_callbacks_set_on_begin_headers_callback(to, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(to, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(to, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(to, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(to, on_close);
	return to;
}

static nghttp2_option *options(void)
{
	nghttp2_option *to;

	if (nghttp2_option_new(&to))
		return NULL;
	nghttp2_option_set_no_closed_streams(to, 1);
	nghttp2_option_set_max_outbound_ack(to, H2_ACKS_MAX);
	nghttp2_option_set_max_settings(to, 16);
	nghttp2_option_set_stream_reset_rate_limit(to, H2_RESETS_BURST, H2_RESETS_RATE);
	nghttp2_option_set_max_continuations(to, H2_CONTINUATIONS_MAX);
	return to;
}

static int introduce(struct h2_session *session)
{
	uint32_t window = (uint32_t)(session->message_max + GRPC_PREFIX);
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS_MAX },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
		  window < NGHTTP2_INITIAL_WINDOW_SIZE ? NGHTTP2_INITIAL_WINDOW_SIZE : window },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_HEADERS_MAX },
	};

	if (nghttp2_submit_settings(session->ng, NGHTTP2_FLAG_NONE, settings, 3))
		return -1;
	return nghttp2_session_set_local_window_size(session->ng, NGHTTP2_FLAG_NONE, 0,
						     window > H2_WINDOW ? (int32_t)window : (int32_t)H2_WINDOW);
}

struct h2_session *h2_new(const struct h2_handler *handler, void *arg, struct h2_pool *pool,
			  size_t message_max, int64_t now)
{
	struct h2_session *session = mem_new(sizeof(*session));
	nghttp2_session_callbacks *back = callbacks();
	nghttp2_option *option = options();
	int fault = -1;

	session->handler = handler;
	session->arg = arg;
	session->pool = pool;
	session->message_max = message_max;
	session->now = now;
	session->opened = now + H2_OPEN_NS;
	if (back && option)
		fault = nghttp2_session_server_new2(&session->ng, back, session, option);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(back);
	if (fault || introduce(session)) {
		/* As in base/mem.h: nothing but memory can be missing. */
		log_error("out of memory for an HTTP/2 session");
		abort();
	}
	return session;
}

void h2_free(struct h2_session *session)
{
	if (!session)
		return;
	/* nghttp2 tells of no stream that ends with its session. */
	while (session->all)
		(void)on_close(session->ng, session->all->call.stream, NGHTTP2_CANCEL, session);
	nghttp2_session_del(session->ng);
	free(session);
}

static enum err fault_of(int code)
{
	return code == NGHTTP2_ERR_FLOODED ? ERR_LIMIT : ERR_FORMAT;
}

enum err h2_feed(struct h2_session *session, struct slice in, int64_t now, const char **why)
{
	ssize_t n;

	session->now = now;
	n = nghttp2_session_mem_recv(session->ng, in.ptr, in.len);
	if (n < 0) {
		*why = nghttp2_strerror((int)n);
		return fault_of((int)n);
	}
	return ERR_OK;
}

enum err h2_write(struct h2_session *session, struct buf *out, size_t max)
{
	const uint8_t *bytes;
	ssize_t n;

	while (out->len < max && (n = nghttp2_session_mem_send(session->ng, &bytes)) != 0) {
		if (n < 0)
			return fault_of((int)n);
		buf_put(out, slice_of(bytes, (size_t)n));
	}
	return buf_err(out);
}

int64_t h2_deadline(const struct h2_session *session)
{
	int64_t at = session->opened;

	if (session->receiving && session->receiving->begun + H2_BODY_NS < at)
		at = session->receiving->begun + H2_BODY_NS;
	return at;
}

bool h2_tick(struct h2_session *session, int64_t now)
{
	session->now = now;
	if (now >= session->opened)
		return false;
	while (session->receiving && now >= session->receiving->begun + H2_BODY_NS)
		reset(session->receiving, NGHTTP2_CANCEL);
	return true;
}

void h2_announce_end(struct h2_session *session)
{
	(void)nghttp2_submit_shutdown_notice(session->ng);
}

void h2_end(struct h2_session *session)
{
	(void)nghttp2_submit_goaway(session->ng, NGHTTP2_FLAG_NONE,
				    nghttp2_session_get_last_proc_stream_id(session->ng), NGHTTP2_NO_ERROR,
				    NULL, 0);
}

bool h2_is_over(const struct h2_session *session)
{
	return !nghttp2_session_want_read(session->ng) && !nghttp2_session_want_write(session->ng);
}

unsigned h2_open_calls(const struct h2_session *session)
{
	return session->open;
}
