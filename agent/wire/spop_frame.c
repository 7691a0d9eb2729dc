/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/spop.h"

#define VERSION SLICE_LIT("2.0")
#define MESSAGE_MAX 255 /* a longer one is "invalid" to HAProxy 3.0 and older */

const char *spop_status_text(uint64_t status)
{
	static const char *const texts[] = {
		[SPOP_NORMAL] = "normal",
		[SPOP_IO] = "I/O error",
		[SPOP_TIMEOUT] = "a timeout occurred",
		[SPOP_TOO_BIG] = "frame is too big",
		[SPOP_INVALID] = "invalid frame received",
		[SPOP_NO_VERSION] = "version value not found",
		[SPOP_NO_MAX_FRAME_SIZE] = "max-frame-size value not found",
		[SPOP_NO_CAPABILITIES] = "capabilities value not found",
		[SPOP_UNSUPPORTED_VERSION] = "unsupported version",
		[SPOP_BAD_MAX_FRAME_SIZE] = "max-frame-size too big or too small",
		[SPOP_NO_FRAGMENTATION] = "fragmentation not supported",
		[SPOP_INTERLACED] = "invalid interlaced frames",
		[SPOP_NO_FRAME_ID] = "frame-id not found",
		[SPOP_RESOURCE] = "resource allocation error",
	};

	return status < sizeof(texts) / sizeof(texts[0]) ? texts[status] : "unknown error";
}

enum spop_status spop_frame_decode(struct slice bytes, struct spop_frame *out)
{
	struct reader r = reader_of(bytes);

	out->type = reader_u8(&r);
	out->flags = reader_u32(&r);
	out->stream_id = reader_varint(&r);
	out->frame_id = reader_varint(&r);
	out->payload = reader_rest(&r);
	if (reader_err(&r) || out->flags & ~(SPOP_FIN | SPOP_ABORT) || out->flags == SPOP_ABORT)
		return SPOP_INVALID;
	return SPOP_NORMAL;
}

size_t spop_frame_begin(struct buf *out, const struct spop_frame *header)
{
	size_t begun = out->len;
	uint8_t *p = buf_want(out, SPOP_HEAD_ROOM);

	if (p)
		buf_added(out, (size_t)(spop_head_write(p, header) - p));
	return begun;
}

void spop_frame_end(struct buf *out, size_t begun)
{
	buf_patch_u32(out, begun, (uint32_t)(out->len - begun - SPOP_PREFIX));
}

bool spop_list_has(struct slice list, struct slice word)
{
	while (list.len)
		if (slice_eq(slice_trim(slice_cut(&list, ',')), word))
			return true;
	return false;
}

/* A peer that knows a version knows the smaller ones of the same major number too. */
static bool has_major_2(struct slice versions)
{
	while (versions.len) {
		struct slice version = slice_trim(slice_cut(&versions, ','));
		struct slice minor = slice_sub(version, 2, version.len);
		uint64_t number;

		if (slice_starts(version, SLICE_LIT("2.")) && slice_to_u64(minor, UINT32_MAX, &number))
			return true;
	}
	return false;
}

enum hello_key { KEY_VERSION, KEY_MAX_FRAME_SIZE, KEY_CAPABILITIES, KEY_ENGINE_ID, KEY_HEALTHCHECK,
		 KEY_COUNT };

static enum hello_key find_key(struct slice name, struct slice version_key)
{
	static const struct slice names[KEY_COUNT] = {
		[KEY_MAX_FRAME_SIZE] = SLICE_INIT("max-frame-size"),
		[KEY_CAPABILITIES] = SLICE_INIT("capabilities"),
		[KEY_ENGINE_ID] = SLICE_INIT("engine-id"),
		[KEY_HEALTHCHECK] = SLICE_INIT("healthcheck"),
	};
	enum hello_key key = KEY_MAX_FRAME_SIZE;

	if (slice_eq(name, version_key))
		return KEY_VERSION;
	while (key < KEY_COUNT && !slice_eq(name, names[key]))
		key++;
	return key;
}

static bool is_natural(const struct value *value)
{
	return value->kind == VALUE_UINT || (value->kind == VALUE_INT && value->integer >= 0);
}

/* Puts one pair into its place; false when it has the wrong type. */
static bool take_pair(struct spop_hello *out, enum hello_key key, const struct value *value)
{
	switch (key) {
	case KEY_VERSION:
		out->versions = value->bytes;
		return value->kind == VALUE_TEXT;
	case KEY_MAX_FRAME_SIZE:
		out->max_frame_size = (uint64_t)value->integer;
		return is_natural(value);
	case KEY_CAPABILITIES:
		out->capabilities = value->bytes;
		return value->kind == VALUE_TEXT;
	case KEY_ENGINE_ID:
		out->engine_id = value->bytes;
		return value->kind == VALUE_TEXT;
	case KEY_HEALTHCHECK:
		out->healthcheck = value->boolean;
		return value->kind == VALUE_BOOL;
	case KEY_COUNT:
		break;
	}
	return true;
}

