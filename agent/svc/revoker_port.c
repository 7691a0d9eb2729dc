/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "svc/revoker_port.h"

/* Questions that one loop may have under way. */
#define ASKED_MAX 4096

/* A state on its way to a port, and back when somebody counts. */
struct state_mail {
	struct mail mail;
	struct revoker *revoker;
	struct revoker_port *port;
	struct revocation *state;
	bool ack;
};

static void acked(struct mail *mail, void *arg)
{
	free(mail);
	revoker_acked(arg);
}

static void deliver_state(struct mail *mail, void *arg)
{
	struct state_mail *sent = (struct state_mail *)(void *)mail;
	struct revoker_port *port = arg;

	if (!port->closing)
		port->on_state(port->arg, sent->state);
	revocation_unref(sent->state);
	if (sent->ack) {
		sent->mail.deliver = acked;
		mailbox_post(sent->revoker->box, &sent->mail);
	} else {
		free(sent);
	}
}

size_t ports_send(struct revoker *revoker, bool ack)
{
	struct revoker_port *port;
	size_t count = 0;

	DL_FOREACH(revoker->ports, port) {
		struct state_mail *sent = mem_new(sizeof(*sent));

		*sent = (struct state_mail){ .mail.deliver = deliver_state, .revoker = revoker, .port = port,
					     .state = revocation_ref(revoker->state), .ack = ack };
		mailbox_post(port->box, &sent->mail);
		count++;
	}
	return count;
}

static void join(struct mail *mail, void *arg)
{
	struct port_mail *sent = (struct port_mail *)(void *)mail;
	struct revoker *revoker = arg;

	sent->port->first = revocation_ref(revoker->state);
	DL_APPEND(revoker->ports, sent->port);
	sem_post(&sent->done);
}

static void leave(struct mail *mail, void *arg)
{
	struct port_mail *sent = (struct port_mail *)(void *)mail;
	struct revoker *revoker = arg;
	struct asking *asking;

	DL_DELETE(revoker->ports, sent->port);
	DL_FOREACH(sent->port->askings, asking)
		asking->port = NULL;
	sem_post(&sent->done);
}

static void handshake(struct revoker_port *port, void (*deliver)(struct mail *mail, void *arg))
{
	struct port_mail sent = { .mail.deliver = deliver, .port = port };

	sem_init(&sent.done, 0, 0);
	mailbox_post(port->revoker->box, &sent.mail);
	while (sem_wait(&sent.done))
		;
	sem_destroy(&sent.done);
}

struct revoker_port *revoker_port_new(struct revoker *revoker, struct loop *loop,
				      void (*on_state)(void *arg, struct revocation *state), void *arg)
{
	struct revoker_port *port = mem_new(sizeof(*port));

	port->revoker = revoker;
	port->loop = loop;
	port->on_state = on_state;
	port->arg = arg;
	port->box = mailbox_new(loop, port);
	handshake(port, join);
	on_state(arg, port->first);
	revocation_unref(port->first);
	return port;
}

void revoker_port_free(struct revoker_port *port)
{
	if (!port)
		return;
	port->closing = true;
	handshake(port, leave);
	mailbox_free(port->box);
	free(port);
}

static void free_asking(struct asking *asking)
{
	loop_timer_free(asking->timer);
	free(asking);
}

/* On the loop again: whoever still waits is told. */
static void come_back(struct mail *mail, void *arg)
{
	struct asking *asking = (struct asking *)(void *)mail;
	struct revoker_port *port = arg;
	struct revocation_wait *wait = asking->wait;

	port->asked--;
	free_asking(asking);
	if (wait && !port->closing)
		wait->on_done(wait);
}

void asking_answered(struct asking *asking)
{
	if (--asking->pending)
		return;
	if (!asking->port) {
		free(asking);
		return;
	}
	DL_DELETE(asking->port->askings, asking);
	asking->mail.deliver = come_back;
	mailbox_post(asking->port->box, &asking->mail);
}

void waiter_add(struct waiter **list, struct asking *asking)
{
	struct waiter *waiter = mem_new(sizeof(*waiter));

	waiter->asking = asking;
	waiter->next = *list;
	*list = waiter;
}

void waiters_tell(struct revoker *revoker, struct waiter **list)
{
	struct waiter *waiter = *list;

	*list = NULL;
	if (waiter)
		revoker_publish(revoker);
	while (waiter) {
		struct waiter *next = waiter->next;

		asking_answered(waiter->asking);
		free(waiter);
		waiter = next;
	}
}

