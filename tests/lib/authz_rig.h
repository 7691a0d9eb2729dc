/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_AUTHZ_RIG_H
#define TESTS_LIB_AUTHZ_RIG_H

#include "front/authz.h"
#include "lib/checks.h"
#include "lib/h2_peer.h"
#include "lib/rig.h"

/* A session whose connection is in memory, with an HTTP/2 client at its other end. */
#define AUTHZ_PATH "/envoy.service.auth.v3.Authorization/Check"
#define HEALTH_PATH "/grpc.health.v1.Health/Check"

struct authz_rig {
	struct rig *rig;
	struct authz_shared shared;
	struct authz_stats stats;
	struct authz_session *session;
	struct h2_peer *peer;
	struct buf out;
	size_t waiting; /* what hooks->waiting says, -1: what out holds */
	bool paused, finished;
	unsigned flushed, complaints;
	const char *complaint;
};

struct authz_rig *authz_rig_new(struct rig *rig, bool chain_xfcc);
void authz_rig_free(struct authz_rig *end); /* as when the connection is lost */

/* Both sides talk until neither has anything left. */
void authz_rig_talk(struct authz_rig *end);

/* A Check; its answer is there when it returns, unless the request is pending. */
struct h2_peer_call *authz_rig_ask(struct authz_rig *end, const struct check *check);

/* Time passes, with a tick whenever the session has asked for one, and talk after each. */
void authz_rig_sleep(struct authz_rig *end, int64_t ns);

/*
 * An answer in words, a line each: "code 7", "denied 403", "ok", "set n: v",
 * "append n: v", "remove n", "response set n: v", "response append n: v",
 * "body …", "meta n=v". free() it.
 */
char *authz_words(struct slice message);

#endif
