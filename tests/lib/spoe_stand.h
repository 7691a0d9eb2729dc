/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_SPOE_STAND_H
#define TESTS_LIB_SPOE_STAND_H

#include "lib/spoe_rig.h"

/*
 * What the tests of SPOE's front stand on, one at a time: an engine, what a loop's sessions share, and one
 * session. What is missing or wrong fails the test that runs.
 */
extern struct rig *rig;
extern struct spoe_shared *shared;
extern struct spoe_rig *peer;

/* files as for rig_new. The session still waits for HELLO. */
void spoe_stand_open(const char *config, const struct rig_file *files);
int spoe_stand_close(void **state); /* for cmocka */

/* The connection is lost, and the peer connects again. */
void spoe_stand_again(void);

/* The frame that comes next; that there is none. */
struct spop_frame spoe_stand_next(void);
void spoe_stand_silent(void);

/* A NOTIFY with these messages, whole. */
void spoe_stand_send(struct slice payload);

/* It is an ACK with that verdict, and an id. */
void spoe_stand_decided(const struct spop_frame *ack, const char *verdict, const char *status, const char *reason);

#endif
