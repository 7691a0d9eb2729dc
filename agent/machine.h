/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_MACHINE_H
#define MTLSGUARD_MACHINE_H

#include <sys/stat.h>

#include "base/diag.h"
#include "core/config.h"

/*
 * Warns of what `run` would refuse on this machine though the configuration is fine: a group that a socket is
 * to have, the folder of decisions.log, the state folder. No errors: a configuration may be checked elsewhere
 * than where it runs. What needs the agent's own user is not looked at. file: the configuration's name in messages.
 */
void machine_lint(const struct config *config, const char *file, struct diag_list *diag);

/* What makes something unfit as a state folder, whoever owns it: words that go behind its name, with a hint or
 * NULL in *hint; or NULL. */
const char *machine_state_fault(const struct stat *st, const char **hint);

#endif
