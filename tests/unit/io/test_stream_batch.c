/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "io/loop_ev.h"
#include "lib/io.h"

/* Connections that all bring something in the same wake-up. */
#define BATCH 16
#define LARGE 32768u
#define VERY_LARGE (128u * 1024)
#define COUNT (BATCH + 4)

struct guest {
	struct io_conn conn;
	int fds[2];
	struct party *party;
};

struct party {
	struct loop *loop;
	struct guest guests[COUNT];
	size_t served; /* calls of on_data of all of them */
	size_t read[COUNT + 1], answered[COUNT + 1]; /* how many were, at each call */
	void (*at_first)(struct guest *other);
	int64_t takes_ns; /* each call */
	size_t more; /* bytes of each answer, beside the echo */
};

static size_t readable(int fd)
{
	int n = 0;

	assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
	return (size_t)n;
}

/* What a guest sends: nobody else's bytes. */
static const uint8_t *words(size_t i, size_t size)
{
	static uint8_t bytes[VERY_LARGE];

	for (size_t at = 0; at < size; at++)
		bytes[at] = (uint8_t)(i + at / 100);
	return bytes;
}

static void note(struct io_conn *conn, struct slice in)
{
	struct guest *guest = (struct guest *)(void *)conn;
	struct party *party = guest->party;

	(void)in;
	buf_put(stream_out(conn->stream), slice_of(words(0, party->more), party->more));
	for (int64_t end = clock_mono_ns() + party->takes_ns; clock_mono_ns() < end;)
		;
	for (size_t i = 0; i < COUNT && party->served < COUNT; i++) {
		struct guest *other = &party->guests[i];

		party->read[party->served] += readable(other->fds[0]) == 0;
		party->answered[party->served] += readable(other->fds[1]) > 0;
		if (party->at_first && party->served == 0 && other != guest)
			party->at_first(other);
	}
	party->served++;
}

static int come(void **state)
{
	struct party *party = calloc(1, sizeof(*party));

	party->loop = loop_new();
	for (size_t i = 0; i < COUNT; i++) {
		struct guest *guest = &party->guests[i];

		io_pair(guest->fds);
		guest->party = party;
		guest->conn.echo = true;
		guest->conn.on_offer = note;
		io_conn_open(&guest->conn, party->loop, guest->fds[0], NULL, NULL);
	}
	*state = party;
	return 0;
}

static int go(void **state)
{
	struct party *party = *state;

	for (size_t i = 0; i < COUNT; i++) {
		io_conn_close(&party->guests[i].conn);
		close(party->guests[i].fds[1]);
	}
	loop_free(party->loop);
	free(party);
	return 0;
}

static void all_say(struct party *party, size_t size)
{
	party->served = 0;
	memset(party->read, 0, sizeof(party->read));
	memset(party->answered, 0, sizeof(party->answered));
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(send(party->guests[i].fds[1], words(i, size), size, MSG_NOSIGNAL), size);
	io_turn(party->loop, 5);
}

static void assert_heard(struct party *party, size_t size)
{
	static uint8_t answer[LARGE];

	for (size_t i = 0; i < COUNT; i++) {
		struct guest *guest = &party->guests[i];

		assert_int_equal(guest->conn.got.len, size);
		assert_memory_equal(guest->conn.got.ptr, words(i, size), size);
		assert_int_equal(recv(guest->fds[1], answer, sizeof(answer), 0), size);
		assert_memory_equal(answer, words(i, size), size);
		buf_reset(&guest->conn.got);
	}
}

/* Whether nobody was answered before all of the batch were served. On a busy machine some are, as serving took long. */
static bool is_together(const struct party *party)
{
	bool together = true;

	for (size_t i = 0; i < COUNT; i++)
		together &= party->answered[i] == (i < BATCH ? 0 : BATCH);
	return together;
}

