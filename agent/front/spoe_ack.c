/* SPDX-License-Identifier: Apache-2.0 */
#include "front/spoe_ack.h"

#include <assert.h>

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

/* Each put_* writes one variable into room that was made before, or nothing, and returns where the next one goes. */
static inline __attribute__((always_inline)) uint8_t *put_head(uint8_t *to, struct slice head,
							       unsigned type, uint64_t number)
{
	memcpy(to, head.ptr, head.len);
	to[head.len] = (uint8_t)type;
	return put_varint(to + head.len + 1, number);
}

static inline uint8_t *put_bytes(uint8_t *to, struct slice bytes)
{
	memcpy(to, bytes.ptr, bytes.len);
	return to + bytes.len;
}

static inline __attribute__((always_inline)) uint8_t *put_text(uint8_t *to, struct slice head,
							       struct slice text)
{
	return likely(text.len) ? put_bytes(put_head(to, head, SPOP_DATA_TEXT, text.len), text) : to;
}

static inline uint8_t *put_number(uint8_t *to, struct slice head, enum spop_data type, uint64_t number)
{
	return number ? put_head(to, head, type, number) : to;
}

static HOT NOINLINE uint8_t *put_parts(uint8_t *to, const struct header_block *block)
{
	for (size_t i = 0; i < block->count; i++)
		to = put_bytes(to, block->parts[i]);
	return to;
}

/* A block of the verdict with the `closing` empty strings that end it; `size` counts both. */
static inline __attribute__((always_inline)) uint8_t *
put_block(uint8_t *to, struct slice head, const struct header_block *block, size_t size, size_t closing)
{
	if (unlikely(block->count == 0))
		return to;
	to = put_parts(put_head(to, head, SPOP_DATA_BINARY, size), block);
	memset(to, 0, closing);
	return to + closing;
}

/* What most verdicts begin with: TEXT (8) "allow", UINT32 (3) 200 and TEXT "allowed". */
#define ALLOWED SLICE_LIT("\x01\x03\x02\x07" "verdict" "\x08\x05" "allow"                         \
			  "\x01\x03\x02\x06" "status" "\x03\xc8"                                    \
			  "\x01\x03\x02\x06" "reason" "\x08\x07" "allowed")

/* BOOL (1) with its flag of true. */
#define CLIENT_CERT SLICE_LIT("\x01\x03\x02\x0b" "client_cert" "\x11")

/* Longer than every name of a kind of verdict and of a reason. */
#define WORD_MAX 32

static inline uint8_t *put_word(uint8_t *to, struct slice head, const char *word)
{
	struct slice text = slice_str(word);

	assert(text.len <= WORD_MAX);
	return put_text(to, head, text);
}

static NOINLINE uint8_t *put_other_decision(uint8_t *to, const struct verdict *verdict)
{
	to = put_word(to, SET_VAR("\x07", "verdict"), verdict_name(verdict->kind));
	to = put_number(to, SET_VAR("\x06", "status"), SPOP_DATA_UINT32, (uint32_t)verdict->status);
	return put_word(to, SET_VAR("\x06", "reason"), reason_name(verdict->reason));
}

static inline uint8_t *put_decision(uint8_t *to, const struct verdict *verdict)
{
	if (likely(verdict->kind == VERDICT_ALLOW && verdict->reason == REASON_ALLOWED && verdict->status == 200))
		to = put_bytes(to, ALLOWED);
	else
		to = put_other_decision(to, verdict);
	return put_text(to, SET_VAR("\x02", "id"), verdict->id);
}

/* The empty strings that end a block: one for names, two for pairs. */
#define DEL_END 1
#define SET_END 2

/* Bytes of each block as it is sent. */
struct sizes {
	size_t req_del, req_set, res_del, res_set;
};

static inline size_t closed_size(const struct header_block *block, size_t closing)
{
	return likely(block->count) ? header_block_size(block) + closing : 0;
}

static inline struct sizes sizes_of(const struct verdict *verdict)
{
	struct sizes sizes = { .req_del = closed_size(&verdict->req_del, DEL_END),
			       .req_set = closed_size(&verdict->req_set, SET_END) };

	if (unlikely(verdict->res_del.count || verdict->res_set.count)) {
		sizes.res_del = closed_size(&verdict->res_del, DEL_END);
		sizes.res_set = closed_size(&verdict->res_set, SET_END);
	}
	return sizes;
}

/* What goes to the client instead of the origin's answer. */
static NOINLINE uint8_t *put_own_answer(uint8_t *to, const struct verdict *verdict)
{
	to = put_text(to, SET_VAR("\x04", "body"), verdict->body);
	to = put_text(to, SET_VAR("\x0c", "content_type"), verdict->content_type);
	return put_text(to, SET_VAR("\x08", "location"), verdict->location);
}

static NOINLINE uint8_t *put_response_edits(uint8_t *to, const struct verdict *verdict, const struct sizes *sizes)
{
	to = put_block(to, SET_VAR("\x07", "res_del"), &verdict->res_del, sizes->res_del, DEL_END);
	return put_block(to, SET_VAR("\x0b", "res_headers"), &verdict->res_set, sizes->res_set, SET_END);
}

