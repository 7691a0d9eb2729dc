/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a revocation list of many entries with serials of 20 octets, by hand:
 * OpenSSL would take minutes for a million. The serials are the same in every
 * list but for the last, which is that of the certificate in LEAF where one is given.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "bench/peer.h"

#define SERIAL 20

static void put_length(struct buf *out, size_t len)
{
	size_t octets = len < 0x80 ? 0 : len < 0x100 ? 1 : len < 0x10000 ? 2 : len < 0x1000000 ? 3 : 4;
	buf_u8(out, (uint8_t)(octets ? 0x80 | octets : len));
	while (octets--)
		buf_u8(out, (uint8_t)(len >> (8 * octets)));
}

static void put_tlv(struct buf *out, uint8_t tag, struct slice content)
{
	buf_u8(out, tag);
	put_length(out, content.len);
	buf_put(out, content);
}

static void put_time(struct buf *out, time_t when)
{
	char text[20];
	struct tm tm;
	if (!gmtime_r(&when, &tm) || strftime(text, sizeof(text), "%Y%m%d%H%M%SZ", &tm) != 15)
		die("no date");
	put_tlv(out, 0x17, slice_str(text + 2)); /* a UTCTime has no century */
}

/* A stream of numbers without rhyme (splitmix64): entries come in no order. */
static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static void put_entry(struct buf *out, struct slice serial, time_t when)
{
	struct buf entry = buf_capped(0);
	put_tlv(&entry, 0x02, serial);
	put_time(&entry, when);
	put_tlv(out, 0x30, buf_slice(&entry));
	buf_fini(&entry);
}

static void put_entries(struct buf *out, size_t count, X509 *leaf)
{
	struct buf entries = buf_capped(0);
	uint64_t state = 1;
	uint8_t serial[SERIAL + 4];
	for (size_t i = 0; i + (leaf != NULL) < count; i++) {
		for (size_t k = 0; k < sizeof(serial); k += 8) {
			uint64_t n = next(&state);
			memcpy(serial + k, &n, 8);
		}
		serial[0] = (uint8_t)(0x40 | (serial[0] & 0x3f));
		put_entry(&entries, slice_of(serial, SERIAL), 1700000000 + (time_t)(i % 1000000));
	}
	if (leaf) {
		const ASN1_INTEGER *own = X509_get0_serialNumber(leaf);
		put_entry(&entries, slice_of(ASN1_STRING_get0_data(own), (size_t)ASN1_STRING_length(own)), 1700000000);
	}
	put_tlv(out, 0x30, buf_slice(&entries));
	buf_fini(&entries);
}

/* crlExtensions with the CRL number alone. */
static void put_extensions(struct buf *out, uint8_t number)
{
	const uint8_t bytes[] = { 0xa0, 14, 0x30, 12, 0x30, 10, 0x06, 3, 0x55, 0x1d, 20, 0x04, 3, 0x02, 1, number };
	buf_put(out, slice_of(bytes, sizeof(bytes)));
}

static void put_tbs(struct buf *out, X509 *ca, X509 *leaf, size_t count, uint8_t number)
{
	static const uint8_t head[] = { 0x02, 1, 1, 0x30, 10, 0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2 };
	struct buf body = buf_capped(0);
	unsigned char *name = NULL;
	int len = i2d_X509_NAME(X509_get_subject_name(ca), &name);
	buf_put(&body, slice_of(head, sizeof(head)));
	buf_put(&body, slice_of(name, (size_t)len));
	put_time(&body, time(NULL) - 60);
	put_time(&body, time(NULL) + 86400);
	if (count)
		put_entries(&body, count, leaf);
	put_extensions(&body, number);
	put_tlv(out, 0x30, buf_slice(&body));
	OPENSSL_free(name);
	buf_fini(&body);
}

static void put_signature(struct buf *out, EVP_PKEY *key, struct slice tbs)
{
	static const uint8_t algorithm[] = { 0x30, 10, 0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2 };
	unsigned char bits[256] = { 0 };
	size_t len = sizeof(bits) - 1;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (!ctx || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(ctx, bits + 1, &len, tbs.ptr, tbs.len) != 1)
		die("cannot sign");
	EVP_MD_CTX_free(ctx);
	buf_put(out, slice_of(algorithm, sizeof(algorithm)));
	put_tlv(out, 0x03, slice_of(bits, len + 1));
}

static X509 *read_certificate(const char *path)
{
	FILE *file = fopen(path, "rb");
	X509 *x509 = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
	if (!x509)
		die("%s: no certificate", path);
	fclose(file);
	return x509;
}

static EVP_PKEY *read_key(const char *path)
{
	FILE *file = fopen(path, "rb");
	EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
	if (!key || !EVP_PKEY_is_a(key, "EC"))
		die("%s: no EC key", path);
	fclose(file);
	return key;
}

int main(int argc, char **argv)
{
	struct buf tbs = buf_capped(0), list = buf_capped(0), inner = buf_capped(0);
	if (argc < 6)
		die("usage: biglist CA.pem CA.key ENTRIES NUMBER OUT [LEAF.pem]");
	X509 *ca = read_certificate(argv[1]), *leaf = argc > 6 ? read_certificate(argv[6]) : NULL;
	EVP_PKEY *key = read_key(argv[2]);
	put_tbs(&tbs, ca, leaf, strtoul(argv[3], NULL, 10), (uint8_t)strtoul(argv[4], NULL, 10));
	buf_put(&inner, buf_slice(&tbs));
	put_signature(&inner, key, buf_slice(&tbs));
	put_tlv(&list, 0x30, buf_slice(&inner));
	FILE *file = fopen(argv[5], "wb");
	if (!file || fwrite(list.ptr, 1, list.len, file) != list.len || fclose(file) != 0)
		die("%s: %s", argv[5], strerror(errno));
	buf_fini(&tbs);
	buf_fini(&inner);
	buf_fini(&list);
	EVP_PKEY_free(key);
	X509_free(ca);
	X509_free(leaf);
	return 0;
}
