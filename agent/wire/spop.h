/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_WIRE_SPOP_H
#define MTLSGUARD_WIRE_SPOP_H

#include "base/buf.h"
#include "base/reader.h"
#include "base/value.h"

/*
 * SPOP 2.0, HAProxy's Stream Processing Offload Protocol (HAProxy's
 * doc/SPOE.txt, chapter 3): bytes to structs and back, nothing else. On the
 * wire a frame is
 *
 *	LEN(4) TYPE(1) FLAGS(4) STREAM-ID(varint) FRAME-ID(varint) PAYLOAD
 *
 * where LEN counts what follows it. Decoders view the bytes that they are
 * given; each refuses what is malformed with the status that a DISCONNECT
 * frame tells the peer.
 */
#define SPOP_PREFIX 4	      /* bytes of LEN */
#define SPOP_FRAME_MIN 7      /* smallest LEN: type, flags, two ids of one byte, no payload */
#define SPOP_MAX_FRAME_MIN 256 /* smallest max-frame-size that may be negotiated */
#define SPOP_ARGS_MAX 255

enum spop_type {
	SPOP_UNSET = 0, /* goes on with a fragmented NOTIFY */
	SPOP_HAPROXY_HELLO = 1,
	SPOP_HAPROXY_DISCONNECT = 2,
	SPOP_NOTIFY = 3,
	SPOP_AGENT_HELLO = 101,
	SPOP_AGENT_DISCONNECT = 102,
	SPOP_ACK = 103
};

#define SPOP_FIN 1u
#define SPOP_ABORT 2u

/* Why a connection ends (SPOE text 3.5). */
enum spop_status {
	SPOP_NORMAL = 0,
	SPOP_IO = 1,
	SPOP_TIMEOUT = 2,
	SPOP_TOO_BIG = 3,
	SPOP_INVALID = 4,
	SPOP_NO_VERSION = 5,
	SPOP_NO_MAX_FRAME_SIZE = 6,
	SPOP_NO_CAPABILITIES = 7,
	SPOP_UNSUPPORTED_VERSION = 8,
	SPOP_BAD_MAX_FRAME_SIZE = 9,
	SPOP_NO_FRAGMENTATION = 10,
	SPOP_INTERLACED = 11,
	SPOP_NO_FRAME_ID = 12,
	SPOP_RESOURCE = 13,
	SPOP_UNKNOWN = 99
};

/* A sentence fragment for a status, also for one that no text defines; never NULL. */
const char *spop_status_text(uint64_t status);

struct spop_frame {
	uint8_t type;
	uint32_t flags;
	uint64_t stream_id, frame_id;
	struct slice payload;
};

/*
 * A frame without its LEN. SPOP_INVALID: shorter than a frame can be, a header
 * that does not decode, reserved flags, ABORT without FIN.
 */
enum spop_status spop_frame_decode(struct slice bytes, struct spop_frame *out) MUST_USE;

/* Writes LEN and header; returns where LEN stands, for spop_frame_end. */
size_t spop_frame_begin(struct buf *out, const struct spop_frame *header);

/* The payload is written: puts its length into LEN. */
void spop_frame_end(struct buf *out, size_t begun);

/*
 * The same two steps where room was made for a whole frame: writes LEN and header
 * (at most SPOP_HEAD_ROOM bytes), returns where the payload goes.
 */
#define SPOP_HEAD_ROOM (SPOP_PREFIX + 1 + 4 + 2 * VARINT_ROOM)
static inline uint8_t *spop_head_write(uint8_t *to, const struct spop_frame *header)
{
	to = u32_write(to, 0);
	*to++ = header->type;
	to = u32_write(to, header->flags);
	return varint_write(varint_write(to, header->stream_id), header->frame_id);
}

/* Puts the length of a frame that ends before `end` into LEN. */
static inline void spop_length_write(uint8_t *frame, const uint8_t *end)
{
	u32_write(frame, (uint32_t)(end - frame - SPOP_PREFIX));
}

/* Typed data (SPOE text 3.1). Numbers of HAProxy's types. */
enum spop_data {
	SPOP_DATA_NULL, SPOP_DATA_BOOL, SPOP_DATA_INT32, SPOP_DATA_UINT32, SPOP_DATA_INT64,
	SPOP_DATA_UINT64, SPOP_DATA_IPV4, SPOP_DATA_IPV6, SPOP_DATA_TEXT, SPOP_DATA_BINARY
};
#define SPOP_DATA_TRUE 0x10u /* flag of a BOOL */

