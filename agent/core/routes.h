/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_ROUTES_H
#define MTLSGUARD_CORE_ROUTES_H

#include "core/config.h"

/*
 * All workers' routes in the order of their weight: exact host before wildcard,
 * longer host before shorter, then longer path before shorter, exact before
 * prefix. Immutable; any thread.
 */
struct route_table;

/* The config must outlive the table, which leaves a note in the rule of each host. */
struct route_table *route_table_new(struct config *config);
void route_table_free(struct route_table *table); /* NULL is fine */

/*
 * The worker of the best route for a canonical host and a path without query,
 * or NULL. What is no path ("*" of OPTIONS) belongs to routes for a whole host, "host/" and "*".
 * rule: the one for this host, which spares a look-up, or NULL.
 */
const struct worker_conf *route_table_find(const struct route_table *table, const struct host_rule *rule,
					   struct slice host, struct slice path);

/* True when the host has a route for some path. */
bool route_table_has(const struct route_table *table, struct slice host);

#endif
