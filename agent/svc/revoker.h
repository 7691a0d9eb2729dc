/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SVC_REVOKER_H
#define MTLSGUARD_SVC_REVOKER_H

#include "core/revocation.h"
#include "core/revocation_ask.h"
#include "io/loop.h"
#include "pki/trust.h"

/*
 * Gets what is to be known about revocation, in two threads of its own: one
 * loop that watches files, fetches lists and asks OCSP responders, and one that
 * does what takes long (reading, checking and building lists). What it learns is
 * published as a state (core/revocation.h) to every request loop's port, through
 * which that loop asks, too.
 *
 * A list's way: a file changes, or a refresh is due -> bytes -> list_job on the
 * worker: PEM or DER, parsed, its number and dates, its signature, the compact
 * list, the copy on disk -> revocation_put -> state to all ports -> whoever waits
 * for it is told.
 */
struct revoker;

/* state: the folder that last good lists are kept in (made when missing); NULL: nothing is kept. NULL when the
 * system refuses; the reason is logged. */
struct revoker *revoker_new(const char *state);

/* Ends the threads. Every port is closed by then. */
void revoker_free(struct revoker *revoker); /* NULL is fine */

/* Where one authority's answers come from. Everything is copied; trust is counted. */
struct revoker_authority {
	const char *name;
	struct trust *trust;
	const char *const *lists; /* paths, and http and https URLs */
	size_t list_count;
	const char *const *deny_files;
	size_t deny_count;
	bool distribution_points, ocsp;
	bool public_only; /* fetch = "public" */
};

/*
 * Any thread: from now on these authorities count. done(arg) comes on the
 * revoker's thread when each file was read again and every port has the state
 * that came of it; URLs are not waited for. One at a time: the next call comes after done.
 */
void revoker_configure(struct revoker *revoker, const struct revoker_authority *authorities,
		       size_t count, void (*done)(void *arg), void *arg);

/*
 * Any thread: every loop decides by what was configured last. What only the configuration before named is forgotten
 * now and not sooner, since requests were decided by it until here.
 */
void revoker_settle(struct revoker *revoker);

/*
 * A request loop's door. on_state(arg, state) runs on that loop: at first with
 * the present state, then with each next one; state is borrowed for the call.
 */
struct revoker_port;

struct revoker_port *revoker_port_new(struct revoker *revoker, struct loop *loop,
				      void (*on_state)(void *arg, struct revocation *state),
				      void *arg);

/* On the loop's thread, when none of its requests waits any more. */
void revoker_port_free(struct revoker_port *port); /* NULL is fine */

/* For engines of that loop; arg is the port. */
extern const struct revocation_ops revoker_ops;

/* Numbers for status and metrics. Any thread. */
struct revoker_stats {
	uint64_t fetches, fetch_failures;	   /* of lists */
	uint64_t ocsp_queries, ocsp_failures, ocsp_answers; /* answers: in the cache now */
	uint64_t keep_failures;			   /* copies that the disk did not take */
	uint64_t states;			   /* published */
};
void revoker_stats(struct revoker *revoker, struct revoker_stats *out);

#endif
