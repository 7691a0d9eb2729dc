/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/cert.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/mem.h"
#include "base/text.h"
#include "pki/san.h"
#include "pki/texts.h"
#include "pki/x509.h"

#define RFC9440_MAX (10 * 1024)

static enum err write_names(struct cert *cert, struct texts *texts)
{
	struct {
		struct slice *field;
		const X509_NAME *name;
		enum err (*write)(struct buf *b, const X509_NAME *name);
	} rows[] = {
		{ &cert->subject_dn, X509_get_subject_name(cert->x509), x509_name_rfc2253 },
		{ &cert->issuer_dn, X509_get_issuer_name(cert->x509), x509_name_rfc2253 },
		{ &cert->subject_dn_legacy, X509_get_subject_name(cert->x509), x509_name_legacy },
		{ &cert->issuer_dn_legacy, X509_get_issuer_name(cert->x509), x509_name_legacy },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum err err;

		texts_open(texts, rows[i].field);
		err = rows[i].write(&texts->bytes, rows[i].name);
		if (err)
			return err;
		texts_close(texts);
	}
	return ERR_OK;
}

static void write_cn(struct cert *cert, struct texts *texts)
{
	const X509_NAME *name = X509_get_subject_name(cert->x509);
	int last = -1, at = -1;

	while ((at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0)
		last = at;
	if (last < 0)
		return;
	texts_open(texts, &cert->cn);
	(void)x509_string(&texts->bytes, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
	texts_close(texts);
}

static void write_serial(struct cert *cert, struct texts *texts)
{
	bool positive;
	struct slice octets = x509_serial(cert->x509, &positive);

	texts_open(texts, &cert->serial);
	x509_serial_text(&texts->bytes, cert->x509);
	texts_close(texts);
	texts_put(texts, &cert->serial_octets, octets);
	cert->serial_ok = positive && octets.len <= X509_SERIAL_MAX;
}

static void write_hex(struct texts *texts, struct slice *field, struct slice octets, bool upper)
{
	texts_open(texts, field);
	text_hex(&texts->bytes, octets, upper);
	texts_close(texts);
}

static void write_key_ids(struct cert *cert, struct texts *texts)
{
	struct slice ski = x509_ski(cert->x509);

	write_hex(texts, &cert->ski, ski, true);
	texts_put(texts, &cert->ski_octets, ski);
	write_hex(texts, &cert->issuer_ski, x509_aki(cert->x509), true);
}

static enum err write_hashes(struct cert *cert, struct texts *texts, struct slice der)
{
	uint8_t sha1[20];

	if (!EVP_Digest(der.ptr, der.len, sha1, NULL, EVP_sha1(), NULL) ||
	    !EVP_Digest(der.ptr, der.len, cert->sha256_octets, NULL, EVP_sha256(), NULL) ||
	    !x509_spki_sha256(cert->x509, cert->spki_octets))
		return ERR_CRYPTO;
	write_hex(texts, &cert->sha1, slice_of(sha1, sizeof(sha1)), false);
	write_hex(texts, &cert->sha256, slice_of(cert->sha256_octets, 32), false);
	write_hex(texts, &cert->spki_sha256, slice_of(cert->spki_octets, 32), false);
	return ERR_OK;
}

/* As ASN1_TIME_print writes it, whose month names know no locale. */
static void write_date(struct texts *texts, struct slice *field, int64_t when)
{
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t seconds = (time_t)when;
	struct tm tm;

	texts_open(texts, field);
	if (gmtime_r(&seconds, &tm))
		buf_printf(&texts->bytes, "%s %2d %02d:%02d:%02d %d GMT", months[tm.tm_mon],
			   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_year + 1900);
	texts_close(texts);
}

static enum err write_dates(struct cert *cert, struct texts *texts)
{
	enum err err = x509_dates(cert->x509, &cert->not_before, &cert->not_after);

	if (err)
		return err;
	write_date(texts, &cert->not_before_text, cert->not_before);
	write_date(texts, &cert->not_after_text, cert->not_after);
	return ERR_OK;
}

/* Both views share one text: ":" base64 ":" (RFC 9440 2.1). */
static void write_base64(struct cert *cert, struct texts *texts, struct slice der)
{
	size_t at = texts->bytes.len, len;

	buf_u8(&texts->bytes, ':');
	text_base64(&texts->bytes, der);
	buf_u8(&texts->bytes, ':');
	len = texts->bytes.len - at;
	texts_view(texts, &cert->base64, at + 1, len - 2);
	cert->rfc9440_too_large = len > RFC9440_MAX;
	if (!cert->rfc9440_too_large)
		texts_view(texts, &cert->rfc9440, at, len);
}

static void write_usage(struct cert_list *list, struct texts *texts, const ASN1_OBJECT *oid)
{
	char dotted[256];
	int nid = OBJ_obj2nid(oid);
	const char *text = nid == NID_undef ? dotted : OBJ_nid2sn(nid);

	if (nid == NID_undef && OBJ_obj2txt(dotted, sizeof(dotted), oid, 1) >= (int)sizeof(dotted))
		return;
	texts_put(texts, &list->items[list->count++], slice_str(text));
}

static void write_eku(struct cert *cert, struct texts *texts)
{
	EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(cert->x509, NID_ext_key_usage, NULL, NULL);
	int count = sk_ASN1_OBJECT_num(usages);

	if (count > 0)
		cert->eku.items = mem_array((size_t)count, sizeof(struct slice));
	for (int i = 0; i < count; i++)
		write_usage(&cert->eku, texts, sk_ASN1_OBJECT_value(usages, i));
	EXTENDED_KEY_USAGE_free(usages);
}

static const char *key_type(const EVP_PKEY *key)
{
	static const char *const names[] = { "RSA", "EC", "ED25519", "ED448", "RSA-PSS", "DSA" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (EVP_PKEY_is_a(key, names[i]))
			return names[i];
	return EVP_PKEY_get0_type_name(key);
}

/* *type views the name and its NUL. */
static void read_key(struct cert *cert, struct texts *texts, struct slice *type)
{
	const EVP_PKEY *key = X509_get0_pubkey(cert->x509);
	const char *name = key ? key_type(key) : NULL;
	int bits = key ? EVP_PKEY_get_bits(key) : 0;

	if (!name)
		name = "unknown";
	texts_put(texts, type, slice_of(name, strlen(name) + 1));
	cert->key_bits = bits > 0 ? (unsigned)bits : 0;
}

static enum err fill(struct cert *cert, struct slice der)
{
	struct texts texts = { .bytes = buf_capped(0) };
	struct slice type;
	enum err err;

	texts_put(&texts, &cert->der, der);
	err = write_names(cert, &texts);
	if (!err)
		err = write_hashes(cert, &texts, der);
	if (!err)
		err = write_dates(cert, &texts);
	if (err) {
		texts_fini(&texts);
		return err;
	}
	write_cn(cert, &texts);
	write_serial(cert, &texts);
	write_key_ids(cert, &texts);
	write_base64(cert, &texts, der);
	write_eku(cert, &texts);
	san_collect(cert, &texts);
	read_key(cert, &texts, &type);
	cert->storage = texts_place(&texts);
	cert->key_type = (const char *)type.ptr;
	return ERR_OK;
}

enum err cert_parse(struct slice der, struct cert **out)
{
	struct cert *cert;
	X509 *x509;
	enum err err;

	*out = NULL;
	if (der.len > X509_DER_MAX)
		return ERR_LIMIT;
	x509 = x509_decode(der);
	if (!x509) {
		ERR_clear_error();
		return ERR_FORMAT;
	}
	cert = mem_new(sizeof(*cert));
	cert->refs = 1;
	cert->x509 = x509;
	err = fill(cert, der);
	/* Extensions that OpenSSL could not read leave words behind that are nobody's. */
	ERR_clear_error();
	if (err) {
		cert_unref(cert);
		return err;
	}
	*out = cert;
	return ERR_OK;
}

void cert_forget_x509(struct cert *cert)
{
	X509_free(cert->x509);
	cert->x509 = NULL;
}

struct cert *cert_ref(struct cert *cert)
{
	cert->refs++;
	return cert;
}

void cert_unref(struct cert *cert)
{
	if (!cert || --cert->refs)
		return;
	for (int kind = 0; kind < CERT_SAN_COUNT; kind++)
		free(cert->san[kind].items);
	free(cert->eku.items);
	free(cert->storage);
	X509_free(cert->x509);
	free(cert);
}
