/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <unistd.h>

#include "io/loop_io.h"

struct fixture {
	struct loop *loop;
	struct loop_io *io;
	int pipe[2];
	unsigned calls;
};

static void on_patience(void *arg)
{
	loop_stop(arg);
}

/* Reads one byte of several: what is left makes it come again. */
static void on_readable(void *arg)
{
	struct fixture *f = arg;
	char c;

	f->calls++;
	assert_int_equal(read(f->pipe[0], &c, 1), 1);
	if (c == '.')
		loop_stop(f->loop);
}

static void run(struct fixture *f, int64_t at_most_ns)
{
	struct loop_timer *patience = loop_timer_new(f->loop, on_patience, f->loop);

	loop_timer_set(patience, at_most_ns);
	loop_run(f->loop);
	loop_timer_free(patience);
}

static void tells_for_as_long_as_there_is_something(void **state)
{
	struct fixture f = { .loop = loop_new() };

	(void)state;
	assert_int_equal(pipe(f.pipe), 0);
	f.io = loop_io_new(f.loop, f.pipe[0], on_readable, &f);
	assert_int_equal(write(f.pipe[1], "abc.", 4), 4);
	run(&f, INT64_C(5000000000));
	assert_int_equal(f.calls, 4);
	loop_io_free(f.io);
	/* The descriptor stays its owner's, open and not watched any more. */
	assert_int_equal(write(f.pipe[1], ".", 1), 1);
	f.calls = 0;
	run(&f, 20000000);
	assert_int_equal(f.calls, 0);
	on_readable(&f);
	loop_io_free(NULL);
	loop_free(f.loop);
	close(f.pipe[0]);
	close(f.pipe[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_for_as_long_as_there_is_something),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
