/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <utlist.h>

#include "base/mem.h"
#include "core/metrics.h"
#include "front/http_answer.h"
#include "front/http_session.h"

/* The target, header lines, certificates, canonical forms, a worker's edits and the answer. */
#define ARENA_MAX (6u * HTTP_HEAD_MAX + HTTP_ANSWER_BODY)
/* What libmicrohttpd takes of its pool for each header line and cookie that it notes. */
#define NOTE_SIZE 64u
/* Status line, date, framing; alignment. */
#define ANSWER_EXTRA 512u

static struct http_call *take(struct http_server *server)
{
	struct http_call *call = pool_take(&server->pool);

	if (!call) {
		call = mem_new(sizeof(*call));
		arena_init(&call->arena, ARENA_MAX);
	}
	request_init(&call->req, &call->arena);
	call->server = server;
	call->phase = HTTP_NEW;
	call->held = call->closes = false;
	call->body = 0;
	return call;
}

static void destroy(struct http_call *call)
{
	arena_fini(&call->arena);
	free(call);
}

static void give_back(struct http_call *call)
{
	arena_reset(&call->arena);
	if (!pool_give(&call->server->pool, call))
		destroy(call);
}

void http_pool_fini(struct http_server *server)
{
	struct http_call *call;

	while ((call = pool_take(&server->pool)))
		destroy(call);
}

/*
 * libmicrohttpd would note every argument of the query, and ends the connection when its memory is too
 * small for them. The text is its own, writable memory, of which we have a copy.
 */
static void hide_query(const char *target)
{
	char *query = target ? strchr(target, '?') : NULL;

	if (query)
		query[1] = '\0';
}

struct http_call *http_call_begin(struct http_visitor *visitor, struct MHD_Connection *connection,
				  const char *target)
{
	struct http_call *call = take(visitor->server);

	call->visitor = visitor;
	call->head = (struct http_head){
		.connection = connection, .raw_target = target,
		.target = arena_copy(&call->arena, slice_str(target)),
	};
	hide_query(target);
	return call;
}

static void release(struct http_call *call)
{
	if (call->held)
		engine_release(call->server->engine, &call->req);
	call->held = false;
}

static void refuse(struct http_call *call, enum reason reason, const char *why)
{
	engine_refuse(call->server->engine, &call->req, reason, why);
	call->held = true;
	call->phase = HTTP_DECIDED;
}

/*
 * The denial that needs no memory of libmicrohttpd's, for a request that has used it up, or that is in
 * the middle of its body: a connection that just closed might count as our fault.
 */
