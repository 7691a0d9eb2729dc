/* SPDX-License-Identifier: Apache-2.0 */
#include "front/control.h"

#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

#include "base/mem.h"
#include "io/stream.h"

#define CONNECTIONS_MAX 32u
#define REQUEST_MAX ((size_t)64 * 1024)
#define PATIENCE_NS INT64_C(10000000000)
#define LINGER_NS INT64_C(1000000000)

struct control {
	struct loop *loop;
	void (*on_call)(void *arg, struct control_call *call);
	void *arg;
	struct control_call *calls;
	unsigned count;
};

/* A connection and its one request. */
struct control_call {
	struct control *control;
	struct stream *stream; /* NULL: the client has gone */
	struct loop_timer *patience;
	json_t *request;
	bool asked, answered;
	struct control_call *prev, *next;
};

struct control *control_new(struct loop *loop,
			    void (*on_call)(void *arg, struct control_call *call), void *arg)
{
	struct control *control = mem_new(sizeof(*control));

	control->loop = loop;
	control->on_call = on_call;
	control->arg = arg;
	return control;
}

static void call_free(struct control_call *call)
{
	DL_DELETE(call->control->calls, call);
	call->control->count--;
	loop_timer_free(call->patience);
	json_decref(call->request);
	free(call);
}

static json_t *refusal(const char *why)
{
	return json_pack("{s:b, s:s}", "ok", 0, "error", why);
}

/* The whole line, or a fault in *why. */
static json_t *read_request(struct slice line, const char **why)
{
	json_t *request = json_loadb((const char *)line.ptr, line.len, JSON_REJECT_DUPLICATES, NULL);

	if (request && json_is_string(json_object_get(request, "command")))
		return request;
	*why = "a request is one JSON object on one line, with a \"command\"";
	json_decref(request);
	return NULL;
}

static size_t on_data(void *arg, struct slice in)
{
	struct control_call *call = arg;
	size_t end = slice_find(in, '\n');
	const char *why = NULL;

	if (call->asked)
		return in.len;
	if (end == in.len)
		return 0;
	call->asked = true;
	loop_timer_clear(call->patience);
	call->request = read_request(slice_sub(in, 0, end), &why);
	if (call->request)
		call->control->on_call(call->control->arg, call);
	else
		control_answer(call, refusal(why));
	return in.len;
}

static void on_close(void *arg, enum err why)
{
	struct control_call *call = arg;

	(void)why;
	call->stream = NULL;
	if (!call->asked || call->answered)
		call_free(call);
}

static void on_patience(void *arg)
{
	struct control_call *call = arg;

	stream_abort(call->stream);
	call_free(call);
}

void control_accept(struct control *control, int fd)
{
	static const struct stream_handler handler = { .on_data = on_data, .on_close = on_close };
	static const struct stream_limits limits = {
		.in_max = REQUEST_MAX, .out_high = REQUEST_MAX, .blocked_ns = PATIENCE_NS,
	};
	struct control_call *call;

	if (control->count >= CONNECTIONS_MAX) {
		close(fd);
		return;
	}
	call = mem_new(sizeof(*call));
	call->control = control;
	DL_APPEND(control->calls, call);
	control->count++;
	call->patience = loop_timer_new(control->loop, on_patience, call);
	loop_timer_set(call->patience, PATIENCE_NS);
	call->stream = stream_new(control->loop, fd, NULL, &limits, &handler, call);
}

const json_t *control_request(const struct control_call *call)
{
	return call->request;
}

void control_answer(struct control_call *call, json_t *answer)
{
	char *line = json_dumps(answer, JSON_COMPACT);

	json_decref(answer);
	call->answered = true;
	if (!call->stream) {
		free(line);
		call_free(call);
		return;
	}
	buf_str(stream_out(call->stream), line ? line : "{\"ok\":false}");
	buf_u8(stream_out(call->stream), '\n');
	free(line);
	stream_flush(call->stream);
	stream_finish(call->stream, LINGER_NS);
}

unsigned control_count(const struct control *control)
{
	return control->count;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	while (control->calls) {
		struct control_call *call = control->calls;

		if (call->stream)
			stream_abort(call->stream);
		call_free(call);
	}
	free(control);
}
