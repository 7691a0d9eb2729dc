/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "pki/der.h"
#include "pki/ocsp.h"
#include "pki/points.h"
#include "svc/revoker_inside.h"

/*
 * Questions to responders: one flight for all who wait for the same answer.
 * Each responder that the certificate names is asked by POST with a nonce (RFC 9654):
 * every one takes POST, and nobody can play an old answer again. One that does not
 * take that is asked by GET without a nonce (RFC 5019 5): an answer that was made
 * beforehand, or lies in a cache, is found by its URL, so the URL must be the same for
 * all. Which of the two it takes is remembered and tried first.
 */
#define FLIGHTS_MAX 1024
#define RESPONDERS_MAX 1024
#define ASK_MS 5000L
#define PAUSE_MAX 60

struct ocsp_responder {
	UT_hash_handle hh;
	char *url;
	bool by_get;	 /* has refused POST and answered that */
	unsigned failed; /* in a row */
	int64_t until;	 /* not asked before: seconds of the clock that never jumps */
};

struct ocsp_flight {
	UT_hash_handle hh;
	struct ocsp_key key;
	struct revoker *revoker;
	struct ocsp_target *target;
	uint8_t nonce[OCSP_NONCE];
	bool public_only;
	size_t url; /* which of the target's */
	bool by_get, both; /* both: it has refused the other way already */
	struct http_get *get;
	struct waiter *waiters;
};

static struct ocsp_responder *responder_of(struct revoker *revoker, const char *url)
{
	struct ocsp_responder *responder;

	HASH_FIND_STR(revoker->responders, url, responder);
	if (responder)
		return responder;
	if (HASH_COUNT(revoker->responders) >= RESPONDERS_MAX) {
		responder = revoker->responders;
		HASH_DEL(revoker->responders, responder);
		free(responder->url);
		free(responder);
	}
	responder = mem_new(sizeof(*responder));
	responder->url = mem_dup(slice_str(url));
	HASH_ADD_KEYPTR(hh, revoker->responders, responder->url, strlen(responder->url), responder);
	return responder;
}

static int64_t steady_s(void)
{
	return clock_mono_ns() / INT64_C(1000000000);
}

static void responder_failed(struct revoker *revoker, const char *url, const char *why)
{
	struct ocsp_responder *responder = responder_of(revoker, url);
	int64_t pause = responder->failed < 6 ? INT64_C(1) << responder->failed : PAUSE_MAX;

	if (responder->failed++ == 0)
		log_warning("OCSP responder %s: %s", url, why);
	responder->until = steady_s() + pause;
}

static void responder_worked(struct revoker *revoker, const char *url, bool by_get)
{
	struct ocsp_responder *responder;

	HASH_FIND_STR(revoker->responders, url, responder);
	if (!responder && by_get)
		responder = responder_of(revoker, url);
	if (!responder)
		return;
	if (responder->failed)
		log_info("OCSP responder %s answers again", url);
	responder->failed = 0;
	responder->until = 0;
	responder->by_get = by_get;
}

static void flight_free(struct ocsp_flight *flight)
{
	HASH_DEL(flight->revoker->flights, flight);
	if (flight->get)
		http_cancel(flight->get);
	ocsp_target_unref(flight->revoker, flight->target);
	free(flight);
}

static void land(struct ocsp_flight *flight)
{
	struct waiter *waiters = flight->waiters;
	struct revoker *revoker = flight->revoker;

	flight_free(flight);
	waiters_tell(revoker, &waiters);
}

static void land_in_vain(struct ocsp_flight *flight)
{
	flight->revoker->count.ocsp_failures++;
	ocsp_cache_vain(flight->revoker->cache, &flight->key, clock_wall_s());
	land(flight);
}

static struct ocsp_question question_of(const struct ocsp_flight *flight)
{
	return (struct ocsp_question){
		.issuer = flight->target->issuer,
		.serial = ocsp_key_serial(&flight->key),
		.nonce = slice_of(flight->nonce, flight->by_get ? 0 : sizeof(flight->nonce)),
	};
}

static bool is_listed(const struct source_list *list, const struct revlist_subject *subject, struct slice serial,
		      int64_t now)
{
	struct revlist_info info;
	struct revlist_hit hit;

	if (!list->verified || !revlist_find(list->list, subject, serial, &hit))
		return false;
	/* What had happened when the list was made has happened, whatever this clock says. */
	revlist_info(list->list, &info);
	return hit.date <= now || hit.date <= info.this_update;
}

