/* SPDX-License-Identifier: Apache-2.0 */
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "thread.h"

#define QUEUE_MAX (1024 * 1024)
/* An empty queue keeps this much memory at most. */
#define QUEUE_KEPT 65536
/* The writer gathers for this long, so that a busy loop wakes it rarely. */
#define GATHER_NS 2000000
#define FLUSH_NS INT64_C(2000000000)
#define COMPLAIN_NS INT64_C(10000000000)

struct record_queue {
	pthread_mutex_t lock; /* held for one copy, or one swap */
	struct buf lines;
	size_t count;
	struct record *record;
};

struct record {
	pthread_t thread;
	pthread_mutex_t lock; /* of wake and ending */
	pthread_cond_t wake;
	bool ending;
	_Atomic bool waiting; /* the writer sleeps until something is put */
	_Atomic int64_t give_up_ns; /* 0: not ending yet */
	_Atomic uint64_t written, dropped;
	int fd; /* the same number for ever: another target is put behind it */
	char *path; /* of a file, for opening it again; the main thread's */
	/* The writer's own. */
	bool broken; /* a line was cut off: the next one needs a newline first */
	int64_t complained_ns;
	struct buf spare;
	struct record_queue *queues;
	size_t queue_count;
};

static void wake_writer(struct record *record)
{
	/* The queue's lock orders this: who puts after the writer's look sees that it sleeps. */
	if (!atomic_load_explicit(&record->waiting, memory_order_relaxed) ||
	    !atomic_exchange(&record->waiting, false))
		return;
	pthread_mutex_lock(&record->lock);
	pthread_cond_signal(&record->wake);
	pthread_mutex_unlock(&record->lock);
}

void record_put(struct record_queue *queue, struct slice line)
{
	bool fits;

	pthread_mutex_lock(&queue->lock);
	fits = queue->lines.len + line.len + 1 <= QUEUE_MAX;
	if (fits) {
		buf_put(&queue->lines, line);
		buf_u8(&queue->lines, '\n');
		queue->count++;
	}
	pthread_mutex_unlock(&queue->lock);
	if (fits)
		wake_writer(queue->record);
	else
		atomic_fetch_add_explicit(&queue->record->dropped, 1, memory_order_relaxed);
}

static void complain(struct record *record, int fault)
{
	int64_t now = clock_mono_ns();

	if (record->complained_ns && now - record->complained_ns < COMPLAIN_NS)
		return;
	record->complained_ns = now;
	log_error("decision records are lost, decisions.log cannot be written: %s", strerror(fault));
}

/* A pipe that nobody empties may be non-blocking, and then is waited for; not for ever at the end. */
static bool wait_writable(const struct record *record)
{
	struct pollfd poll_fd = { .fd = record->fd, .events = POLLOUT };
	int64_t end = atomic_load(&record->give_up_ns);

	return (end == 0 || clock_mono_ns() < end) && poll(&poll_fd, 1, 200) >= 0;
}

static size_t write_some(struct record *record, struct slice bytes)
{
	size_t done = 0;

	while (done < bytes.len) {
		ssize_t n = write(record->fd, bytes.ptr + done, bytes.len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno == EAGAIN && wait_writable(record))
			continue;
		else if (errno != EINTR)
			break;
	}
	if (done < bytes.len)
		complain(record, errno);
	return done;
}

static uint64_t count_lines(struct slice bytes)
{
	uint64_t count = 0;

	for (size_t i = 0; i < bytes.len; i++)
		count += bytes.ptr[i] == '\n';
	return count;
}

static void write_out(struct record *record, struct slice lines, uint64_t count)
{
	uint64_t whole;
	size_t done;

	if (count == 0)
		return;
	if (record->broken && write_some(record, SLICE_LIT("\n")) == 1)
		record->broken = false;
	done = record->broken ? 0 : write_some(record, lines);
	whole = count_lines(slice_sub(lines, 0, done));
	if (done && lines.ptr[done - 1] != '\n')
		record->broken = true;
	atomic_fetch_add_explicit(&record->written, whole, memory_order_relaxed);
	atomic_fetch_add_explicit(&record->dropped, count - whole, memory_order_relaxed);
}

