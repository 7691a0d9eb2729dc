/* SPDX-License-Identifier: Apache-2.0 */
#include "front/authz.h"

#include <stdlib.h>

#include "base/mem.h"
#include "core/metrics.h"
#include "core/pemcache.h"
#include "front/authz_session.h"

#define CHECK_PATH SLICE_LIT("/envoy.service.auth.v3.Authorization/Check")
#define HEALTH_PATH SLICE_LIT("/grpc.health.v1.Health/Check")
#define SERVICE SLICE_LIT("envoy.service.auth.v3.Authorization")

static void fail(struct authz_session *session, struct h2_call *call, enum grpc_status status,
		 const char *message)
{
	metric_add(&session->shared->stats->errors, 1);
	h2_fail(call, status, message);
}

static void tell_health(struct authz_session *session, struct h2_call *call)
{
	uint8_t room[8];
	struct buf answer = buf_fixed(room, sizeof(room));
	struct slice message, service;
	enum grpc_status status = grpc_message(call->body, &message);

	metric_add(&session->shared->stats->healthchecks, 1);
	if (status) {
		fail(session, call, status, "the body is not one whole message");
	} else if (grpc_health_decode(message, &service)) {
		fail(session, call, GRPC_INVALID_ARGUMENT, "the HealthCheckRequest does not decode");
	} else if (service.len && !slice_eq(service, SERVICE)) {
		fail(session, call, GRPC_NOT_FOUND, "no such service");
	} else {
		grpc_health_encode(&answer, !session->draining);
		h2_answer(call, buf_slice(&answer));
	}
}

static void on_call(void *arg, struct h2_call *call)
{
	struct authz_session *session = arg;

	if (slice_eq(call->path, CHECK_PATH))
		authz_check(session, call);
	else if (slice_eq(call->path, HEALTH_PATH))
		tell_health(session, call);
	else
		fail(session, call, GRPC_UNIMPLEMENTED, "no such method");
}

static void on_gone(void *arg, struct h2_call *call)
{
	(void)arg;
	/* A session that is over has cancelled its calls before their streams go. */
	if (call->user)
		authz_cancel(call->user);
}

struct authz_session *authz_new(struct authz_shared *shared, const struct authz_hooks *hooks, void *arg,
				bool chain_xfcc)
{
	static const struct h2_handler handler = { on_call, on_gone };
	const struct limits_conf *limits = &snapshot_config(engine_snapshot(shared->engine))->limits;
	struct authz_session *session = mem_new(sizeof(*session));

	if (!shared->pems)
		shared->pems = pemcache_new();
	session->shared = shared;
	session->hooks = hooks;
	session->arg = arg;
	session->chain_xfcc = chain_xfcc;
	session->message_max = limits->message;
	session->now = hooks->now_ns(arg);
	/* Tenths of a per cent, in an order that is not theirs. */
	session->age_at = session->now + limits->connection_age_ns +
			  limits->connection_age_ns / 1000 * (int64_t)(shared->sessions++ * 37 % 101);
	session->end_at = session->close_at = INT64_MAX;
	session->quiet_at = session->goodbye_until = INT64_MAX;
	session->h2 = h2_new(&handler, session, &shared->calls, session->message_max, session->now);
	return session;
}

void authz_free(struct authz_session *session)
{
	if (!session)
		return;
	h2_free(session->h2);
	free(session);
}

static void finish(struct authz_session *session, int64_t linger_ns)
{
	session->over = true;
	while (session->pending)
		authz_cancel(session->pending);
	session->hooks->finish(session->arg, linger_ns);
}

static void complain_of(struct authz_session *session, const char *what)
{
	metric_add(&session->shared->stats->bad_peers, 1);
	session->hooks->complain(session->arg, what, "is this an Envoy cluster with http2_protocol_options?");
}

