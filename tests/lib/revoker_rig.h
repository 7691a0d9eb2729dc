/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_REVOKER_RIG_H
#define TESTS_LIB_REVOKER_RIG_H

#include <semaphore.h>
#include <stdatomic.h>

#include "lib/crls.h"
#include "lib/server.h"
#include "svc/revoker.h"

/*
 * A revoker with one authority "a", one loop with one port, and an HTTP server (bad_server.py) beside it:
 *
 *	cmocka_unit_test_setup_teardown(test, revoker_rig_set_up, revoker_rig_tear_down)
 *	struct rig *rig = *state;
 *	put_list(rig, rig->folder, "a.crl", (struct list_spec){ .number = "05" });
 *	configure_with(rig, path_of(rig, "a.crl"), false, false);
 */
struct rig {
	char folder[64], state_folder[80], served[80];
	struct server server;
	struct loop *loop;
	struct revoker *revoker;
	struct revoker_port *port;
	struct revocation *state;
	unsigned states;
	struct certs *ca, *other;
	struct trust *trust; /* of ca */
	uint8_t ca_key[32];
	int64_t now;
	_Atomic bool told;
	sem_t looked;
};

int revoker_rig_set_up(void **state);
int revoker_rig_tear_down(void **state);

/* The revoker alone: what it kept is there when it starts again. */
void rig_start(struct rig *rig);
void rig_stop(struct rig *rig);

/* Writes under another name and renames. */
void put_file(const char *folder, const char *name, struct slice bytes);

struct list_spec {
	const struct certs *issuer, *signer;
	const char *number, *base, *serial, *freshest, *digest;
	int64_t this_update, next_update; /* 0: ten seconds ago, in an hour */
	bool bad_signature;
	unsigned reason;
};
void put_list(struct rig *rig, const char *folder, const char *name, struct list_spec spec);

/* For revoker_configure: told is an _Atomic bool. */
void on_configured(void *told);
bool is_told(void *told);

/* Configures the authority with that list (NULL: none), and waits until that is done. */
void configure_with(struct rig *rig, const char *list, bool points, bool public_only);

/* For io_until: whether the loop knows that it is revoked. */
struct expectation {
	struct rig *rig;
	enum source_kind kind;
	const char *name, *serial, *error;
};
bool is_revoked(void *arg);

/* Configures that authority. Whether want is revoked when that is done: what the revoker finds out a moment later does not count. */
bool revokes_once_configured(const struct revoker_authority *authority, struct expectation *want);

/* What the loop knows now. */
const struct revocation_source *source(struct rig *rig, enum source_kind kind, const char *name);
bool revokes(struct rig *rig, enum source_kind kind, const char *name, const char *serial);

bool has_failed(void *arg); /* for io_until: error stands in what is told of the source */

/* Of a file in the rig's folder; static text, one of four in turn. */
const char *path_of(const struct rig *rig, const char *name);

/* One question that waits. */
struct waiting {
	struct revocation_wait wait;
	unsigned done;
};
void on_waited(struct revocation_wait *wait);
bool has_waited(void *arg); /* for io_until */
void ask(struct rig *rig, struct waiting *waiting, const struct revocation_question *question);

#endif
