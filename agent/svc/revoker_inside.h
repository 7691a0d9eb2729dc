/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SVC_REVOKER_INSIDE_H
#define MTLSGUARD_SVC_REVOKER_INSIDE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include <uthash.h>

#include "io/mailbox.h"
#include "pki/points.h"
#include "svc/http_get.h"
#include "svc/list_job.h"
#include "svc/ocsp_cache.h"
#include "svc/revoker.h"

/*
 * What the files of the revoker share. Everything here belongs to its thread,
 * but for the mailboxes, the cache of OCSP answers, the counters and the last state.
 */
#define SOURCES_LEARNED_MAX 256 /* distribution points of one authority */
#define JOBS_MAX 4		/* files and copies on the worker at a time: each holds its bytes */
#define FETCHES_MAX 64		/* lists being fetched */
/* Bytes of lists that were fetched and are not packed yet, of one authority and in all. */
#define FETCHED_EACH ((size_t)128 << 20)
#define FETCHED_ALL ((size_t)256 << 20)

/* One request's questions on their way: the loop's until posted, the revoker's until posted back. */
struct asking {
	struct mail mail;
	struct revoker_port *port; /* NULL: its loop has gone */
	struct asking *next, *prev; /* of the port's, on the revoker's thread */
	size_t pending;		   /* questions not answered yet; the revoker's */
	/* The loop's: */
	struct revocation_wait *wait; /* NULL: nobody waits any more */
	struct loop_timer *timer;
	size_t count;
	struct revocation_question questions[]; /* they view one copy, behind them */
};

struct waiter {
	struct asking *asking;
	struct waiter *next;
};

struct file_mark {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
};

struct authority;

struct source {
	struct authority *authority;
	enum source_kind kind;
	char *name;
	char *copy; /* path of its copy on disk; NULL: none is kept */
	struct source *next, *prev; /* of the authority */
	struct source *next_due, *prev_due;
	struct loop_timer *timer;
	struct http_get *get;
	struct list_job *job;
	struct source **due_list; /* the one that it is in, while is_due */
	bool is_due, again, is_wanted, is_awaited, is_learned;
	bool copy_tried, rebuild, put;
	bool copy_useless; /* it is gone, or not what is in use: the lists are fetched to be built again */
	bool has_full;	   /* among its lists is one that deltas may change */
	unsigned failed; /* in a row */
	int64_t next_try; /* when the timer is to go off; ns of the clock that never jumps */
	char *etag, *last_modified;
	uint64_t hash[2];
	struct list_mark *marks;
	size_t mark_count;
	struct delta **deltas;
	size_t delta_count;
	int64_t this_update, next_update, last_try, last_good;
	size_t bytes;
	uint64_t tries, failures;
	char *error;
	bool loaded;
	int watch; /* inotify's number of its folder; -1: none */
	struct file_mark seen, polled;
	struct waiter *waiters;
	uint64_t vain[8]; /* issuers that did not vouch for its lists */
	size_t vain_count;
};

struct authority {
	UT_hash_handle hh;
	struct revoker *revoker;
	char *name;
	struct trust *trust;
	bool distribution_points, ocsp, public_only, is_wanted;
	struct source *sources;
	size_t learned;
	struct bulk_budget *fetched;
};

struct ocsp_flight;
struct ocsp_responder;
struct ocsp_watch;
struct ocsp_keep;

/* Whom to ask about certificates of one issuer that name the same responders. Shared, counted. */
struct ocsp_target {
	UT_hash_handle hh;
	unsigned refs;
	char *authority;
	char *urls[POINTS_URI_MAX];
	size_t url_count;
	struct slice issuer; /* DER */
	size_t len;
	uint8_t bytes[]; /* what the above views */
};

struct stop_mail {
	struct mail mail;
	struct loop *loop;
};

struct revoker {
	pthread_t thread, worker;
	struct loop *loop, *worker_loop;
	struct mailbox *box, *worker_box;
	struct http_client *http, *ocsp_http;
	char *folder; /* for copies; NULL */
	struct revocation *state, *next; /* next: changed, and not published yet */
	struct revocation **former; /* states that loops may still have; freed here, never on a loop */
	size_t former_count;
	struct loop_timer *publish_timer, *ack_timer, *poll_timer, *former_timer;
	struct authority *authorities;
	struct source *due_files, *due_fetches;
	unsigned jobs, fetching;
	struct bulk_budget *fetched;
	int inotify;
	int64_t clocks_apart; /* wall clock less the one that never jumps, in ns */
	struct loop_io *inotify_io;
	struct revoker_port *ports;
	struct ocsp_cache *cache;
	struct ocsp_flight *flights;
	struct ocsp_responder *responders;
	struct ocsp_target *targets;
	struct ocsp_watch *watches;
	struct ocsp_keep *keep; /* NULL: nothing is kept for the next start */
	int64_t first_due; /* of the watches; 0: there is none */
	struct loop_timer *ocsp_timer; /* when the first watch is due */
	struct configuring *configuring;
	size_t awaited; /* files that configuring waits for */
	size_t unacked;
	bool ending;
	unsigned seed; /* of the jitter, which is no secret */
	struct {
		_Atomic uint64_t fetches, fetch_failures, ocsp_queries, ocsp_failures, keep_failures, states;
	} count;
};