/* Takes what is queued and writes it; true when there was anything. */
static bool empty_queue(struct record *record, struct record_queue *queue)
{
	struct buf full;
	size_t count;

	pthread_mutex_lock(&queue->lock);
	full = queue->lines;
	count = queue->count;
	queue->lines = record->spare;
	queue->count = 0;
	pthread_mutex_unlock(&queue->lock);
	write_out(record, buf_slice(&full), count);
	buf_reset(&full);
	if (full.room > QUEUE_KEPT)
		buf_fini(&full);
	record->spare = full;
	return count > 0;
}

/* Sleeps until something is put or the end comes; false then. */
static bool sleep_until_put(struct record *record, bool idle)
{
	bool go_on;

	if (!idle) {
		struct timespec gather = { .tv_nsec = GATHER_NS };

		nanosleep(&gather, NULL);
	}
	pthread_mutex_lock(&record->lock);
	while (idle && atomic_load(&record->waiting) && !record->ending)
		pthread_cond_wait(&record->wake, &record->lock);
	go_on = !record->ending;
	pthread_mutex_unlock(&record->lock);
	return go_on;
}

static bool empty_all(struct record *record)
{
	bool any = false;

	for (size_t i = 0; i < record->queue_count; i++)
		any |= empty_queue(record, &record->queues[i]);
	return any;
}

static void *work(void *arg)
{
	struct record *record = arg;
	bool any = true;

	do {
		/* Told before looking: what is put after the look wakes us. */
		atomic_store(&record->waiting, !any);
		any = empty_all(record);
	} while (sleep_until_put(record, !any));
	while (empty_all(record))
		;
	return NULL;
}

struct record *record_new(size_t queues)
{
	struct record *record = mem_new(sizeof(*record));

	pthread_mutex_init(&record->lock, NULL);
	pthread_cond_init(&record->wake, NULL);
	record->fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	record->queue_count = queues;
	record->queues = mem_array(queues, sizeof(*record->queues));
	for (size_t i = 0; i < queues; i++) {
		pthread_mutex_init(&record->queues[i].lock, NULL);
		record->queues[i].record = record;
	}
	thread_start(&record->thread, "records", work, record);
	return record;
}

static int open_target(const char *target)
{
	if (!target)
		return open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (strcmp(target, "stdout") == 0)
		return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (strcmp(target, "stderr") == 0)
		return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	return open(target, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

/* The writer may be in the middle of a write: dup3 changes what the number means at once. */
static enum err put_behind(struct record *record, const char *target)
{
	int fd = open_target(target);
	int done = -1, saved;

	if (fd >= 0)
		done = dup3(fd, record->fd, O_CLOEXEC);
	saved = errno;
	if (fd >= 0)
		close(fd);
	errno = saved;
	return done >= 0 ? ERR_OK : ERR_IO;
}

enum err record_open(struct record *record, const char *target)
{
	bool is_file = target && target[0] == '/';
	enum err err = put_behind(record, target);

	if (err)
		return err;
	free(record->path);
	record->path = is_file ? mem_dup(slice_str(target)) : NULL;
	return ERR_OK;
}

enum err record_reopen(struct record *record)
{
	return record->path ? put_behind(record, record->path) : ERR_OK;
}

struct record_queue *record_queue(struct record *record, size_t i)
{
	return &record->queues[i];
}

uint64_t record_written(const struct record *record)
{
	return atomic_load_explicit(&record->written, memory_order_relaxed);
}

uint64_t record_dropped(const struct record *record)
{
	return atomic_load_explicit(&record->dropped, memory_order_relaxed);
}

/* False when the writer hangs in a pipe that nobody empties. */
static bool join_writer(struct record *record)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += FLUSH_NS / 1000000000 + 1;
	return pthread_timedjoin_np(record->thread, NULL, &end) == 0;
}

void record_free(struct record *record)
{
	atomic_store(&record->give_up_ns, clock_mono_ns() + FLUSH_NS);
	pthread_mutex_lock(&record->lock);
	record->ending = true;
	pthread_cond_signal(&record->wake);
	pthread_mutex_unlock(&record->lock);
	if (!join_writer(record)) {
		log_warning("the last decision records are lost: nobody reads decisions.log");
		return; /* the thread still uses all of it, until the process ends */
	}
	for (size_t i = 0; i < record->queue_count; i++) {
		pthread_mutex_destroy(&record->queues[i].lock);
		buf_fini(&record->queues[i].lines);
	}
	pthread_cond_destroy(&record->wake);
	pthread_mutex_destroy(&record->lock);
	close(record->fd);
	buf_fini(&record->spare);
	free(record->queues);
	free(record->path);
	free(record);
}
