/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dialect.h"
#include "core/dialect_text.h"

static enum err read_byte_sequence(struct slice text, uint8_t *out, size_t *len)
{
	*len = 0;
	if (text.len < 2 || text.ptr[0] != ':' || text.ptr[text.len - 1] != ':')
		return ERR_FORMAT;
	return dialect_base64(slice_sub(text, 1, text.len - 2), out, len);
}

static enum err read_member(struct slice text, uint8_t *out, size_t *len)
{
	return read_byte_sequence(slice_trim(text), out, len);
}

/* The base64 is decoded where the percent-encoding was: it gets shorter. */
static enum err read_escaped(struct slice text, uint8_t *out, size_t *len)
{
	size_t plain;
	enum err err = dialect_unescape(text, out, &plain);

	*len = 0;
	return err ? err : dialect_base64(slice_of(out, plain), out, len);
}

/* read takes one element, which has no comma in it, to octets that are no longer than its text. */
static enum err read_list(struct arena *arena, struct slice text, size_t max,
			  enum err (*read)(struct slice text, uint8_t *out, size_t *len),
			  struct dialect_chain *out)
{
	uint8_t *room = arena_take(arena, text.len + 1);
	bool more = true;
	size_t used = 0;

	*out = (struct dialect_chain){ .count = 0 };
	if (!room)
		return ERR_MEMORY;
	while (more) {
		size_t comma = slice_find(text, ','), len;
		enum err err = read(slice_sub(text, 0, comma), room + used, &len);

		if (err)
			return err;
		if (out->count == max)
			return ERR_LIMIT;
		if (out->count++ == 0)
			out->first = len;
		used += len;
		more = comma < text.len;
		text = slice_sub(text, comma + 1, text.len);
	}
	out->der = slice_of(room, used);
	return ERR_OK;
}

enum err dialect_client_cert(struct arena *arena, struct slice text, struct dialect_chain *out)
{
	return read_list(arena, text, 1, read_byte_sequence, out);
}

enum err dialect_client_cert_chain(struct arena *arena, struct slice text, size_t max, struct dialect_chain *out)
{
	return read_list(arena, text, max, read_member, out);
}

enum err dialect_traefik(struct arena *arena, struct slice text, size_t max, struct dialect_chain *out)
{
	return read_list(arena, text, max, read_escaped, out);
}
