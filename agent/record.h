/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_RECORD_H
#define MTLSGUARD_RECORD_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

/*
 * Where decision records go: "stdout", "stderr" or a file. Each loop has its
 * own bounded queue and never waits for the disk or a pipe; one thread writes
 * whole lines. What does not fit is dropped and counted.
 */
struct record;
struct record_queue;

/* queues: how many loops. Nothing is written before record_open. */
struct record *record_new(size_t queues);

/*
 * Writes to target from now on ("stdout", "stderr" or a path, which is created with
 * 0640 and appended to; NULL: nowhere). ERR_IO (errno says why), and then the
 * former target stays. Main thread.
 */
enum err record_open(struct record *record, const char *target) MUST_USE;

/* Opens the present file again, after it was moved away. ERR_IO, and then the old one stays. Main thread. */
enum err record_reopen(struct record *record) MUST_USE;

/* The queue of one loop. */
struct record_queue *record_queue(struct record *record, size_t i);

/* Queues one record, without its newline. Only from its own loop's thread. */
void record_put(struct record_queue *queue, struct slice line);

/* Records written, and dropped because the queue was full or the target refused. Any thread. */
uint64_t record_written(const struct record *record);
uint64_t record_dropped(const struct record *record);

/* Writes what is queued (two seconds at most), then ends the thread. No loop puts any more. */
void record_free(struct record *record);

#endif
