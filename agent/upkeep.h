/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_UPKEEP_H
#define MTLSGUARD_UPKEEP_H

/*
 * One thread for what takes longer than a loop may: reading a configuration,
 * compiling workers, freeing what was retired. Jobs run one after the other,
 * in the order posted.
 */
struct upkeep;

/* Embedded in what it carries, which is its owner's again once run was called. */
struct job {
	struct job *next;
	void (*run)(struct job *job); /* on the upkeep thread */
};

struct upkeep *upkeep_new(void);

/* Any thread. */
void upkeep_post(struct upkeep *upkeep, struct job *job);

/* Runs what is still posted, then ends the thread. Nobody posts any more. */
void upkeep_free(struct upkeep *upkeep);

#endif