static void sixteen_are_read_then_served_then_answered(void **state)
{
	struct party *party = *state;

	/* Thrice: what is kept goes each time. */
	for (int round = 0, tries = 0; round < 3; round += is_together(party)) {
		assert_true(tries++ < 100);
		all_say(party, 900);
		assert_int_equal(party->served, COUNT);
		for (size_t i = 0; i < COUNT; i++)
			assert_int_equal(party->read[i], i < BATCH ? BATCH : COUNT);
		assert_heard(party, 900);
	}
}

static void slow_ones_keep_no_answer_back(void **state)
{
	struct party *party = *state;

	party->takes_ns = 200000;
	all_say(party, 900);
	for (size_t i = 0; i < BATCH; i++)
		assert_true(party->answered[i] >= i / 4 * 4);
	assert_int_equal(party->read[0], BATCH);
	assert_heard(party, 900);
}

static void what_is_kept_has_an_end(void **state)
{
	struct party *party = *state;

	/* Whoever finds no room is served at once. */
	all_say(party, LARGE);
	assert_int_equal(party->read[0], LOOP_KEPT / LARGE + 1);
	assert_heard(party, LARGE);
}

static void a_long_answer_does_not_wait(void **state)
{
	struct party *party = *state;

	party->more = VERY_LARGE;
	all_say(party, 900);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(party->read[i], i < BATCH ? BATCH : COUNT);
		assert_int_equal(party->answered[i], i);
	}
}

static void assert_only_one_was_served(struct party *party)
{
	size_t offers = 0;

	for (size_t i = 0; i < COUNT; i++)
		offers += party->guests[i].conn.offers;
	assert_int_equal(party->served, 1);
	assert_int_equal(offers, 1);
}

static void leave(struct guest *other)
{
	stream_abort(other->conn.stream);
	other->conn.stream = NULL;
	other->fds[0] = other->fds[1]; /* for readable(): closed already */
}

static void one_that_is_closed_meanwhile_is_not_served(void **state)
{
	struct party *party = *state;

	party->at_first = leave;
	all_say(party, 900);
	assert_only_one_was_served(party);
}

static void hold(struct guest *other)
{
	stream_pause(other->conn.stream, true);
}

static void one_that_is_paused_meanwhile_is_served_later(void **state)
{
	struct party *party = *state;

	party->at_first = hold;
	all_say(party, 900);
	assert_only_one_was_served(party);
	for (size_t i = 0; i < COUNT; i++)
		stream_pause(party->guests[i].conn.stream, false);
	io_turn(party->loop, 5);
	assert_int_equal(party->served, COUNT);
	assert_heard(party, 900);
}

static void finish(struct guest *other)
{
	stream_finish(other->conn.stream, 0);
}

static void one_that_is_finished_meanwhile_is_not_served(void **state)
{
	struct party *party = *state;
	unsigned closed = 0;

	party->at_first = finish;
	all_say(party, 900);
	assert_only_one_was_served(party);
	for (size_t i = 0; i < COUNT; i++)
		closed += party->guests[i].conn.closed && party->guests[i].conn.why == ERR_OK;
	assert_int_equal(closed, COUNT - 1);
}

static void never(struct loop_task *task)
{
	(void)task;
	fail();
}

static void outside_of_a_wake_up_there_is_nobody_to_wait_for(void **state)
{
	struct party *party = *state;
	struct loop_task task = { .run = never };

	assert_false(loop_in_batch(party->loop, LOOP_SERVE, &task, 0));
	io_turn(party->loop, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, come, go)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sixteen_are_read_then_served_then_answered),
		TEST(slow_ones_keep_no_answer_back),
		TEST(what_is_kept_has_an_end),
		TEST(a_long_answer_does_not_wait),
		TEST(one_that_is_closed_meanwhile_is_not_served),
		TEST(one_that_is_paused_meanwhile_is_served_later),
		TEST(one_that_is_finished_meanwhile_is_not_served),
		TEST(outside_of_a_wake_up_there_is_nobody_to_wait_for),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
