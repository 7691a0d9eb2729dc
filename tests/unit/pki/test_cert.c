/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/asn1.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "lib/certs.h"
#include "lib/vectors.h"
#include "pki/cert.h"

static void assert_text(struct slice got, const char *want)
{
	char text[1024];

	assert_true(got.len < sizeof(text));
	if (got.len)
		memcpy(text, got.ptr, got.len);
	text[got.len] = '\0';
	assert_string_equal(text, want);
	assert_int_equal(got.len, strlen(want));
}

static struct cert *parse(struct slice der)
{
	struct cert *cert = NULL;

	assert_int_equal(cert_parse(der, &cert), ERR_OK);
	assert_non_null(cert);
	return cert;
}

static struct cert *parse_spec(const struct certs_spec *spec)
{
	struct certs *certs = certs_make(spec);
	struct cert *cert = parse(certs->der);

	certs_free(certs);
	return cert;
}

static void assert_refused(struct slice der, enum err err)
{
	struct cert *cert = (struct cert *)&der;

	assert_int_equal(cert_parse(der, &cert), err);
	assert_null(cert);
}

static void refuses_what_is_no_certificate(void **state)
{
	(void)state;
	assert_refused(SLICE_EMPTY, ERR_FORMAT);
	assert_refused(SLICE_LIT("-----BEGIN CERTIFICATE-----"), ERR_FORMAT);
	assert_refused(SLICE_LIT("\x30\x00"), ERR_FORMAT);
	assert_refused(SLICE_LIT("\x30\x80\x00\x00"), ERR_FORMAT);
}

static void refuses_every_cut(void **state)
{
	struct slice der = certs_base64(vector_leaf);

	(void)state;
	for (size_t n = 0; n < der.len; n++) {
		uint8_t *part = malloc(n + 1);

		memcpy(part, der.ptr, n);
		assert_refused(slice_of(part, n), ERR_FORMAT);
		free(part);
	}
	free((void *)(uintptr_t)der.ptr);
}

static void refuses_trailing_bytes(void **state)
{
	struct slice der = certs_base64(vector_leaf);
	uint8_t *longer = calloc(1, der.len + 1);

	(void)state;
	memcpy(longer, der.ptr, der.len);
	assert_refused(slice_of(longer, der.len + 1), ERR_FORMAT);
	free(longer);
	free((void *)(uintptr_t)der.ptr);
}

/* The outer length in three octets instead of two: BER, which OpenSSL reads. */
static void refuses_another_encoding(void **state)
{
	struct slice der = certs_base64(vector_leaf);
	uint8_t *other = malloc(der.len + 1);

	(void)state;
	assert_int_equal(der.ptr[1], 0x82);
	other[0] = 0x30;
	other[1] = 0x83;
	other[2] = 0;
	memcpy(other + 3, der.ptr + 2, der.len - 2);
	assert_refused(slice_of(other, der.len + 1), ERR_FORMAT);
	free(other);
	free((void *)(uintptr_t)der.ptr);
}

static void refuses_large_ones(void **state)
{
	uint8_t *zeros = calloc(1, 64 * 1024 + 1);

	(void)state;
	assert_refused(slice_of(zeros, 64 * 1024 + 1), ERR_LIMIT);
	assert_refused(slice_of(zeros, 64 * 1024), ERR_FORMAT);
	free(zeros);
}

