/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_MODULE_FILES_H
#define MTLSGUARD_SCRIPT_MODULE_FILES_H

#include <limits.h>

#include "core/config.h"

/* The largest module that require gives, in bytes, and how many a worker may have. */
#define MODULE_MAX (1024 * 1024)
#define MODULES_MAX 256

/* "./lib/x" to "lib/x.lua", its file below the folder of the worker's script. Returns NULL, or what is wrong
 * with the name. */
const char *module_file(struct slice name, char file[PATH_MAX]);

/* The worker's module of that file, or NULL when no text of the worker names it. */
const struct worker_module *module_find(const struct worker_conf *worker, const char *file);

/*
 * Reads the modules that the workers' texts name (require "./lib/x", require("./lib/x")), and those that these
 * name, into config: all loops run what was read once, and config->generation covers it. One that
 * cannot be read is no fault before a worker asks for it.
 */
void module_files_read(struct config *config);

#endif
