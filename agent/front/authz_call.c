/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"
#include "core/metrics.h"
#include "front/authz_answer.h"
#include "front/authz_request.h"
#include "front/authz_session.h"

/* What certificates, canonical forms, a worker's edits and the answer may take beside the message itself. */
#define ARENA_EXTRA (256u * 1024)

static struct authz_call *take(struct authz_session *session, struct h2_call *h2)
{
	struct authz_call *call = pool_take(&session->shared->pool);

	if (!call) {
		call = mem_new(sizeof(*call));
		arena_init(&call->arena, 0);
	}
	call->arena.cap = 3 * session->message_max + ARENA_EXTRA;
	call->session = session;
	call->call = h2;
	request_init(&call->req, &call->arena);
	return call;
}

static void destroy(struct authz_call *call)
{
	arena_fini(&call->arena);
	free(call);
}

static void give_back(struct authz_call *call)
{
	arena_reset(&call->arena);
	if (!pool_give(&call->session->shared->pool, call))
		destroy(call);
}

void authz_shared_fini(struct authz_shared *shared)
{
	struct authz_call *call;

	while ((call = pool_take(&shared->pool)))
		destroy(call);
	pemcache_free(shared->pems);
	shared->pems = NULL;
	h2_pool_fini(&shared->calls);
}

/* The verdict as bytes; what cannot be said becomes a denial that can. */
static void encode(struct authz_call *call, struct buf *out)
{
	struct engine *engine = call->session->shared->engine;
	unsigned undeletable, ignored;
	enum err err = authz_answer_encode(out, &call->req, &undeletable);

	if (err) {
		engine_refuse(engine, &call->req, err == ERR_FORMAT ? REASON_POLICY_ERROR : REASON_ANSWER_TOO_LARGE,
			      err == ERR_FORMAT ? "the answer holds bytes that are no UTF-8, which Envoy's protocol cannot carry" :
						  "the answer is larger than what Envoy takes");
		err = authz_answer_encode(out, &call->req, &ignored);
	}
	if (err) {
		/* Whatever failed has left nothing behind. */
		buf_put(out, authz_bare_deny);
	} else if (undeletable) {
		call->session->hooks->complain(call->session->arg,
					       "a worker deletes headers of the response, which Envoy cannot do",
					       "let Envoy's own response_headers_to_remove do it");
	}
}

/* Tells the verdict and gives everything back. */
static void tell(struct authz_call *call)
{
	struct authz_session *session = call->session;

	encode(call, h2_answer_begin(call->call));
	h2_answer_end(call->call);
	engine_release(session->shared->engine, &call->req);
	give_back(call);
	authz_answered(session);
}

static void on_done(struct ticket *ticket)
{
	struct authz_call *call = ticket->arg;

	DL_DELETE(call->session->pending, call);
	tell(call);
}

static void submit(struct authz_call *call)
{
	call->ticket.req = &call->req;
	call->ticket.on_done = on_done;
	call->ticket.arg = call;
	if (engine_submit(call->session->shared->engine, &call->ticket) == ENGINE_DONE) {
		tell(call);
		return;
	}
	call->call->user = call;
	DL_APPEND(call->session->pending, call);
}

static void refuse(struct authz_call *call, enum reason reason, const char *why)
{
	engine_refuse(call->session->shared->engine, &call->req, reason, why);
	tell(call);
}

static const char *undecoded(enum err err)
{
	switch (err) {
	case ERR_DUPLICATE:
		return "the CheckRequest says something twice";
	case ERR_LIMIT:
		return "the CheckRequest has too many headers or context extensions";
	case ERR_NOT_FOUND:
		return "the CheckRequest has no attributes";
	default:
		return "the CheckRequest does not decode";
	}
}

static void ask(struct authz_call *call, struct slice message)
{
	const struct authz_manner manner = { call->session->chain_xfcc, call->call->tls_version,
					     call->session->shared->pems };
	struct authz_request check;
	const char *why;
	enum reason reason;
	enum err err = authz_request_decode(message, &check);

	if (err) {
		refuse(call, REASON_BAD_REQUEST, undecoded(err));
		return;
	}
	if (call->call->timeout_ns != INT64_MAX)
		call->req.timeout_ns = call->call->timeout_ns ? call->call->timeout_ns : 1;
	reason = authz_request_fill(&call->req, &check, &manner, &why);
	if (reason == REASON_ALLOWED)
		submit(call);
	else
		refuse(call, reason, why);
}

void authz_check(struct authz_session *session, struct h2_call *h2)
{
	struct slice message;
	enum grpc_status status;

	metric_add(&session->shared->stats->checks, 1);
	/* A client can make these happen with its headers: hence no gRPC error. */
	if (h2->excess == H2_MESSAGE_TOO_LARGE) {
		refuse(take(session, h2), REASON_BAD_REQUEST, "the message is over limits.message");
		return;
	}
	if (h2->excess == H2_TOO_MUCH_HELD) {
		refuse(take(session, h2), REASON_OVERLOADED, "the connection holds too much that is unanswered");
		return;
	}
	status = grpc_message(h2->body, &message);
	if (status == GRPC_OK) {
		ask(take(session, h2), message);
		return;
	}
	metric_add(&session->shared->stats->errors, 1);
	h2_fail(h2, status, status == GRPC_UNIMPLEMENTED ? "messages must not be compressed" :
							   "the body is not one whole message");
}

void authz_cancel(struct authz_call *call)
{
	struct authz_session *session = call->session;

	DL_DELETE(session->pending, call);
	call->call->user = NULL;
	metric_add(&session->shared->stats->cancelled, 1);
	engine_cancel(&call->ticket);
	engine_release(session->shared->engine, &call->req);
	give_back(call);
}

int64_t authz_next_expiry(const struct authz_session *session)
{
	int64_t at = INT64_MAX;
	const struct authz_call *call;

	/* Few wait, and each may have brought a timeout of its own. */
	DL_FOREACH(session->pending, call)
		if (call->req.deadline_ns + ENGINE_LATE_NS < at)
			at = call->req.deadline_ns + ENGINE_LATE_NS;
	return at;
}

void authz_expire(struct authz_session *session)
{
	struct authz_call *call, *next;

	DL_FOREACH_SAFE(session->pending, call, next) {
		if (session->now < call->req.deadline_ns + ENGINE_LATE_NS)
			continue;
		DL_DELETE(session->pending, call);
		engine_cancel(&call->ticket);
		refuse(call, REASON_POLICY_TIMEOUT, "no verdict within the deadline");
	}
}
