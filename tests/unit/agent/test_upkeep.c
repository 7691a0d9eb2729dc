/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "upkeep.h"

#define JOBS 200

struct numbered {
	struct job job;
	int number;
};

static int seen[JOBS], count;
static pthread_t ran_on;
static int priority;

static void note(struct job *job)
{
	seen[count++] = ((struct numbered *)job)->number;
	ran_on = pthread_self();
	priority = getpriority(PRIO_PROCESS, (id_t)gettid());
}

static void slow(struct job *job)
{
	usleep(50000);
	note(job);
}

/* The end waits for what was posted: nothing retired is forgotten. */
static void runs_all_in_order_before_it_ends(void **state)
{
	static struct numbered jobs[JOBS];
	struct upkeep *upkeep = upkeep_new();

	(void)state;
	for (int i = 0; i < JOBS; i++) {
		jobs[i].job.run = i ? note : slow;
		jobs[i].number = i;
		upkeep_post(upkeep, &jobs[i].job);
	}
	upkeep_free(upkeep);
	assert_int_equal(count, JOBS);
	for (int i = 0; i < JOBS; i++)
		assert_int_equal(seen[i], i);
	assert_false(pthread_equal(ran_on, pthread_self()));
	/* Requests go first, and they keep their priority. */
	assert_true(priority > getpriority(PRIO_PROCESS, (id_t)gettid()));
}

static void ends_without_jobs(void **state)
{
	(void)state;
	upkeep_free(upkeep_new());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_all_in_order_before_it_ends),
		cmocka_unit_test(ends_without_jobs),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
