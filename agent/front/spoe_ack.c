/* SPDX-License-Identifier: Apache-2.0 */
#include "front/spoe_ack.h"

#include "base/mem.h"
#include "wire/spop.h"

/* "set-var, three arguments, scope txn, name" as it stands on the wire; len is the name's. */
#define SET_VAR(len, name) SLICE_LIT("\x01\x03\x02" len name)

static inline uint8_t *put_varint(uint8_t *to, uint64_t v)
{
	if (v >= 240)
		return varint_write(to, v);
	*to = (uint8_t)v;
	return to + 1;
}

/*
 * A variable's head, its type and the varint behind that: the value itself, or the length of one. Returns where
 * the `room` bytes of that value go, which put_end() adds; NULL: there is no room, and out says so.
 */
static inline __attribute__((always_inline)) uint8_t *put_head(struct buf *out, struct slice head,
							       unsigned type, uint64_t number, size_t room)
{
	uint8_t *p = buf_want(out, head.len + 1 + VARINT_ROOM + room);

	if (!p)
		return NULL;
	memcpy(p, head.ptr, head.len);
	p[head.len] = (uint8_t)type;
	return put_varint(p + head.len + 1, number);
}

static inline void put_end(struct buf *out, const uint8_t *end)
{
	out->len = (size_t)(end - out->ptr);
}

static inline __attribute__((always_inline)) void put_text(struct buf *out, struct slice head,
							   struct slice text)
{
	uint8_t *p = text.len ? put_head(out, head, SPOP_DATA_TEXT, text.len, text.len) : NULL;

	if (!p)
		return;
	memcpy(p, text.ptr, text.len);
	put_end(out, p + text.len);
}

static inline void put_number(struct buf *out, struct slice head, enum spop_data type, uint64_t number)
{
	uint8_t *p = number ? put_head(out, head, type, number, 0) : NULL;

	if (p)
		put_end(out, p);
}

/* A block of the verdict with the `closing` empty strings that end it (one for names, two for pairs). */
static inline __attribute__((always_inline)) void put_block(struct buf *out, struct slice head,
							    const struct header_block *block, size_t closing)
{
	size_t size = header_block_size(block) + closing;
	uint8_t *p = block->count ? put_head(out, head, SPOP_DATA_BINARY, size, size) : NULL;

	if (!p)
		return;
	for (size_t i = 0; i < block->count; i++) {
		memcpy(p, block->parts[i].ptr, block->parts[i].len);
		p += block->parts[i].len;
	}
	memset(p, 0, closing);
	put_end(out, p + closing);
}

/* What most verdicts begin with: TEXT (8) "allow", UINT32 (3) 200 and TEXT "allowed". */
#define ALLOWED SLICE_LIT("\x01\x03\x02\x07" "verdict" "\x08\x05" "allow"                         \
			  "\x01\x03\x02\x06" "status" "\x03\xc8"                                    \
			  "\x01\x03\x02\x06" "reason" "\x08\x07" "allowed")

/* BOOL (1) with its flag of true. */
#define CLIENT_CERT SLICE_LIT("\x01\x03\x02\x0b" "client_cert" "\x11")

static inline void put_decision(struct buf *out, const struct verdict *verdict)
{
	if (verdict->kind == VERDICT_ALLOW && verdict->reason == REASON_ALLOWED && verdict->status == 200) {
		buf_put(out, ALLOWED);
	} else {
		put_text(out, SET_VAR("\x07", "verdict"), slice_str(verdict_name(verdict->kind)));
		put_number(out, SET_VAR("\x06", "status"), SPOP_DATA_UINT32, (uint32_t)verdict->status);
		put_text(out, SET_VAR("\x06", "reason"), slice_str(reason_name(verdict->reason)));
	}
	put_text(out, SET_VAR("\x02", "id"), verdict->id);
}

static inline void put_content(struct buf *out, const struct verdict *verdict)
{
	put_text(out, SET_VAR("\x04", "body"), verdict->body);
	put_text(out, SET_VAR("\x0c", "content_type"), verdict->content_type);
	put_text(out, SET_VAR("\x08", "location"), verdict->location);
	put_block(out, SET_VAR("\x07", "req_del"), &verdict->req_del, 1);
	put_block(out, SET_VAR("\x0b", "req_headers"), &verdict->req_set, 2);
	put_block(out, SET_VAR("\x07", "res_del"), &verdict->res_del, 1);
	put_block(out, SET_VAR("\x0b", "res_headers"), &verdict->res_set, 2);
	if (verdict->client_cert)
		buf_put(out, CLIENT_CERT);
	put_number(out, SET_VAR("\x05", "until"), SPOP_DATA_INT64, (uint64_t)verdict->until);
}

static void encode_log_values(struct buf *out, const struct verdict *verdict)
{
	const struct log_values *log = verdict->log;
	size_t begun = out->len;

	put_text(out, SET_VAR("\x02", "cn"), log->cn);
	put_text(out, SET_VAR("\x06", "serial"), log->serial);
	put_text(out, SET_VAR("\x0b", "fingerprint"), log->fingerprint);
	put_text(out, SET_VAR("\x07", "subject"), log->subject);
	put_text(out, SET_VAR("\x06", "issuer"), log->issuer);
	put_text(out, SET_VAR("\x08", "verified"), log->verified);
	if (!verdict->encoded || buf_err(out))
		return;
	*verdict->encoded = slice_sub(buf_slice(out), begun, SIZE_MAX);
	verdict->encoded->ptr = (const uint8_t *)mem_dup(*verdict->encoded);
}

static inline void put_log_values(struct buf *out, const struct verdict *verdict)
{
	if (verdict->encoded && verdict->encoded->len)
		buf_put(out, *verdict->encoded);
	else if (verdict->log)
		encode_log_values(out, verdict);
}

static size_t begin(struct buf *out, const struct spoe_ids *ids)
{
	return spop_frame_begin(out, &(struct spop_frame){ .type = SPOP_ACK, .flags = SPOP_FIN,
							   .stream_id = ids->stream,
							   .frame_id = ids->frame });
}

enum err spoe_ack_encode(struct buf *out, const struct spoe_ids *ids, const struct verdict *verdict,
			 size_t max)
{
	size_t begun = begin(out, ids), decided, content;

	put_decision(out, verdict);
	decided = out->len;
	put_content(out, verdict);
	content = out->len;
	put_log_values(out, verdict);
	if (out->len - begun > max)
		out->len = content;
	if (out->len - begun > max && verdict->kind == VERDICT_DENY)
		out->len = decided;
	if (buf_err(out) || out->len - begun > max) {
		out->len = begun;
		return ERR_LIMIT;
	}
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