static inline uint8_t *put_content(uint8_t *to, const struct verdict *verdict, const struct sizes *sizes)
{
	if (unlikely(verdict->body.len || verdict->content_type.len || verdict->location.len))
		to = put_own_answer(to, verdict);
	to = put_block(to, SET_VAR("\x07", "req_del"), &verdict->req_del, sizes->req_del, DEL_END);
	to = put_block(to, SET_VAR("\x0b", "req_headers"), &verdict->req_set, sizes->req_set, SET_END);
	if (unlikely(sizes->res_del || sizes->res_set))
		to = put_response_edits(to, verdict, sizes);
	if (verdict->client_cert)
		to = put_bytes(to, CLIENT_CERT);
	return put_number(to, SET_VAR("\x05", "until"), SPOP_DATA_INT64, (uint64_t)verdict->until);
}

static NOINLINE uint8_t *put_new_log_values(uint8_t *to, const struct verdict *verdict)
{
	const struct log_values *log = verdict->log;
	const uint8_t *begun = to;

	to = put_text(to, SET_VAR("\x02", "cn"), log->cn);
	to = put_text(to, SET_VAR("\x06", "serial"), log->serial);
	to = put_text(to, SET_VAR("\x0b", "fingerprint"), log->fingerprint);
	to = put_text(to, SET_VAR("\x07", "subject"), log->subject);
	to = put_text(to, SET_VAR("\x06", "issuer"), log->issuer);
	to = put_text(to, SET_VAR("\x08", "verified"), log->verified);
	if (verdict->encoded) {
		*verdict->encoded = slice_of(begun, (size_t)(to - begun));
		verdict->encoded->ptr = (const uint8_t *)mem_dup(*verdict->encoded);
	}
	return to;
}

static inline bool has_encoded(const struct verdict *verdict)
{
	return verdict->encoded && verdict->encoded->len;
}

static inline uint8_t *put_log_values(uint8_t *to, const struct verdict *verdict)
{
	if (likely(has_encoded(verdict)))
		return put_bytes(to, *verdict->encoded);
	return verdict->log ? put_new_log_values(to, verdict) : to;
}

static inline size_t log_size(const struct verdict *verdict)
{
	const struct log_values *log = verdict->log;

	if (likely(has_encoded(verdict)))
		return verdict->encoded->len;
	return log ? log->cn.len + log->serial.len + log->fingerprint.len + log->subject.len +
		     log->issuer.len + log->verified.len : 0;
}

/* The variables of design 4, their longest name, and what stands around each: "set-var, three, scope", length, type. */
#define VARIABLES 19
#define LONGEST_NAME 12
#define VARIABLE_ROOM (3 + 1 + LONGEST_NAME + 1 + VARINT_ROOM)

/* What the whole frame takes at most: the bytes of all values, and the most that stands around them. */
static inline size_t room_of(const struct verdict *verdict, const struct sizes *sizes)
{
	return SPOP_HEAD_ROOM + VARIABLES * VARIABLE_ROOM + 2 * WORD_MAX + verdict->id.len +
	       verdict->body.len + verdict->content_type.len + verdict->location.len + sizes->req_del +
	       sizes->req_set + sizes->res_del + sizes->res_set + log_size(verdict);
}

static inline struct spop_frame header_of(const struct spoe_ids *ids)
{
	return (struct spop_frame){ .type = SPOP_ACK, .flags = SPOP_FIN,
				    .stream_id = ids->stream, .frame_id = ids->frame };
}

HOT enum err spoe_ack_encode(struct buf *out, const struct spoe_ids *ids, const struct verdict *verdict,
			 size_t max)
{
	struct spop_frame header = header_of(ids);
	struct sizes sizes = sizes_of(verdict);
	uint8_t *frame = buf_want(out, room_of(verdict, &sizes)), *decided, *content, *end;

	if (!frame)
		return ERR_LIMIT;
	decided = put_decision(spop_head_write(frame, &header), verdict);
	content = put_content(decided, verdict, &sizes);
	end = put_log_values(content, verdict);
	if (unlikely((size_t)(end - frame) > max)) {
		end = content;
		if ((size_t)(end - frame) > max && verdict->kind == VERDICT_DENY)
			end = decided;
		if ((size_t)(end - frame) > max)
			return ERR_LIMIT;
	}
	spop_length_write(frame, end);
	buf_added(out, (size_t)(end - frame));
	return ERR_OK;
}

void spoe_ack_nothing(struct buf *out, const struct spoe_ids *ids)
{
	struct spop_frame header = header_of(ids);
	size_t begun = spop_frame_begin(out, &header);

	/* A verdict that an earlier message of the transaction set stays as it is. */
	spop_action_encode(out, &(struct spop_action){ .kind = SPOP_UNSET_VAR, .scope = SPOP_TXN,
						       .name = SLICE_LIT("nothing") });
	spop_frame_end(out, begun);
}
