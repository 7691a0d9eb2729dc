/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "io/mailbox.h"
#include "lib/io.h"

#define POSTERS 4
#define EACH 20000

struct letter {
	struct mail mail;
	unsigned from;
	unsigned number;
};

struct receiver {
	struct loop *loop;
	struct mailbox *box;
	unsigned next[POSTERS];
	unsigned total;
	bool out_of_order;
};

static void deliver(struct mail *mail, void *arg)
{
	struct receiver *r = arg;
	struct letter *letter = (struct letter *)mail;

	if (letter->number != r->next[letter->from]++)
		r->out_of_order = true;
	r->total++;
	free(letter);
}

static void post(struct receiver *r, unsigned from, unsigned number)
{
	struct letter *letter = mem_new(sizeof(*letter));

	letter->mail.deliver = deliver;
	letter->from = from;
	letter->number = number;
	mailbox_post(r->box, &letter->mail);
}

struct poster {
	struct receiver *receiver;
	unsigned from;
	pthread_t thread;
};

static void *post_all(void *arg)
{
	struct poster *p = arg;

	for (unsigned i = 0; i < EACH; i++)
		post(p->receiver, p->from, i);
	return NULL;
}

static bool all_there(void *arg)
{
	return ((struct receiver *)arg)->total == POSTERS * EACH;
}

static void test_many_threads_in_order(void **state)
{
	struct receiver r = { .loop = loop_new() };
	struct poster posters[POSTERS];

	(void)state;
	r.box = mailbox_new(r.loop, &r);
	for (unsigned i = 0; i < POSTERS; i++) {
		posters[i] = (struct poster){ .receiver = &r, .from = i };
		assert_int_equal(pthread_create(&posters[i].thread, NULL, post_all, &posters[i]), 0);
	}
	assert_true(io_until(r.loop, all_there, &r, 20000));
	for (unsigned i = 0; i < POSTERS; i++)
		pthread_join(posters[i].thread, NULL);
	assert_false(r.out_of_order);
	mailbox_free(r.box);
	loop_free(r.loop);
}

static void test_undelivered_mail_comes_at_free(void **state)
{
	struct receiver r = { .loop = loop_new() };

	(void)state;
	r.box = mailbox_new(r.loop, &r);
	for (unsigned i = 0; i < 10; i++)
		post(&r, 0, i);
	assert_int_equal(r.total, 0);
	mailbox_free(r.box);
	assert_int_equal(r.total, 10);
	assert_false(r.out_of_order);
	mailbox_free(NULL);
	loop_free(r.loop);
}

static void deliver_twice(struct mail *mail, void *arg)
{
	struct receiver *r = arg;

	/* The same one again, and another. */
	if (r->total++ == 0) {
		mailbox_post(r->box, mail);
		post(r, 0, 0);
	}
}

static void test_posting_while_delivering(void **state)
{
	struct receiver r = { .loop = loop_new() };
	struct mail again = { .deliver = deliver_twice };

	(void)state;
	r.box = mailbox_new(r.loop, &r);
	mailbox_post(r.box, &again);
	io_turn(r.loop, 20);
	assert_int_equal(r.total, 3);
	r.total = 0;
	r.next[0] = 0;
	mailbox_post(r.box, &again);
	mailbox_free(r.box);
	assert_int_equal(r.total, 3);
	loop_free(r.loop);
}

static void stop_on_mail(struct mail *mail, void *arg)
{
	struct receiver *r = arg;

	(void)mail;
	r->total++;
	loop_stop(r->loop);
}

static void *post_late(void *arg)
{
	static struct mail last = { .deliver = stop_on_mail };
	struct timespec wait = { 0, 30000000 };
	struct receiver *r = arg;

	nanosleep(&wait, NULL);
	mailbox_post(r->box, &last);
	return NULL;
}

static void test_wakes_a_loop_that_sleeps(void **state)
{
	struct receiver r = { .loop = loop_new() };
	pthread_t thread;

	(void)state;
	r.box = mailbox_new(r.loop, &r);
	assert_int_equal(pthread_create(&thread, NULL, post_late, &r), 0);
	loop_run(r.loop);
	assert_int_equal(r.total, 1);
	pthread_join(thread, NULL);
	mailbox_free(r.box);
	loop_free(r.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_threads_in_order),
		cmocka_unit_test(test_undelivered_mail_comes_at_free),
		cmocka_unit_test(test_posting_while_delivering),
		cmocka_unit_test(test_wakes_a_loop_that_sleeps),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