static enum spop_status decode_list(struct slice payload, struct slice version_key,
				    struct spop_hello *out, unsigned *found)
{
	struct reader r = reader_of(payload);

	*out = (struct spop_hello){ 0 };
	*found = 0;
	while (reader_left(&r)) {
		struct slice name;
		struct value value;
		enum hello_key key;

		spop_arg_decode(&r, &name, &value);
		key = find_key(name, version_key);
		if (reader_err(&r) || !take_pair(out, key, &value))
			return SPOP_INVALID;
		if (key == KEY_COUNT)
			continue;
		if (*found & 1u << key)
			return SPOP_INVALID;
		*found |= 1u << key;
	}
	return reader_err(&r) ? SPOP_INVALID : SPOP_NORMAL;
}

static enum spop_status check_hello(const struct spop_hello *hello, unsigned found)
{
	if (!(found & 1u << KEY_VERSION))
		return SPOP_NO_VERSION;
	if (!(found & 1u << KEY_MAX_FRAME_SIZE))
		return SPOP_NO_MAX_FRAME_SIZE;
	if (!has_major_2(hello->versions))
		return SPOP_UNSUPPORTED_VERSION;
	return hello->max_frame_size < SPOP_MAX_FRAME_MIN ? SPOP_BAD_MAX_FRAME_SIZE : SPOP_NORMAL;
}

enum spop_status spop_hello_decode(struct slice payload, struct spop_hello *out)
{
	unsigned found;
	enum spop_status status = decode_list(payload, SLICE_LIT("supported-versions"), out, &found);

	return status ? status : check_hello(out, found);
}

enum spop_status spop_agent_hello_decode(struct slice payload, struct spop_hello *out)
{
	unsigned found;
	enum spop_status status = decode_list(payload, SLICE_LIT("version"), out, &found);

	if (!status)
		status = check_hello(out, found);
	if (!status && !(found & 1u << KEY_CAPABILITIES))
		status = SPOP_NO_CAPABILITIES;
	return status;
}

static void put_text(struct buf *out, struct slice name, struct slice text)
{
	spop_arg_encode(out, name, &(struct value){ .kind = VALUE_TEXT, .bytes = text });
}

static void put_uint32(struct buf *out, struct slice name, uint64_t number)
{
	struct value value = { .kind = VALUE_UINT, .integer = (int64_t)number };

	buf_varstr(out, name);
	spop_value_encode(out, SPOP_DATA_UINT32, &value);
}

void spop_hello_encode(struct buf *out, const struct spop_hello *hello)
{
	size_t begun = spop_frame_begin(out, &(struct spop_frame){ .type = SPOP_HAPROXY_HELLO,
								   .flags = SPOP_FIN });

	put_text(out, SLICE_LIT("supported-versions"), hello->versions);
	put_uint32(out, SLICE_LIT("max-frame-size"), hello->max_frame_size);
	put_text(out, SLICE_LIT("capabilities"), hello->capabilities);
	if (hello->engine_id.len)
		put_text(out, SLICE_LIT("engine-id"), hello->engine_id);
	if (hello->healthcheck)
		spop_arg_encode(out, SLICE_LIT("healthcheck"),
				&(struct value){ .kind = VALUE_BOOL, .boolean = true });
	spop_frame_end(out, begun);
}

void spop_agent_hello_encode(struct buf *out, const struct spop_hello *hello)
{
	size_t begun = spop_frame_begin(out, &(struct spop_frame){ .type = SPOP_AGENT_HELLO,
								   .flags = SPOP_FIN });

	put_text(out, SLICE_LIT("version"), VERSION);
	put_uint32(out, SLICE_LIT("max-frame-size"), hello->max_frame_size);
	put_text(out, SLICE_LIT("capabilities"), hello->capabilities);
	spop_frame_end(out, begun);
}

enum spop_status spop_disconnect_decode(struct slice payload, struct spop_disconnect *out)
{
	struct reader r = reader_of(payload);
	bool has_status = false;

	*out = (struct spop_disconnect){ 0 };
	while (reader_left(&r)) {
		struct slice name;
		struct value value;

		spop_arg_decode(&r, &name, &value);
		if (slice_eq(name, SLICE_LIT("status-code"))) {
			has_status = is_natural(&value);
			out->status = (uint64_t)value.integer;
		} else if (slice_eq(name, SLICE_LIT("message"))) {
			out->message = value.bytes;
		}
	}
	return reader_err(&r) || !has_status ? SPOP_INVALID : SPOP_NORMAL;
}

void spop_disconnect_encode(struct buf *out, enum spop_type type,
			    const struct spop_disconnect *disconnect)
{
	size_t begun = spop_frame_begin(out, &(struct spop_frame){ .type = (uint8_t)type,
								   .flags = SPOP_FIN });

	put_uint32(out, SLICE_LIT("status-code"), disconnect->status);
	put_text(out, SLICE_LIT("message"), slice_sub(disconnect->message, 0, MESSAGE_MAX));
	spop_frame_end(out, begun);
}