/* What HTTP/2 has to say goes out, as far as the peer reads it. */
static void write_out(struct authz_session *session)
{
	struct buf *out = session->hooks->out(session->arg);
	size_t before = out->len, waiting = session->hooks->waiting(session->arg);
	bool stuffed;

	if (session->over)
		return;
	if (waiting < AUTHZ_OUT_MAX &&
	    h2_write(session->h2, out, out->len + AUTHZ_OUT_MAX - waiting)) {
		complain_of(session, "HTTP/2 cannot go on");
		finish(session, 0);
		return;
	}
	metric_add(&session->shared->stats->bytes_out, out->len - before);
	if (h2_is_over(session->h2)) {
		finish(session, AUTHZ_LINGER_NS);
		return;
	}
	stuffed = session->hooks->waiting(session->arg) >= AUTHZ_OUT_MAX;
	if (stuffed != session->paused) {
		session->paused = stuffed;
		session->hooks->pause(session->arg, stuffed);
	}
}

static void flush(struct authz_session *session)
{
	write_out(session);
	if (!session->over)
		session->hooks->flush(session->arg);
}

void authz_answered(struct authz_session *session)
{
	if (!session->in_feed)
		session->now = session->hooks->now_ns(session->arg);
	if (session->draining || session->ended) {
		session->close_at = session->now + AUTHZ_DRAIN_NS;
		session->quiet_at = session->now + AUTHZ_QUIET_NS;
	}
	if (!session->in_feed)
		flush(session);
}

void authz_feed(struct authz_session *session, struct slice in)
{
	const char *why = "";
	enum err err;

	if (session->over)
		return;
	session->now = session->hooks->now_ns(session->arg);
	session->in_feed = true;
	metric_add(&session->shared->stats->bytes_in, in.len);
	engine_wake(session->shared->engine, session->now);
	err = h2_feed(session->h2, in, session->now, &why);
	engine_rest(session->shared->engine);
	if (err)
		complain_of(session, why);
	/* A GOAWAY that says why may be waiting. */
	write_out(session);
	session->in_feed = false;
	if (err && !session->over)
		finish(session, AUTHZ_LINGER_NS);
}

void authz_writable(struct authz_session *session)
{
	if (!session->over)
		flush(session);
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* When the end is to be announced, for whatever reason. */
static int64_t announce_at(const struct authz_session *session)
{
	if (session->announced)
		return INT64_MAX;
	return sooner(session->age_at, sooner(session->quiet_at, session->goodbye_until));
}

int64_t authz_deadline(const struct authz_session *session)
{
	int64_t at = sooner(announce_at(session), sooner(session->end_at, session->close_at));

	if (session->over)
		return INT64_MAX;
	return sooner(at, sooner(h2_deadline(session->h2), authz_next_expiry(session)));
}

static void announce_end(struct authz_session *session)
{
	if (session->now >= session->age_at)
		metric_add(&session->shared->stats->aged, 1);
	session->announced = true;
	session->end_at = session->now + AUTHZ_GOAWAY_NS;
	h2_announce_end(session->h2);
}

static void set_end(struct authz_session *session)
{
	session->ended = true;
	session->end_at = INT64_MAX;
	session->close_at = session->now + AUTHZ_DRAIN_NS;
	h2_end(session->h2);
}

/* What is still open is given two more seconds; who keeps bodies open without end is cut off by HTTP/2's own. */
static void close_late(struct authz_session *session)
{
	if (session->now < session->close_at)
		return;
	if (session->pending || (h2_open_calls(session->h2) && !session->ended))
		session->close_at = session->now + AUTHZ_DRAIN_NS;
	else
		finish(session, 0);
}

void authz_tick(struct authz_session *session)
{
	if (session->over)
		return;
	session->now = session->hooks->now_ns(session->arg);
	if (!h2_tick(session->h2, session->now)) {
		metric_add(&session->shared->stats->timeouts, 1);
		finish(session, 0);
		return;
	}
	session->in_feed = true;
	authz_expire(session);
	session->in_feed = false;
	if (session->now >= announce_at(session))
		announce_end(session);
	else if (session->now >= session->end_at)
		set_end(session);
	flush(session);
	if (!session->over)
		close_late(session);
}

void authz_drain(struct authz_session *session)
{
	if (session->draining || session->over)
		return;
	session->now = session->hooks->now_ns(session->arg);
	session->draining = true;
	session->close_at = session->now + AUTHZ_DRAIN_NS + AUTHZ_GOAWAY_NS;
	session->quiet_at = session->now + AUTHZ_QUIET_NS;
	session->goodbye_until = session->now + AUTHZ_DRAIN_NS;
}
