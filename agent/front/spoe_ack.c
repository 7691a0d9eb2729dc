/* SPDX-License-Identifier: Apache-2.0 */
#include "front/spoe_ack.h"

#include <assert.h>

#include "base/mem.h"
#include "wire/spop.h"

/* Names, types and lengths of all variables, and the words of verdict and reason. */
#define HEADS_MAX 640

/* "set-var, three arguments, scope txn, name" as it stands on the wire; len is the name's. */
#define SET_VAR(len, name) SLICE_LIT("\x01\x03\x02" len name)

/* Room that was asked for once, so that a variable costs little more than its bytes. */
struct pen {
	uint8_t *pos, *end;
	bool full;
};

static inline __attribute__((always_inline)) void put(struct pen *pen, struct slice s)
{
	if (s.len > (size_t)(pen->end - pen->pos)) {
		pen->full = true;
		return;
	}
	if (s.len)
		memcpy(pen->pos, s.ptr, s.len);
	pen->pos += s.len;
}

static inline void put_u8(struct pen *pen, uint8_t v)
{
	put(pen, slice_of(&v, 1));
}

static inline void put_varint(struct pen *pen, uint64_t v)
{
	uint8_t room[VARINT_ROOM];

	if (v < 240)
		put_u8(pen, (uint8_t)v);
	else
		put(pen, slice_of(room, (size_t)(varint_write(room, v) - room)));
}

static inline __attribute__((always_inline)) void put_text(struct pen *pen, struct slice head,
							   struct slice text)
{
	if (text.len == 0)
		return;
	put(pen, head);
	put_u8(pen, SPOP_DATA_TEXT);
	put_varint(pen, text.len);
	put(pen, text);
}

static inline void put_number(struct pen *pen, struct slice head, enum spop_data type, uint64_t number)
{
	if (number == 0)
		return;
	put(pen, head);
	put_u8(pen, (uint8_t)type);
	put_varint(pen, number);
}

/* A block of the verdict with the `closing` empty strings that end it (one for names, two for pairs). */
static inline void put_block(struct pen *pen, struct slice head, const struct header_block *block,
			     size_t closing)
{
	size_t size;

	if (block->count == 0)
		return;
	size = header_block_size(block);
	put(pen, head);
	put_u8(pen, SPOP_DATA_BINARY);
	put_varint(pen, size + closing);
	for (size_t i = 0; i < block->count; i++)
		put(pen, block->parts[i]);
	put(pen, slice_of("\0", closing));
}

/* What most verdicts begin with: TEXT (8) "allow", UINT32 (3) 200 and TEXT "allowed". */
#define ALLOWED SLICE_LIT("\x01\x03\x02\x07" "verdict" "\x08\x05" "allow"                         \
			  "\x01\x03\x02\x06" "status" "\x03\xc8"                                    \
			  "\x01\x03\x02\x06" "reason" "\x08\x07" "allowed")

static inline void put_decision(struct pen *pen, const struct verdict *verdict)
{
	if (verdict->kind == VERDICT_ALLOW && verdict->reason == REASON_ALLOWED && verdict->status == 200) {
		put(pen, ALLOWED);
	} else {
		put_text(pen, SET_VAR("\x07", "verdict"), slice_str(verdict_name(verdict->kind)));
		put_number(pen, SET_VAR("\x06", "status"), SPOP_DATA_UINT32, (uint32_t)verdict->status);
		put_text(pen, SET_VAR("\x06", "reason"), slice_str(reason_name(verdict->reason)));
	}
	put_text(pen, SET_VAR("\x02", "id"), verdict->id);
}

