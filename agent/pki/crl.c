/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/crl.h"

#include "pki/der.h"
#include "pki/der_values.h"

#define TAG_EXTENSIONS 0xa0
#define OID(bytes) SLICE_LIT(bytes)

/* id-ce (2.5.29) and the octet that follows it. */
#define CE_ISSUER_ALT_NAME "\x55\x1d\x12"
#define CE_CRL_NUMBER "\x55\x1d\x14"
#define CE_REASON "\x55\x1d\x15"
#define CE_INVALIDITY_DATE "\x55\x1d\x18"
#define CE_DELTA "\x55\x1d\x1b"
#define CE_SCOPE "\x55\x1d\x1c"
#define CE_CERTIFICATE_ISSUER "\x55\x1d\x1d"
#define CE_FRESHEST "\x55\x1d\x2e"
#define CE_AUTHORITY_KEY "\x55\x1d\x23"

#define EXTENSIONS_MAX 32

static void read_number(struct slice value, struct crl_number *out, struct reader *outer)
{
	struct reader r = reader_of(value);
	struct slice octets = der_unsigned(&r);

	if (reader_end(&r) || octets.len > sizeof(out->octets)) {
		reader_fail(outer, ERR_FORMAT);
		return;
	}
	memcpy(out->octets, octets.len ? octets.ptr : out->octets, octets.len);
	out->len = octets.len;
}

/* AuthorityKeyIdentifier (RFC 5280 4.2.1.1): only its first field is compared. */
static void read_authority_key(struct slice value, struct crl *crl, struct reader *outer)
{
	struct reader r = reader_of(value);
	struct der sequence = der_expect(&r, DER_SEQUENCE), first;

	if (reader_end(&r)) {
		reader_fail(outer, ERR_FORMAT);
		return;
	}
	r = reader_of(sequence.content);
	if (reader_left(&r) == 0)
		return;
	first = der_next(&r);
	if (first.tag == 0x80)
		crl->authority_key = first.content;
	if (reader_err(&r))
		reader_fail(outer, ERR_FORMAT);
}

static void read_point_name(struct slice content, struct crl_scope *scope, struct reader *outer)
{
	struct reader r = reader_of(content);
	struct der name = der_next(&r);

	if (reader_end(&r) || name.content.len == 0)
		reader_fail(outer, ERR_FORMAT);
	else if (name.tag == 0xa0)
		scope->names = name.content;
	else if (name.tag == 0xa1)
		scope->relative = name.content;
	else
		reader_fail(outer, ERR_FORMAT);
}

/* Fields of IssuingDistributionPoint by their context tag, which only grows. */
static void read_scope_field(struct der field, struct crl_scope *scope, struct reader *outer)
{
	bool *const flags[] = { [1] = &scope->only_user, [2] = &scope->only_ca,
				[4] = &scope->indirect, [5] = &scope->only_attribute };
	unsigned number = field.tag & 0x1f;

	if (field.tag == 0xa0)
		read_point_name(field.content, scope, outer);
	else if (field.tag == 0x83)
		scope->some_reasons = true;
	else if ((field.tag & 0xe0) != 0x80 || number > 5 || !flags[number] ||
		 field.content.len != 1 || field.content.ptr[0] != 0xff)
		reader_fail(outer, ERR_FORMAT);
	else
		*flags[number] = true;
}

static void read_scope(struct slice value, struct crl *crl, struct reader *outer)
{
	struct reader r = reader_of(value);
	struct der sequence = der_expect(&r, DER_SEQUENCE);
	unsigned last = 0;

	if (reader_end(&r)) {
		reader_fail(outer, ERR_FORMAT);
		return;
	}
	crl->has_scope = true;
	r = reader_of(sequence.content);
	while (reader_left(&r) && !reader_err(outer)) {
		struct der field = der_next(&r);
		unsigned number = (field.tag & 0x1f) + 1u;

		if (number <= last)
			reader_fail(outer, ERR_FORMAT);
		last = number;
		read_scope_field(field, &crl->scope, outer);
	}
	if (reader_err(&r))
		reader_fail(outer, ERR_FORMAT);
}

static void read_extension(const struct der_extension *extension, struct crl *crl, struct reader *outer)
{
	struct slice oid = extension->oid;

	if (slice_eq(oid, OID(CE_CRL_NUMBER))) {
		crl->has_number = true;
		read_number(extension->value, &crl->number, outer);
	} else if (slice_eq(oid, OID(CE_DELTA))) {
		crl->is_delta = true;
		read_number(extension->value, &crl->base, outer);
	} else if (slice_eq(oid, OID(CE_SCOPE))) {
		read_scope(extension->value, crl, outer);
	} else if (slice_eq(oid, OID(CE_AUTHORITY_KEY))) {
		read_authority_key(extension->value, crl, outer);
	} else if (slice_eq(oid, OID(CE_FRESHEST))) {
		crl->freshest = extension->value;
	} else if (extension->critical && !slice_eq(oid, OID(CE_ISSUER_ALT_NAME))) {
		reader_fail(outer, ERR_TYPE);
	}
}

static void read_extensions(struct slice content, struct crl *crl, struct reader *outer)
{
	struct slice seen[EXTENSIONS_MAX];
	struct reader r = reader_of(content);
	struct der list = der_expect(&r, DER_SEQUENCE);
	size_t count = 0;

	if (reader_end(&r))
		reader_fail(outer, ERR_FORMAT);
	r = reader_of(list.content);
	while (reader_left(&r) && !reader_err(outer)) {
		struct der_extension extension = der_extension_next(&r);

		if (reader_err(&r) || count == EXTENSIONS_MAX ||
		    der_listed(extension.oid, seen, count))
			reader_fail(outer, ERR_FORMAT);
		else
			seen[count++] = extension.oid;
		read_extension(&extension, crl, outer);
	}
}

