/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/points.h"

#include "pki/der_values.h"

#define OID(bytes) SLICE_LIT(bytes)
#define CE_BASIC_CONSTRAINTS "\x55\x1d\x13"
#define CE_POINTS "\x55\x1d\x1f"
#define CE_FRESHEST "\x55\x1d\x2e"
#define PE_AUTHORITY_INFO "\x2b\x06\x01\x05\x05\x07\x01\x01"
#define AD_OCSP "\x2b\x06\x01\x05\x05\x07\x30\x01"
#define AD_CA_ISSUERS "\x2b\x06\x01\x05\x05\x07\x30\x02"

#define TAG_EXTENSIONS 0xa3
#define TAG_URI 0x86
#define TAG_DIRECTORY_NAME 0xa4
#define EXTENSIONS_MAX 64

static bool is_usable(struct slice uri)
{
	if (uri.len > POINTS_URI_LENGTH)
		return false;
	for (size_t i = 0; i < uri.len; i++)
		if (uri.ptr[i] <= 0x20 || uri.ptr[i] >= 0x7f)
			return false;
	return slice_eq_nocase(slice_sub(uri, 0, 7), SLICE_LIT("http://")) ||
	       slice_eq_nocase(slice_sub(uri, 0, 8), SLICE_LIT("https://"));
}

static void take_uri(struct der name, struct slice *uris, size_t *count)
{
	if (name.tag == TAG_URI && is_usable(name.content) && *count < POINTS_URI_MAX)
		uris[(*count)++] = name.content;
}

/* DistributionPointName, which is explicit because it is a CHOICE. */
static void read_name(struct slice content, struct point *point, struct reader *outer)
{
	struct reader r = reader_of(content);
	struct der name = der_next(&r);

	if (reader_end(&r) || name.content.len == 0 || (name.tag != 0xa0 && name.tag != 0xa1)) {
		reader_fail(outer, ERR_FORMAT);
		return;
	}
	if (name.tag == 0xa1) {
		point->relative = name.content;
		return;
	}
	point->names = name.content;
	r = reader_of(name.content);
	while (reader_left(&r))
		take_uri(der_next(&r), point->uris, &point->uri_count);
	if (reader_err(&r))
		reader_fail(outer, ERR_FORMAT);
}

static void read_point(struct slice content, struct point *point, struct reader *outer)
{
	struct reader r = reader_of(content);

	while (reader_left(&r)) {
		struct der field = der_next(&r);

		if (field.tag == 0xa0)
			read_name(field.content, point, outer);
		else if (field.tag == 0x81)
			point->some_reasons = true;
		else if (field.tag == 0xa2)
			point->issuers = field.content;
		else
			reader_fail(&r, ERR_FORMAT);
	}
	if (reader_err(&r))
		reader_fail(outer, ERR_FORMAT);
}

enum err points_freshest(struct slice value, struct point_list *out)
{
	struct reader r = reader_of(value);
	struct der list = der_expect(&r, DER_SEQUENCE);
	enum err err = reader_end(&r);

	*out = (struct point_list){ 0 };
	if (err)
		return err;
	r = reader_of(list.content);
	while (reader_left(&r)) {
		struct der item = der_expect(&r, DER_SEQUENCE);
		struct point point = { 0 };

		if (!reader_err(&r))
			read_point(item.content, &point, &r);
		if (out->count < POINTS_MAX)
			out->items[out->count++] = point;
	}
	if (reader_err(&r))
		*out = (struct point_list){ 0 };
	return reader_err(&r);
}

static void read_access(struct slice value, struct points *out, struct reader *outer)
{
	struct reader r = reader_of(value);
	struct der list = der_expect(&r, DER_SEQUENCE);

	if (reader_end(&r)) {
		reader_fail(outer, ERR_FORMAT);
		return;
	}
	r = reader_of(list.content);
	while (reader_left(&r)) {
		struct reader inner = reader_of(der_expect(&r, DER_SEQUENCE).content);
		struct slice method = der_expect(&inner, DER_OBJECT).content;
		struct der location = der_next(&inner);

		if (reader_end(&inner))
			reader_fail(&r, ERR_FORMAT);
		else if (slice_eq(method, OID(AD_OCSP)))
			take_uri(location, out->ocsp, &out->ocsp_count);
		else if (slice_eq(method, OID(AD_CA_ISSUERS)))
			take_uri(location, out->ca_issuers, &out->ca_issuers_count);
	}
	if (reader_err(&r))
		reader_fail(outer, ERR_FORMAT);
}

