/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/authz.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

#include "base/mem.h"
#include "base/text.h"

/*
 * The keys of a map so far, as hashes under a seed that no client knows: only
 * equal ones are compared with what came before.
 */
#define SLOTS 1024u

struct keys {
	uint32_t count; /* of slots in use, a power of two; 0: none yet, most requests have no context extensions */
	uint32_t slots[SLOTS]; /* 0: free */
};

/* Twice as many as the message can hold: an entry that differs from the others takes five bytes. */
static void keys_size(struct keys *keys, size_t message)
{
	keys->count = 64;
	while (keys->count < SLOTS && keys->count < message / 5 * 2)
		keys->count *= 2;
	memset(keys->slots, 0, keys->count * sizeof(keys->slots[0]));
}

static uint64_t seed(void)
{
	static _Atomic uint64_t made;
	uint64_t now = atomic_load_explicit(&made, memory_order_relaxed), none = 0;

	while (now == 0) {
		if (getrandom(&now, sizeof(now), 0) != (ssize_t)sizeof(now))
			abort();
		if (!atomic_compare_exchange_strong(&made, &none, now))
			now = none;
	}
	return now;
}

/* True when a key with the same hash was put in before. */
static bool maybe_known(struct keys *keys, struct slice s, size_t message)
{
	uint32_t hash = (uint32_t)XXH3_64bits_withSeed(s.ptr, s.len, seed());

	hash += hash == 0;
	if (keys->count == 0)
		keys_size(keys, message);
	for (uint32_t at = hash;; at++) {
		uint32_t *slot = &keys->slots[at & (keys->count - 1)];

		if (*slot == hash)
			return true;
		if (*slot == 0) {
			*slot = hash;
			return false;
		}
	}
}

static struct slice text(struct reader *r, struct slice s)
{
	if (!utf8_valid(s))
		reader_fail(r, ERR_FORMAT);
	return s;
}

/* What a nested message came to is its parent's fault, too. */
static void nested(struct reader *r, const struct reader *inner)
{
	if (reader_err(inner))
		reader_fail(r, reader_err(inner));
}

/* One as nearly all are written: key, then value, and no length of two bytes. */
static bool is_plain_pair(struct slice message, struct authz_pair *out)
{
	const uint8_t *key = message.ptr, *value;

	if (message.len < 4 || key[0] != (1 << 3 | PB_BYTES) || key[1] >= 0x80 || key[1] > message.len - 4)
		return false;
	value = key + 2 + key[1];
	if (value[0] != (2 << 3 | PB_BYTES) || value[1] >= 0x80 || 4 + (size_t)key[1] + value[1] != message.len)
		return false;
	*out = (struct authz_pair){ slice_of(key + 2, key[1]), slice_of(value + 2, value[1]) };
	return true;
}

/* key = 1, value = 2 of a map entry; raw: and raw_value = 3 of a HeaderValue, which is the value unless it is empty. */
static enum err read_pair(struct slice message, bool raw, struct authz_pair *out)
{
	struct reader r = reader_of(message);
	struct slice raw_value = SLICE_EMPTY;
	struct pb_field field;
	uint32_t seen = 0;

	/* What stands between the two is ASCII: they are UTF-8 when all of it is. */
	if (is_plain_pair(message, out))
		return utf8_valid(message) ? ERR_OK : ERR_FORMAT;
	*out = (struct authz_pair){ .name = SLICE_EMPTY };
	while (pb_next(&r, &field)) {
		if (field.number == 1 && pb_is(&r, &field, PB_BYTES, &seen))
			out->name = text(&r, field.bytes);
		else if (field.number == 2 && pb_is(&r, &field, PB_BYTES, &seen))
			out->value = text(&r, field.bytes);
		else if (raw && field.number == 3 && pb_is(&r, &field, PB_BYTES, &seen))
			raw_value = field.bytes;
	}
	if (raw_value.len)
		out->value = raw_value;
	return reader_err(&r);
}

/* The next of a list of at most `max`. */
static enum err take_pair(const struct pb_field *field, bool raw, struct authz_pair *pairs, unsigned *count,
			  unsigned max)
{
	if (field->type != PB_BYTES)
		return ERR_TYPE;
	if (*count == max)
		return ERR_LIMIT;
	return read_pair(field->bytes, raw, &pairs[(*count)++]);
}

static bool has_key(const struct authz_pair *pairs, unsigned count, struct slice key)
{
	for (unsigned i = 0; i < count; i++)
		if (slice_eq(pairs[i].name, key))
			return true;
	return false;
}

