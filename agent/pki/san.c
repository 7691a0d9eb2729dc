/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/san.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/x509v3.h>

#include "base/mem.h"
#include "base/text.h"
#include "pki/x509.h"

#define OID_TEXT_MAX 256

static bool put_ascii(struct buf *b, const ASN1_STRING *string)
{
	struct slice s = slice_of(ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));

	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e)
			return false;
	buf_put(b, s);
	return s.len > 0;
}

static unsigned group(const uint8_t *address, size_t i)
{
	return (unsigned)address[2 * i] << 8 | address[2 * i + 1];
}

/* The longest run of zero groups, the first of equal ones; a single group is no run (RFC 5952 4.2). */
static size_t longest_run(const uint8_t *address, size_t *length)
{
	size_t best = 8, run = 0;

	*length = 1;
	for (size_t i = 0; i < 8; i++) {
		run = group(address, i) ? 0 : run + 1;
		if (run > *length) {
			*length = run;
			best = i + 1 - run;
		}
	}
	return best;
}

static void put_ipv4(struct buf *b, const uint8_t *p)
{
	buf_printf(b, "%u.%u.%u.%u", p[0], p[1], p[2], p[3]);
}

static void put_ipv6(struct buf *b, const uint8_t *address)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	size_t length, run = longest_run(address, &length), i = 0;

	if (memcmp(address, mapped, sizeof(mapped)) == 0) {
		buf_str(b, "::ffff:");
		put_ipv4(b, address + sizeof(mapped));
		return;
	}
	while (i < 8) {
		if (i == run) {
			buf_str(b, "::");
			i += length;
			continue;
		}
		if (i && i != run + length)
			buf_u8(b, ':');
		buf_printf(b, "%x", group(address, i));
		i++;
	}
}

static bool put_ip(struct buf *b, const ASN1_STRING *string)
{
	const uint8_t *p = ASN1_STRING_get0_data(string);

	switch (ASN1_STRING_length(string)) {
	case 4:
		put_ipv4(b, p);
		return true;
	case 16:
		put_ipv6(b, p);
		return true;
	default:
		return false;
	}
}

static bool put_oid(struct buf *b, const ASN1_OBJECT *oid)
{
	char text[OID_TEXT_MAX];
	int n = OBJ_obj2txt(text, sizeof(text), oid, 1);

	if (n <= 0 || (size_t)n >= sizeof(text))
		return false;
	buf_put(b, slice_of(text, (size_t)n));
	return true;
}

static bool put_hex(struct buf *b, unsigned char *der, int n)
{
	if (n > 0) {
		buf_u8(b, '#');
		text_hex(b, slice_of(der, (size_t)n), true);
	}
	OPENSSL_free(der);
	return n > 0;
}

static bool put_text_value(struct buf *b, const ASN1_TYPE *value)
{
	size_t at = b->len;

	switch (value->type) {
	case V_ASN1_UTF8STRING:
	case V_ASN1_IA5STRING:
	case V_ASN1_PRINTABLESTRING:
	case V_ASN1_BMPSTRING:
		break;
	default:
		return false;
	}
	if (!x509_string(b, value->value.asn1_string))
		return false;
	if (b->len > at && b->ptr[at] != '#')
		return true;
	b->len = at;
	return false;
}

static bool put_other(struct buf *b, const OTHERNAME *other)
{
	unsigned char *der = NULL;
	int n;

	if (!put_oid(b, other->type_id))
		return false;
	buf_u8(b, ':');
	if (put_text_value(b, other->value))
		return true;
	n = i2d_ASN1_TYPE(other->value, &der);
	return put_hex(b, der, n);
}

static bool put_encoded(struct buf *b, const char *kind, const GENERAL_NAME *name)
{
	unsigned char *der = NULL;
	int n = i2d_GENERAL_NAME(name, &der);

	buf_str(b, kind);
	return put_hex(b, der, n);
}

