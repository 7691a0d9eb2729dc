/* SPDX-License-Identifier: Apache-2.0 */
#include "upkeep.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "thread.h"

#define UPKEEP_NICE 10

struct upkeep {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t posted;
	struct job *first, **last;
	bool ending;
};

/* The next job, or NULL when the thread is to end. */
static struct job *next_job(struct upkeep *upkeep)
{
	struct job *job;

	pthread_mutex_lock(&upkeep->lock);
	while (!upkeep->first && !upkeep->ending)
		pthread_cond_wait(&upkeep->posted, &upkeep->lock);
	job = upkeep->first;
	if (job) {
		upkeep->first = job->next;
		if (!upkeep->first)
			upkeep->last = &upkeep->first;
	}
	pthread_mutex_unlock(&upkeep->lock);
	return job;
}

static void *work(void *arg)
{
	struct upkeep *upkeep = arg;
	struct job *job;

	/* A reload may take seconds of CPU: verdicts go first. A thread's own on Linux. */
	(void)!nice(UPKEEP_NICE);
	while ((job = next_job(upkeep)) != NULL)
		job->run(job);
	return NULL;
}

struct upkeep *upkeep_new(void)
{
	struct upkeep *upkeep = mem_new(sizeof(*upkeep));

	pthread_mutex_init(&upkeep->lock, NULL);
	pthread_cond_init(&upkeep->posted, NULL);
	upkeep->last = &upkeep->first;
	thread_start(&upkeep->thread, "upkeep", work, upkeep);
	return upkeep;
}

void upkeep_post(struct upkeep *upkeep, struct job *job)
{
	job->next = NULL;
	pthread_mutex_lock(&upkeep->lock);
	*upkeep->last = job;
	upkeep->last = &job->next;
	pthread_cond_signal(&upkeep->posted);
	pthread_mutex_unlock(&upkeep->lock);
}

void upkeep_free(struct upkeep *upkeep)
{
	pthread_mutex_lock(&upkeep->lock);
	upkeep->ending = true;
	pthread_cond_signal(&upkeep->posted);
	pthread_mutex_unlock(&upkeep->lock);
	pthread_join(upkeep->thread, NULL);
	pthread_cond_destroy(&upkeep->posted);
	pthread_mutex_destroy(&upkeep->lock);
	free(upkeep);
}