/* One entry of a map in a message of `size` octets: the keys of a map are all different. */
static void take_entry(struct reader *r, size_t size, const struct pb_field *field, struct keys *keys,
		       struct authz_pair *pairs, unsigned *count, unsigned max)
{
	enum err err = take_pair(field, false, pairs, count, max);
	struct slice key;

	if (err) {
		reader_fail(r, err);
		return;
	}
	key = pairs[*count - 1].name;
	if (maybe_known(keys, key, size) && has_key(pairs, *count - 1, key))
		reader_fail(r, ERR_DUPLICATE);
}

static void read_socket_address(struct reader *outer, struct slice message, struct authz_peer *peer)
{
	struct reader r = reader_of(message);
	struct pb_field field;
	uint32_t seen = 0;

	while (pb_next(&r, &field)) {
		if (field.number == 2 && pb_is(&r, &field, PB_BYTES, &seen))
			peer->address = text(&r, field.bytes);
		else if (field.number == 3 && pb_is(&r, &field, PB_VARINT, &seen))
			peer->port = (uint32_t)field.value;
	}
	nested(outer, &r);
}

static void read_address(struct reader *outer, struct slice message, struct authz_peer *peer)
{
	struct reader r = reader_of(message);
	struct pb_field field;
	unsigned kinds = 0;

	while (pb_next(&r, &field)) {
		if (field.number > 3)
			continue;
		if (field.type != PB_BYTES)
			reader_fail(&r, ERR_TYPE);
		else if (kinds++)
			reader_fail(&r, ERR_DUPLICATE);
		else if (field.number == 1)
			read_socket_address(&r, field.bytes, peer);
	}
	nested(outer, &r);
}

static void read_peer(struct reader *outer, struct slice message, struct authz_peer *peer)
{
	struct reader r = reader_of(message);
	struct pb_field field;
	uint32_t seen = 0;

	peer->sent = true;
	while (pb_next(&r, &field)) {
		if (field.number == 1 && pb_is(&r, &field, PB_BYTES, &seen))
			read_address(&r, field.bytes, peer);
		else if (field.number == 2 && pb_is(&r, &field, PB_BYTES, &seen))
			peer->service = text(&r, field.bytes);
		else if (field.number == 5 && pb_is(&r, &field, PB_BYTES, &seen))
			peer->certificate = text(&r, field.bytes);
	}
	nested(outer, &r);
}

static void read_header_map(struct reader *outer, struct slice message, struct authz_request *out)
{
	struct reader r = reader_of(message);
	struct pb_field field;
	enum err err;

	out->has_header_map = true;
	while (pb_next(&r, &field)) {
		if (field.number != 1)
			continue;
		err = take_pair(&field, true, out->headers, &out->header_count, AUTHZ_HEADERS_MAX);
		if (err)
			reader_fail(&r, err);
	}
	nested(outer, &r);
}

static struct slice *http_text(struct authz_request *out, uint32_t number)
{
	switch (number) {
	case 1: return &out->id;
	case 2: return &out->method;
	case 4: return &out->path;
	case 5: return &out->host;
	case 6: return &out->scheme;
	case 10: return &out->protocol;
	default: return NULL;
	}
}

static void read_http(struct reader *outer, struct slice message, struct authz_request *out)
{
	struct reader r = reader_of(message);
	struct keys keys;
	struct pb_field field;
	uint32_t seen = 0;
	bool has_map = false;

	keys.count = 0;
	out->has_http = true;
	while (pb_next(&r, &field)) {
		struct slice *place = http_text(out, field.number);

		if (place && pb_is(&r, &field, PB_BYTES, &seen)) {
			*place = text(&r, field.bytes);
		} else if (field.number == 3) {
			has_map = true;
			take_entry(&r, message.len, &field, &keys, out->headers, &out->header_count,
				   AUTHZ_HEADERS_MAX);
		} else if (field.number == 13 && pb_is(&r, &field, PB_BYTES, &seen)) {
			read_header_map(&r, field.bytes, out);
		}
	}
	if (has_map && out->has_header_map)
		reader_fail(&r, ERR_DUPLICATE);
	nested(outer, &r);
}

static void read_one(struct reader *outer, struct slice message, uint32_t number,
		     struct authz_request *out)
{
	struct reader r = reader_of(message);
	struct pb_field field;
	uint32_t seen = 0;

	while (pb_next(&r, &field)) {
		if (field.number != number || !pb_is(&r, &field, PB_BYTES, &seen))
			continue;
		if (number == 2)
			read_http(&r, field.bytes, out);
		else
			out->sni = text(&r, field.bytes);
	}
	nested(outer, &r);
}

