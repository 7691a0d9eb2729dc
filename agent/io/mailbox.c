/* SPDX-License-Identifier: Apache-2.0 */
#include "io/mailbox.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "io/loop_ev.h"

/*
 * Posters push on a stack, newest first; the loop takes the whole stack and
 * turns it round. Only the post that finds it empty has to wake the loop.
 */
struct mailbox {
	struct ev_async ev;
	struct loop *loop;
	void *arg;
	_Atomic(struct mail *) newest;
};

static struct mail *take_in_order(struct mailbox *box)
{
	struct mail *mail = atomic_exchange_explicit(&box->newest, NULL, memory_order_acquire);
	struct mail *ordered = NULL;

	while (mail) {
		struct mail *next = mail->next;

		mail->next = ordered;
		ordered = mail;
		mail = next;
	}
	return ordered;
}

static bool deliver(struct mailbox *box)
{
	struct mail *mail = take_in_order(box);
	bool any = mail != NULL;

	while (mail) {
		/* The receiver may free it, or post it again. */
		struct mail *next = mail->next;

		mail->next = NULL;
		mail->deliver(mail, box->arg);
		mail = next;
	}
	return any;
}

static void woken(struct ev_loop *ev, struct ev_async *w, int events)
{
	(void)ev;
	(void)events;
	deliver(w->data);
}

struct mailbox *mailbox_new(struct loop *loop, void *arg)
{
	struct mailbox *box = mem_new(sizeof(*box));

	box->loop = loop;
	box->arg = arg;
	atomic_init(&box->newest, NULL);
	ev_async_init(&box->ev, woken);
	box->ev.data = box;
	ev_async_start(loop_ev(loop), &box->ev);
	return box;
}

void mailbox_post(struct mailbox *box, struct mail *mail)
{
	struct mail *newest = atomic_load_explicit(&box->newest, memory_order_relaxed);

	do
		mail->next = newest;
	while (!atomic_compare_exchange_weak_explicit(&box->newest, &newest, mail,
						      memory_order_release, memory_order_relaxed));
	if (!newest)
		ev_async_send(loop_ev(box->loop), &box->ev);
}

void mailbox_free(struct mailbox *box)
{
	if (!box)
		return;
	while (deliver(box))
		;
	ev_async_stop(loop_ev(box->loop), &box->ev);
	free(box);
}
