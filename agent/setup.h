/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SETUP_H
#define MTLSGUARD_SETUP_H

#include "base/diag.h"
#include "base/err.h"
#include "core/policy.h"
#include "core/snapshot.h"
#include "io/tls.h"

/*
 * A configuration made ready to run: its snapshot, its workers compiled for
 * each loop, the TLS side of each SPOP and gRPC listener. Made off the request loops;
 * run, reload, check and eval all come through here, so that what one refuses
 * none accepts.
 */
struct setup {
	struct snapshot *snapshot;
	struct policy_set **policies; /* one a loop; NULLs when there are no workers */
	size_t loops;
	struct tls_server **tls[LISTEN_KIND_COUNT]; /* one an entry of listen[kind]; NULL: plain */
};

/*
 * Reads path and makes it ready for that many loops, 0 meaning as many as it
 * says itself. before: the running snapshot or NULL. Every fault that can be
 * found goes to diag, also those behind the first, by file and line; ERR_CONFIG
 * when one is an error, and then *out is NULL. Any thread; may take seconds.
 */
enum err setup_new(const char *path, struct snapshot *before, size_t loops, struct diag_list *diag,
		   struct setup **out) MUST_USE;

/* Closes and frees what was not moved out of it; NULL is fine. */
void setup_free(struct setup *setup);

#endif
