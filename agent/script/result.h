/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_RESULT_H
#define MTLSGUARD_SCRIPT_RESULT_H

#include "script/task.h"

/* Fills the call's result from what the script returned (the value at index of
 * the task's thread). Never raises. */
void result_returned(struct task *task, int index);

/* Fills it from a failed run; the error value is on top of the thread. Never raises. */
COLD void result_failed(struct task *task, int status);

/* Fills it with a fault that has no place in a script. */
COLD void result_fault(struct policy_call *call, enum reason reason, const char *text);

/*
 * Describes a caught error value at the top of L: text without the position in
 * front, and the position. Never raises.
 */
void result_describe(lua_State *L, int status, char place[PLACE_MAX], char text[FAULT_MAX]);

#endif
