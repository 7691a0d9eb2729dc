/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_AGENT_PARTS_H
#define MTLSGUARD_AGENT_PARTS_H

#include <jansson.h>

#include "front/admin.h"
#include "front/control.h"
#include "io/listener.h"
#include "setup.h"
#include "svc/revoker.h"
#include "worker.h"

/*
 * What the agent_*.c files share: the process as one struct, which belongs to
 * the main thread.
 */
struct door;
struct reload;

struct agent {
	char *path; /* of the configuration, absolute */
	struct loop *loop;
	struct mailbox *box;
	struct upkeep *upkeep;
	struct record *record;
	struct revoker *revoker;
	struct revoker_port *revoker_port;
	struct revocation *revocation; /* the present one, for status and metrics */
	struct radar *radar;
	struct chaincache *chains;
	struct inflight inflight;
	struct worker **workers;
	size_t worker_count;
	struct snapshot *snapshot; /* the one that the loops use; one count */
	struct door *doors;
	struct admin *admin;
	struct control *control;
	struct loop_signal *signals[4];
	struct loop_timer *end_timer;

	bool paused; /* at limits.connections: the listeners for proxies rest */
	uint64_t turned_away; /* connections of peers that may not connect */
	int64_t told_turned_away_ns;

	struct reload *reload; /* the one under way */
	struct reload *next_reload; /* asked for meanwhile */
	uint64_t reloads, failed_reloads;
	int64_t loaded_s; /* wall clock */
	char **fixed; /* values that only a restart changes, in the order of config_directives */
	size_t fixed_count;
	json_t *remarks; /* what the last successful load warned of */

	bool draining;
	size_t undrained; /* loops that still have connections */
	struct drain_waiter *drain_waiters;
	bool ending; /* drained: only answers are still written */
	unsigned end_polls;

	int64_t started_s, started_ns;
	uint32_t own_uid;
};

/* agent_doors.c: the listeners. */

struct door_spec {
	enum listen_kind kind;
	const struct listen_entry *entry; /* of the snapshot in use */
	struct tls_server *tls;		  /* of a proxy's listener with TLS; one count */
};

struct door {
	struct agent *agent;
	struct door_spec spec;
	struct listener *listener;
	struct door *prev, *next;
};

/*
 * Opens what setup's configuration says and is not open yet; faults go to diag.
 * On ERR_CONFIG none of the new ones stays open. On success *out holds one door
 * for each entry, and those of agent->doors that stay were moved into it.
 */
enum err doors_open(struct agent *agent, struct setup *setup, struct diag_list *diag,
		    struct door **opened) MUST_USE;

/* Makes opened (from doors_open) and those that setup's configuration keeps the agent's doors; closes the rest. */
void doors_commit(struct agent *agent, struct setup *setup, struct door *opened);

/* Closes what doors_open opened, when something else went wrong. */
void doors_discard(struct door *opened);

/* Closes all of one kind. */
void doors_close(struct agent *agent, enum listen_kind kind);

/* Writes each listener's address, and its real port, to the log. */
void doors_tell(const struct door *doors);

/* "spop", "grpc", "http", "admin" or "control". */
const char *door_kind(const struct door *door);

/* The address as users write it, with the port that it really has; free() it. */
char *door_address(const struct door *door);

/* Starts accepting again when there is room under limits.connections. */
void doors_room(struct agent *agent);

unsigned agent_connections(const struct agent *agent);

/* agent_reload.c */

/* Reads the configuration again. call: whom to tell, or NULL for the log only. */
void agent_reload(struct agent *agent, struct control_call *call);

/* Notes what reloads are compared with. Once, when the process starts. */
void agent_note_fixed(struct agent *agent);

/* A loop has switched. */
void agent_switched(void *home);

/* Keeps what the load in use warned of, for status. */
void agent_keep_remarks(struct agent *agent, const struct diag_list *diag);

/* Faults to the log, each by its severity; lints are left out. */
void agent_log_faults(const struct diag_list *diag);

/* agent_revocation.c */

/* Starts the revoker and has it read the files that the configuration names. False: the reason is logged. */
bool agent_revocation_start(struct agent *agent, const struct snapshot *snapshot) MUST_USE;

/* Lists of this configuration's authorities count from now on; done(arg) comes on another thread, when
 * its files were read and every loop knows what came of it. */
void agent_revocation_use(struct agent *agent, const struct snapshot *snapshot, void (*done)(void *arg),
			  void *arg);

void agent_revocation_stop(struct agent *agent);

/* Each list that the configuration names was loaded, or tried once. */
bool agent_revocation_ready(const struct agent *agent);

/* agent_lists.c: what is known, for status and metrics. */

/* A row for each source. */
json_t *agent_lists(const struct agent *agent);

/* What expires first: authority, list, and client certificates by authority. */
json_t *agent_expiries(const struct agent *agent);

void agent_lists_metrics(const struct agent *agent, struct buf *out);

/* agent_drain.c */

/* Stops accepting, and ends once peers have gone. call: whom to tell then, or NULL. */
void agent_drain(struct agent *agent, struct control_call *call);

/* A loop has no connection left. */
void agent_drained(void *home);

/* agent_status.c */

/* lists: with a row for each source of revocation. */
json_t *agent_status(const struct agent *agent, bool lists);
extern const struct admin_ops agent_admin_ops;

/* agent_system.c: the system around the process. */

/* Makes config.state, or refuses one that others can write; faults go to diag. */
void system_state_folder(const struct config *config, struct diag_list *diag);

/* Bounds and privileges of the process. */
void system_prepare(const struct config *config);

/* Tells systemd, where it started us: ready, reloading, stopping. status: a sentence, or NULL. */
void system_ready(const char *status);
void system_reloading(void);
void system_stopping(const char *status);

#endif
