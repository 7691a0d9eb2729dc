/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/spop_peer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void peer_hello(struct buf *out, size_t max_frame_size, const char *capabilities)
{
	spop_hello_encode(out, &(struct spop_hello){
		.versions = SLICE_LIT("2.0"), .max_frame_size = max_frame_size,
		.capabilities = slice_str(capabilities),
		.engine_id = SLICE_LIT("967d3b24-3d86-4619-907a-e0406ef25fd6") });
}

void peer_frame(struct buf *out, uint8_t type, uint32_t flags, uint64_t stream, uint64_t frame,
		struct slice payload)
{
	struct spop_frame header = { .type = type, .flags = flags, .stream_id = stream,
				     .frame_id = frame };
	size_t begun = spop_frame_begin(out, &header);

	buf_put(out, payload);
	spop_frame_end(out, begun);
}

void peer_message(struct buf *out, const char *name, const struct named *over)
{
	struct named *args = ask_args(over);
	struct spop_message message = { .name = slice_str(name) };

	for (const struct named *arg = args; arg->name; arg++)
		message.args += arg->value.kind != VALUE_NOT_SENT;
	spop_message_encode(out, &message);
	for (const struct named *arg = args; arg->name; arg++)
		if (arg->value.kind != VALUE_NOT_SENT)
			spop_arg_encode(out, slice_str(arg->name), &arg->value);
	free(args);
}

void peer_notify(struct buf *out, uint64_t stream, uint64_t frame, const struct named *over)
{
	struct buf payload = buf_capped(0);

	peer_message(&payload, "check-client-cert", over);
	peer_frame(out, SPOP_NOTIFY, SPOP_FIN, stream, frame, buf_slice(&payload));
	buf_fini(&payload);
}

static _Noreturn void broken(const char *what)
{
	fprintf(stderr, "from the agent: %s\n", what);
	abort();
}

bool peer_next(struct slice *in, struct spop_frame *out)
{
	struct reader r = reader_of(*in);
	uint32_t size;
	struct slice frame;

	if (in->len == 0)
		return false;
	size = reader_u32(&r);
	frame = reader_bytes(&r, size);
	if (reader_err(&r) || spop_frame_decode(frame, out) || out->flags != SPOP_FIN)
		broken("a malformed frame");
	*in = reader_rest(&r);
	return true;
}

const struct value *peer_var(const struct spop_frame *ack, const char *name)
{
	static struct spop_action action, found;
	struct reader r = reader_of(ack->payload);
	bool is_set = false;

	if (ack->type != SPOP_ACK)
		broken("no ACK");
	while (spop_action_decode(&r, &action)) {
		if (action.scope != SPOP_TXN)
			broken("a variable of another scope");
		if (!slice_eq(action.name, slice_str(name)))
			continue;
		found = action;
		is_set = true;
	}
	if (reader_err(&r))
		broken("actions that do not decode");
	return is_set ? &found.value : NULL;
}

const char *peer_text(const struct spop_frame *ack, const char *name)
{
	static char text[8][20000];
	static unsigned next;
	char *out = text[next++ % 8];
	const struct value *value = peer_var(ack, name);

	if (!value)
		return "";
	switch (value->kind) {
	case VALUE_BOOL:
		return value->boolean ? "true" : "false";
	case VALUE_INT:
	case VALUE_UINT:
		snprintf(out, sizeof(text[0]), "%" PRId64, value->integer);
		return out;
	case VALUE_TEXT:
	case VALUE_BINARY:
		snprintf(out, sizeof(text[0]), "%.*s", SLICE_FMT(value->bytes));
		return out;
	default:
		return "unset";
	}
}

unsigned peer_actions(const struct spop_frame *ack)
{
	struct reader r = reader_of(ack->payload);
	struct spop_action action;
	unsigned count = 0;

	while (spop_action_decode(&r, &action))
		count++;
	if (reader_err(&r))
		broken("actions that do not decode");
	return count;
}
