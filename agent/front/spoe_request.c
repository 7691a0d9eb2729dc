/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"
#include "core/metrics.h"
#include "front/spoe_session.h"

/* What canonical forms, a worker's edits and a body may take beside the message itself. */
#define ARENA_EXTRA (64u * 1024)

static inline struct spoe_request *take(struct spoe_session *session, const struct spoe_ids *ids)
{
	struct spoe_request *request = pool_take(&session->shared->pool);

	if (unlikely(!request)) {
		request = mem_new(sizeof(*request));
		arena_init(&request->arena, 0);
	}
	request->arena.cap = 2 * session->message_max + ARENA_EXTRA;
	request->session = session;
	request->ids = *ids;
	request_init(&request->req, &request->arena);
	return request;
}

static void destroy(struct spoe_request *request)
{
	arena_fini(&request->arena);
	free(request);
}

static void give_back(struct spoe_request *request)
{
	arena_reset(&request->arena);
	if (!pool_give(&request->session->shared->pool, request))
		destroy(request);
}

void spoe_shared_fini(struct spoe_shared *shared)
{
	struct spoe_request *request;

	while ((request = pool_take(&shared->pool)))
		destroy(request);
}

/* Tells the verdict and gives everything back. */
static inline void tell(struct spoe_request *request)
{
	struct spoe_session *session = request->session;
	struct engine *engine = session->shared->engine;
	struct buf *out = session->hooks->out(session->arg);
	size_t begun = out->len;
	enum err err = spoe_ack_encode(out, &request->ids, &request->req.verdict, session->ack_max);

	if (unlikely(err) && !buf_err(out)) {
		engine_refuse(engine, &request->req, REASON_ANSWER_TOO_LARGE,
			      "the answer is larger than the frames that HAProxy takes");
		err = spoe_ack_encode(out, &request->ids, &request->req.verdict, session->ack_max);
	}
	engine_release(engine, &request->req);
	give_back(request);
	if (unlikely(err))
		spoe_fail(session, SPOP_RESOURCE, "an answer could not be written");
	else
		spoe_sent(session, out->len - begun);
}

static void on_done(struct ticket *ticket)
{
	struct spoe_request *request = ticket->arg;
	struct spoe_session *session = request->session;

	if (!session->in_feed)
		session->now = session->hooks->now_ns(session->arg);
	DL_DELETE(session->pending, request);
	session->pending_count--;
	tell(request);
	if (!session->in_feed)
		spoe_answered(session);
}

static void submit(struct spoe_request *request)
{
	struct spoe_session *session = request->session;

	request->ticket.req = &request->req;
	request->ticket.on_done = on_done;
	request->ticket.arg = request;
	if (likely(engine_submit(session->shared->engine, &request->ticket) == ENGINE_DONE)) {
		tell(request);
		return;
	}
	DL_APPEND(session->pending, request);
	session->pending_count++;
}

static COLD void refuse(struct spoe_request *request, enum reason reason, const char *why)
{
	engine_refuse(request->session->shared->engine, &request->req, reason, why);
	tell(request);
}

void spoe_refuse(struct spoe_session *session, const struct spoe_ids *ids, enum reason reason,
		 const char *why)
{
	refuse(take(session, ids), reason, why);
}

/* What the messages of one NOTIFY come to. */
struct reading {
	struct request *req;
	unsigned asked;	   /* messages that we decide */
	unsigned others;   /* messages that we do not know */
	enum reason reason; /* why the question cannot be taken, or REASON_ALLOWED */
	const char *why;
	struct spoe_order *order; /* learns what comes now; NULL: nothing is to be learned */
	struct value spare; /* takes what has no place */
};

static COLD void spoil(struct reading *reading, enum reason reason, const char *why)
{
	if (reading->reason != REASON_ALLOWED)
		return;
	reading->reason = reason;
	reading->why = why;
}

static COLD struct value *no_place(struct reading *reading, enum err err)
{
	if (err == ERR_DUPLICATE)
		spoil(reading, REASON_BAD_REQUEST, "an argument was sent twice");
	else
		spoil(reading, REASON_OVERLOADED, "the arguments need too much memory");
	return &reading->spare;
}

static struct value *place_of(void *arg, struct slice name)
{
	struct reading *reading = arg;
	struct value *place;
	enum err err = request_arg_slot(reading->req, name, &place);

	if (reading->order && (err || !spoe_order_learn(reading->order, name)))
		reading->order = NULL;
	return err ? no_place(reading, err) : place;
}

