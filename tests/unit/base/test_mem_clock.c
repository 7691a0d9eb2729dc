/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

/* Whether f ends the process by abort(). */
static bool aborts(void (*f)(void))
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		struct rlimit none = { 0, 0 };
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		setrlimit(RLIMIT_CORE, &none);
		dup2(null, STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		f();
		_exit(0);
	}
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) != 0);
}

static void product_that_overflows(void)
{
	(void)mem_array(SIZE_MAX / 2, 16);
}

static void scattered_product_that_overflows(void)
{
	(void)mem_scattered(SIZE_MAX / 2, 16);
}

static void scattered_without_room_to_round(void)
{
	(void)mem_scattered(SIZE_MAX - 64, 1);
}

static void more_than_there_is(void)
{
	(void)mem_new(SIZE_MAX / 2);
}

static void test_no_memory_ends_the_process(void **state)
{
	(void)state;
	assert_true(aborts(product_that_overflows));
	assert_true(aborts(scattered_product_that_overflows));
	assert_true(aborts(scattered_without_room_to_round));
	assert_true(aborts(more_than_there_is));
}

static void test_nothing_is_a_piece(void **state)
{
	void *a = mem_new(0), *b = mem_array(0, 0), *c = mem_grow(NULL, 0);
	char *d = mem_dup(SLICE_EMPTY);

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_non_null(c);
	assert_string_equal(d, "");
	free(a);
	free(b);
	free(c);
	free(d);
}

static void test_zeroed_and_copied(void **state)
{
	uint8_t *p = mem_new(1000);
	char *copy = mem_dup(slice_of("a\0b", 3));

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(p[i], 0);
	memset(p, 7, 1000);
	p = mem_grow(p, 5000);
	assert_int_equal(p[999], 7);
	assert_memory_equal(copy, "a\0b\0", 4);
	free(p);
	free(copy);
}

/* Small ones and ones that are large enough for huge pages, also where the heap was full of something before. */
static void test_scattered_is_zeroed_and_aligned(void **state)
{
	static const size_t counts[] = { 0, 1, 3, 1000, 40000, 70000 };
	const size_t size = 64;

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		size_t bytes = counts[i] * size;
		uint8_t *before = mem_new(bytes), *items;

		memset(before, 0xff, bytes);
		free(before);
		items = mem_scattered(counts[i], size);
		assert_int_equal((uintptr_t)items % size, 0);
		for (size_t j = 0; j < bytes; j++)
			if (items[j])
				fail_msg("%zu items: byte %zu is not zero", counts[i], j);
		memset(items, 0xff, bytes);
		free(items);
	}
}

static void test_clocks(void **state)
{
	int64_t mono = clock_mono_ns(), cpu = clock_thread_cpu_ns();

	(void)state;
	assert_true(clock_mono_ns() >= mono);
	assert_true(clock_thread_cpu_ns() >= cpu);
	usleep(2000);
	assert_true(clock_mono_ns() - mono >= 2000000);
	/* Sleeping costs no CPU time. */
	assert_true(clock_thread_cpu_ns() - cpu < clock_mono_ns() - mono);
	assert_in_range(clock_wall_ns() / 1000000000 - clock_wall_s(), 0, 1);
	assert_true(clock_wall_s() > 1577836800);
}

/* Whole pages inside go; what shares a page with others stays. */
static void test_mem_spend(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *pages = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(pages, MAP_FAILED);
	memset(pages, 7, 4 * page);
	mem_spend(SLICE_EMPTY);
	mem_spend(slice_of(pages + 1, page));
	mem_spend(slice_of(pages + page, page - 1));
	for (size_t i = 0; i < 4 * page; i++)
		assert_int_equal(pages[i], 7);
	mem_spend(slice_of(pages + 1, 3 * page));
	assert_int_equal(pages[page - 1], 7);
	assert_int_equal(pages[page], 0);
	assert_int_equal(pages[3 * page - 1], 0);
	assert_int_equal(pages[3 * page], 7);
	munmap(pages, 4 * page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mem_spend),
		cmocka_unit_test(test_no_memory_ends_the_process),
		cmocka_unit_test(test_nothing_is_a_piece),
		cmocka_unit_test(test_zeroed_and_copied),
		cmocka_unit_test(test_scattered_is_zeroed_and_aligned),
		cmocka_unit_test(test_clocks),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
