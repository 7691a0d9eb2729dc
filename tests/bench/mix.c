/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/mix.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/reader.h"
#include "bench/peer.h"

enum { TYPE_NULL, TYPE_BOOL, TYPE_INT32, TYPE_UINT32, TYPE_INT64, TYPE_UINT64, TYPE_IPV4,
       TYPE_IPV6, TYPE_STRING, TYPE_BINARY };

#define BOOL_TRUE 0x10

static struct slice read_file(const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct buf content = buf_capped(1 << 20);
	if (snprintf(path, sizeof(path), "%s%s%s", name[0] == '/' ? "" : dir,
		     name[0] == '/' ? "" : "/", name) >= (int)sizeof(path))
		die("%s: this path is too long", name);
	FILE *file = fopen(path, "rb");
	if (!file)
		die("%s: %s", path, strerror(errno));
	for (size_t n = 1; n > 0;) {
		uint8_t *to = buf_want(&content, 4096);
		n = to ? fread(to, 1, 4096, file) : 0;
		buf_added(&content, n);
	}
	fclose(file);
	if (buf_err(&content))
		die("%s: over 1 MB", path);
	return buf_slice(&content);
}

static void put_string(struct buf *out, const char *name, const char *value)
{
	buf_varstr(out, slice_str(name));
	buf_u8(out, TYPE_STRING);
	buf_varstr(out, slice_str(value));
}

static void put_bool(struct buf *out, const char *name, bool value)
{
	buf_varstr(out, slice_str(name));
	buf_u8(out, TYPE_BOOL | (value ? BOOL_TRUE : 0));
}

/* NULL when there are no octets, as HAProxy sends an absent sample. */
static void put_binary(struct buf *out, const char *name, struct slice octets)
{
	buf_varstr(out, slice_str(name));
	buf_u8(out, octets.len ? TYPE_BINARY : TYPE_NULL);
	if (octets.len)
		buf_varstr(out, octets);
}

static void put_source(struct buf *out)
{
	static const uint8_t address[4] = { 127, 0, 0, 1 };
	buf_varstr(out, slice_str("src"));
	buf_u8(out, TYPE_IPV4);
	buf_put(out, slice_of(address, sizeof(address)));
	buf_varstr(out, slice_str("src_port"));
	buf_u8(out, TYPE_INT64);
	buf_varint(out, 40123);
}

/* The message of the shipped spoe-mtlsguard.conf, with all of its arguments. */
static void put_message(struct buf *out, struct mix_item *item, const struct mix_line *line)
{
	buf_varstr(out, slice_str("check-client-cert"));
	buf_u8(out, 18);
	put_binary(out, "cert", line->cert);
	put_bool(out, "used", line->cert.len > 0);
	put_binary(out, "chain", line->chain);
	put_string(out, "sni", line->host);
	put_string(out, "tls_version", "TLSv1.3");
	put_string(out, "tls_cipher", "TLS_AES_128_GCM_SHA256");
	put_bool(out, "resumed", false);
	put_bool(out, "early", false);
	put_source(out);
	put_string(out, "method", line->method);
	put_string(out, "scheme", "https");
	put_string(out, "host", line->host);
	put_string(out, "path", line->path);
	buf_varstr(out, slice_str("query"));
	buf_u8(out, TYPE_NULL);
	put_string(out, "version", "1.1");
	put_string(out, "id", "0000000000000000");
	item->id_at = out->len - 16;
	put_string(out, "hdr_accept", "*/*");
}

static void read_expectation(struct mix_item *item, const char *text)
{
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);
	if (len >= sizeof(item->verdict) || (colon && strlen(colon) > sizeof(item->reason)))
		die("%s: no verdict is called so", text);
	memcpy(item->verdict, text, len);
	if (colon)
		memcpy(item->reason, colon + 1, strlen(colon + 1) + 1);
}

void mix_spop(struct mix_item *item, const struct mix_line *line, struct buf *out)
{
	size_t at = peer_begin_frame(out, FRAME_NOTIFY);
	buf_varint(out, MIX_NUMBER_MIN);
	buf_varint(out, MIX_NUMBER_MIN);
	put_message(out, item, line);
	peer_end_frame(out, at);
	if (out->len > FRAME_SIZE + 4)
		die("%s: too big for a frame", line->path);
}

