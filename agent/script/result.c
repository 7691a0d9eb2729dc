/* SPDX-License-Identifier: Apache-2.0 */
#include "script/result.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "script/handle.h"

void result_fault(struct policy_call *call, enum reason reason, const char *text)
{
	call->result = (struct policy_result){ .outcome = POLICY_FAILED, .reason = reason };
	call->result.error = arena_copy(call->req->arena, slice_str(text));
	if (!call->result.error.ptr)
		call->result.error = SLICE_LIT("the worker failed, and the request's memory is used up");
}

static void fault_at(struct policy_call *call, enum reason reason, const char *place,
		     const char *text)
{
	result_fault(call, reason, text);
	call->result.place = arena_copy(call->req->arena, slice_str(place));
}

/* Splits "file:12: words"; false when the text has no such front. */
static bool split_position(const char *message, char place[PLACE_MAX], const char **words)
{
	const char *at = message;
	size_t len;
	char *end;

	while (*at && *at != ' ' && at - message <= CHUNK_NAME_MAX) {
		if (*at++ != ':' || strtoul(at, &end, 10) == 0 || end[0] != ':' || end[1] != ' ')
			continue;
		len = (size_t)(end - message);
		if (len >= PLACE_MAX)
			return false;
		memcpy(place, message, len);
		place[len] = '\0';
		*words = end + 2;
		return true;
	}
	return false;
}

/* error({ message = … }) is told by its message; other values only by their type. */
static void describe_value(lua_State *L, char text[FAULT_MAX])
{
	const char *message = NULL;

	if (lua_type(L, -1) == LUA_TTABLE && lua_checkstack(L, 2)) {
		/* lua_getfield would intern the name, and that may raise. */
		for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
			if (lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING &&
			    !strcmp(lua_tostring(L, -2), "message")) {
				message = lua_tostring(L, -1);
				lua_pop(L, 2);
				break;
			}
	}
	if (message)
		snprintf(text, FAULT_MAX, "%s", message);
	else if (lua_type(L, -1) == LUA_TNUMBER)
		snprintf(text, FAULT_MAX, "error raised with the number %.14g", lua_tonumber(L, -1));
	else
		snprintf(text, FAULT_MAX, "error raised with a %s instead of a text",
			 luaL_typename(L, -1));
}

void result_describe(lua_State *L, int status, char place[PLACE_MAX], char text[FAULT_MAX])
{
	const char *words;

	place[0] = '\0';
	if (status == LUA_ERRMEM) {
		state_place(L, place);
		snprintf(text, FAULT_MAX, "the worker's memory is used up (%zu bytes)",
			 state_of(L)->memory_max);
	} else if (lua_type(L, -1) == LUA_TSTRING) {
		words = lua_tostring(L, -1);
		if (!split_position(words, place, &words))
			state_place(L, place);
		snprintf(text, FAULT_MAX, "%s", words);
	} else {
		state_place(L, place);
		describe_value(L, text);
	}
}

void result_failed(struct task *task, int status)
{
	struct state *state = task->state;
	enum reason reason = state->budget.fault;

	if (!reason) {
		reason = status == LUA_ERRMEM ? REASON_POLICY_MEMORY : REASON_POLICY_ERROR;
		result_describe(task->co, status, state->fault_place, state->fault_text);
	}
	if (reason == REASON_POLICY_TIMEOUT || reason == REASON_POLICY_MEMORY)
		state->spent = true;
	state->slow |= reason == REASON_POLICY_TIMEOUT;
	if (reason == REASON_POLICY_ERROR && task->passes_on_error) {
		log_warning("worker %s: %s: %s; the request goes on to the origin, as "
			    "passThroughOnException asked", state->worker->name, state->fault_place,
			    state->fault_text);
		task->call->result = (struct policy_result){ .outcome = POLICY_PASSED };
		return;
	}
	fault_at(task->call, reason, state->fault_place, state->fault_text);
}

static COLD void wrong_return(struct task *task, const char *what)
{
	char text[FAULT_MAX];

	snprintf(text, sizeof(text), "fetch returned %s; it must return a Response, its own or that of "
		 "fetch(request)", what);
	if (task->passes_on_error) {
		log_warning("worker %s: %s; the request goes on to the origin, as "
			    "passThroughOnException asked", task->state->worker->name, text);
		task->call->result = (struct policy_result){ .outcome = POLICY_PASSED };
		return;
	}
	fault_at(task->call, REASON_POLICY_ERROR, task->state->chunk, text);
}

static COLD void no_memory(struct task *task)
{
	result_fault(task->call, REASON_OVERLOADED, "the request's memory is used up");
}

static void passed(struct task *task, const struct object *response)
{
	struct policy_result *result = &task->call->result;
	struct arena *arena = task->call->req->arena;

	mem_zero(result, sizeof(*result));
	result->outcome = POLICY_PASSED;
	if (object_blocks(response->request, arena, &result->req_del, &result->req_set) ||
	    object_blocks(response, arena, &result->res_del, &result->res_set))
		no_memory(task);
}

static void responded(struct task *task, const struct object *response)
{
	struct policy_result *result = &task->call->result;

	*result = (struct policy_result){ .outcome = POLICY_RESPONDED, .status = response->status,
					  .body = response->body };
	if (object_blocks(response, task->call->req->arena, &result->res_del, &result->res_set)) {
		no_memory(task);
		return;
	}
	result->content_type = object_value(response, SLICE_LIT("content-type"));
	result->location = object_value(response, SLICE_LIT("location"));
}

/* Says why what fetch returned is no Response of this call. */
static COLD void refuse_returned(struct task *task, int index)
{
	enum handle_kind kind = handle_kind(task->co, index);

	if (kind == HANDLE_RESPONSE)
		wrong_return(task, "a Response of another request");
	else if (kind != HANDLE_NULL)
		wrong_return(task, handle_name(kind));
	else
		wrong_return(task, lua_isnoneornil(task->co, index) ? "nothing" :
				   lua_islightuserdata(task->co, index) ? "json.null" :
				   luaL_typename(task->co, index));
}

void result_returned(struct task *task, int index)
{
	const struct object *object = handle_of(task->co, index, task, HANDLE_RESPONSE);

	if (unlikely(!object))
		refuse_returned(task, index);
	else if (likely(object->type == OBJECT_ORIGIN))
		passed(task, object);
	else if (task->asked_origin)
		wrong_return(task, "a Response of its own after fetch(request), whose answer is not known yet");
	else
		responded(task, object);
}
