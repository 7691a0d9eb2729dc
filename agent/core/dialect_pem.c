/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dialect.h"

#include "core/dialect_text.h"

#define BEGIN SLICE_LIT("-----BEGIN CERTIFICATE-----")
#define END SLICE_LIT("-----END CERTIFICATE-----")
#define LINE_MAX_CHARS 76

/* The next line without its end, which is LF or CR LF; the text's last line may have none. */
static struct slice next_line(struct slice *text)
{
	struct slice line = slice_cut(text, '\n');

	if (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* The lines of one block, behind its BEGIN; the octets go to out. */
static enum err read_block(struct slice *text, uint8_t *out, size_t *len)
{
	uint8_t four[4];
	unsigned have = 0;
	bool closed = false;

	*len = 0;
	for (;;) {
		struct slice line = next_line(text);
		size_t i = 0;

		if (slice_eq(line, END))
			return have || *len == 0 ? ERR_FORMAT : ERR_OK;
		if (line.len == 0 || line.len > LINE_MAX_CHARS || closed)
			return ERR_FORMAT;
		if (have == 0) {
			i = dialect_whole_quanta(line, out + *len);
			*len += i / 4 * 3;
		}
		for (; i < line.len; i++) {
			size_t n;

			four[have++] = line.ptr[i];
			if (have < 4)
				continue;
			have = 0;
			n = closed ? 0 : dialect_quantum(four, out + *len);
			if (n == 0)
				return ERR_FORMAT;
			closed = n < 3;
			*len += n;
		}
	}
}

static enum err read_blocks(struct slice text, uint8_t *room, size_t max, struct dialect_chain *out)
{
	size_t used = 0;

	while (text.len) {
		size_t len;
		enum err err;

		if (!slice_eq(next_line(&text), BEGIN))
			return ERR_FORMAT;
		if (out->count == max)
			return ERR_LIMIT;
		err = read_block(&text, room + used, &len);
		if (err)
			return err;
		if (out->count++ == 0)
			out->first = len;
		used += len;
	}
	out->der = slice_of(room, used);
	return out->count ? ERR_OK : ERR_FORMAT;
}

enum err dialect_pem(struct arena *arena, struct slice text, size_t max, struct dialect_chain *out)
{
	/* What a quantum writes never goes past the characters that it was read from. */
	uint8_t *plain = arena_take(arena, text.len + 1), *der;
	size_t len;
	enum err err;

	*out = (struct dialect_chain){ .count = 0 };
	if (!plain)
		return ERR_MEMORY;
	err = dialect_unescape(text, plain, &len);
	if (err)
		return err;
	der = arena_take(arena, len / 4 * 3 + 3);
	if (!der)
		return ERR_MEMORY;
	return read_blocks(slice_of(plain, len), der, max, out);
}
