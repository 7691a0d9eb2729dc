/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_POLICY_H
#define MTLSGUARD_CORE_POLICY_H

#include "base/buf.h"
#include "base/diag.h"
#include "core/request.h"

/*
 * How the engine runs workers without knowing Lua. A set of compiled workers
 * (one Lua state a worker) is opened for each loop, away from the loops; a
 * request starts a call, which is done at once or pending. A pending one calls
 * back exactly once, or is cancelled, after which nothing comes.
 */
struct snapshot;
struct worker_conf;
struct policy_set; /* one loop's compiled workers; the runtime's own */

enum policy_state { POLICY_DONE, POLICY_PENDING };

enum policy_outcome {
	POLICY_FAILED = 0, /* reason says policy_error, _timeout, _memory or bad_request */
	POLICY_PASSED,	   /* fetch(request): on to the origin, with the edits */
	POLICY_RESPONDED   /* the worker's own Response */
};

/*
 * Edits are blocks of verdict.h, in the request's arena, names lower case and
 * checked as tokens, values as field values. A header that is set stands in
 * del and in set, one that is appended only in set.
 */
struct policy_result {
	enum policy_outcome outcome;
	enum reason reason;
	struct slice error;	 /* FAILED: words for the log, in the arena */
	struct slice place;	 /* FAILED: "file:line", or empty */
	struct slice req_del, req_set;
	struct slice res_del, res_set; /* PASSED: edits of the origin's response; RESPONDED: res_set is the answer's headers */
	int status;		       /* RESPONDED: 200 to 599 */
	struct slice body, content_type, location; /* RESPONDED; the latter two also stand in res_set */
};

struct policy_call {
	struct request *req;
	const struct worker_conf *worker;
	int64_t slice_ns; /* a call that runs longer becomes pending and lets others run; 0: it runs to its end */
	struct policy_result result;
	void (*on_done)(struct policy_call *call); /* only after POLICY_PENDING */
	void *arg;				   /* the caller's */
	void *task;				   /* the runtime's */
};

struct policy_ops {
	/* Compiles every worker of the snapshot for one loop. Faults go to diag with file:line;
	 * ERR_CONFIG when there are any, and then *out is NULL. Runs on any thread. */
	enum err (*open)(const struct snapshot *snapshot, struct diag_list *diag,
			 struct policy_set **out);
	/* Frees the states. No call may be pending. */
	void (*close)(struct policy_set *set);
	/* Runs call->worker for call->req. */
	enum policy_state (*start)(struct policy_set *set, struct policy_call *call);
	/* Gives one call that waits for its next slice that slice; its on_done may come from in here. True
	 * while such calls are left: the loop comes back after it has looked at its sockets. */
	bool (*run)(struct policy_set *set);
	/* Ends a pending call; on_done will not come. */
	void (*cancel)(struct policy_call *call);
};

#endif