static void read_attributes(struct reader *outer, struct slice message, struct authz_request *out)
{
	struct reader r = reader_of(message);
	struct keys keys;
	struct pb_field field;
	uint32_t seen = 0;

	keys.count = 0;
	while (pb_next(&r, &field)) {
		if (field.number == 1 && pb_is(&r, &field, PB_BYTES, &seen)) {
			read_peer(&r, field.bytes, &out->source);
		} else if (field.number == 2 && pb_is(&r, &field, PB_BYTES, &seen)) {
			read_peer(&r, field.bytes, &out->destination);
		} else if (field.number == 4 && pb_is(&r, &field, PB_BYTES, &seen)) {
			out->has_request = true;
			read_one(&r, field.bytes, 2, out);
		} else if (field.number == 10) {
			take_entry(&r, message.len, &field, &keys, out->extensions, &out->extension_count,
				   AUTHZ_EXTENSIONS_MAX);
		} else if (field.number == 12 && pb_is(&r, &field, PB_BYTES, &seen)) {
			out->has_tls = true;
			read_one(&r, field.bytes, 1, out);
		}
	}
	nested(outer, &r);
}

enum err authz_request_decode(struct slice message, struct authz_request *out)
{
	struct reader r = reader_of(message);
	struct pb_field field;
	uint32_t seen = 0;

	mem_zero(out, offsetof(struct authz_request, headers));
	while (pb_next(&r, &field))
		if (field.number == 1 && pb_is(&r, &field, PB_BYTES, &seen))
			read_attributes(&r, field.bytes, out);
	if (!seen)
		reader_fail(&r, ERR_NOT_FOUND);
	return reader_err(&r);
}

/* CheckResponse */
#define STATUS 1
#define DENIED 2
#define OK 3
#define METADATA 4

const struct slice authz_bare_deny = SLICE_INIT("\x0a\x02\x08\x07\x12\x05\x0a\x03\x08\x93\x03");

void authz_put_status(struct buf *b, enum authz_code code)
{
	size_t begun = pb_begin(b, STATUS);

	if (code != AUTHZ_OK)
		pb_number(b, 1, code);
	pb_end(b, begun);
}

size_t authz_begin_denied(struct buf *b, int status)
{
	size_t begun = pb_begin(b, DENIED), http;

	http = pb_begin(b, 1);
	pb_number(b, 1, (uint64_t)status);
	pb_end(b, http);
	return begun;
}

size_t authz_begin_ok(struct buf *b)
{
	return pb_begin(b, OK);
}

void authz_end(struct buf *b, size_t begun)
{
	pb_end(b, begun);
}

void authz_put_header(struct buf *b, enum authz_header_field field, struct slice name,
		      struct slice value, bool append)
{
	static const struct slice overwrite = SLICE_INIT("\x12\x00"), add = SLICE_INIT("\x12\x02\x08\x01");
	struct slice flag = append ? add : overwrite;
	size_t header = pb_bytes_size(name.len) + pb_bytes_size(value.len);
	size_t option = pb_bytes_size(header) + flag.len, size = pb_bytes_size(option);
	uint8_t *p = buf_want(b, size);

	if (!p)
		return;
	p = pb_write_head(p, field, option);
	p = pb_write_head(p, 1, header);
	p = pb_write_bytes(p, 1, name);
	p = pb_write_bytes(p, 2, value);
	memcpy(p, flag.ptr, flag.len);
	buf_added(b, size);
}

void authz_put_removal(struct buf *b, struct slice name)
{
	pb_bytes(b, AUTHZ_HEADERS_TO_REMOVE, name);
}

void authz_put_body(struct buf *b, struct slice body)
{
	if (body.len)
		pb_bytes(b, 3, body);
}

size_t authz_begin_metadata(struct buf *b)
{
	return pb_begin(b, METADATA);
}

void authz_put_metadata(struct buf *b, struct slice name, struct slice value)
{
	size_t inner = pb_bytes_size(value.len);
	size_t entry = pb_bytes_size(name.len) + pb_bytes_size(inner), size = pb_bytes_size(entry);
	uint8_t *p = buf_want(b, size);

	if (!p)
		return;
	p = pb_write_head(p, 1, entry);
	p = pb_write_bytes(p, 1, name);
	p = pb_write_head(p, 2, inner);
	(void)pb_write_bytes(p, 3, value);
	buf_added(b, size);
}
