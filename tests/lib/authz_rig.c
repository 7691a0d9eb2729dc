/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/authz_rig.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "wire/pb.h"

static int64_t now_ns(void *arg)
{
	(void)arg;
	return rig_mono_ns;
}

static struct buf *out(void *arg)
{
	return &((struct authz_rig *)arg)->out;
}

static size_t waiting(void *arg)
{
	const struct authz_rig *end = arg;

	return end->waiting == (size_t)-1 ? end->out.len : end->waiting;
}

static void flush(void *arg)
{
	((struct authz_rig *)arg)->flushed++;
}

static void set_paused(void *arg, bool paused)
{
	((struct authz_rig *)arg)->paused = paused;
}

static void finish(void *arg, int64_t linger_ns)
{
	(void)linger_ns;
	((struct authz_rig *)arg)->finished = true;
}

static void complain(void *arg, const char *what, const char *hint)
{
	struct authz_rig *end = arg;

	(void)hint;
	end->complaints++;
	end->complaint = what;
}

static const struct authz_hooks hooks = { now_ns, out, waiting, flush, set_paused, finish, complain };

struct authz_rig *authz_rig_new(struct rig *rig, bool chain_xfcc)
{
	struct authz_rig *end = mem_new(sizeof(*end));

	end->rig = rig;
	end->shared.engine = rig->engine;
	end->shared.stats = &end->stats;
	end->waiting = (size_t)-1;
	end->out = buf_capped(0);
	end->session = authz_new(&end->shared, &hooks, end, chain_xfcc);
	end->peer = h2_peer_new();
	return end;
}

void authz_rig_free(struct authz_rig *end)
{
	authz_free(end->session);
	authz_shared_fini(&end->shared);
	h2_peer_free(end->peer);
	buf_fini(&end->out);
	free(end);
}

static void feed(struct authz_rig *end, struct slice bytes)
{
	uint8_t *copy = malloc(bytes.len ? bytes.len : 1);

	if (!copy)
		abort();
	if (bytes.len)
		memcpy(copy, bytes.ptr, bytes.len);
	authz_feed(end->session, slice_of(copy, bytes.len));
	free(copy);
}

void authz_rig_talk(struct authz_rig *end)
{
	for (unsigned i = 0; i < 100; i++) {
		h2_peer_say(end->peer);
		if (end->peer->out.len == 0 && end->out.len == 0)
			return;
		if (!end->paused) {
			feed(end, buf_slice(&end->peer->out));
			buf_reset(&end->peer->out);
		}
		if (!h2_peer_take(end->peer, buf_slice(&end->out)))
			abort();
		buf_reset(&end->out);
		authz_writable(end->session);
	}
}

struct h2_peer_call *authz_rig_ask(struct authz_rig *end, const struct check *check)
{
	struct buf message = buf_capped(0);
	struct h2_peer_call *call;

	check_write(&message, check);
	call = h2_peer_ask(end->peer, AUTHZ_PATH, buf_slice(&message));
	authz_rig_talk(end);
	buf_fini(&message);
	return call;
}

void authz_rig_sleep(struct authz_rig *end, int64_t ns)
{
	int64_t until = rig_mono_ns + ns;

	while (!end->finished) {
		int64_t at = authz_deadline(end->session);

		if (at > until)
			break;
		if (at > rig_mono_ns)
			rig_sleep(at - rig_mono_ns);
		authz_tick(end->session);
		authz_rig_talk(end);
	}
	if (until > rig_mono_ns)
		rig_sleep(until - rig_mono_ns);
}

/* The one field `number` of a message; empty when there is none. */
static struct slice inside(struct slice message, uint32_t number)
{
	struct reader r = reader_of(message);
	struct pb_field field;

	while (pb_next(&r, &field))
		if (field.number == number && field.type == PB_BYTES)
			return field.bytes;
	return SLICE_EMPTY;
}

static uint64_t number_in(struct slice message)
{
	struct reader r = reader_of(message);
	struct pb_field field;

	return pb_next(&r, &field) && field.type == PB_VARINT ? field.value : 0;
}

static void put_header(struct buf *b, const char *prefix, struct slice option)
{
	struct slice header = inside(option, 1);
	struct reader r = reader_of(option);
	struct pb_field field;
	bool flagged = false;

	while (pb_next(&r, &field))
		flagged |= field.number == 2;
	if (!flagged)
		abort();
	buf_printf(b, "%s%s ", prefix, number_in(inside(option, 2)) ? "append" : "set");
	buf_put(b, inside(header, 1));
	buf_str(b, ": ");
	buf_put(b, inside(header, 2));
	buf_u8(b, '\n');
}

static void put_denied(struct buf *b, struct slice denied)
{
	struct reader r = reader_of(denied);
	struct pb_field field;

	while (pb_next(&r, &field)) {
		if (field.number == 1)
			buf_printf(b, "denied %" PRIu64 "\n", number_in(field.bytes));
		else if (field.number == 2)
			put_header(b, "", field.bytes);
		else
			buf_printf(b, "body %.*s\n", SLICE_FMT(field.bytes));
	}
}

static void put_ok(struct buf *b, struct slice ok)
{
	struct reader r = reader_of(ok);
	struct pb_field field;

	buf_str(b, "ok\n");
	while (pb_next(&r, &field)) {
		if (field.number == 2)
			put_header(b, "", field.bytes);
		else if (field.number == 6)
			put_header(b, "response ", field.bytes);
		else
			buf_printf(b, "remove %.*s\n", SLICE_FMT(field.bytes));
	}
}

static void put_metadata(struct buf *b, struct slice metadata)
{
	struct reader r = reader_of(metadata);
	struct pb_field field;

	while (pb_next(&r, &field))
		buf_printf(b, "meta %.*s=%.*s\n", SLICE_FMT(inside(field.bytes, 1)),
			   SLICE_FMT(inside(inside(field.bytes, 2), 3)));
}

char *authz_words(struct slice message)
{
	struct reader r = reader_of(message);
	struct buf b = buf_capped(0);
	struct pb_field field;
	char *words;

	while (pb_next(&r, &field)) {
		if (field.number == 1)
			buf_printf(&b, "code %" PRIu64 "\n", number_in(field.bytes));
		else if (field.number == 2)
			put_denied(&b, field.bytes);
		else if (field.number == 3)
			put_ok(&b, field.bytes);
		else if (field.number == 4)
			put_metadata(&b, field.bytes);
		else
			abort();
	}
	words = mem_dup(buf_slice(&b));
	buf_fini(&b);
	return words;
}