static inline void put_content(struct pen *pen, const struct verdict *verdict)
{
	put_text(pen, SET_VAR("\x04", "body"), verdict->body);
	put_text(pen, SET_VAR("\x0c", "content_type"), verdict->content_type);
	put_text(pen, SET_VAR("\x08", "location"), verdict->location);
	put_block(pen, SET_VAR("\x07", "req_del"), &verdict->req_del, 1);
	put_block(pen, SET_VAR("\x0b", "req_headers"), &verdict->req_set, 2);
	put_block(pen, SET_VAR("\x07", "res_del"), &verdict->res_del, 1);
	put_block(pen, SET_VAR("\x0b", "res_headers"), &verdict->res_set, 2);
	if (verdict->client_cert) {
		put(pen, SET_VAR("\x0b", "client_cert"));
		put_u8(pen, SPOP_DATA_BOOL | SPOP_DATA_TRUE);
	}
	put_number(pen, SET_VAR("\x05", "until"), SPOP_DATA_INT64, (uint64_t)verdict->until);
}

static void encode_log_values(struct pen *pen, const struct verdict *verdict)
{
	const uint8_t *begun = pen->pos;

	put_text(pen, SET_VAR("\x02", "cn"), verdict->cn);
	put_text(pen, SET_VAR("\x06", "serial"), verdict->serial);
	put_text(pen, SET_VAR("\x0b", "fingerprint"), verdict->fingerprint);
	put_text(pen, SET_VAR("\x07", "subject"), verdict->subject);
	put_text(pen, SET_VAR("\x06", "issuer"), verdict->issuer);
	put_text(pen, SET_VAR("\x08", "verified"), verdict->verified);
	if (!verdict->encoded)
		return;
	*verdict->encoded = slice_of(begun, (size_t)(pen->pos - begun));
	verdict->encoded->ptr = (const uint8_t *)mem_dup(*verdict->encoded);
}

static inline void put_log_values(struct pen *pen, const struct verdict *verdict)
{
	if (verdict->encoded && verdict->encoded->len)
		put(pen, *verdict->encoded);
	else
		encode_log_values(pen, verdict);
}

static size_t begin(struct buf *out, const struct spoe_ids *ids)
{
	return spop_frame_begin(out, &(struct spop_frame){ .type = SPOP_ACK, .flags = SPOP_FIN,
							   .stream_id = ids->stream,
							   .frame_id = ids->frame });
}

/* At least what all variables of a verdict take: values, and a bound of names, types and lengths. */
static size_t bound(const struct verdict *verdict)
{
	return HEADS_MAX + verdict->id.len + verdict->body.len + verdict->content_type.len +
	       verdict->location.len + header_block_size(&verdict->req_del) +
	       header_block_size(&verdict->req_set) + header_block_size(&verdict->res_del) +
	       header_block_size(&verdict->res_set) + verdict->cn.len + verdict->serial.len +
	       verdict->fingerprint.len + verdict->subject.len + verdict->issuer.len +
	       verdict->verified.len;
}

enum err spoe_ack_encode(struct buf *out, const struct spoe_ids *ids, const struct verdict *verdict,
			 size_t max)
{
	size_t begun = begin(out, ids), size = bound(verdict);
	uint8_t *start = buf_want(out, size), *decided, *content;
	struct pen pen = { start, start ? start + size : start, !start };
	size_t header = out->len - begun;

	if (!start) {
		out->len = begun;
		return ERR_LIMIT;
	}
	max = max > header ? max - header : 0;
	put_decision(&pen, verdict);
	decided = pen.pos;
	put_content(&pen, verdict);
	content = pen.pos;
	put_log_values(&pen, verdict);
	assert(!pen.full);
	if ((size_t)(pen.pos - start) > max)
		pen.pos = content;
	if ((size_t)(pen.pos - start) > max && verdict->kind == VERDICT_DENY)
		pen.pos = decided;
	if ((size_t)(pen.pos - start) > max) {
		out->len = begun;
		return ERR_LIMIT;
	}
	buf_added(out, (size_t)(pen.pos - start));
	spop_frame_end(out, begun);
	return ERR_OK;
}

void spoe_ack_nothing(struct buf *out, const struct spoe_ids *ids)
{
	size_t begun = begin(out, ids);

	/* A verdict that an earlier message of the transaction set stays as it is. */
	spop_action_encode(out, &(struct spop_action){ .kind = SPOP_UNSET_VAR, .scope = SPOP_TXN,
						       .name = SLICE_LIT("nothing") });
	spop_frame_end(out, begun);
}
