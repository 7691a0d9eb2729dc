/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/check.h"

#include <string.h>

#include "base/reader.h"
#include "base/text.h"
#include "bench/peer.h"

#define VARINT 0
#define BYTES 2
#define PEM_LINE 64
#define PART_MAX 32768

static void put_number(struct buf *out, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_u8(out, (uint8_t)(v | 0x80));
	buf_u8(out, (uint8_t)v);
}

static void put_varint(struct buf *out, unsigned field, uint64_t v)
{
	put_number(out, field << 3 | VARINT);
	put_number(out, v);
}

static void put_bytes(struct buf *out, unsigned field, struct slice s)
{
	put_number(out, field << 3 | BYTES);
	put_number(out, s.len);
	buf_put(out, s);
}

static void put_text(struct buf *out, unsigned field, const char *text)
{
	put_bytes(out, field, slice_str(text));
}

/* Ends a part that was written on its own: as a field of the message around it. */
static void put_part(struct buf *out, unsigned field, struct buf *part)
{
	if (buf_err(part))
		die("a part of a CheckRequest is over %d bytes", PART_MAX);
	put_bytes(out, field, buf_slice(part));
	buf_fini(part);
}

static void put_header(struct buf *http, const char *name, const char *value)
{
	struct buf pair = buf_capped(PART_MAX);
	put_text(&pair, 1, name);
	put_text(&pair, 2, value);
	put_part(http, 3, &pair);
}

/* Envoy's urlEncode: all but letters, digits and "*-._" as %XX. */
static void put_escaped(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i], low = ascii_lower(c);
		if ((low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || strchr("*-._", c))
			buf_u8(out, c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

static void put_certificate(struct buf *peer, struct slice der)
{
	struct buf base64 = buf_capped(PART_MAX), pem = buf_capped(PART_MAX), escaped = buf_capped(PART_MAX);
	text_base64(&base64, der);
	buf_str(&pem, "-----BEGIN CERTIFICATE-----\n");
	for (size_t at = 0; at < base64.len; at += PEM_LINE) {
		buf_put(&pem, slice_sub(buf_slice(&base64), at, PEM_LINE));
		buf_u8(&pem, '\n');
	}
	buf_str(&pem, "-----END CERTIFICATE-----\n");
	put_escaped(&escaped, buf_slice(&pem));
	buf_fini(&base64);
	buf_fini(&pem);
	put_part(peer, 5, &escaped);
}

static void put_peer(struct buf *attributes, unsigned field, unsigned port, const char *principal,
		     struct slice der)
{
	struct buf peer = buf_capped(PART_MAX), address = buf_capped(PART_MAX), sock = buf_capped(PART_MAX);
	put_text(&sock, 2, "127.0.0.1");
	put_varint(&sock, 3, port);
	put_part(&address, 1, &sock);
	put_part(&peer, 1, &address);
	put_text(&peer, 4, principal);
	if (der.len)
		put_certificate(&peer, der);
	put_part(attributes, field, &peer);
}

static void put_request(struct buf *attributes, const struct mix_line *line)
{
	struct buf request = buf_capped(PART_MAX), http = buf_capped(PART_MAX), moment = buf_capped(PART_MAX);
	put_varint(&moment, 1, 1790000000);
	put_varint(&moment, 2, 123456789);
	put_part(&request, 1, &moment);
	put_text(&http, 1, "11842362539843283291");
	put_text(&http, 2, line->method);
	put_header(&http, ":authority", line->host);
	put_header(&http, ":method", line->method);
	put_header(&http, ":path", line->path);
	put_header(&http, ":scheme", "https");
	put_header(&http, "accept", "*/*");
	put_header(&http, "user-agent", "bench");
	put_header(&http, "x-forwarded-for", "127.0.0.1");
	put_header(&http, "x-forwarded-proto", "https");
	put_header(&http, "x-request-id", "5bfc6c8e-0f1d-46b0-ID00000000000000");
	put_text(&http, 4, line->path);
	put_text(&http, 5, line->host);
	put_text(&http, 6, "https");
	put_text(&http, 10, "HTTP/1.1");
	put_part(&request, 2, &http);
	put_part(attributes, 4, &request);
}

void check_form(struct mix_item *item, const struct mix_line *line, struct buf *out)
{
	static const uint8_t none[CHECK_PREFIX] = { 0 };
	struct buf check = buf_capped(PART_MAX), sni = buf_capped(PART_MAX);
	put_peer(&check, 1, 40123, "CN=device,OU=Devices,O=Bench,C=GB", line->cert);
	put_peer(&check, 2, 8443, "localhost", SLICE_EMPTY);
	put_request(&check, line);
	put_text(&check, 11, "");
	put_text(&sni, 1, line->host);
	put_part(&check, 12, &sni);
	put_text(&check, 13, "");
	buf_put(out, slice_of(none, sizeof(none)));
	put_bytes(out, 1, buf_slice(&check));
	buf_fini(&check);
	buf_patch_u32(out, 1, (uint32_t)(out->len - CHECK_PREFIX));
	uint8_t *id = memmem(out->ptr, out->len, "ID00000000000000", 16);
	if (buf_err(out) || !id)
		die("%s: too big for a CheckRequest", line->path);
	item->id_at = (size_t)(id - out->ptr);
}

void check_stamp(const struct mix_item *item, uint8_t *to, uint64_t id)
{
	memcpy(to, item->frame, item->len);
	for (size_t i = 0; i < 16; i++)
		to[item->id_at + i] = (uint8_t)"0123456789abcdef"[(id >> (60 - 4 * i)) & 15];
}

static uint64_t read_number(struct reader *r)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = reader_u8(r);
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return v;
	}
	reader_fail(r, ERR_FORMAT);
	return 0;
}

