/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/checks.h"

#include <string.h>

#include "base/text.h"
#include "wire/pb.h"

static void put_pair(struct buf *b, uint32_t number, const char *name, const char *value, bool raw)
{
	size_t entry = pb_begin(b, number);

	pb_bytes(b, 1, slice_str(name));
	pb_bytes(b, raw ? 3 : 2, slice_str(value));
	pb_end(b, entry);
}

static void put_pseudo(struct buf *b, uint32_t number, const struct check *check)
{
	put_pair(b, number, ":authority", check->host, check->header_map);
	put_pair(b, number, ":method", check->method, check->header_map);
	if (*check->path)
		put_pair(b, number, ":path", check->path, check->header_map);
	put_pair(b, number, ":scheme", check->scheme, check->header_map);
}

static void put_headers(struct buf *b, const struct check *check)
{
	size_t map = check->header_map ? pb_begin(b, 13) : 0;
	uint32_t number = check->header_map ? 1 : 3;

	put_pseudo(b, number, check);
	for (const struct check_pair *pair = check->headers; pair && pair->name; pair++)
		put_pair(b, number, pair->name, pair->value, check->header_map);
	if (check->header_map)
		pb_end(b, map);
}

static void put_text(struct buf *b, uint32_t number, const char *text)
{
	if (*text)
		pb_bytes(b, number, slice_str(text));
}

static void put_request(struct buf *b, const struct check *check)
{
	size_t request = pb_begin(b, 4), http;

	pb_bytes(b, 1, SLICE_LIT("\x08\x80\x94\xeb\xdc\x03\x10\x2a"));
	http = pb_begin(b, 2);
	put_text(b, 1, "3141592653589793238");
	put_text(b, 2, check->method);
	put_headers(b, check);
	put_text(b, 4, check->path);
	put_text(b, 5, check->host);
	put_text(b, 6, check->scheme);
	pb_number(b, 9, UINT64_MAX);
	put_text(b, 10, check->protocol);
	pb_end(b, http);
	pb_end(b, request);
}

static void put_peer(struct buf *b, uint32_t number, const char *address, uint32_t port,
		     struct slice certificate, const char *service)
{
	size_t peer = pb_begin(b, number), outer, inner;

	if (address) {
		outer = pb_begin(b, 1);
		inner = pb_begin(b, 1);
		pb_bytes(b, 2, slice_str(address));
		pb_number(b, 3, port);
		pb_end(b, inner);
		pb_end(b, outer);
	}
	if (service)
		put_text(b, 2, service);
	if (certificate.len)
		pb_bytes(b, 5, certificate);
	pb_end(b, peer);
}

void check_write(struct buf *b, const struct check *check)
{
	size_t attributes = pb_begin(b, 1), tls;

	put_peer(b, 1, check->address, check->port, check->certificate, "from-a-header");
	put_peer(b, 2, "127.0.0.1", 8443, SLICE_EMPTY, check->service);
	if (check->no_http)
		pb_bytes(b, 4, SLICE_EMPTY);
	else if (!check->no_request)
		put_request(b, check);
	for (const struct check_pair *pair = check->extensions; pair && pair->name; pair++)
		put_pair(b, 10, pair->name, pair->value, false);
	pb_bytes(b, 11, SLICE_EMPTY);
	if (check->sni) {
		tls = pb_begin(b, 12);
		put_text(b, 1, check->sni);
		pb_end(b, tls);
	}
	if (!check->no_request)
		pb_bytes(b, 13, SLICE_EMPTY);
	pb_end(b, attributes);
}

/* Envoy leaves letters, digits and "*-._" (source/common/common/utility.cc, urlEncode). */
static void put_escaped(struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i], l = ascii_lower(c);

		if ((l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || (c && strchr("*-._", c))) {
			buf_u8(b, c);
		} else {
			buf_u8(b, '%');
			text_hex(b, slice_of(&s.ptr[i], 1), true);
		}
	}
}

void check_certificate(struct buf *b, struct slice der)
{
	struct buf base64 = buf_capped(0);

	text_base64(&base64, der);
	put_escaped(b, SLICE_LIT("-----BEGIN CERTIFICATE-----\n"));
	for (size_t at = 0; at < base64.len; at += 64) {
		put_escaped(b, slice_sub(buf_slice(&base64), at, 64));
		put_escaped(b, SLICE_LIT("\n"));
	}
	put_escaped(b, SLICE_LIT("-----END CERTIFICATE-----\n"));
	buf_fini(&base64);
}