static void deny_barely(struct http_call *call)
{
	static const char text[] = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

	(void)send(call->visitor->fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(call->visitor->fd, SHUT_WR);
	call->phase = HTTP_OVER;
}

/* An upper bound of what libmicrohttpd has used of its pool. */
static size_t pool_used(const struct http_call *call)
{
	const enum MHD_ValueKind noted = MHD_HEADER_KIND | MHD_COOKIE_KIND;
	struct MHD_Connection *connection = call->head.connection;
	int notes = MHD_get_connection_values(connection, noted, NULL, NULL);
	const char *cookie = NULL;
	size_t len = 0;

	/* Trailers, which nobody sends, are not accounted for. */
	if (notes < 0 || call->head.size > HTTP_POOL ||
	    MHD_get_connection_values(connection, MHD_FOOTER_KIND, NULL, NULL) > 0)
		return HTTP_POOL;
	(void)MHD_lookup_connection_value_n(connection, MHD_HEADER_KIND, "Cookie", 6, &cookie, &len);
	return call->head.size + (size_t)notes * NOTE_SIZE + len + NOTE_SIZE;
}

static bool fits(const struct http_call *call, const struct http_answer *answer)
{
	size_t need = pool_used(call) + ANSWER_EXTRA;

	for (size_t i = 0; i < answer->header_count; i++)
		need += answer->headers[i].name.len + answer->headers[i].value.len + 4;
	return need <= HTTP_POOL;
}

static enum err answer_of(struct http_call *call, struct http_answer *answer, struct http_lost *lost)
{
	enum err err = http_answer_fill(answer, call->visitor->dialect, &call->req, lost);

	return !err && !fits(call, answer) ? ERR_LIMIT : err;
}

/* The verdict as an answer; what cannot be said becomes a denial that can. */
static void encode(struct http_call *call, struct http_answer *answer)
{
	struct http_lost lost, ignored;
	enum err err = answer_of(call, answer, &lost);

	if (err) {
		refuse(call, err == ERR_FORMAT ? REASON_POLICY_ERROR : REASON_ANSWER_TOO_LARGE,
		       err == ERR_FORMAT ? "the answer holds what HTTP cannot carry" :
					   "the answer is larger than what proxies take");
		err = answer_of(call, answer, &ignored);
	} else if (lost.request_removals || lost.response_removals || lost.response_headers) {
		conns_complain(&call->server->conns, &call->visitor->peer,
			       "a worker edits headers in a way that this proxy's HTTP form cannot carry",
			       "edit them in the proxy, or use gRPC with Envoy");
	}
	if (err)
		http_answer_refuse(answer, call->visitor->dialect);
}

static bool add_headers(struct MHD_Response *response, const struct http_answer *answer, bool closes)
{
	for (size_t i = 0; i < answer->header_count; i++)
		if (MHD_add_response_header(response, (const char *)answer->headers[i].name.ptr,
					    (const char *)answer->headers[i].value.ptr) != MHD_YES)
			return false;
	return !closes || MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES;
}

static bool queue(struct http_call *call, const struct http_answer *answer)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		answer->body.len, (void *)(uintptr_t)answer->body.ptr, MHD_RESPMEM_MUST_COPY);
	/* Behind a CONNECT a 2xx has no length, whatever it says. */
	bool closes = call->closes || call->server->conns.draining || strcmp(call->head.method, "CONNECT") == 0;
	bool good;

	if (!response)
		return false;
	good = fits(call, answer) && add_headers(response, answer, closes) &&
	       MHD_queue_response(call->head.connection, (unsigned)answer->status, response) == MHD_YES;
	MHD_destroy_response(response);
	return good;
}

static enum MHD_Result tell(struct http_call *call)
{
	struct http_stats *stats = &call->server->stats;
	struct http_answer answer;

	encode(call, &answer);
	metric_add(&stats->answers[call->visitor->dialect][call->req.verdict.kind], 1);
	call->phase = HTTP_OVER;
	if (!queue(call, &answer)) {
		deny_barely(call);
		release(call);
		return MHD_NO;
	}
	release(call);
	return MHD_YES;
}

static void unpend(struct http_call *call)
{
	loop_io_free(call->watch);
	call->watch = NULL;
	call->visitor->pending = false;
	DL_DELETE(call->server->pending, call);
	MHD_resume_connection(call->head.connection);
	http_server_turn(call->server);
}

static void on_done(struct ticket *ticket)
{
	struct http_call *call = ticket->arg;

	call->phase = HTTP_DECIDED;
	unpend(call);
}

void http_call_cancel(struct http_call *call)
{
	metric_add(&call->server->stats.cancelled, 1);
	engine_cancel(&call->ticket);
	release(call);
	call->phase = HTTP_OVER;
	unpend(call);
}

/* While a connection rests libmicrohttpd does not look at it. */
static void on_peer(void *arg)
{
	struct http_call *call = arg;
	char byte;
	ssize_t n = recv(call->visitor->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		http_call_cancel(call);
		return;
	}
	/* The next request already: nothing more can be learned here. */
	loop_io_free(call->watch);
	call->watch = NULL;
}

static void arm_expiry(struct http_server *server)
{
	int64_t now = loop_now_ns(server->conns.loop), at = INT64_MAX;
	const struct http_call *call;

	/* Few wait, and each may have brought a timeout of its own. */
	DL_FOREACH(server->pending, call)
		if (call->req.deadline_ns + ENGINE_LATE_NS < at)
			at = call->req.deadline_ns + ENGINE_LATE_NS;
	if (at != INT64_MAX)
		loop_timer_set(server->expiry, at > now ? at - now : 0);
}

