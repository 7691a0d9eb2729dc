/* SPDX-License-Identifier: Apache-2.0 */
/* Several loops verify with one trust and remember in it, while a reload inherits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <pthread.h>

#include <cmocka.h>

#include "lib/certs.h"
#include "lib/trusts.h"

#define THREADS 4
#define MIDDLES 8
#define ROUNDS 20

static struct certs *root, *middles[MIDDLES], *leaves[MIDDLES], *stranger;
static struct trust *trust;
static _Atomic unsigned faults;

static int set_up(void **state)
{
	(void)state;
	root = certs_ca("/CN=Root", NULL);
	trust = trusts_one(root);
	stranger = certs_leaf("/CN=stranger", NULL);
	for (size_t i = 0; i < MIDDLES; i++) {
		char name[32];

		snprintf(name, sizeof(name), "/CN=Middle %zu", i);
		middles[i] = certs_ca(name, root);
		leaves[i] = certs_leaf("/CN=leaf", middles[i]);
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	trust_unref(trust);
	certs_free(root);
	certs_free(stranger);
	for (size_t i = 0; i < MIDDLES; i++) {
		certs_free(middles[i]);
		certs_free(leaves[i]);
	}
	return 0;
}

static void *verify(void *arg)
{
	struct trust *own = trust_ref(trust);

	(void)arg;
	for (unsigned round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < MIDDLES; i++) {
			const struct certs *chain = round % 2 ? NULL : middles[i];

			if (trusts_error(own, leaves[i], chain, NULL, NULL))
				faults++;
			if (trusts_error(own, stranger, chain, NULL, NULL) != 18)
				faults++;
		}
	trust_unref(own);
	return NULL;
}

static void *reload(void *arg)
{
	(void)arg;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct trust *next = trusts_one(root);

		trust_inherit(next, trust);
		if (trust_memory(next) > MIDDLES)
			faults++;
		trust_unref(next);
	}
	return NULL;
}

static void shares_one_trust(void **state)
{
	pthread_t threads[THREADS + 1];

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, verify, NULL), 0);
	assert_int_equal(pthread_create(&threads[THREADS], NULL, reload, NULL), 0);
	for (size_t i = 0; i <= THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(faults, 0);
	assert_int_equal(trust_memory(trust), MIDDLES);
}

#define STARTS 1500

static struct trust *fresh;
static pthread_barrier_t line;

static void *meet(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < STARTS; i++) {
		pthread_barrier_wait(&line);
		if (trusts_error(fresh, leaves[0], middles[0], NULL, NULL))
			faults++;
		pthread_barrier_wait(&line);
	}
	return NULL;
}

/* The other loop may remember the intermediate between two looks at the memory. */
static void learns_the_same_at_once(void **state)
{
	pthread_t threads[2];

	(void)state;
	assert_int_equal(pthread_barrier_init(&line, NULL, 3), 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, meet, NULL), 0);
	for (unsigned i = 0; i < STARTS; i++) {
		fresh = trusts_one(root);
		pthread_barrier_wait(&line);
		pthread_barrier_wait(&line);
		trust_unref(fresh);
	}
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&line);
	assert_int_equal(faults, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_one_trust),
		cmocka_unit_test(learns_the_same_at_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