/* The next field: its number, and its number or bytes. 0 at the end and for what no answer of ours has. */
static unsigned next_field(struct reader *r, uint64_t *number, struct slice *bytes)
{
	if (reader_left(r) == 0)
		return 0;
	uint64_t tag = read_number(r);
	*bytes = SLICE_EMPTY;
	*number = read_number(r);
	if ((tag & 7) == BYTES)
		*bytes = reader_bytes(r, *number);
	else if ((tag & 7) != VARINT)
		reader_fail(r, ERR_TYPE);
	return reader_err(r) ? 0 : (unsigned)(tag >> 3);
}

/* The bytes of the last field of that number. */
static struct slice last_field(struct slice message, unsigned wanted)
{
	struct reader r = reader_of(message);
	struct slice bytes, found = SLICE_EMPTY;
	uint64_t number;
	for (unsigned field; (field = next_field(&r, &number, &bytes)) != 0;)
		if (field == wanted)
			found = bytes;
	return reader_err(&r) ? SLICE_EMPTY : found;
}

/* A string of a google.protobuf.Struct. */
static struct slice find_string(struct slice fields, struct slice name)
{
	struct reader r = reader_of(fields);
	struct slice entry;
	uint64_t number;
	while (next_field(&r, &number, &entry))
		if (slice_eq(last_field(entry, 1), name))
			return last_field(last_field(entry, 2), 3);
	return SLICE_EMPTY;
}

/* 0 when the status is missing, as for Envoy. */
static uint64_t status_of(struct slice answer)
{
	struct reader r = reader_of(last_field(answer, 1));
	struct slice bytes;
	uint64_t number, code = 0;
	for (unsigned field; (field = next_field(&r, &number, &bytes)) != 0;)
		code = field == 1 ? number : code;
	return code;
}

bool check_answer_right(const struct mix_item *item, struct slice body, const char **why)
{
	struct reader r = reader_of(body);
	uint8_t flag = reader_u8(&r);
	struct slice answer = reader_bytes(&r, reader_u32(&r));
	struct slice metadata = last_field(answer, 4);
	bool wants_allow = strcmp(item->verdict, "allow") == 0;
	if (flag || reader_err(&r) || reader_left(&r)) {
		*why = "not one whole message";
		return false;
	}
	*why = wants_allow ? "a denial" : "an allow";
	if ((status_of(answer) == 0) != wants_allow)
		return false;
	*why = "another verdict in the metadata";
	if (!slice_eq(find_string(metadata, SLICE_LIT("verdict")), slice_str(item->verdict)))
		return false;
	*why = "another reason";
	return !item->reason[0] ||
	       slice_eq(find_string(metadata, SLICE_LIT("reason")), slice_str(item->reason));
}
