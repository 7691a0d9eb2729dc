/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SVC_LIST_JOB_H
#define MTLSGUARD_SVC_LIST_JOB_H

#include <stdatomic.h>

#include "core/revocation.h"
#include "io/mailbox.h"
#include "pki/trust.h"
#include "svc/bulk.h"

/*
 * Bytes become lists. A job is filled by the revoker's loop, run on its worker,
 * and read by the loop again; nobody else touches it meanwhile.
 */
#define LIST_BYTES_MAX (64u << 20) /* decoded: of all lists of a source together */
/* As PEM, with line ends of two octets: whatever is larger cannot decode to less. */
#define LIST_TEXT_MAX (LIST_BYTES_MAX / 3 * 4 / 32 * 33 + 65536)
#define LIST_AHEAD "thisUpdate of the list lies in the future; see the clocks"
#define LIST_PER_SOURCE 64 /* lists in one file */
#define LIST_FRESHEST_MAX 4

/* A delta list's bytes, kept because the full list that it changes may come again. Counted. */
struct delta {
	_Atomic unsigned refs;
	struct bulk bytes; /* of one list, verified with issuer_key */
	uint8_t issuer_key[32];
};
struct delta *delta_ref(struct delta *delta);
void delta_unref(struct delta *delta);

/* How far a list has come: a later one of the same issuer, scope and kind never goes back. */
struct list_mark {
	uint64_t what;
	struct crl_number number;
	bool has_number;
	int64_t this_update;
};

enum list_from { LIST_FROM_FILE, LIST_FROM_COPY, LIST_FROM_BODY };

struct list_job {
	struct mail mail;
	void *source; /* the loop's, not looked at */
	enum list_from from;
	bool is_deny; /* a deny file, not a list */
	char *path;   /* of the file or copy */
	char *copy;   /* where what is good is kept; NULL: nowhere */
	struct bulk body;
	struct trust *trust; /* counted */
	int64_t now;
	uint64_t hash_before[2]; /* of the bytes that are in use, to see that nothing has changed */
	bool must_build;	 /* even so */
	bool had_verified;	 /* the source has lists that are vouched for */
	struct list_mark marks[LIST_PER_SOURCE];
	size_t mark_count;
	struct delta *deltas[LIST_PER_SOURCE]; /* of the authority, counted */
	size_t delta_count;

	/* What came of it. */
	enum err err;
	char why[256];
	bool unchanged, copy_failed, is_missing;
	bool is_outdated; /* a copy that is not the last one: it revokes, as one whose nextUpdate has passed */
	bool is_ahead; /* thisUpdate lies in the future: it revokes, and covers nobody yet */
	bool drafted; /* the copy is written, and in its place when err is ERR_OK */
	uint64_t hash[2];
	size_t bytes;
	struct source_list lists[LIST_PER_SOURCE];
	size_t list_count;
	struct list_mark new_marks[LIST_PER_SOURCE];
	size_t new_mark_count;
	struct delta *new_deltas[LIST_PER_SOURCE];
	size_t new_delta_count;
	struct deny_set *deny;
	int64_t this_update, next_update; /* of the list that ends first; 0: none says */
	char *freshest[LIST_FRESHEST_MAX]; /* where deltas of it are, from verified lists */
	size_t freshest_count;
};

/* On the worker. */
void list_job_run(struct list_job *job);

/* Frees it and what nobody has taken out. */
void list_job_free(struct list_job *job);

/*
 * A copy that after a crash is either the old or the new one, whole: written beside path, and put in its place when the
 * list turned out to be good. ERR_IO: errno, and what was written is gone.
 */
enum err list_draft(const char *path, struct slice bytes) MUST_USE;
enum err list_keep(const char *path) MUST_USE;
void list_drop(const char *path); /* there is no draft: fine */
/* Removes drafts that a process left behind which was killed. */
void list_sweep(const char *folder);

/* The copy could not be replaced: it goes under this name, so that after a start it does not pass for the last list, and what it
 * revokes still counts. list_keep removes it. */
void list_outdate(const char *path);
char *list_outdated_path(const char *path); /* NULL without memory; free() it */

/* Where the copy of a source's last good list is kept, inside that folder. Named by a hash, since a URL makes no
 * file name; authority and kind are in it, because what one authority has verified is nothing to another. free() it. */
char *list_copy_path(const char *folder, const char *authority, enum source_kind kind, const char *name);

#endif
