/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_SNAPSHOT_H
#define MTLSGUARD_CORE_SNAPSHOT_H

#include "base/diag.h"
#include "base/err.h"
#include "core/config.h"

/*
 * One configuration ready to decide with: the config, its authorities' CA
 * certificates, deny lists, the index of hosts, the routes in the order of
 * their weight, the encoded list of owned header names. Built off the request
 * loops, immutable (the CA memory inside a trust apart), counted atomically:
 * a loop holds one count, requests pin the loop's.
 */
struct trust;
struct deny_set;

struct snapshot;

/*
 * Builds a snapshot and takes config over (also on failure). `before` is the
 * running one or NULL: the CA certificates that it remembers for resumed
 * sessions go on, and what was verified against authorities that have not
 * changed. Faults (an unreadable CA file …) go to diag; ERR_CONFIG.
 */
enum err snapshot_build(struct config *config, struct snapshot *before, struct diag_list *diag,
			struct snapshot **out) MUST_USE;

struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot);

/* Borrowed. */
const struct config *snapshot_config(const struct snapshot *snapshot);

/* The rule for a canonical name: that of the exact entry, else of the wildcard with the longest
 * suffix, else of "*", else NULL. "*.a.b" matches one label or more before ".a.b". Borrowed. */
const struct host_rule *snapshot_host(const struct snapshot *snapshot, struct slice host);

/* The rule of exactly this name, as the proxy sent it, or NULL: then it may be written in another way.
 * Whoever is about to ask says so first, and does something else meanwhile. */
struct host_name snapshot_expect_host(const struct snapshot *snapshot, struct slice raw);
const struct host_rule *snapshot_named_host(const struct snapshot *snapshot, const struct host_name *name);

/* The host entry that a rule of this snapshot is of. Borrowed. */
const struct host_conf *snapshot_host_conf(const struct snapshot *snapshot, const struct host_rule *rule);

/* The worker whose route matches host and path best, or NULL: exact host before wildcard,
 * longer host before shorter, then longer path before shorter, exact before prefix. rule: what
 * snapshot_host() says of this host, or NULL. */
const struct worker_conf *snapshot_worker(const struct snapshot *snapshot, const struct host_rule *rule,
					  struct slice host, struct slice path);

/* True when some path of this canonical host has a worker. */
bool snapshot_routed(const struct snapshot *snapshot, struct slice host);

/* The CA certificates of authority number i. Borrowed. */
struct trust *snapshot_trust(const struct snapshot *snapshot, size_t i);

/* The deny list of authority number i, NULL when it has none. Borrowed. */
const struct deny_set *snapshot_deny(const struct snapshot *snapshot, size_t i);

/* Names that are always removed from what clients send, encoded as a name block (verdict.h). */
struct slice snapshot_owned_block(const struct snapshot *snapshot);

/* True when `name` (any case, '_' counting as '-') is ours to set: built in, or in headers.owned. */
bool snapshot_owns(const struct snapshot *snapshot, struct slice name);

/* True when `name`, in whatever spelling, is one of that block. */
bool snapshot_lists(const struct snapshot *snapshot, struct slice name);

/* Of what verifying and revocation stand on (basis.h): two snapshots of one process have the same only when
 * each is the `before` of the next and nothing of that changed. A cheap identity for caches. */
uint64_t snapshot_number(const struct snapshot *snapshot);

/* Names and prefixes that are ours, lower case, one by one; NULL after the last. */
const char *snapshot_owned_name(const struct snapshot *snapshot, size_t i);

/* What the CA certificates make worth saying: one that has expired or expires within 30 days. now: epoch seconds. */
void snapshot_lint(const struct snapshot *snapshot, int64_t now, struct diag_list *diag);

#endif
