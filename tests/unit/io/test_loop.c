/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/loop_ev.h"
#include "lib/io.h"

#define MS 1000000

struct fixture {
	struct loop *loop;
	struct loop_timer *timer;
	struct loop_task task;
	int fired;
	int64_t at;
	char order[16];
	size_t len;
};

static void on_timer(void *arg)
{
	struct fixture *f = arg;

	f->fired++;
	f->at = loop_now_ns(f->loop);
}

static void test_no_descriptor_left(void **state)
{
	struct rlimit old, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ 3, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_null(loop_new());
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	loop_free(NULL);
}

static void test_timer_fires_once_and_never_early(void **state)
{
	struct fixture f = { .loop = loop_new() };
	int64_t start;

	(void)state;
	f.timer = loop_timer_new(f.loop, on_timer, &f);
	/* A loop that stood still for a while must not think that the time has passed already. */
	io_turn(f.loop, 1);
	usleep(30000);
	start = clock_mono_ns();
	loop_timer_set(f.timer, 20 * MS);
	io_turn(f.loop, 60);
	assert_int_equal(f.fired, 1);
	assert_true(f.at - start >= 20 * MS);
	assert_true(f.at - start < 45 * MS);
	loop_timer_free(f.timer);
	loop_free(f.loop);
}

static void test_timer_moved_and_cleared(void **state)
{
	struct fixture f = { .loop = loop_new() };

	(void)state;
	f.timer = loop_timer_new(f.loop, on_timer, &f);
	loop_timer_set(f.timer, 5 * MS);
	loop_timer_set(f.timer, 10000 * (int64_t)MS);
	io_turn(f.loop, 20);
	assert_int_equal(f.fired, 0);
	loop_timer_set(f.timer, 1 * MS);
	loop_timer_clear(f.timer);
	io_turn(f.loop, 10);
	assert_int_equal(f.fired, 0);
	loop_timer_set(f.timer, -5);
	io_turn(f.loop, 5);
	assert_int_equal(f.fired, 1);
	loop_timer_free(f.timer);
	loop_timer_free(NULL);
	loop_free(f.loop);
}

static void stop_both(void *arg)
{
	struct fixture *f = arg;
	int64_t first = loop_now_ns(f->loop);

	usleep(2000);
	/* One wake-up has one time. */
	assert_true(loop_now_ns(f->loop) == first);
	loop_stop(f->loop);
}

static void test_stop_from_a_callback(void **state)
{
	struct fixture f = { .loop = loop_new() };
	int64_t now;

	(void)state;
	f.timer = loop_timer_new(f.loop, stop_both, &f);
	loop_timer_set(f.timer, 1 * MS);
	loop_run(f.loop);
	/* Outside of a run time goes on. */
	now = clock_mono_ns();
	assert_true(loop_now_ns(f.loop) >= now);
	loop_timer_free(f.timer);
	loop_free(f.loop);
}

static struct fixture *current;

static void note(char c)
{
	current->order[current->len++] = c;
}

static void end_task(struct loop_task *task)
{
	(void)task;
	note('e');
}

static void soon_task(struct loop_task *task)
{
	note('s');
	if (current->len < 6)
		loop_soon(current->loop, task);
}

static void two_things(void *arg)
{
	static struct loop_task soon = { .run = soon_task };
	struct fixture *f = arg;

	loop_soon(f->loop, &soon);
	loop_at_end(f->loop, &f->task);
	loop_at_end(f->loop, &f->task);
	note('t');
}

static void test_tasks_at_the_end_and_soon(void **state)
{
	struct fixture f = { .loop = loop_new(), .task = { .run = end_task } };

	(void)state;
	current = &f;
	f.timer = loop_timer_new(f.loop, two_things, &f);
	loop_timer_set(f.timer, 0);
	io_turn(f.loop, 20);
	/* Once at the end of its own wake-up; "soon" in those that follow, at once. */
	assert_string_equal(f.order, "tessss");
	loop_timer_free(f.timer);
	loop_free(f.loop);
}

static void test_cancelled_task_and_one_queued_outside(void **state)
{
	struct fixture f = { .loop = loop_new(), .task = { .run = end_task } };

	(void)state;
	current = &f;
	loop_at_end(f.loop, &f.task);
	loop_task_cancel(&f.task);
	loop_task_cancel(&f.task);
	io_turn(f.loop, 3);
	assert_int_equal(f.len, 0);
	loop_at_end(f.loop, &f.task);
	io_turn(f.loop, 3);
	assert_string_equal(f.order, "e");
	loop_free(f.loop);
}

static void greedy_task(struct loop_task *task)
{
	current->len++;
	loop_at_end(current->loop, task);
}

static void test_greedy_end_task_starves_nobody(void **state)
{
	struct fixture f = { .loop = loop_new(), .task = { .run = greedy_task } };

	(void)state;
	current = &f;
	f.timer = loop_timer_new(f.loop, on_timer, &f);
	loop_timer_set(f.timer, 5 * MS);
	loop_at_end(f.loop, &f.task);
	io_turn(f.loop, 30);
	assert_int_equal(f.fired, 1);
	loop_task_cancel(&f.task);
	loop_timer_free(f.timer);
	loop_free(f.loop);
}

