/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes authorities and client certificates for measurements:
 * DIR/ca-N.pem, DIR/ca-0.key, DIR/leaf-N.der, DIR/leaf-N.pem (certificate and key), and
 * DIR/server.pem for a proxy. Leaf N is signed by authority N modulo their
 * number; even ones are EC P-256, odd ones RSA 2048.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/peer.h"
#include "lib/certs.h"

/* RSA keys take long to find, so that a few serve all leaves; the certificates differ. */
#define RSA_KEYS 4

static void write_file(const char *dir, const char *name, struct slice content)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		die("%s: this path is too long", dir);
	FILE *file = fopen(path, "wb");
	if (!file || fwrite(content.ptr, 1, content.len, file) != content.len || fclose(file) != 0)
		die("%s: %s", path, strerror(errno));
}

static void write_with_key(const char *dir, const char *name, const struct certs *certs)
{
	struct buf both = buf_capped(0);
	buf_str(&both, certs->pem);
	buf_str(&both, certs->key_pem);
	write_file(dir, name, buf_slice(&both));
	buf_fini(&both);
}

static struct certs *make_authority(const char *dir, size_t number)
{
	char subject[64], name[32];
	snprintf(subject, sizeof(subject), "/O=Bench/CN=Authority %zu", number);
	snprintf(name, sizeof(name), "ca-%zu.pem", number);
	struct certs *ca = certs_ca(subject, NULL);
	write_file(dir, name, slice_str(ca->pem));
	if (number == 0)
		write_file(dir, "ca-0.key", slice_str(ca->key_pem));
	return ca;
}

static void make_leaf(const char *dir, size_t number, const struct certs *issuer,
		      const struct certs *rsa)
{
	char subject[64], san[64], name[32];
	snprintf(subject, sizeof(subject), "/C=GB/O=Bench/OU=Devices/CN=device-%zu", number);
	snprintf(san, sizeof(san), "subjectAltName=DNS:device-%zu.example.com", number);
	const char *extensions[] = { san, NULL };
	bool is_rsa = number % 2 == 1;
	struct certs *leaf = certs_make(&(struct certs_spec){
		.subject = subject, .issuer = issuer, .extensions = extensions,
		.key = is_rsa ? CERTS_RSA : CERTS_EC, .same_key = is_rsa ? rsa : NULL });
	snprintf(name, sizeof(name), "leaf-%zu.der", number);
	write_file(dir, name, leaf->der);
	snprintf(name, sizeof(name), "leaf-%zu.pem", number);
	write_with_key(dir, name, leaf);
	certs_free(leaf);
}

int main(int argc, char **argv)
{
	size_t authorities = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	size_t leaves = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	if (authorities == 0 || authorities > 100000 || leaves > 1000000)
		die("usage: material DIR AUTHORITIES LEAVES");
	if (mkdir(argv[1], 0700) != 0 && errno != EEXIST)
		die("%s: %s", argv[1], strerror(errno));
	struct certs **cas = calloc(authorities, sizeof(struct certs *)), *rsa[RSA_KEYS];
	if (!cas)
		die("out of memory");
	for (size_t i = 0; i < authorities; i++)
		cas[i] = make_authority(argv[1], i);
	for (size_t i = 0; i < RSA_KEYS; i++)
		rsa[i] = certs_make(&(struct certs_spec){
			.subject = "/CN=key", .issuer = cas[0], .key = CERTS_RSA });
	for (size_t i = 0; i < leaves; i++)
		make_leaf(argv[1], i, cas[i % authorities], rsa[i / 2 % RSA_KEYS]);
	static const char *const server[] = { "extendedKeyUsage=serverAuth",
					      "subjectAltName=DNS:localhost", NULL };
	struct certs *front = certs_make(&(struct certs_spec){
		.subject = "/CN=localhost", .issuer = cas[0], .extensions = server });
	write_with_key(argv[1], "server.pem", front);
	certs_free(front);
	for (size_t i = 0; i < RSA_KEYS; i++)
		certs_free(rsa[i]);
	for (size_t i = 0; i < authorities; i++)
		certs_free(cas[i]);
	free(cas);
	return 0;
}
