/* SPDX-License-Identifier: Apache-2.0 */
/* Reaches h2_feed, h2_write, h2_answer and h2_fail with any bytes behind the client's preface. The first byte
 * says in which pieces they come, and whether calls are answered at once, later or never. */
#include <stdint.h>
#include <stdlib.h>

#include "wire/h2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct owner {
	uint8_t manner;
	struct h2_call *calls[H2_STREAMS_MAX];
	unsigned count;
};

static void on_call(void *arg, struct h2_call *call)
{
	struct owner *owner = arg;
	struct slice message;

	if (call->excess != H2_FITS || grpc_message(call->body, &message))
		h2_fail(call, GRPC_INTERNAL, "no");
	else if (owner->manner & 1)
		h2_answer(call, message);
	else if (owner->count < H2_STREAMS_MAX)
		owner->calls[owner->count++] = call;
	else
		abort();
}

static void on_gone(void *arg, struct h2_call *call)
{
	struct owner *owner = arg;

	for (unsigned i = 0; i < owner->count; i++)
		if (owner->calls[i] == call) {
			owner->calls[i] = owner->calls[--owner->count];
			return;
		}
	abort();
}

static void answer_all(struct owner *owner)
{
	while (owner->count)
		h2_answer(owner->calls[--owner->count], SLICE_LIT("later"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct h2_handler handler = { on_call, on_gone };
	struct slice preface = SLICE_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	struct owner owner = { .manner = size ? data[0] : 0 };
	struct h2_pool pool = { .count = 0 };
	struct h2_session *session = h2_new(&handler, &owner, &pool, 4096, 1);
	struct buf out = buf_capped(0);
	size_t piece = (owner.manner >> 2 & 15u) * 7u + 1;
	const char *why;
	enum err err = h2_feed(session, preface, 1, &why);

	for (size_t at = 1; at < size && !err; at += piece) {
		err = h2_feed(session, slice_sub(slice_of(data, size), at, piece), (int64_t)at, &why);
		if (!err)
			err = h2_write(session, &out, SIZE_MAX);
		if (owner.manner & 2)
			answer_all(&owner);
		buf_reset(&out);
	}
	(void)h2_tick(session, H2_BODY_NS * 2);
	h2_end(session);
	if (h2_write(session, &out, SIZE_MAX) == ERR_OK && h2_open_calls(session) == 0)
		(void)h2_is_over(session);
	h2_free(session);
	if (owner.count)
		abort();
	h2_pool_fini(&pool);
	buf_fini(&out);
	return 0;
}