/*
 * Reads one typed value. ERR_FORMAT for a reserved type or flag, ERR_RANGE for
 * a 32-bit number that is none. What failed reads as NULL.
 */
void spop_value_decode(struct reader *r, struct value *out);

/* Writes one; value->kind must fit type. INT32 is sign-extended to 64 bits, as HAProxy reads it. */
void spop_value_encode(struct buf *out, enum spop_data type, const struct value *value);

/* HAPROXY-HELLO and AGENT-HELLO. */
struct spop_hello {
	struct slice versions;	   /* HAProxy: comma list; agent: one */
	uint64_t max_frame_size;
	struct slice capabilities; /* comma list, may be empty */
	struct slice engine_id;	   /* empty in health checks */
	bool healthcheck;
};

/*
 * The payload of a HAPROXY-HELLO; views into it. Unknown keys are skipped,
 * absent capabilities are none: such a peer can be served. SPOP_INVALID: the
 * list does not decode, a known key has the wrong type or stands twice;
 * SPOP_NO_VERSION, SPOP_NO_MAX_FRAME_SIZE: not there; SPOP_UNSUPPORTED_VERSION:
 * no 2.x among the versions; SPOP_BAD_MAX_FRAME_SIZE: under 256.
 */
enum spop_status spop_hello_decode(struct slice payload, struct spop_hello *out) MUST_USE;

/* The same list with AGENT-HELLO's "version"; also wants capabilities (SPOP_NO_CAPABILITIES). */
enum spop_status spop_agent_hello_decode(struct slice payload, struct spop_hello *out) MUST_USE;

/* A whole HAPROXY-HELLO frame, keys in HAProxy's order; engine_id is left out when empty. */
void spop_hello_encode(struct buf *out, const struct spop_hello *hello);

/* A whole AGENT-HELLO frame: version 2.0, max_frame_size, capabilities. */
void spop_agent_hello_encode(struct buf *out, const struct spop_hello *hello);

/* True when a comma list (blanks allowed) has the word. */
bool spop_list_has(struct slice list, struct slice word);

struct spop_disconnect {
	uint64_t status;
	struct slice message;
};

/* The payload of a DISCONNECT of either side. SPOP_INVALID: it does not decode, or has no status. */
enum spop_status spop_disconnect_decode(struct slice payload, struct spop_disconnect *out) MUST_USE;

/* A whole DISCONNECT frame of the given type; the message is cut at 255 bytes. */
void spop_disconnect_encode(struct buf *out, enum spop_type type,
			    const struct spop_disconnect *disconnect);

/* A NOTIFY's payload is a row of messages, each with its arguments behind it. */
struct spop_message {
	struct slice name;
	unsigned args; /* 0 to 255 */
};

/* The next message's head; false at the end of the payload and on a fault (reader_err). */
bool spop_message_decode(struct reader *r, struct spop_message *out);
void spop_message_encode(struct buf *out, const struct spop_message *message);

/* One argument: its name, which may be empty, and its value. */
static inline void spop_arg_decode(struct reader *r, struct slice *name, struct value *value)
{
	*name = reader_varstr(r);
	spop_value_decode(r, value);
}

/* A varint of at most three bytes (below 264432), all of which can be read. Returns what follows; NULL: a longer one. */
static inline const uint8_t *spop_number_short(const uint8_t *p, unsigned *number)
{
	*number = *p++;
	if (likely(*number < 240))
		return p;
	*number += (unsigned)*p << 4;
	if (*p++ < 128)
		return p;
	*number += (unsigned)*p << 11;
	return *p++ < 128 ? p : NULL;
}

/* The bytes that spop_value_decode_short reads before it looks for the end. */
#define SPOP_SHORT_HEAD 4

/*
 * What nearly every value is: a text or octets of less than 256 KiB, a BOOL,
 * NULL, a small number of 64 bits, an IPv4 address. out was zeroed before, and
 * SPOP_SHORT_HEAD bytes can be read at pos. False, and nothing moved, for all
 * else, what is malformed or goes past the end included: then spop_value_decode
 * has the word.
 */