static bool is_time(uint8_t tag)
{
	return tag == DER_UTC_TIME || tag == DER_GENERALIZED_TIME;
}

/* What may be left out: nextUpdate, revokedCertificates, crlExtensions. */
static void read_optional(struct reader *r, struct crl *crl)
{
	struct der extensions;

	if (is_time(der_peek(r)))
		crl->next_update = der_time(r);
	if (der_peek(r) == DER_SEQUENCE)
		crl->entries = der_next(r).content;
	if (der_peek(r) != TAG_EXTENSIONS)
		return;
	extensions = der_next(r);
	if (!reader_err(r))
		read_extensions(extensions.content, crl, r);
}

/* TBSCertList (RFC 5280 5.1.2). Returns the algorithm that stands in it. */
static enum err read_tbs(struct slice content, struct crl *crl, struct slice *algorithm)
{
	struct reader r = reader_of(content);

	if (der_peek(&r) == DER_INTEGER) {
		struct slice version = der_unsigned(&r);

		/* Only v2 writes its number, and a v1 list has no extensions. */
		if (!slice_eq(version, SLICE_LIT("\x01")))
			reader_fail(&r, ERR_FORMAT);
	}
	*algorithm = der_expect(&r, DER_SEQUENCE).whole;
	crl->issuer = der_expect(&r, DER_SEQUENCE).whole;
	crl->this_update = der_time(&r);
	read_optional(&r, crl);
	return reader_end(&r);
}

enum err crl_parse(struct slice der, struct crl *out)
{
	struct reader r = reader_of(der);
	struct der list = der_expect(&r, DER_SEQUENCE), tbs, signature;
	struct slice inner;
	enum err err = reader_end(&r);

	*out = (struct crl){ 0 };
	if (err)
		return err;
	r = reader_of(list.content);
	tbs = der_expect(&r, DER_SEQUENCE);
	out->tbs = tbs.whole;
	out->algorithm = der_expect(&r, DER_SEQUENCE).whole;
	signature = der_expect(&r, DER_BIT_STRING);
	/* The first octet counts unused bits, and a signature has none. */
	if (signature.content.len < 2 || signature.content.ptr[0] != 0)
		reader_fail(&r, ERR_FORMAT);
	out->signature = slice_sub(signature.content, 1, signature.content.len);
	err = reader_end(&r);
	if (!err)
		err = read_tbs(tbs.content, out, &inner);
	if (!err && !slice_eq(inner, out->algorithm))
		err = ERR_FORMAT;
	return err;
}

static void read_certificate_issuer(struct slice value, struct crl_entry *out, struct reader *outer)
{
	struct reader r = reader_of(value);
	struct der names = der_expect(&r, DER_SEQUENCE);

	if (reader_end(&r))
		reader_fail(outer, ERR_FORMAT);
	r = reader_of(names.content);
	while (reader_left(&r)) {
		struct der name = der_next(&r);

		/* GeneralName directoryName [4], explicit because Name is a CHOICE. */
		if (name.tag == 0xa4 && out->issuer.len == 0)
			out->issuer = name.content;
	}
	if (reader_err(&r) || out->issuer.len == 0)
		reader_fail(outer, ERR_FORMAT);
}

static void read_entry_extension(const struct der_extension *extension, struct crl_entry *out,
				 struct reader *outer)
{
	if (slice_eq(extension->oid, OID(CE_REASON))) {
		struct reader r = reader_of(extension->value);
		struct der reason = der_expect(&r, DER_ENUMERATED);

		if (reader_end(&r) || reason.content.len != 1)
			reader_fail(outer, ERR_FORMAT);
		else
			out->reason = reason.content.ptr[0];
	} else if (slice_eq(extension->oid, OID(CE_CERTIFICATE_ISSUER))) {
		read_certificate_issuer(extension->value, out, outer);
	} else if (extension->critical && !slice_eq(extension->oid, OID(CE_INVALIDITY_DATE))) {
		reader_fail(outer, ERR_TYPE);
	}
}

static void read_entry_extensions(struct reader *r, struct crl_entry *out)
{
	struct der list = der_expect(r, DER_SEQUENCE);
	struct reader inner = reader_of(list.content);
	struct slice seen[EXTENSIONS_MAX];
	size_t count = 0;

	while (reader_left(&inner) && !reader_err(r)) {
		struct der_extension extension = der_extension_next(&inner);

		if (reader_err(&inner) || count == EXTENSIONS_MAX ||
		    der_listed(extension.oid, seen, count)) {
			reader_fail(r, ERR_FORMAT);
			return;
		}
		seen[count++] = extension.oid;
		read_entry_extension(&extension, out, r);
	}
}

bool crl_next(const struct crl *crl, struct crl_cursor *cursor, struct crl_entry *out)
{
	struct reader r = reader_of(slice_sub(crl->entries, cursor->at, crl->entries.len));
	struct reader entry;

	if (cursor->err || reader_left(&r) == 0)
		return false;
	*out = (struct crl_entry){ 0 };
	entry = reader_of(der_expect(&r, DER_SEQUENCE).content);
	if (!reader_err(&r)) {
		out->serial = der_magnitude(&entry);
		out->date = der_time(&entry);
		if (reader_left(&entry))
			read_entry_extensions(&entry, out);
		cursor->err = reader_end(&entry);
	} else {
		cursor->err = reader_err(&r);
	}
	cursor->at = crl->entries.len - reader_left(&r);
	return cursor->err == ERR_OK;
}

int crl_number_cmp(const struct crl_number *a, const struct crl_number *b)
{
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return slice_cmp(slice_of(a->octets, a->len), slice_of(b->octets, b->len));
}
