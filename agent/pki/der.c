/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/der.h"

#define TAG_VERSION 0xa0
#define LONG_TAG 0x1f

/* X.690 8.1.3; at most four octets of length, none of them to spare. */
static size_t read_length(struct reader *r)
{
	uint8_t first = reader_u8(r);
	size_t length = 0;
	unsigned octets = first & 0x7f;

	if (first < 0x80)
		return first;
	if (octets == 0 || octets > 4) {
		reader_fail(r, ERR_FORMAT);
		return 0;
	}
	for (unsigned i = 0; i < octets; i++)
		length = length << 8 | reader_u8(r);
	if (length < 0x80 || length >> (8 * (octets - 1)) == 0)
		reader_fail(r, ERR_FORMAT);
	return length;
}

struct der der_next(struct reader *r)
{
	const uint8_t *start = r->pos;
	struct der der = { .tag = reader_u8(r) };
	size_t length;

	if ((der.tag & LONG_TAG) == LONG_TAG)
		reader_fail(r, ERR_FORMAT);
	length = read_length(r);
	der.content = reader_bytes(r, length);
	if (reader_err(r))
		return (struct der){ 0 };
	der.whole = slice_of(start, (size_t)(r->pos - start));
	return der;
}

/* TBSCertificate (RFC 5280 4.1): version, serial, algorithm, issuer, validity, subject, … */
static enum err tbs_names(struct slice tbs, struct slice *issuer, struct slice *subject)
{
	struct reader r = reader_of(tbs);
	struct der first = der_next(&r), name;

	if (first.tag == TAG_VERSION)
		der_next(&r);
	der_next(&r);
	name = der_next(&r);
	*issuer = name.whole;
	der_next(&r);
	name = der_next(&r);
	*subject = name.whole;
	return reader_err(&r);
}

enum err der_names(struct slice cert, struct slice *issuer, struct slice *subject)
{
	struct reader r = reader_of(cert);
	struct der outer = der_next(&r), tbs;

	if (reader_end(&r))
		return reader_err(&r);
	if (outer.tag != DER_SEQUENCE)
		return ERR_FORMAT;
	r = reader_of(outer.content);
	tbs = der_next(&r);
	if (reader_err(&r))
		return reader_err(&r);
	return tbs_names(tbs.content, issuer, subject);
}