static inline __attribute__((always_inline)) bool
spop_value_decode_short(const uint8_t **pos, const uint8_t *end, struct value *out)
{
	_Static_assert(SPOP_DATA_BINARY - SPOP_DATA_TEXT == VALUE_BINARY - VALUE_TEXT &&
		       SPOP_DATA_UINT64 - SPOP_DATA_INT64 == VALUE_UINT - VALUE_INT, "kinds go over by number");
	const uint8_t *p = *pos;
	unsigned type = *p++, number = 0;

	if (likely(type - SPOP_DATA_TEXT <= SPOP_DATA_BINARY - SPOP_DATA_TEXT)) {
		p = spop_number_short(p, &number);
		if (unlikely(!p || (ptrdiff_t)number > end - p))
			return false;
		out->kind = (enum value_kind)(type + VALUE_TEXT - SPOP_DATA_TEXT);
		out->bytes = slice_of(p, number);
		*pos = p + number;
		return true;
	}
	if (unlikely(p > end))
		return false;
	if (likely((type & ~SPOP_DATA_TRUE) == SPOP_DATA_BOOL)) {
		out->kind = VALUE_BOOL;
		out->boolean = type & SPOP_DATA_TRUE;
	} else if (type == SPOP_DATA_NULL) {
		out->kind = VALUE_NULL;
	} else if (type == SPOP_DATA_IPV4 && end - p >= 4) {
		out->kind = VALUE_IP;
		out->bytes = slice_of(p, 4);
		p += 4;
	} else if (type == SPOP_DATA_INT64 || type == SPOP_DATA_UINT64) {
		p = spop_number_short(p, &number);
		if (!p || p > end)
			return false;
		out->kind = (enum value_kind)(type + VALUE_INT - SPOP_DATA_INT64);
		out->integer = number;
	} else {
		return false;
	}
	*pos = p;
	return true;
}

/* A name of less than 240 bytes with something behind it. False, and nothing moved: then reader_varstr has the word. */
static inline bool spop_name_decode_short(const uint8_t **pos, const uint8_t *end, struct slice *name)
{
	size_t left = (size_t)(end - *pos), len;

	if (left == 0)
		return false;
	len = **pos;
	if (len >= 240 || len + 1 >= left)
		return false;
	*name = slice_of(*pos + 1, len);
	*pos += 1 + len;
	return true;
}

/*
 * A row of arguments: where(arg, name) says where each value goes (zeroed, not
 * NULL). Most of what decoding a frame costs is here, hence two pointers in
 * registers and a function that is compiled in.
 */
static inline __attribute__((always_inline)) void
spop_args_decode(struct reader *r, unsigned count,
		 struct value *(*where)(void *arg, struct slice name), void *arg)
{
	const uint8_t *pos = r->pos, *end = r->end;

	for (; count; count--) {
		struct slice name;
		struct value *place;

		if (!spop_name_decode_short(&pos, end, &name)) {
			r->pos = pos;
			name = reader_varstr(r);
			pos = r->pos;
			if (reader_err(r))
				break;
		}
		place = where(arg, name);
		if (end - pos >= SPOP_SHORT_HEAD && spop_value_decode_short(&pos, end, place))
			continue;
		r->pos = pos;
		spop_value_decode(r, place);
		pos = r->pos;
		if (reader_err(r))
			break;
	}
	r->pos = pos;
}

/* The type is chosen by the value: INT64, UINT64, STRING, BINARY, IPV4 or IPV6 by length … */
void spop_arg_encode(struct buf *out, struct slice name, const struct value *value);

/* An ACK's payload is a row of actions. */
enum spop_action_kind { SPOP_SET_VAR = 1, SPOP_UNSET_VAR = 2 };
enum spop_scope { SPOP_PROC, SPOP_SESS, SPOP_TXN, SPOP_REQ, SPOP_RES };

struct spop_action {
	enum spop_action_kind kind;
	enum spop_scope scope;
	struct slice name;
	struct value value; /* SET_VAR */
};

/* The next action; false at the end of the payload and on a fault (reader_err). */
bool spop_action_decode(struct reader *r, struct spop_action *out);
void spop_action_encode(struct buf *out, const struct spop_action *action);

#endif
