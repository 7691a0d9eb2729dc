/* SPDX-License-Identifier: Apache-2.0 */
#include "core/deny_text.h"

#include "base/buf.h"
#include "base/text.h"

#define SERIAL_MAX 20 /* octets, RFC 5280 4.1.2.2 */
#define HASH_OCTETS 32

static struct slice without_zeros(struct slice octets)
{
	while (octets.len && octets.ptr[0] == 0)
		octets = slice_sub(octets, 1, octets.len);
	return octets;
}

/* Colons stand between octets: "93:6E:C" may mean 0936EC or 936E0C. */
static bool splits_an_octet(struct slice text)
{
	slice_cut(&text, ':');
	while (text.len)
		if (slice_cut(&text, ':').len % 2)
			return true;
	return false;
}

/* Hex with or without colons, an odd digit first or not, into room bytes. */
static bool read_hex(struct slice text, uint8_t *out, size_t room, size_t *len)
{
	struct buf digits = buf_capped(2 * room + 2), octets = buf_fixed(out, room);
	size_t colons = 0;
	bool good;

	for (size_t i = 0; i < text.len; i++)
		colons += text.ptr[i] == ':';
	if ((text.len - colons) % 2)
		buf_u8(&digits, '0');
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] != ':')
			buf_u8(&digits, text.ptr[i]);
	good = text.len > colons && !splits_an_octet(text) && !buf_err(&digits) &&
	       text_unhex(&octets, buf_slice(&digits)) == ERR_OK;
	*len = octets.len;
	buf_fini(&digits);
	return good;
}

/* A decimal number of at most 20 octets, without leading zeros. */
static bool read_decimal(struct slice text, uint8_t *out, size_t *len)
{
	uint8_t number[SERIAL_MAX] = { 0 };
	struct slice octets;

	for (size_t i = 0; i < text.len; i++) {
		unsigned carry = (unsigned)(text.ptr[i] - '0');

		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		for (size_t j = SERIAL_MAX; j-- > 0;) {
			carry += number[j] * 10u;
			number[j] = (uint8_t)carry;
			carry >>= 8;
		}
		if (carry)
			return false;
	}
	octets = without_zeros(slice_of(number, sizeof(number)));
	*len = octets.len;
	if (octets.len == 0)
		return false;
	memcpy(out, octets.ptr, octets.len);
	return true;
}

static bool has_only_digits(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
	return text.len > 0;
}

static bool read_hex_serial(struct slice text, uint8_t *out, struct slice *serial)
{
	size_t len;

	/* Room for zeros in front: "00:93:6E…" is written by many tools. */
	if (!read_hex(text, out, 2 * SERIAL_MAX, &len))
		return false;
	*serial = without_zeros(slice_of(out, len));
	return serial->len > 0 && serial->len <= SERIAL_MAX;
}

static void put(struct deny_text *out, size_t *count, enum deny_kind kind, struct slice octets)
{
	struct deny_text *text = &out[(*count)++];

	text->kind = kind;
	text->len = octets.len;
	memcpy(text->octets, octets.ptr, octets.len);
}

static enum deny_fault read_serial(struct slice text, struct deny_text *out, size_t *count)
{
	uint8_t octets[2 * SERIAL_MAX], decimal[SERIAL_MAX];
	struct slice serial = SLICE_EMPTY;
	size_t len;
	bool as_hex = read_hex_serial(text, octets, &serial);
	bool as_decimal = has_only_digits(text) && read_decimal(text, decimal, &len);

	if (as_hex)
		put(out, count, DENY_SERIAL, serial);
	if (as_decimal && !(as_hex && slice_eq(serial, slice_of(decimal, len))))
		put(out, count, DENY_SERIAL, slice_of(decimal, len));
	return as_hex || as_decimal ? DENY_FINE : DENY_NO_SERIAL;
}

static enum deny_fault read_decimal_entry(struct slice text, struct deny_text *out, size_t *count)
{
	uint8_t octets[SERIAL_MAX];
	size_t len;

	if (!has_only_digits(text) || !read_decimal(text, octets, &len))
		return DENY_NO_DECIMAL;
	put(out, count, DENY_SERIAL, slice_of(octets, len));
	return DENY_FINE;
}

static enum deny_fault read_hash(struct slice text, enum deny_kind kind, struct deny_text *out,
				 size_t *count)
{
	uint8_t octets[DENY_OCTETS_MAX];
	size_t len = 0, digits = 0;

	for (size_t i = 0; i < text.len; i++)
		digits += text.ptr[i] != ':';
	if (digits % 2 || !read_hex(text, octets, sizeof(octets), &len) ||
	    (kind != DENY_SKI && len != HASH_OCTETS))
		return kind == DENY_SKI ? DENY_NO_KEY_ID : DENY_NO_HASH;
	put(out, count, kind, slice_of(octets, len));
	return DENY_FINE;
}

/* In any case: "DEC:17" would be hex else. */
static bool take_front(struct slice *text, struct slice front)
{
	if (!slice_eq_nocase(slice_sub(*text, 0, front.len), front))
		return false;
	*text = slice_sub(*text, front.len, text->len);
	return true;
}

enum deny_fault deny_text_read(struct slice text, struct deny_text *out, size_t *count)
{
	static const struct { struct slice front; enum deny_kind kind; } hashes[] = {
		{ SLICE_INIT("sha256:"), DENY_SHA256 },
		{ SLICE_INIT("ski:"), DENY_SKI },
		{ SLICE_INIT("spki:"), DENY_SPKI },
	};

	*count = 0;
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		if (take_front(&text, hashes[i].front))
			return read_hash(text, hashes[i].kind, out, count);
	if (take_front(&text, SLICE_LIT("dec:")))
		return read_decimal_entry(text, out, count);
	return read_serial(text, out, count);
}

const char *deny_fault_text(enum deny_fault fault)
{
	static const char *const texts[] = {
		[DENY_FINE] = "",
		[DENY_NO_SERIAL] = "is no serial: hex, positive, at most 20 octets",
		[DENY_NO_DECIMAL] = "is no decimal serial: positive, at most 20 octets",
		[DENY_NO_KEY_ID] = "is no key id: 2 to 128 hex digits",
		[DENY_NO_HASH] = "is no SHA-256: 64 hex digits",
	};

	return texts[fault];
}

const char *deny_fault_hint(enum deny_fault fault)
{
	if (fault != DENY_NO_SERIAL)
		return NULL;
	return "\"936EACBE07F201DF\", \"dec:10629346\", \"sha256:…\", \"ski:…\", \"spki:…\" or "
	       "\"file:PATH\"";
}
