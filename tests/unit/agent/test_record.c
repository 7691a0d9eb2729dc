/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "record.h"

#define QUEUES 3
#define LINES 2000

static char folder[64];

static char *path_of(const char *name)
{
	struct buf b = buf_capped(0);
	char *path;

	buf_printf(&b, "%s/%s", folder, name);
	path = mem_dup(buf_slice(&b));
	buf_fini(&b);
	return path;
}

static void wait_written(const struct record *record, uint64_t wanted)
{
	for (int i = 0; i < 2000 && record_written(record) < wanted; i++)
		usleep(5000);
	assert_int_equal(record_written(record), wanted);
}

static void *put_many(void *arg)
{
	for (int i = 0; i < LINES; i++)
		record_put(arg, SLICE_LIT("{\"a\":\"0123456789012345678901234567890123456789\"}"));
	return NULL;
}

static void lines_of_many_loops_stay_whole(void **state)
{
	struct record *record = record_new(QUEUES);
	char *path = path_of("many");
	pthread_t threads[QUEUES];
	char line[256];
	int count = 0;
	FILE *file;

	(void)state;
	assert_int_equal(record_open(record, path), ERR_OK);
	for (size_t i = 0; i < QUEUES; i++)
		pthread_create(&threads[i], NULL, put_many, record_queue(record, i));
	for (size_t i = 0; i < QUEUES; i++)
		pthread_join(threads[i], NULL);
	record_free(record);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		assert_string_equal(line, "{\"a\":\"0123456789012345678901234567890123456789\"}\n");
		count++;
	}
	assert_int_equal(count, QUEUES * LINES);
	fclose(file);
	free(path);
}

static void a_target_that_cannot_be_opened_changes_nothing(void **state)
{
	struct record *record = record_new(1);
	char *path = path_of("kept");
	struct stat st;

	(void)state;
	assert_int_equal(record_open(record, path), ERR_OK);
	assert_int_equal(record_open(record, "/nonexistent/folder/file"), ERR_IO);
	assert_int_equal(errno, ENOENT);
	record_put(record_queue(record, 0), SLICE_LIT("one"));
	wait_written(record, 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4);
	record_free(record);
	free(path);
}

static void a_moved_file_is_opened_again(void **state)
{
	struct record *record = record_new(1);
	char *path = path_of("moved"), *away = path_of("away");
	struct stat st;

	(void)state;
	assert_int_equal(record_open(record, path), ERR_OK);
	record_put(record_queue(record, 0), SLICE_LIT("one"));
	wait_written(record, 1);
	assert_int_equal(rename(path, away), 0);
	assert_int_equal(record_reopen(record), ERR_OK);
	record_put(record_queue(record, 0), SLICE_LIT("three"));
	wait_written(record, 2);
	assert_int_equal(stat(away, &st), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 6);
	record_free(record);
	free(path);
	free(away);
}

/* The writer hangs in a pipe that is full; putting must go on, and count what is lost. */
static void a_full_pipe_drops_and_never_blocks(void **state)
{
	struct record *record = record_new(1);
	char *path = path_of("pipe"), *line = mem_new(1000);
	int reader;
	int64_t start;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK);
	assert_int_equal(record_open(record, path), ERR_OK);
	memset(line, 'x', 1000);
	start = clock_mono_ns();
	for (int i = 0; i < 4000; i++)
		record_put(record_queue(record, 0), slice_of(line, 1000));
	assert_true(clock_mono_ns() - start < INT64_C(5000000000));
	assert_true(record_dropped(record) > 1000);
	close(reader); /* the writer gets EPIPE, and ends */
	record_free(record);
	free(path);
	free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_many_loops_stay_whole),
		cmocka_unit_test(a_target_that_cannot_be_opened_changes_nothing),
		cmocka_unit_test(a_moved_file_is_opened_again),
		cmocka_unit_test(a_full_pipe_drops_and_never_blocks),
	};
	int failed;
	char command[96];

	signal(SIGPIPE, SIG_IGN);
	snprintf(folder, sizeof(folder), "/tmp/mtlsguard-record-XXXXXX");
	if (!mkdtemp(folder))
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) ? 1 : failed;
}