static enum cert_san kind_of(const GENERAL_NAME *name)
{
	switch (name->type) {
	case GEN_DNS:
		return CERT_SAN_DNS;
	case GEN_URI:
		return CERT_SAN_URI;
	case GEN_EMAIL:
		return CERT_SAN_EMAIL;
	case GEN_IPADD:
		return CERT_SAN_IP;
	case GEN_DIRNAME:
		return CERT_SAN_DIR;
	default:
		return CERT_SAN_OTHER;
	}
}

static bool put_name(struct buf *b, const GENERAL_NAME *name)
{
	switch (name->type) {
	case GEN_DNS:
	case GEN_URI:
	case GEN_EMAIL:
		return put_ascii(b, name->d.ia5);
	case GEN_IPADD:
		return put_ip(b, name->d.iPAddress);
	case GEN_DIRNAME:
		return !x509_name_rfc2253(b, name->d.directoryName);
	case GEN_OTHERNAME:
		return put_other(b, name->d.otherName);
	case GEN_RID:
		buf_str(b, "registeredID:");
		return put_oid(b, name->d.registeredID);
	case GEN_X400:
		return put_encoded(b, "x400Address:", name);
	default:
		return put_encoded(b, "ediPartyName:", name);
	}
}

static void collect_one(struct cert_list *list, struct texts *texts, const GENERAL_NAME *name)
{
	size_t at = texts->bytes.len;

	if (!put_name(&texts->bytes, name)) {
		texts->bytes.len = at;
		return;
	}
	texts_view(texts, &list->items[list->count++], at, texts->bytes.len - at);
}

static bool is_spiffe_char(uint8_t c, bool in_path)
{
	uint8_t l = ascii_lower(c);

	return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' ||
	       (l >= 'a' && l <= 'z' && (in_path || c == l));
}

static bool is_segment(struct slice s, bool in_path)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_spiffe_char(s.ptr[i], in_path))
			return false;
	return s.len > 0 && !(in_path && (slice_eq(s, SLICE_LIT(".")) || slice_eq(s, SLICE_LIT(".."))));
}

/* SPIFFE-ID 2: trust domain, then segments that are neither empty nor dots. */
static bool is_spiffe_id(struct slice uri)
{
	struct slice prefix = SLICE_LIT("spiffe://"), rest = slice_sub(uri, prefix.len, uri.len);
	bool in_path = false;

	if (!slice_starts(uri, prefix) || uri.len > 2048 || uri.ptr[uri.len - 1] == '/')
		return false;
	do {
		if (!is_segment(slice_cut(&rest, '/'), in_path))
			return false;
		in_path = true;
	} while (rest.len);
	return true;
}

/* An SVID has exactly one URI; with a second one nobody could say which is meant. */
static void collect_spiffe(struct cert *cert, struct texts *texts, const GENERAL_NAMES *names)
{
	const ASN1_IA5STRING *uri = NULL;
	struct slice s;
	int uris = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_URI) {
			uri = name->d.ia5;
			uris++;
		}
	}
	if (uris != 1)
		return;
	s = slice_of(ASN1_STRING_get0_data(uri), (size_t)ASN1_STRING_length(uri));
	if (is_spiffe_id(s))
		texts_put(texts, &cert->spiffe_id, s);
}

static void make_room(struct cert *cert, const GENERAL_NAMES *names)
{
	size_t counts[CERT_SAN_COUNT] = { 0 };

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
		counts[kind_of(sk_GENERAL_NAME_value(names, i))]++;
	for (int kind = 0; kind < CERT_SAN_COUNT; kind++)
		if (counts[kind])
			cert->san[kind].items = mem_array(counts[kind], sizeof(struct slice));
}

void san_collect(struct cert *cert, struct texts *texts)
{
	/* NULL too when the extension is malformed or stands twice. */
	GENERAL_NAMES *names = X509_get_ext_d2i(cert->x509, NID_subject_alt_name, NULL, NULL);

	if (!names)
		return;
	make_room(cert, names);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		collect_one(&cert->san[kind_of(name)], texts, name);
	}
	collect_spiffe(cert, texts, names);
	GENERAL_NAMES_free(names);
}