void http_calls_expire(struct http_server *server)
{
	int64_t now = loop_now_ns(server->conns.loop);
	struct http_call *call, *next;

	DL_FOREACH_SAFE(server->pending, call, next) {
		if (now < call->req.deadline_ns + ENGINE_LATE_NS)
			continue;
		engine_cancel(&call->ticket);
		refuse(call, REASON_POLICY_TIMEOUT, "no verdict within the deadline");
		unpend(call);
	}
	arm_expiry(server);
}

static void wait_for_it(struct http_call *call)
{
	struct http_server *server = call->server;

	call->phase = HTTP_WAITING;
	call->visitor->pending = true;
	MHD_suspend_connection(call->head.connection);
	call->watch = loop_io_new(server->conns.loop, call->visitor->fd, on_peer, call);
	DL_APPEND(server->pending, call);
	arm_expiry(server);
}

/* How long Envoy waits for this answer; 0: it did not say. Another's word for it is of no use. */
static int64_t timeout_of(const struct http_call *call)
{
	uint64_t ms;

	for (size_t i = 0; call->visitor->dialect == HTTP_ENVOY && i < call->head.count; i++)
		if (slice_eq_nocase(call->head.lines[i].name, SLICE_LIT("x-envoy-expected-rq-timeout-ms")) &&
		    slice_to_u64(call->head.lines[i].value, UINT32_MAX, &ms))
			return ms ? (int64_t)ms * 1000000 : 1;
	return 0;
}

static enum MHD_Result decide(struct http_call *call)
{
	const struct http_question question = {
		.method = slice_str(call->head.method), .target = call->head.target,
		.headers = call->head.lines, .header_count = call->head.count,
	};
	const char *why = NULL;
	enum reason reason = http_request_fill(&call->req, call->visitor->dialect, &question,
					       call->server->pems, &why);

	if (reason != REASON_ALLOWED) {
		refuse(call, reason, why);
		return tell(call);
	}
	call->req.timeout_ns = timeout_of(call);
	call->ticket.req = &call->req;
	call->ticket.on_done = on_done;
	call->ticket.arg = call;
	call->held = true;
	if (engine_submit(call->server->engine, &call->ticket) == ENGINE_DONE)
		return tell(call);
	wait_for_it(call);
	return MHD_YES;
}

/* An answer at once, before any body, makes libmicrohttpd close behind it. */
static enum MHD_Result look_at_head(struct http_call *call, const char *method, const char *version)
{
	const char *why;

	metric_add(&call->server->stats.requests[call->visitor->dialect], 1);
	call->phase = HTTP_BODY;
	call->head.method = method;
	call->head.version = version;
	if (http_head_read(&call->head, &call->arena, &why))
		return MHD_YES;
	metric_add(&call->server->stats.malformed, 1);
	call->closes = true;
	refuse(call, REASON_BAD_REQUEST, why);
	return tell(call);
}

/* Chunks, whose sum nobody knew before. */
static void drop_body(struct http_call *call, size_t *len)
{
	call->body += *len;
	*len = 0;
	if (call->body <= HTTP_BODY_MAX)
		return;
	metric_add(&call->server->stats.malformed, 1);
	refuse(call, REASON_BAD_REQUEST, "the request's body is over 64 KiB");
	deny_barely(call);
	release(call);
}

enum MHD_Result http_call_go(struct http_call *call, const char *method, const char *version, size_t *len)
{
	switch (call->phase) {
	case HTTP_NEW:
		return look_at_head(call, method, version);
	case HTTP_BODY:
		if (!*len)
			return decide(call);
		drop_body(call, len);
		return MHD_YES;
	case HTTP_DECIDED:
		return tell(call);
	case HTTP_WAITING:
		return MHD_YES;
	default:
		/* More of a body that was refused: it has HTTP_PATIENCE_NS to end. */
		if (!*len)
			return MHD_NO;
		*len = 0;
		return MHD_YES;
	}
}

void http_call_end(struct http_call *call, bool well)
{
	if (call->phase == HTTP_NEW && !well)
		metric_add(&call->server->stats.malformed, 1);
	release(call);
	give_back(call);
}