/* revoker.c */

/* The state that is being made: put and drop into it. Published soon, or by revoker_publish. */
struct revocation *revoker_change(struct revoker *revoker);
const struct revocation *revoker_view(const struct revoker *revoker);
void revoker_publish(struct revoker *revoker);
struct authority *revoker_authority(struct revoker *revoker, const char *name);
/* A file that configuring waits for was read. */
void revoker_arrived(struct revoker *revoker);
/* A random share, 0 to under 1, for jitter. */
double revoker_share(struct revoker *revoker);

/* revoker_port.c */

void waiter_add(struct waiter **list, struct asking *asking);
/* Tells all, after the state was published that they are to see. */
void waiters_tell(struct revoker *revoker, struct waiter **list);
void asking_answered(struct asking *asking);
/* Sends the state to every port; with ack, revoker_acked comes for each. Returns how many there are. */
size_t ports_send(struct revoker *revoker, bool ack);
void revoker_acked(struct revoker *revoker);

/* lists.c */

/* It is read and watched; others are fetched. */
static inline bool source_is_file(const struct source *source)
{
	return source->kind == SOURCE_FILE || source->kind == SOURCE_DENY;
}

/* The source of that name, made when it is new. */
struct source *source_get(struct revoker *revoker, struct authority *authority, enum source_kind kind,
			  const char *name);
struct source *source_find(struct authority *authority, enum source_kind kind, const char *name);
void source_free(struct revoker *revoker, struct source *source);
/* It is loaded as soon as there is room. */
void source_due(struct revoker *revoker, struct source *source);
/* Configuring waits for what the file or the copy of it says, when it was not read yet. */
void source_await(struct revoker *revoker, struct source *source);
/* While configuring waits, what a delta changes is built before anything is fetched. */
void source_rebuild_first(struct revoker *revoker, struct source *source);
/* Starts what is due, as far as there is room. */
void sources_start(struct revoker *revoker);
/* Gives bytes (of a file, of the copy, or those of body) to the worker. */
void source_work(struct source *source, enum list_from from, struct bulk body);
/* On the worker: runs the job and sends it back. */
void source_job_run(struct mail *mail, void *arg);
/* A URL that a verified certificate or list names; NULL when there are too many, or it is not wanted. */
struct source *source_learn(struct revoker *revoker, struct authority *authority, struct slice url);
void lists_ask(struct revoker *revoker, struct asking *asking, const struct revocation_question *question);
void lists_check(struct revoker *revoker, struct asking *asking, const struct revocation_question *question);

/* lists_done.c */

void source_fetched(void *arg, struct http_result *result);
void source_job_done(struct mail *mail, void *arg);
void source_failed(struct revoker *revoker, struct source *source, const char *why);
/* The clock was set: when it is looked for next is planned again, and what failed is tried at once. */
void source_replan(struct revoker *revoker, struct source *source);

/* lists_watch.c */

bool watch_open(struct revoker *revoker);
void watch_close(struct revoker *revoker);
void watch_add(struct revoker *revoker, struct source *source);
/* Remembers what the file is now, before it is read. */
void watch_note(struct source *source);

/* ocsp_query.c */

void ocsp_ask(struct revoker *revoker, struct asking *asking, const struct revocation_question *question);
/* Asks the target about that certificate, for nobody in particular. False: there are too many under way. */
bool ocsp_start(struct revoker *revoker, const struct ocsp_key *key, struct ocsp_target *target);
void ocsp_close(struct revoker *revoker);

/* ocsp_target.c */

/* One count for the caller; NULL when the certificate names no responder. */
struct ocsp_target *ocsp_target_get(struct revoker *revoker, const struct revocation_question *question);
struct ocsp_target *ocsp_target_ref(struct ocsp_target *target);
void ocsp_target_unref(struct revoker *revoker, struct ocsp_target *target);

/* ocsp_watch.c */

/* Answers of certificates in use are asked for anew at that second, before they end. */
void ocsp_watch_put(struct revoker *revoker, const struct ocsp_key *key, struct ocsp_target *target, int64_t due);
/* ocsp_timer's. */
void ocsp_watch_due(void *arg);
void ocsp_watch_close(struct revoker *revoker);

/* ocsp_keep.c */

/* Reads what was kept into the cache. */
void ocsp_keep_open(struct revoker *revoker);
/* The answer about a certificate is another one than before: revoked, or no longer. */
void ocsp_keep_note(struct revoker *revoker, const struct ocsp_key *key, const struct ocsp_record *record);
void ocsp_keep_close(struct revoker *revoker);

#endif