/*
 * A responder whose certificate its issuer's list revokes says nothing. RFC 6960 4.2.2.2.1 has three ways: with
 * id-pkix-ocsp-nocheck the CA vouches for it while its certificate is valid; else it is looked up in the lists that
 * are there. They are not fetched for this, and responders are not asked about responders: where no list speaks of
 * it, its short life (4.2.2.2.1, third way) is what the CA has chosen.
 */
static bool is_signer_revoked(const struct ocsp_flight *flight, const struct ocsp_answer *answer, int64_t now)
{
	const struct revocation *state = revoker_view(flight->revoker);
	const struct revocation_source *source;
	struct revlist_subject subject = { .issuer_key = flight->key.octets };
	struct slice above;

	if (!answer->delegated || answer->nocheck)
		return false;
	if (der_names(flight->target->issuer, &above, &subject.issuer_name))
		return true;
	for (size_t i = 0; (source = revocation_source(state, flight->target->authority, i)) != NULL; i++)
		for (size_t k = 0; k < source->list_count; k++)
			if (is_listed(&source->lists[k], &subject,
				      slice_of(answer->signer_serial, answer->signer_serial_len), now))
				return true;
	return false;
}

/* Without a nonce anybody can send an answer again that was good once. */
static bool goes_back(const struct ocsp_flight *flight, const struct ocsp_answer *answer, int64_t now)
{
	struct ocsp_seen seen;

	ocsp_cache_peek(flight->revoker->cache, &flight->key, now, &seen);
	return seen.answered && answer->this_update < seen.record.this_update;
}

static void take_answer(struct ocsp_flight *flight, const struct ocsp_answer *answer, int64_t now)
{
	struct revoker *revoker = flight->revoker;
	struct ocsp_seen before;
	double left = (double)(answer->until - now);
	struct ocsp_record record = {
		.revoked = answer->status == OCSP_STATUS_REVOKED,
		.this_update = answer->this_update,
		.next_update = answer->next_update,
		.until = answer->until,
		.revoked_at = answer->revoked_at,
		.reason = answer->reason,
	};

	record.used_from = now + (int64_t)(left / 2);
	left *= 0.7 + 0.2 * revoker_share(revoker);
	record.look_again = now + (left < 86400.0 ? (int64_t)left : 86400);
	if (record.look_again <= now)
		record.look_again = now + 1;
	if (record.used_from > record.look_again)
		record.used_from = record.look_again;
	ocsp_cache_peek(revoker->cache, &flight->key, now, &before);
	if (record.revoked != (before.answered && before.record.revoked))
		ocsp_keep_note(revoker, &flight->key, &record);
	/* Whoever remembers a decision goes by the number of the state. */
	if (ocsp_cache_put(revoker->cache, &flight->key, &record))
		(void)revoker_change(revoker);
	ocsp_watch_put(revoker, &flight->key, flight->target, record.look_again);
	land(flight);
}

static void on_answer(void *arg, struct http_result *result);

static bool send_request(struct ocsp_flight *flight, const char *url)
{
	struct buf der = buf_capped(4096), path = buf_capped(8192);
	struct ocsp_question question = question_of(flight);
	struct http_request request = {
		.public_only = flight->public_only, .max_bytes = OCSP_RESPONSE_MAX, .timeout_ms = ASK_MS,
		.accept = "application/ocsp-response", .on_done = on_answer, .arg = flight,
	};
	bool good = ocsp_request(&question, &der) == ERR_OK;

	buf_str(&path, url);
	if (good && flight->by_get) {
		good = ocsp_get_path(slice_str(url), buf_slice(&der), &path) == ERR_OK;
	} else if (good) {
		request.body = buf_slice(&der);
		request.content_type = "application/ocsp-request";
	}
	buf_u8(&path, 0);
	request.url = (const char *)path.ptr;
	good = good && !buf_err(&path);
	flight->get = good ? http_start(flight->revoker->ocsp_http, &request) : NULL;
	flight->revoker->count.ocsp_queries += flight->get != NULL;
	buf_fini(&der);
	buf_fini(&path);
	return flight->get != NULL;
}

static void fly(struct ocsp_flight *flight);

