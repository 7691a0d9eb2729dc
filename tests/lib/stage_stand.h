/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_STAGE_STAND_H
#define TESTS_LIB_STAGE_STAND_H

#include "lib/certs.h"
#include "lib/rig.h"

/* Who comes before the stages of an engine, one rig at a time: alice and listed (serial 0BAD) of a CA whose
 * certificate is ca.pem, mallory of another one. */
extern struct certs *ca, *foreign, *alice, *mallory, *listed;

void stage_stand_open(void);
void stage_stand_close(void);

/* It was decided at once, for that reason, at that stage; a refusal says why. */
void stage_stand_decided(const struct rig_request *request, enum reason reason, const char *stage);

#endif