static void give(struct loop *loop, size_t room)
{
	struct buf b = buf_capped(0);

	assert_non_null(buf_want(&b, room));
	loop_give_buf(loop, &b);
	assert_null(b.ptr);
}

/* Takes all that were kept; returns how many bytes they have room for. */
static size_t take_all(struct loop *loop, size_t *count)
{
	size_t room = 0;
	struct buf b;

	for (*count = 0; loop_take_buf(loop, &b), b.ptr; (*count)++) {
		room += b.room;
		buf_fini(&b);
	}
	return room;
}

static void test_lent_buffers_that_are_kept_have_a_bound(void **state)
{
	struct loop *loop = loop_new();
	size_t count;

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 40; i++)
			give(loop, 200000);
		for (int i = 0; i < 12; i++)
			give(loop, 8000);
		assert_in_range(take_all(loop, &count), 4 * 262144, 5 * 262144);
		assert_int_equal(count, 5);
		for (int i = 0; i < 4; i++)
			give(loop, 200000);
		for (int i = 0; i < 12; i++)
			give(loop, 8000);
		take_all(loop, &count);
		assert_int_equal(count, 16);
	}
	loop_free(loop);
}

static void test_lent_buffers(void **state)
{
	struct loop *loop = loop_new();
	struct buf small, large;
	uint8_t *was;

	(void)state;
	loop_take_buf(loop, &small);
	assert_null(small.ptr);
	buf_str(&small, "x");
	was = small.ptr;
	loop_give_buf(loop, &small);
	assert_null(small.ptr);
	loop_take_buf(loop, &small);
	assert_ptr_equal(small.ptr, was);
	assert_int_equal(small.len, 0);
	loop_give_buf(loop, &small);
	loop_take_buf(loop, &large);
	assert_non_null(buf_want(&large, 1 << 20));
	/* What is over size goes back to the system. */
	loop_give_buf(loop, &large);
	loop_take_buf(loop, &large);
	assert_int_equal(large.room, 0);
	loop_free(loop);
}

static int signals;

static void on_signal(void *arg, int signum)
{
	signals++;
	assert_int_equal(signum, SIGUSR1);
	loop_stop(arg);
}

static void test_signal(void **state)
{
	struct loop *loop = loop_new();
	struct loop_signal *sig = loop_signal_new(loop, SIGUSR1, on_signal, loop);

	(void)state;
	raise(SIGUSR1);
	loop_run(loop);
	assert_int_equal(signals, 1);
	loop_signal_free(sig);
	loop_signal_free(NULL);
	loop_free(loop);
}

static void on_sleepy(struct loop_task *task)
{
	struct fixture *f = (struct fixture *)((char *)task - offsetof(struct fixture, task));

	f->fired++;
	usleep(12 * 1000);
}

/* What a callback takes is told, what the poll waits is not. */
static void test_stalls(void **state)
{
	struct fixture f = { .loop = loop_new(), .task.run = on_sleepy };
	const struct loop_stalls *stalls = loop_stalls(f.loop);
	uint64_t max, slow = 0;

	(void)state;
	f.timer = loop_timer_new(f.loop, on_timer, &f);
	loop_timer_set(f.timer, 150 * MS);
	io_turn(f.loop, 200);
	max = stalls->max_ns;
	assert_int_equal(f.fired, 1);
	assert_true(max > 0 && max < 150 * MS);
	assert_true(stalls->counts[0] > 0 && stalls->total_ns >= max);
	for (size_t i = 0; i <= LOOP_STALL_BOUNDS; i++)
		slow += i > 3 ? stalls->counts[i] : 0;
	loop_at_end(f.loop, &f.task);
	io_turn(f.loop, 1);
	assert_int_equal(f.fired, 2);
	assert_true(stalls->max_ns >= 12 * MS);
	for (size_t i = 4; i <= LOOP_STALL_BOUNDS; i++)
		slow -= stalls->counts[i];
	assert_int_equal(slow, (uint64_t)-1);
	for (size_t i = 1; i < LOOP_STALL_BOUNDS; i++)
		assert_true(loop_stall_bound_ns(i) > loop_stall_bound_ns(i - 1));
	loop_timer_free(f.timer);
	loop_free(f.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_descriptor_left),
		cmocka_unit_test(test_timer_fires_once_and_never_early),
		cmocka_unit_test(test_timer_moved_and_cleared),
		cmocka_unit_test(test_stop_from_a_callback),
		cmocka_unit_test(test_tasks_at_the_end_and_soon),
		cmocka_unit_test(test_cancelled_task_and_one_queued_outside),
		cmocka_unit_test(test_greedy_end_task_starves_nobody),
		cmocka_unit_test(test_lent_buffers),
		cmocka_unit_test(test_lent_buffers_that_are_kept_have_a_bound),
		cmocka_unit_test(test_signal),
		cmocka_unit_test(test_stalls),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