static void read_line(struct mix_item *item, const char *dir, char *line, mix_form *form)
{
	static const char space[] = " \t\n";
	char *field[6] = { 0 }, *rest = NULL;
	for (size_t i = 0; i < 6; i++)
		field[i] = strtok_r(i ? NULL : line, space, &rest);
	if (!field[4])
		die("a line of the mix lacks fields: EXPECT HOST METHOD PATH CERT [CHAIN]");
	memset(item, 0, sizeof(*item));
	read_expectation(item, field[0]);
	struct mix_line parts = {
		.host = field[1], .method = field[2], .path = field[3],
		.cert = strcmp(field[4], "-") ? read_file(dir, field[4]) : SLICE_EMPTY,
		.chain = field[5] ? read_file(dir, field[5]) : SLICE_EMPTY,
	};
	struct buf out = buf_capped(65536);
	form(item, &parts, &out);
	if (buf_err(&out))
		die("%s: too big", field[4]);
	item->frame = out.ptr;
	item->len = out.len;
	free((void *)(uintptr_t)parts.cert.ptr);
	free((void *)(uintptr_t)parts.chain.ptr);
}

struct mix mix_read(const char *path, mix_form *form)
{
	struct mix mix = { 0 };
	char line[4096], copy[PATH_MAX];
	FILE *file = fopen(path, "r");
	if (!file || snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
		die("%s: %s", path, strerror(errno));
	const char *dir = dirname(copy);
	while (fgets(line, sizeof(line), file)) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		struct mix_item *items =
			reallocarray(mix.items, mix.count + 1, sizeof(*mix.items));
		if (!items)
			die("out of memory");
		mix.items = items;
		read_line(&mix.items[mix.count++], dir, line, form);
	}
	fclose(file);
	if (mix.count == 0)
		die("%s: says nothing", path);
	return mix;
}

static void put_number(uint8_t *at, unsigned number)
{
	unsigned rest = number % MIX_NUMBER_COUNT;
	at[0] = (uint8_t)(0xf0 | (rest & 0x0f));
	at[1] = (uint8_t)(rest >> 4);
}

unsigned mix_number(const uint8_t *at)
{
	if (at[0] < 0xf0 || at[1] > 127)
		return MIX_NUMBER_COUNT;
	return (unsigned)(at[0] & 0x0f) | (unsigned)at[1] << 4;
}

void mix_stamp(const struct mix_item *item, uint8_t *to, unsigned stream, unsigned frame,
	       uint64_t id)
{
	memcpy(to, item->frame, item->len);
	put_number(to + MIX_STREAM_AT, stream);
	put_number(to + MIX_FRAME_AT, frame);
	for (size_t i = 0; i < 16; i++)
		to[item->id_at + i] = (uint8_t)"0123456789abcdef"[(id >> (60 - 4 * i)) & 15];
}

static void skip_value(struct reader *r)
{
	switch (reader_u8(r) & 0x0f) {
	case TYPE_NULL:
	case TYPE_BOOL:
		break;
	case TYPE_INT32:
	case TYPE_UINT32:
	case TYPE_INT64:
	case TYPE_UINT64:
		(void)reader_varint(r);
		break;
	case TYPE_IPV4:
		(void)reader_bytes(r, 4);
		break;
	case TYPE_IPV6:
		(void)reader_bytes(r, 16);
		break;
	case TYPE_STRING:
	case TYPE_BINARY:
		(void)reader_varstr(r);
		break;
	default:
		reader_fail(r, ERR_TYPE);
	}
}

/* Steps over actions until set-var NAME with a string; an empty view when there is none. */
static struct slice find_string(struct slice actions, struct slice wanted)
{
	struct reader r = reader_of(actions);
	while (reader_left(&r) > 0) {
		uint8_t action = reader_u8(&r);
		(void)reader_bytes(&r, 2);
		struct slice name = reader_varstr(&r);
		if (action == 1 && reader_left(&r) > 0 && *r.pos == TYPE_STRING &&
		    slice_eq(name, wanted)) {
			(void)reader_u8(&r);
			return reader_varstr(&r);
		}
		if (action == 1)
			skip_value(&r);
		else if (action != 2)
			reader_fail(&r, ERR_FORMAT);
	}
	return SLICE_EMPTY;
}

bool mix_answer_right(const struct mix_item *item, struct slice actions, const char **why)
{
	struct slice verdict = find_string(actions, SLICE_LIT("verdict"));
	if (!slice_eq(verdict, slice_str(item->verdict))) {
		*why = verdict.len ? "another verdict" : "no verdict in it";
		return false;
	}
	if (item->reason[0] &&
	    !slice_eq(find_string(actions, SLICE_LIT("reason")), slice_str(item->reason))) {
		*why = "another reason";
		return false;
	}
	return true;
}
