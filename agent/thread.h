/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_THREAD_H
#define MTLSGUARD_THREAD_H

#include <pthread.h>

/*
 * Starts a thread that takes no signals (they are the main loop's). name: at
 * most 15 bytes, for ps and gdb. Ends the process with a message when the
 * system has no thread left.
 */
void thread_start(pthread_t *thread, const char *name, void *(*run)(void *arg), void *arg);

#endif