static void equals_the_vectors(void **state)
{
	struct slice der = certs_base64(vector_leaf);
	struct cert *cert = parse(der);
	struct buf want = buf_capped(0);

	(void)state;
	assert_text(cert->subject_dn, "CN=sensor-\\C3\\A9-001,OU=Lab\\+Floor \\\"2\\\",O=Example\\, Ltd,C=GB");
	assert_text(cert->issuer_dn, "CN=Test mTLS CA 1,OU=Devices,O=Example\\, Ltd,C=GB");
	assert_text(cert->subject_dn_legacy,
		    "/C=GB/O=Example, Ltd/OU=Lab\\+Floor \"2\"/CN=sensor-\\xC3\\xA9-001");
	assert_text(cert->issuer_dn_legacy, "/C=GB/O=Example, Ltd/OU=Devices/CN=Test mTLS CA 1");
	assert_text(cert->cn, "sensor-\xc3\xa9-001");
	assert_text(cert->serial, "936EACBE07F201DF");
	assert_int_equal(cert->serial_octets.len, 8);
	assert_true(cert->serial_ok);
	assert_text(cert->ski, "F7EB1E2E5C90CB11D2B49554E5E302D20F965727");
	assert_int_equal(cert->ski_octets.len, 20);
	assert_text(cert->issuer_ski, "ADEFE220664F0C65A0E4507BCAD2BACA83A6FA2A");
	assert_text(cert->sha1, "c8c9957a6ff48c871b5e70f11b50d28a3899e28c");
	assert_text(cert->sha256, "04b354cfc8784262786aa110c944867af626cad95843029c69ac1f052eb1b77e");
	assert_int_equal(cert->sha256_octets[0], 0x04);
	assert_text(cert->not_before_text, "Mar  5 07:08:09 2026 GMT");
	assert_text(cert->not_after_text, "Mar  5 07:08:09 2027 GMT");
	assert_int_equal(cert->not_before, 1772694489);
	assert_int_equal(cert->not_after, 1804230489);
	assert_int_equal(cert->san[CERT_SAN_URI].count, 1);
	assert_text(cert->san[CERT_SAN_URI].items[0], "spiffe://example.test/sensor/001");
	assert_text(cert->spiffe_id, "spiffe://example.test/sensor/001");
	assert_int_equal(cert->eku.count, 1);
	assert_text(cert->eku.items[0], "clientAuth");
	assert_string_equal(cert->key_type, "EC");
	assert_int_equal(cert->key_bits, 256);
	assert_text(cert->base64, vector_leaf);
	buf_printf(&want, ":%s:", vector_leaf);
	assert_true(slice_eq(cert->rfc9440, buf_slice(&want)));
	assert_false(cert->rfc9440_too_large);
	assert_true(slice_eq(cert->der, der));
	buf_fini(&want);
	cert_unref(cert);
	free((void *)(uintptr_t)der.ptr);
}