static void on_answer(void *arg, struct http_result *result)
{
	struct ocsp_flight *flight = arg;
	struct ocsp_question question = question_of(flight);
	struct ocsp_answer answer;
	const char *why = result->why;
	const char *url = flight->target->urls[flight->url];
	int64_t now = clock_wall_s();
	enum err err = result->err;
	bool refuses;

	flight->get = NULL;
	if (!err)
		err = ocsp_read(bulk_slice(&result->body), &question, now, &answer, &why);
	if (!err && is_signer_revoked(flight, &answer, now)) {
		err = ERR_CRYPTO;
		why = "its signer's certificate is revoked";
	}
	if (!err && goes_back(flight, &answer, now)) {
		err = ERR_RANGE;
		why = "the answer is older than the one before";
	}
	if (!err)
		responder_worked(flight->revoker, url, flight->by_get);
	if (!err && answer.status != OCSP_STATUS_UNKNOWN) {
		take_answer(flight, &answer, now);
		return;
	}
	/* It is there, and does not take this: an HTTP status, an OCSP status, an answer that is none or for others. */
	refuses = err == ERR_NOT_FOUND || err == ERR_CLOSED || err == ERR_FORMAT;
	if (refuses && !flight->both) {
		flight->both = true;
		flight->by_get = !flight->by_get;
		if (send_request(flight, url))
			return;
	}
	if (err)
		responder_failed(flight->revoker, url, why);
	flight->url++;
	fly(flight);
}

/* Asks the next responder that may be asked, or lands. */
static void fly(struct ocsp_flight *flight)
{
	struct revoker *revoker = flight->revoker;

	for (; flight->url < flight->target->url_count; flight->url++) {
		const char *url = flight->target->urls[flight->url];
		struct ocsp_responder *responder;

		HASH_FIND_STR(revoker->responders, url, responder);
		if (responder && steady_s() < responder->until)
			continue;
		flight->by_get = responder && responder->by_get;
		flight->both = false;
		if (send_request(flight, url))
			return;
	}
	land_in_vain(flight);
}

static struct ocsp_flight *flight_new(struct revoker *revoker, const struct ocsp_key *key,
				      struct ocsp_target *target)
{
	const struct authority *authority = revoker_authority(revoker, target->authority);
	struct ocsp_flight *flight;

	if (!authority || HASH_COUNT(revoker->flights) >= FLIGHTS_MAX)
		return NULL;
	flight = mem_new(sizeof(*flight));
	flight->revoker = revoker;
	flight->key = *key;
	flight->target = ocsp_target_ref(target);
	flight->public_only = authority->public_only;
	HASH_ADD(hh, revoker->flights, key.octets, sizeof(flight->key.octets), flight);
	/* Nothing is asked with a nonce that could be guessed. */
	if (getrandom(flight->nonce, sizeof(flight->nonce), 0) != (ssize_t)sizeof(flight->nonce))
		flight->url = target->url_count;
	return flight;
}

static struct ocsp_flight *find_flight(struct revoker *revoker, const struct ocsp_key *key)
{
	struct ocsp_flight *flight;

	HASH_FIND(hh, revoker->flights, key->octets, sizeof(key->octets), flight);
	return flight;
}

bool ocsp_start(struct revoker *revoker, const struct ocsp_key *key, struct ocsp_target *target)
{
	struct ocsp_flight *flight = find_flight(revoker, key) ? NULL : flight_new(revoker, key, target);

	if (flight)
		fly(flight);
	return flight != NULL;
}

/* Whether a responder has to be asked now. */
static bool is_due(struct revoker *revoker, const struct revocation_question *question,
		   const struct ocsp_key *key)
{
	const struct authority *authority = revoker_authority(revoker, question->authority);
	int64_t now = clock_wall_s();
	struct ocsp_seen seen;

	if (!authority || !authority->ocsp || question->cert.len == 0 || question->issuer.len == 0)
		return false;
	ocsp_cache_peek(revoker->cache, key, now, &seen);
	return now >= seen.vain_until && !(seen.answered && now < seen.record.look_again);
}

void ocsp_ask(struct revoker *revoker, struct asking *asking, const struct revocation_question *question)
{
	struct ocsp_key key = ocsp_key_of(question);
	struct ocsp_flight *flight = find_flight(revoker, &key);
	struct ocsp_target *target = NULL;

	if (flight) {
		waiter_add(&flight->waiters, asking);
		return;
	}
	if (is_due(revoker, question, &key))
		target = ocsp_target_get(revoker, question);
	if (target) {
		flight = flight_new(revoker, &key, target);
		ocsp_target_unref(revoker, target);
	}
	if (!flight) {
		asking_answered(asking);
		return;
	}
	waiter_add(&flight->waiters, asking);
	fly(flight);
}

void ocsp_close(struct revoker *revoker)
{
	struct ocsp_responder *responder, *next;

	while (revoker->flights)
		land(revoker->flights);
	HASH_ITER(hh, revoker->responders, responder, next) {
		HASH_DEL(revoker->responders, responder);
		free(responder->url);
		free(responder);
	}
}
