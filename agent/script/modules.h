/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_MODULES_H
#define MTLSGUARD_SCRIPT_MODULES_H

#include "script/state.h"

/*
 * require "./lib/x": the text module lib/x.lua in the folder of the worker's
 * script, run once in the worker's environment, out of what was read with the
 * configuration (module_files.h). Only while the script is loaded.
 */
void modules_open(lua_State *L);

/* Compiles source as text and pushes its function, closed over the worker's environment. Raises. */
void module_load(lua_State *L, struct slice source, const char *chunk);

#endif
