/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_CHUNK_H
#define MTLSGUARD_SCRIPT_CHUNK_H

#include "base/slice.h"

/*
 * The line of the first variable declared with <close> in Lua source, 0 when
 * there is none. Such a variable's __close would run while a call is being
 * ended, so workers have none.
 */
unsigned chunk_closes(struct slice source);

#endif