/* On the revoker's thread. */
static void take_asking(struct mail *mail, void *arg)
{
	struct asking *asking = (struct asking *)(void *)mail;
	struct revoker *revoker = arg;

	DL_APPEND(asking->port->askings, asking);
	/* One more, so that it is not told before all are asked. */
	asking->pending = asking->count + 1;
	for (size_t i = 0; i < asking->count; i++) {
		const struct revocation_question *question = &asking->questions[i];

		if (question->kind == ASK_OCSP)
			ocsp_ask(revoker, asking, question);
		else if (question->kind == ASK_LIST)
			lists_ask(revoker, asking, question);
		else
			lists_check(revoker, asking, question);
	}
	asking_answered(asking);
}

static struct slice place(uint8_t **at, struct slice bytes)
{
	uint8_t *start = *at;

	if (bytes.len)
		memcpy(start, bytes.ptr, bytes.len);
	*at += bytes.len;
	return slice_of(start, bytes.len);
}

static struct asking *asking_new(struct revoker_port *port, const struct revocation_question *questions,
				 size_t count)
{
	size_t size = sizeof(struct asking) + count * sizeof(*questions);
	struct asking *asking;
	uint8_t *at;

	for (size_t i = 0; i < count; i++)
		size += strlen(questions[i].authority) + 1 + questions[i].cert.len + questions[i].issuer.len +
			questions[i].url.len;
	asking = mem_new(size);
	at = (uint8_t *)(asking->questions + count);
	asking->mail.deliver = take_asking;
	asking->port = port;
	asking->count = count;
	for (size_t i = 0; i < count; i++) {
		struct revocation_question *mine = &asking->questions[i];
		const char *name = questions[i].authority;

		*mine = questions[i];
		mine->authority = (const char *)place(&at, slice_of(name, strlen(name) + 1)).ptr;
		mine->cert = place(&at, questions[i].cert);
		mine->issuer = place(&at, questions[i].issuer);
		mine->url = place(&at, questions[i].url);
	}
	return asking;
}

static void on_deadline(void *arg)
{
	struct asking *asking = arg;
	struct revocation_wait *wait = asking->wait;

	asking->wait = NULL;
	loop_timer_free(asking->timer);
	asking->timer = NULL;
	if (wait)
		wait->on_done(wait);
}

/* False: each was asked in vain just now. */
static bool is_worth_it(struct revoker_port *port, const struct revocation_wait *wait)
{
	int64_t now = clock_wall_s();

	for (size_t i = 0; i < wait->count; i++) {
		const struct revocation_question *question = &wait->questions[i];
		struct ocsp_key key;
		struct ocsp_seen seen;

		if (question->kind != ASK_OCSP)
			return true;
		key = ocsp_key_of(question);
		if (!ocsp_cache_look(port->revoker->cache, &key, now, &seen) || now >= seen.vain_until)
			return true;
	}
	return false;
}

static bool port_ask(void *arg, struct revocation_wait *wait)
{
	struct revoker_port *port = arg;
	struct asking *asking;

	if (wait->count == 0 || port->asked >= ASKED_MAX || !is_worth_it(port, wait))
		return false;
	port->asked++;
	asking = asking_new(port, wait->questions, wait->count);
	asking->wait = wait;
	wait->asked = asking;
	asking->timer = loop_timer_new(port->loop, on_deadline, asking);
	loop_timer_set(asking->timer, wait->deadline_ns - loop_now_ns(port->loop));
	mailbox_post(port->revoker->box, &asking->mail);
	return true;
}

static void port_cancel(void *arg, struct revocation_wait *wait)
{
	struct asking *asking = wait->asked;

	(void)arg;
	asking->wait = NULL;
	/* The rest may be freed by the revoker, and the timer is this loop's. */
	loop_timer_free(asking->timer);
	asking->timer = NULL;
}

static bool port_ocsp(void *arg, const struct revocation_question *question, int64_t now,
		      struct ocsp_record *out)
{
	struct revoker_port *port = arg;
	struct ocsp_key key = ocsp_key_of(question);
	struct ocsp_seen seen;

	if (!ocsp_cache_look(port->revoker->cache, &key, now, &seen))
		return false;
	if (seen.refresh && port->asked < ASKED_MAX) {
		port->asked++;
		mailbox_post(port->revoker->box, &asking_new(port, question, 1)->mail);
	}
	*out = seen.record;
	return seen.answered;
}

const struct revocation_ops revoker_ops = { .ocsp = port_ocsp, .ask = port_ask, .cancel = port_cancel };