static void names_every_kind_of_key(void **state)
{
	static const struct {
		enum certs_key_type key;
		const char *name;
		unsigned bits;
	} rows[] = {
		{ CERTS_RSA, "RSA", 2048 },	    { CERTS_RSA_PSS, "RSA-PSS", 2048 },
		{ CERTS_P384, "EC", 384 },	    { CERTS_ED25519, "ED25519", 256 },
		{ CERTS_ED448, "ED448", 456 },	    { CERTS_RSA_1024, "RSA", 1024 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cert *cert =
			parse_spec(&(struct certs_spec){ .subject = "/CN=key", .key = rows[i].key });

		assert_string_equal(cert->key_type, rows[i].name);
		assert_int_equal(cert->key_bits, rows[i].bits);
		assert_int_equal(cert->spki_sha256.len, 64);
		cert_unref(cert);
	}
}

/* An algorithm that no library of today knows stands in the place of the EC key's. */
static void set_unknown_key(X509 *x509, void *arg)
{
	X509_PUBKEY *key = X509_get_X509_PUBKEY(x509);
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.55555.1.1", 1);
	uint8_t *octets = calloc(1, 32);

	(void)arg;
	assert_int_equal(X509_PUBKEY_set0_param(key, oid, V_ASN1_UNDEF, NULL, octets, 32), 1);
}

static void names_an_unknown_key(void **state)
{
	struct cert *cert;

	(void)state;
	cert = parse_spec(&(struct certs_spec){ .subject = "/CN=key", .tweak = set_unknown_key,
		.extensions = (const char *const[]){ "subjectKeyIdentifier=", NULL } });
	assert_string_equal(cert->key_type, "unknown");
	assert_int_equal(cert->key_bits, 0);
	cert_unref(cert);
}

static void writes_serials(void **state)
{
	static const struct {
		const char *serial, *text;
		size_t octets;
		bool ok;
	} rows[] = {
		{ "01", "01", 1, true },
		{ "7f", "7F", 1, true },
		{ "80", "80", 1, true },
		{ "00936EACBE07F201DF", "936EACBE07F201DF", 8, true },
		{ "0abc", "0ABC", 2, true },
		{ "0", "00", 0, false },
		{ "-1", "-01", 1, false },
		{ "-80", "-80", 1, false },
		{ "ffffffffffffffffffffffffffffffffffffffff",
		  "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", 20, true },
		{ "01ffffffffffffffffffffffffffffffffffffffff",
		  "01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", 21, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cert *cert = parse_spec(
			&(struct certs_spec){ .subject = "/CN=x", .serial = rows[i].serial });

		assert_text(cert->serial, rows[i].text);
		assert_int_equal(cert->serial_octets.len, rows[i].octets);
		assert_int_equal(cert->serial_ok, rows[i].ok);
		cert_unref(cert);
	}
}

static void writes_every_kind_of_san(void **state)
{
	const char *const extensions[] = {
		"subjectAltName=DNS:a.example,DNS:*.b.example,URI:https://x/?a=b,email:a@example,"
		"IP:192.0.2.1,IP:2001:db8::1,dirName:dn,RID:1.2.3.4,"
		"otherName:1.3.6.1.4.1.311.20.2.3;UTF8:alice@corp,otherName:1.2.3;INTEGER:5,"
		"otherName:1.2.3;UTF8:#05", NULL };
	struct cert *cert = parse_spec(&(struct certs_spec){ .subject = "/CN=x",
		.extensions = extensions, .conf = "[dn]\nO=Org\nCN=Some, one\n" });
	const struct cert_list *san = cert->san;

	(void)state;
	assert_int_equal(san[CERT_SAN_DNS].count, 2);
	assert_text(san[CERT_SAN_DNS].items[0], "a.example");
	assert_text(san[CERT_SAN_DNS].items[1], "*.b.example");
	assert_int_equal(san[CERT_SAN_URI].count, 1);
	assert_text(san[CERT_SAN_URI].items[0], "https://x/?a=b");
	assert_text(cert->spiffe_id, "");
	assert_int_equal(san[CERT_SAN_EMAIL].count, 1);
	assert_text(san[CERT_SAN_EMAIL].items[0], "a@example");
	assert_int_equal(san[CERT_SAN_IP].count, 2);
	assert_text(san[CERT_SAN_IP].items[0], "192.0.2.1");
	assert_text(san[CERT_SAN_IP].items[1], "2001:db8::1");
	assert_int_equal(san[CERT_SAN_DIR].count, 1);
	assert_text(san[CERT_SAN_DIR].items[0], "CN=Some\\, one,O=Org");
	assert_int_equal(san[CERT_SAN_OTHER].count, 4);
	assert_text(san[CERT_SAN_OTHER].items[0], "registeredID:1.2.3.4");
	assert_text(san[CERT_SAN_OTHER].items[1], "1.3.6.1.4.1.311.20.2.3:alice@corp");
	assert_text(san[CERT_SAN_OTHER].items[2], "1.2.3:#020105");
	assert_text(san[CERT_SAN_OTHER].items[3], "1.2.3:#0C03233035");
	cert_unref(cert);
}

static void writes_ip_addresses_as_rfc_5952_does(void **state)
{
	static const char *const rows[][2] = {
		{ "0:0:0:0:0:0:0:0", "::" },
		{ "0:0:0:0:0:0:0:1", "::1" },
		{ "1:0:0:0:0:0:0:0", "1::" },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "0:0:0:0:0:ffff:c000:201", "::ffff:192.0.2.1" },
		{ "2001:DB8:ABCD:12:1:2:3:4", "2001:db8:abcd:12:1:2:3:4" },
		{ "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char extension[128];
		struct cert *cert;

		snprintf(extension, sizeof(extension), "subjectAltName=IP:%s", rows[i][0]);
		cert = parse_spec(&(struct certs_spec){ .subject = "/CN=x",
			.extensions = (const char *const[]){ extension, NULL } });
		assert_text(cert->san[CERT_SAN_IP].items[0], rows[i][1]);
		cert_unref(cert);
	}
}

/* SAN { dNSName "a\0b", dNSName "c", iPAddress of 5 octets, rfc822Name "\xe9@x" } */
static void drops_san_texts_that_could_deceive(void **state)
{
	const char *const extensions[] = {
		"2.5.29.17=DER:30:15:82:03:61:00:62:82:01:63:87:05:01:02:03:04:05:81:04:e9:40:78:0a",
		NULL };
	struct cert *cert = parse_spec(
		&(struct certs_spec){ .subject = "/CN=x", .extensions = extensions });

	(void)state;
	assert_int_equal(cert->san[CERT_SAN_DNS].count, 1);
	assert_text(cert->san[CERT_SAN_DNS].items[0], "c");
	assert_int_equal(cert->san[CERT_SAN_IP].count, 0);
	assert_int_equal(cert->san[CERT_SAN_EMAIL].count, 0);
	cert_unref(cert);
}

static void reads_spiffe_ids_strictly(void **state)
{
	static const char *const rows[][2] = {
		{ "URI:spiffe://td/a/b", "spiffe://td/a/b" },
		{ "URI:spiffe://td", "spiffe://td" },
		{ "URI:spiffe://td/", "" },
		{ "URI:spiffe://", "" },
		{ "URI:spiffe://TD/a", "" },
		{ "URI:spiffe://td/a//b", "" },
		{ "URI:spiffe://td/../b", "" },
		{ "URI:spiffe://td/a?x", "" },
		{ "URI:spiffe://td:80/a", "" },
		{ "URI:https://td/a", "" },
		{ "URI:spiffe://td/a,URI:spiffe://td/b", "" },
		{ "URI:spiffe://td/a,URI:https://x", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char extension[128];
		struct cert *cert;

		snprintf(extension, sizeof(extension), "subjectAltName=%s", rows[i][0]);
		cert = parse_spec(&(struct certs_spec){ .subject = "/CN=x",
			.extensions = (const char *const[]){ extension, NULL } });
		assert_text(cert->spiffe_id, rows[i][1]);
		cert_unref(cert);
	}
}

/* A malformed extension that is known leaves its fields empty. */
static void survives_malformed_extensions(void **state)
{
	const char *const extensions[] = { "2.5.29.17=DER:30:05:01", "2.5.29.37=DER:04:00",
					   "extendedKeyUsage=", NULL };
	struct cert *cert = parse_spec(
		&(struct certs_spec){ .subject = "/CN=x", .extensions = extensions });

	(void)state;
	for (int kind = 0; kind < CERT_SAN_COUNT; kind++)
		assert_int_equal(cert->san[kind].count, 0);
	assert_int_equal(cert->eku.count, 0);
	cert_unref(cert);
}

static void lists_extended_key_usages(void **state)
{
	const char *const extensions[] = { "extendedKeyUsage=serverAuth,clientAuth,1.2.3.4.5,anyExtendedKeyUsage",
					   NULL };
	struct cert *cert = parse_spec(
		&(struct certs_spec){ .subject = "/CN=x", .extensions = extensions });

	(void)state;
	assert_int_equal(cert->eku.count, 4);
	assert_text(cert->eku.items[0], "serverAuth");
	assert_text(cert->eku.items[1], "clientAuth");
	assert_text(cert->eku.items[2], "1.2.3.4.5");
	assert_text(cert->eku.items[3], "anyExtendedKeyUsage");
	cert_unref(cert);
}

struct rdn {
	int type; /* V_ASN1_… */
	const char *bytes;
	int len;
};

static void set_cns(X509 *x509, void *arg)
{
	X509_NAME *name = X509_NAME_new();

	for (const struct rdn *rdn = arg; rdn->bytes; rdn++)
		assert_int_equal(X509_NAME_add_entry_by_NID(name, NID_commonName, rdn->type,
				 (const unsigned char *)rdn->bytes, rdn->len, -1, 0), 1);
	assert_int_equal(X509_set_subject_name(x509, name), 1);
	X509_NAME_free(name);
}

static struct cert *with_cns(struct rdn *rdns)
{
	return parse_spec(&(struct certs_spec){ .subject = "/CN=x", .tweak = set_cns,
						.tweak_arg = rdns });
}

static void takes_the_most_specific_cn(void **state)
{
	struct rdn rdns[] = { { V_ASN1_UTF8STRING, "first", 5 }, { V_ASN1_UTF8STRING, "last", 4 },
			      { 0, NULL, 0 } };
	struct cert *cert = with_cns(rdns);

	(void)state;
	assert_text(cert->cn, "last");
	assert_text(cert->subject_dn, "CN=last,CN=first");
	cert_unref(cert);
}

static void converts_every_string_type(void **state)
{
	struct rdn rows[][2] = {
		{ { V_ASN1_BMPSTRING, "\0a\1\x41", 4 }, { 0, NULL, 0 } },
		{ { V_ASN1_T61STRING, "caf\xe9", 4 }, { 0, NULL, 0 } },
		{ { V_ASN1_UNIVERSALSTRING, "\0\0\0a", 4 }, { 0, NULL, 0 } },
	};
	const char *const texts[] = { "a\xc5\x81", "caf\xc3\xa9", "a" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct cert *cert = with_cns(rows[i]);

		assert_text(cert->cn, texts[i]);
		cert_unref(cert);
	}
}

static void keeps_nuls_and_controls_out_of_texts(void **state)
{
	struct rdn rows[][2] = {
		{ { V_ASN1_UTF8STRING, "admin\0x", 7 }, { 0, NULL, 0 } },
		{ { V_ASN1_UTF8STRING, "a\r\nb", 4 }, { 0, NULL, 0 } },
		{ { V_ASN1_UTF8STRING, "a\xc2\x85z", 4 }, { 0, NULL, 0 } },
		{ { V_ASN1_UTF8STRING, "a\x7f", 2 }, { 0, NULL, 0 } },
	};
	const char *const rfc2253[] = { "CN=admin\\00x", "CN=a\\0D\\0Ab", "CN=a\\C2\\85z", "CN=a\\7F" };
	const char *const legacy[] = { "/CN=admin\\x00x", "/CN=a\\x0D\\x0Ab", "/CN=a\\xC2\\x85z",
				       "/CN=a\\x7F" };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct cert *cert = with_cns(rows[i]);

		assert_text(cert->cn, "");
		assert_text(cert->subject_dn, rfc2253[i]);
		assert_text(cert->subject_dn_legacy, legacy[i]);
		cert_unref(cert);
	}
}

static void escapes_slash_and_plus_in_legacy_names(void **state)
{
	struct rdn rdns[] = { { V_ASN1_UTF8STRING, "x/OU=admin+y", 12 }, { 0, NULL, 0 } };
	struct cert *cert = with_cns(rdns);

	(void)state;
	assert_text(cert->subject_dn_legacy, "/CN=x\\/OU=admin\\+y");
	cert_unref(cert);
}

static void bears_an_empty_subject(void **state)
{
	struct cert *cert = parse_spec(&(struct certs_spec){ .subject = NULL });

	(void)state;
	assert_text(cert->subject_dn, "");
	assert_text(cert->subject_dn_legacy, "");
	assert_text(cert->cn, "");
	cert_unref(cert);
}

static void spoil_date(X509 *x509, void *arg)
{
	assert_int_equal(ASN1_STRING_set((ASN1_STRING *)(uintptr_t)X509_get0_notAfter(x509), arg, -1), 1);
}

static void refuses_dates_that_are_none(void **state)
{
	struct certs *certs = certs_make(&(struct certs_spec){ .subject = "/CN=x", .tweak = spoil_date,
							       .tweak_arg = (void *)(uintptr_t)"991399000000Z" });

	(void)state;
	assert_refused(certs->der, ERR_FORMAT);
	certs_free(certs);
}

static void reads_dates_beyond_2049(void **state)
{
	struct cert *cert = parse_spec(&(struct certs_spec){ .subject = "/CN=x",
							     .not_after = INT64_C(253402300799) });

	(void)state;
	assert_text(cert->not_after_text, "Dec 31 23:59:59 9999 GMT");
	assert_int_equal(cert->not_after, INT64_C(253402300799));
	cert_unref(cert);
}

/* The limit counts the text with its colons: 7677 octets make 10236 + 2 digits, 7680 make 10240 + 2. */
static void leaves_rfc9440_out_over_10_kib(void **state)
{
	(void)state;
	for (size_t filler = 7250; filler < 7600; filler++) {
		struct buf extension = buf_capped(0);
		struct cert *cert;
		bool large;

		buf_str(&extension, "1.2.3.4=ASN1:UTF8:");
		for (size_t i = 0; i < filler; i++)
			buf_u8(&extension, 'x');
		buf_u8(&extension, '\0');
		cert = parse_spec(&(struct certs_spec){ .subject = "/CN=x", .serial = "01",
			.extensions = (const char *const[]){ (const char *)extension.ptr, NULL } });
		large = (cert->der.len + 2) / 3 * 4 + 2 > 10240;
		assert_int_equal(cert->rfc9440_too_large, large);
		assert_int_equal(cert->rfc9440.len == 0, large);
		assert_int_equal(cert->base64.len, (cert->der.len + 2) / 3 * 4);
		cert_unref(cert);
		buf_fini(&extension);
	}
}

static void counts_references(void **state)
{
	struct cert *cert = parse_spec(&(struct certs_spec){ .subject = "/CN=x" });

	(void)state;
	assert_ptr_equal(cert_ref(cert), cert);
	cert_unref(cert);
	assert_text(cert->cn, "x");
	cert_unref(cert);
	cert_unref(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_is_no_certificate),
		cmocka_unit_test(refuses_every_cut),
		cmocka_unit_test(refuses_trailing_bytes),
		cmocka_unit_test(refuses_another_encoding),
		cmocka_unit_test(refuses_large_ones),
		cmocka_unit_test(equals_the_vectors),
		cmocka_unit_test(names_every_kind_of_key),
		cmocka_unit_test(names_an_unknown_key),
		cmocka_unit_test(writes_serials),
		cmocka_unit_test(writes_every_kind_of_san),
		cmocka_unit_test(writes_ip_addresses_as_rfc_5952_does),
		cmocka_unit_test(drops_san_texts_that_could_deceive),
		cmocka_unit_test(reads_spiffe_ids_strictly),
		cmocka_unit_test(survives_malformed_extensions),
		cmocka_unit_test(lists_extended_key_usages),
		cmocka_unit_test(takes_the_most_specific_cn),
		cmocka_unit_test(converts_every_string_type),
		cmocka_unit_test(keeps_nuls_and_controls_out_of_texts),
		cmocka_unit_test(escapes_slash_and_plus_in_legacy_names),
		cmocka_unit_test(bears_an_empty_subject),
		cmocka_unit_test(refuses_dates_that_are_none),
		cmocka_unit_test(reads_dates_beyond_2049),
		cmocka_unit_test(leaves_rfc9440_out_over_10_kib),
		cmocka_unit_test(counts_references),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
