/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_IO_MAILBOX_H
#define MTLSGUARD_IO_MAILBOX_H

#include "io/loop.h"

/*
 * How threads meet: any thread posts, the loop's thread gets every message in
 * the order posted. A message is embedded in what it carries; its owner is the
 * receiver once posted.
 */
struct mail {
	struct mail *next;
	void (*deliver)(struct mail *mail, void *arg); /* on the receiving loop; arg of mailbox_new */
};

struct mailbox;

struct mailbox *mailbox_new(struct loop *loop, void *arg);

/* Any thread. Never blocks on the receiver. */
void mailbox_post(struct mailbox *box, struct mail *mail);

/* On the loop's thread, once every post has returned (posters joined); undelivered mail is delivered first. */
void mailbox_free(struct mailbox *box);

#endif
