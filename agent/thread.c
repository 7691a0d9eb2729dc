/* SPDX-License-Identifier: Apache-2.0 */
#include "thread.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

void thread_start(pthread_t *thread, const char *name, void *(*run)(void *arg), void *arg)
{
	sigset_t all, before;
	int fault;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	fault = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (fault) {
		log_error("cannot start the thread %s: %s; raise TasksMax or lower threads", name,
			  strerror(fault));
		exit(1);
	}
	pthread_setname_np(*thread, name);
}
