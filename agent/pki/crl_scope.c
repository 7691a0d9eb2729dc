/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/crl.h"

#include "pki/der.h"
#include "pki/der_values.h"

#define TAG_POINT_NAME 0xa0
#define TAG_FULL_NAME 0xa0

static bool has_name(struct slice names, struct slice name)
{
	struct reader r = reader_of(names);

	while (reader_left(&r)) {
		struct der der = der_next(&r);

		if (!reader_err(&r) && slice_eq(der.whole, name))
			return true;
	}
	return false;
}

static bool have_common_name(struct slice a, struct slice b)
{
	struct reader r = reader_of(b);

	while (reader_left(&r)) {
		struct der name = der_next(&r);

		if (!reader_err(&r) && has_name(a, name.whole))
			return true;
	}
	return false;
}

/* The names of a DistributionPoint (RFC 5280 4.2.1.13), empty when it has none, or when it
 * is for some reasons only or for lists of another issuer. */
static struct slice names_of_point(struct slice content)
{
	struct reader r = reader_of(content), inner;
	struct der point, name;

	if (der_peek(&r) != TAG_POINT_NAME)
		return SLICE_EMPTY;
	point = der_next(&r);
	if (reader_end(&r))
		return SLICE_EMPTY;
	inner = reader_of(point.content);
	name = der_next(&inner);
	if (reader_end(&inner) || name.tag != TAG_FULL_NAME)
		return SLICE_EMPTY;
	return name.content;
}

bool crl_names_meet(struct slice names, struct slice points)
{
	struct reader r = reader_of(points);

	while (reader_left(&r)) {
		struct der point = der_expect(&r, DER_SEQUENCE);

		if (!reader_err(&r) && have_common_name(names, names_of_point(point.content)))
			return true;
	}
	return false;
}
