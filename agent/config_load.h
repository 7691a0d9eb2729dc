/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CONFIG_LOAD_H
#define MTLSGUARD_CONFIG_LOAD_H

#include "base/diag.h"
#include "base/err.h"
#include "core/config.h"

/* Where the configuration is when no -c names one. */
#define CONFIG_DEFAULT_PATH "/etc/mtlsguard/mtlsguard.lua"

/*
 * Reads a configuration file: runs its Lua in the closed sandbox of design 2,
 * checks every value, fills in defaults, reads the files that it names. Every
 * fault, and every lint that needs no other part, goes to diag with file:line;
 * ERR_CONFIG when one of them is an error, and then *out is NULL. The caller
 * owns *out (config_free). Runs on any thread; may take seconds.
 */
enum err config_load(const char *path, struct diag_list *diag, struct config **out) MUST_USE;

/*
 * The same, but with faults *out is what could be read all the same (NULL when
 * the file is no Lua that runs): config_build.h says what that is good for.
 */
enum err config_load_all(const char *path, struct diag_list *diag, struct config **out) MUST_USE;

#endif