static void read_constraints(struct slice value, struct points *out, struct reader *outer)
{
	struct reader r = reader_of(value);
	struct der sequence = der_expect(&r, DER_SEQUENCE);

	if (reader_end(&r)) {
		reader_fail(outer, ERR_FORMAT);
		return;
	}
	r = reader_of(sequence.content);
	if (der_peek(&r) == DER_BOOLEAN)
		out->is_ca = slice_eq(der_next(&r).content, SLICE_LIT("\xff"));
}

static void read_extension(const struct der_extension *extension, struct points *out,
			   struct reader *r)
{
	if (slice_eq(extension->oid, OID(CE_BASIC_CONSTRAINTS)))
		read_constraints(extension->value, out, r);
	else if (slice_eq(extension->oid, OID(PE_AUTHORITY_INFO)))
		read_access(extension->value, out, r);
	else if (slice_eq(extension->oid, OID(CE_POINTS)))
		reader_fail(r, points_freshest(extension->value, &out->full));
	else if (slice_eq(extension->oid, OID(CE_FRESHEST)))
		reader_fail(r, points_freshest(extension->value, &out->delta));
}

static enum err read_extensions(struct slice content, struct points *out)
{
	struct slice seen[EXTENSIONS_MAX];
	struct reader r = reader_of(content);
	struct der list = der_expect(&r, DER_SEQUENCE);
	size_t count = 0;

	if (reader_end(&r))
		return reader_err(&r);
	r = reader_of(list.content);
	while (reader_left(&r)) {
		struct der_extension extension = der_extension_next(&r);

		if (reader_err(&r))
			break;
		if (count == EXTENSIONS_MAX || der_listed(extension.oid, seen, count)) {
			reader_fail(&r, ERR_FORMAT);
			break;
		}
		seen[count++] = extension.oid;
		read_extension(&extension, out, &r);
	}
	return reader_err(&r);
}

enum err points_read(struct slice cert, struct points *out)
{
	struct reader r = reader_of(cert);
	struct der outer = der_expect(&r, DER_SEQUENCE), tbs;
	enum err err = reader_end(&r);

	*out = (struct points){ 0 };
	if (err)
		return err;
	r = reader_of(outer.content);
	tbs = der_expect(&r, DER_SEQUENCE);
	if (reader_err(&r))
		return reader_err(&r);
	r = reader_of(tbs.content);
	while (reader_left(&r)) {
		struct der field = der_next(&r);

		/* [3] is the last field, and no other has that tag. */
		if (field.tag == TAG_EXTENSIONS)
			reader_fail(&r, read_extensions(field.content, out));
	}
	if (reader_err(&r))
		*out = (struct points){ 0 };
	return reader_err(&r);
}

/* True when one value of the row a stands in the row b. */
static bool share_value(struct slice a, struct slice b)
{
	struct reader x = reader_of(a);

	while (reader_left(&x)) {
		struct slice value = der_next(&x).whole;
		struct reader y = reader_of(b);

		while (reader_left(&y)) {
			struct slice other = der_next(&y).whole;

			if (value.len && slice_eq(value, other))
				return true;
		}
	}
	return false;
}

static bool is_named(const struct points *points, const struct crl_scope *scope)
{
	for (size_t i = 0; i < points->full.count; i++) {
		const struct point *point = &points->full.items[i];

		if (scope->names.len && share_value(point->names, scope->names))
			return true;
		if (scope->relative.len && slice_eq(point->relative, scope->relative))
			return true;
		/* A point without a name of its own has its issuer's (RFC 5280 6.3.3 b 2 i). */
		if (scope->names.len && !point->names.len && !point->relative.len &&
		    share_value(point->issuers, scope->names))
			return true;
	}
	return false;
}

bool points_covered(const struct points *points, const struct crl_scope *scope)
{
	if (scope->only_attribute || scope->some_reasons)
		return false;
	if ((scope->only_user && points->is_ca) || (scope->only_ca && !points->is_ca))
		return false;
	if (scope->names.len == 0 && scope->relative.len == 0)
		return true;
	return is_named(points, scope);
}

bool points_issued_by(const struct points *points, struct slice name)
{
	for (size_t i = 0; i < points->full.count; i++) {
		struct reader r = reader_of(points->full.items[i].issuers);

		while (reader_left(&r)) {
			struct der item = der_next(&r);

			if (item.tag == TAG_DIRECTORY_NAME && slice_eq(item.content, name))
				return true;
		}
	}
	return false;
}
