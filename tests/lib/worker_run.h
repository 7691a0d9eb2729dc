/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_WORKER_RUN_H
#define TESTS_LIB_WORKER_RUN_H

#include <stddef.h>

#include "core/certcache.h"
#include "core/config.h"
#include "core/policy.h"
#include "core/request.h"

/*
 * Runs workers through the real runtime, one call at a time:
 *
 *	struct worker_run *run = worker_run_new(source);
 *	worker_run_arg(run, "method", "POST");
 *	worker_run(run);
 *	assert_int_equal(run->call.result.outcome, POLICY_PASSED);
 *	worker_run_free(run);
 *
 * Every call is a request of its own: GET https://api.example.com/a/b?x=1,
 * TLSv1.3, HTTP/1.1, headers user-agent, two accept and a forged
 * cf-cert-verified, no certificate.
 */
struct worker_run {
	struct config config;
	struct worker_conf worker;
	struct policy_set *set;
	struct diag_list diag; /* of opening; set is NULL when there are errors */
	struct arena arena;
	struct snapshot *snapshot; /* of an empty configuration */
	struct request req;
	struct policy_call call;
	struct cert_entry *cert; /* of the following calls; the caller's */
	bool without_headers;	 /* the following calls don't send the argument headers */
	struct slice headers;	 /* what they send as it instead of the usual, if not empty; the caller's */
	int64_t slice_ns;
	unsigned done; /* how often on_done came */
	char text[8192];
	struct {
		const char *name, *value;
	} args[16];
	size_t arg_count;
};

/* A worker "workers/test.lua" in /srv/policies with this source, opened. */
struct worker_run *worker_run_new(const char *source);

/* The same, with changes made to the configuration before it is opened. */
struct worker_run *worker_run_with(const char *source, void (*change)(struct worker_run *run));
void worker_run_free(struct worker_run *run);

/* Another caller of the same worker, in its state; freed before that one. */
struct worker_run *worker_run_beside(const struct worker_run *run);
void worker_run_free_beside(struct worker_run *other);

/* Sends an argument with the following calls; value NULL: it is not sent. Texts are the caller's. */
void worker_run_arg(struct worker_run *run, const char *name, const char *value);

/* Runs one call until it is done; run->call.result holds until the next one. */
void worker_run(struct worker_run *run);

/* Starts one without waiting for it. */
enum policy_state worker_run_start(struct worker_run *run);

/* Only makes the request of a call: what a call costs without the runtime. */
void worker_run_refill(struct worker_run *run);

/* Each describes a part of the last result as text: "a: 1\nb: 2\n". */
const char *worker_run_req_set(struct worker_run *run);
const char *worker_run_req_del(struct worker_run *run);
const char *worker_run_res_set(struct worker_run *run);
const char *worker_run_res_del(struct worker_run *run);

/* The body, or "place: error" of a failed call. */
const char *worker_run_body(struct worker_run *run);
const char *worker_run_error(struct worker_run *run);

/* A certificate entry as the cache would make it, every fact filled; free it with worker_cert_free. */
struct cert_entry *worker_cert_new(const char *name);
void worker_cert_free(struct cert_entry *entry);

#endif
