/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_HEAP_H
#define MTLSGUARD_SCRIPT_HEAP_H

#include <jansson.h>

#include "base/buf.h"
#include "script/state.h"

/*
 * Memory that a C function needs outside of Lua while Lua may raise: it lies
 * on that function's frame, the part that may raise runs protected, and the
 * memory goes whatever comes.
 */
struct heap {
	struct buf buf;
	json_t *json;
};

/*
 * Calls fn(L) with all arguments of the calling C function and heap as light
 * userdata behind them, frees what the heap holds, and raises what fn raised.
 * Returns how many values fn left.
 */
int heap_call(lua_State *L, lua_CFunction fn, struct heap *heap);

#endif
