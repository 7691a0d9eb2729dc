/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_HEADERS_H
#define MTLSGUARD_SCRIPT_HEADERS_H

#include "script/handle.h"

/* Adds all headers of the argument (a table of names and texts, or a Headers) to the object. Raises. */
void headers_fill(lua_State *L, int arg, struct task *task, struct object *object);

/* Sets one header of the object. Raises. */
void headers_set(lua_State *L, struct task *task, struct object *object, struct slice name,
		 struct slice value);

#endif
