/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_CONFIG_BUILD_H
#define MTLSGUARD_CORE_CONFIG_BUILD_H

#include "base/diag.h"
#include "base/err.h"
#include "core/config.h"
#include "core/tree.h"

/*
 * Makes a configuration out of its value tree: checks every value against the
 * table of directives, fills in what wasn't said, reads the files that are
 * named. path is the configuration file's, as faults show it; relative paths
 * are relative to its folder. Every fault and lint goes to diag; ERR_CONFIG
 * when one is an error. The caller owns *out, which is there then too: what
 * could be read, so that its parts can be looked at for more faults. Any
 * pointer in it may be NULL then, and nothing may be decided with it.
 */
enum err config_build(const struct tree *root, const char *path, struct diag_list *diag,
		      struct config **out) MUST_USE;

#endif
