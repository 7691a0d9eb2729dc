/* SPDX-License-Identifier: Apache-2.0 */
#include "front/spoe_ack.h"

#include "wire/spop.h"

/* "set-var, three arguments, scope txn, name" as it stands on the wire; len is the name's. */
#define SET_VAR(len, name) SLICE_LIT("\x01\x03\x02" len name)

static inline void put_text(struct buf *out, struct slice head, struct slice text)
{
	if (text.len == 0)
		return;
	buf_put(out, head);
	buf_u8(out, SPOP_DATA_TEXT);
	buf_varstr(out, text);
}

static inline void put_number(struct buf *out, struct slice head, enum spop_data type, uint64_t number)
{
	if (number == 0)
		return;
	buf_put(out, head);
	buf_u8(out, (uint8_t)type);
	buf_varint(out, number);
}

/* A block of the verdict with the `closing` empty strings that end it (one for names, two for pairs). */
static inline void put_block(struct buf *out, struct slice head, const struct header_block *block,
			     size_t closing)
{
	size_t size = header_block_size(block);

	if (size == 0)
		return;
	buf_put(out, head);
	buf_u8(out, SPOP_DATA_BINARY);
	buf_varint(out, size + closing);
	for (size_t i = 0; i < block->count; i++)
		buf_put(out, block->parts[i]);
	buf_put(out, slice_of("\0", closing));
}

static inline void put_decision(struct buf *out, const struct verdict *verdict)
{
	put_text(out, SET_VAR("\x07", "verdict"), slice_str(verdict_name(verdict->kind)));
	put_number(out, SET_VAR("\x06", "status"), SPOP_DATA_UINT32, (uint32_t)verdict->status);
	put_text(out, SET_VAR("\x06", "reason"), slice_str(reason_name(verdict->reason)));
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
	if (verdict->client_cert) {
		buf_put(out, SET_VAR("\x0b", "client_cert"));
		buf_u8(out, SPOP_DATA_BOOL | SPOP_DATA_TRUE);
	}
	put_number(out, SET_VAR("\x05", "until"), SPOP_DATA_INT64, (uint64_t)verdict->until);
}

static inline void put_log_values(struct buf *out, const struct verdict *verdict)
{
	put_text(out, SET_VAR("\x02", "cn"), verdict->cn);
	put_text(out, SET_VAR("\x06", "serial"), verdict->serial);
	put_text(out, SET_VAR("\x0b", "fingerprint"), verdict->fingerprint);
	put_text(out, SET_VAR("\x07", "subject"), verdict->subject);
	put_text(out, SET_VAR("\x06", "issuer"), verdict->issuer);
	put_text(out, SET_VAR("\x08", "verified"), verdict->verified);
}

static size_t begin(struct buf *out, const struct spoe_ids *ids)
{
	return spop_frame_begin(out, &(struct spop_frame){ .type = SPOP_ACK, .flags = SPOP_FIN,
							   .stream_id = ids->stream,
							   .frame_id = ids->frame });
}

/* Closes the frame; false when it is over max. */
static bool end(struct buf *out, size_t begun, size_t max)
{
	spop_frame_end(out, begun);
	return !buf_err(out) && out->len - begun <= max;
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
	if (end(out, begun, max))
		return ERR_OK;
	if (!buf_err(out)) {
		out->len = content;
		if (end(out, begun, max))
			return ERR_OK;
		out->len = decided;
		if (verdict->kind == VERDICT_DENY && end(out, begun, max))
			return ERR_OK;
	}
	out->len = begun;
	return ERR_LIMIT;
}

void spoe_ack_nothing(struct buf *out, const struct spoe_ids *ids)
{
	size_t begun = begin(out, ids);

	/* A verdict that an earlier message of the transaction set stays as it is. */
	spop_action_encode(out, &(struct spop_action){ .kind = SPOP_UNSET_VAR, .scope = SPOP_TXN,
						       .name = SLICE_LIT("nothing") });
	spop_frame_end(out, begun);
}