static struct value *spare_place(void *arg, struct slice name)
{
	struct reading *reading = arg;

	(void)name;
	return &reading->spare;
}

/* True when it is the question that the arguments behind it belong to. */
static bool take_name(struct reading *reading, struct slice name)
{
	bool connection = slice_eq(name, SLICE_LIT("check-client-connection"));

	if (!connection && !slice_eq(name, SLICE_LIT("check-client-cert"))) {
		reading->others++;
		return false;
	}
	if (reading->asked++) {
		spoil(reading, REASON_BAD_REQUEST, "two questions were sent in one frame");
		return false;
	}
	reading->req->connection = connection;
	return true;
}

static void read_question(struct reader *r, unsigned count, struct spoe_order *order,
			  struct reading *reading)
{
	unsigned known = spoe_order_decode(order, r, count, reading->req);

	if (likely(known == count))
		return;
	order->count = known;
	reading->order = order;
	spop_args_decode(r, count - known, place_of, reading);
}

static enum err read_messages(struct slice payload, struct spoe_order *order, struct reading *reading)
{
	struct reader r = reader_of(payload);
	struct spop_message message;

	while (spop_message_decode(&r, &message))
		if (take_name(reading, message.name))
			read_question(&r, message.args, order, reading);
		else
			spop_args_decode(&r, message.args, spare_place, reading);
	return reader_err(&r);
}

/* A copy that spoe_order_decode can read; ptr is NULL when the cap is reached. */
static struct slice copy_payload(struct arena *arena, struct slice payload)
{
	uint8_t *p = arena_take(arena, payload.len + SPOE_ORDER_ROOM);

	if (!p)
		return SLICE_EMPTY;
	if (likely(payload.len))
		memcpy(p, payload.ptr, payload.len);
	memset(p + payload.len, 0, SPOE_ORDER_ROOM);
	return slice_of(p, payload.len);
}

static COLD void answer_nothing(struct spoe_session *session, const struct spoe_ids *ids)
{
	struct buf *out = session->hooks->out(session->arg);
	size_t begun = out->len;

	spoe_ack_nothing(out, ids);
	spoe_sent(session, out->len - begun);
}

HOT void spoe_notify(struct spoe_session *session, const struct spoe_ids *ids, struct slice payload)
{
	struct spoe_request *request = take(session, ids);
	struct reading reading = { .req = &request->req, .reason = REASON_ALLOWED };
	struct slice copy = copy_payload(&request->arena, payload);

	if (!copy.ptr) {
		refuse(request, REASON_OVERLOADED, "no memory for the message");
	} else if (read_messages(copy, &session->order, &reading)) {
		give_back(request);
		spoe_fail(session, SPOP_INVALID, "messages that do not decode");
	} else if (reading.reason != REASON_ALLOWED) {
		refuse(request, reading.reason, reading.why);
	} else if (reading.asked) {
		submit(request);
	} else if (reading.others) {
		refuse(request, REASON_BAD_REQUEST,
		       "no message check-client-cert or check-client-connection among those that HAProxy sent");
	} else {
		give_back(request);
		answer_nothing(session, ids);
	}
}

static void cancel(struct spoe_request *request)
{
	struct spoe_session *session = request->session;

	DL_DELETE(session->pending, request);
	session->pending_count--;
	metric_add(&session->shared->stats->cancelled, 1);
	engine_cancel(&request->ticket);
	engine_release(session->shared->engine, &request->req);
	give_back(request);
}

void spoe_cancel(struct spoe_session *session, const struct spoe_ids *ids)
{
	struct spoe_request *request, *next;

	DL_FOREACH_SAFE(session->pending, request, next)
		if (!ids || spoe_same(&request->ids, ids))
			cancel(request);
}

static struct spoe_request *overdue(const struct spoe_session *session)
{
	struct spoe_request *request;

	DL_FOREACH(session->pending, request)
		if (session->now >= request->req.deadline_ns + ENGINE_LATE_NS)
			return request;
	return NULL;
}

void spoe_expire(struct spoe_session *session)
{
	struct spoe_request *request;

	/* From the front each time: an answer that cannot be written ends the session, and all others. */
	while ((request = overdue(session))) {
		DL_DELETE(session->pending, request);
		session->pending_count--;
		engine_cancel(&request->ticket);
		refuse(request, REASON_POLICY_TIMEOUT, "no verdict within the deadline");
	}
}
