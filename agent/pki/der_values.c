/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/der_values.h"

uint8_t der_peek(const struct reader *r)
{
	return reader_left(r) ? *r->pos : 0;
}

struct der der_expect(struct reader *r, uint8_t tag)
{
	struct der der = der_next(r);

	if (!reader_err(r) && der.tag == tag)
		return der;
	reader_fail(r, ERR_FORMAT);
	return (struct der){ 0 };
}

/* X.690 8.3.2: at least one octet, and no octet more than needed. */
static struct slice integer(struct reader *r)
{
	struct slice octets = der_expect(r, DER_INTEGER).content;

	if (octets.len == 0 ||
	    (octets.len > 1 && ((octets.ptr[0] == 0 && octets.ptr[1] < 0x80) ||
				(octets.ptr[0] == 0xff && octets.ptr[1] >= 0x80)))) {
		reader_fail(r, ERR_FORMAT);
		return SLICE_EMPTY;
	}
	return octets;
}

static struct slice without_zeros(struct slice octets)
{
	while (octets.len && octets.ptr[0] == 0)
		octets = slice_sub(octets, 1, octets.len);
	return octets;
}

struct slice der_unsigned(struct reader *r)
{
	struct slice octets = integer(r);

	if (octets.len && octets.ptr[0] >= 0x80)
		reader_fail(r, ERR_FORMAT);
	return without_zeros(octets);
}

struct slice der_magnitude(struct reader *r)
{
	return without_zeros(integer(r));
}

/* The number of n digits at *s, which moves behind them; -1 when one is no digit. */
static int digits(const uint8_t **s, unsigned n)
{
	int value = 0;

	while (n--) {
		uint8_t c = *(*s)++;

		if (c < '0' || c > '9')
			return -1;
		value = value * 10 + (c - '0');
	}
	return value;
}

/* Days since 1970-01-01 in the Gregorian calendar; the year counts from March, so that leap days end it. */
static int64_t days(int year, int month, int day)
{
	int64_t y = year - (month <= 2);
	int64_t from_march = (month + 9) % 12;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * from_march + 2) / 5 + day - 1 - 719468;
}

static int days_in(int year, int month)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : lengths[month - 1];
}

int64_t der_time(struct reader *r)
{
	struct der der = der_next(r);
	bool utc = der.tag == DER_UTC_TIME;
	const uint8_t *s = der.content.ptr;
	int year, month, day, hour, minute, second;

	if (reader_err(r) || (!utc && der.tag != DER_GENERALIZED_TIME) ||
	    der.content.len != (utc ? 13 : 15)) {
		reader_fail(r, ERR_FORMAT);
		return 0;
	}
	year = digits(&s, utc ? 2 : 4);
	if (utc && year >= 0)
		year += year < 50 ? 2000 : 1900;
	month = digits(&s, 2);
	day = digits(&s, 2);
	hour = digits(&s, 2);
	minute = digits(&s, 2);
	second = digits(&s, 2);
	if (year < 0 || month < 1 || month > 12 || day < 1 || day > days_in(year, month) ||
	    hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 ||
	    *s != 'Z') {
		reader_fail(r, ERR_FORMAT);
		return 0;
	}
	return ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
}

struct der_extension der_extension_next(struct reader *r)
{
	struct der sequence = der_expect(r, DER_SEQUENCE);
	struct reader inner = reader_of(sequence.content);
	struct der_extension extension = { 0 };

	if (reader_err(r))
		return extension;
	extension.oid = der_expect(&inner, DER_OBJECT).content;
	if (der_peek(&inner) == DER_BOOLEAN) {
		struct slice flag = der_next(&inner).content;

		/* DER writes true as FF, and never writes the default. */
		if (!slice_eq(flag, SLICE_LIT("\xff")))
			reader_fail(&inner, ERR_FORMAT);
		extension.critical = true;
	}
	extension.value = der_expect(&inner, DER_OCTET_STRING).content;
	if (reader_end(&inner))
		reader_fail(r, ERR_FORMAT);
	return extension;
}

bool der_listed(struct slice s, const struct slice *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_eq(list[i], s))
			return true;
	return false;
}
