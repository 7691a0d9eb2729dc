/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/trust.h"

#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/mem.h"
#include "pki/trust_store.h"
#include "pki/verify.h"
#include "pki/x509.h"

#define FILE_MAX (1u << 30)

/* What is known while a file is read. */
struct load {
	struct trust *trust;
	size_t room;
	const char *file;
	bool anchors;
	struct diag_list *diag;
	size_t blocks;
};

static bool is_known(const struct load *load, const X509 *x509, uint32_t hash)
{
	for (size_t i = 0; i < load->trust->count; i++) {
		const struct ca *ca = &load->trust->cas[i];

		/* A helper that is an anchor as well is an anchor. */
		if (ca->subject_hash == hash && X509_cmp(ca->x509, x509) == 0)
			return true;
	}
	return false;
}

static enum err describe(struct ca *ca)
{
	struct buf text = buf_capped(0);
	enum err err = x509_name_rfc2253(&text, X509_get_subject_name(ca->x509));

	if (!err)
		err = x509_dates(ca->x509, &ca->info.not_before, &ca->info.not_after);
	if (!err)
		ca->info.subject = slice_of(mem_dup(buf_slice(&text)), text.len);
	buf_fini(&text);
	ca->info.anchor = ca->anchor;
	return err;
}

static void warn(struct load *load, unsigned line, const struct ca *ca)
{
	EVP_PKEY *key = X509_get0_pubkey(ca->x509);
	const char *what = NULL;

	if (!key)
		what = "its key cannot be read";
	else if (EVP_PKEY_get_security_bits(key) < VERIFY_SECURITY_BITS)
		what = "its key is too weak";
	else if (X509_get_extension_flags(ca->x509) & EXFLAG_INVALID)
		what = "an extension is malformed";
	if (what)
		diag_add(load->diag, DIAG_WARNING, load->file, line, NULL,
			 "nothing can verify with this certificate, %s: %.*s", what,
			 SLICE_FMT(ca->info.subject));
}

static void fault(struct load *load, unsigned line, const char *hint, const char *what)
{
	diag_add(load->diag, DIAG_ERROR, load->file, line, hint, "%s", what);
}

static void add(struct load *load, unsigned line, struct slice der)
{
	struct trust *trust = load->trust;
	struct ca ca = { .x509 = x509_decode(der), .anchor = load->anchors };

	if (!ca.x509) {
		fault(load, line, NULL, "this PEM block is not one whole certificate");
		return;
	}
	ca.subject_hash = x509_name_hash(X509_get_subject_name(ca.x509));
	if (is_known(load, ca.x509, ca.subject_hash)) {
		X509_free(ca.x509);
		return;
	}
	if (describe(&ca)) {
		fault(load, line, NULL, "the name or a date of this certificate cannot be read");
		X509_free(ca.x509);
		return;
	}
	warn(load, line, &ca);
	if (trust->count == load->room) {
		load->room = load->room ? load->room * 2 : 1;
		trust->cas = mem_grow(trust->cas, load->room * sizeof(*trust->cas));
	}
	trust->cas[trust->count++] = ca;
}

/* One block, from its BEGIN to the next one or to the end of the text. */
static void read_block(struct load *load, unsigned line, struct slice block)
{
	BIO *bio = BIO_new_mem_buf(block.ptr, (int)block.len);
	char *name = NULL, *header = NULL;
	unsigned char *data = NULL;
	long len = 0;

	load->blocks++;
	if (!bio || PEM_read_bio(bio, &name, &header, &data, &len) != 1)
		fault(load, line, NULL, "this PEM block is malformed or has no end");
	else if (strcmp(name, PEM_STRING_X509) != 0 && strcmp(name, PEM_STRING_X509_OLD) != 0)
		diag_add(load->diag, DIAG_ERROR, load->file, line,
			 "only certificates belong here (BEGIN CERTIFICATE)",
			 "a PEM block of another kind: %.64s", name);
	else
		add(load, line, slice_of(data, len > 0 ? (size_t)len : 0));
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_clear_free(data, len > 0 ? (size_t)len : 0);
	BIO_free(bio);
	ERR_clear_error();
}

/* Blocks begin at the start of a line; what stands between them is for people. */
static void read_file(struct load *load, struct slice text)
{
	const struct slice begin = SLICE_LIT("-----BEGIN ");
	struct slice rest = text, block = SLICE_EMPTY;
	unsigned line = 0, block_line = 0;

	if (text.len > FILE_MAX) {
		fault(load, 0, NULL, "this file is too large");
		return;
	}
	while (rest.len) {
		struct slice start = rest, row = slice_cut(&rest, '\n');

		line++;
		if (!slice_starts(row, begin))
			continue;
		if (block_line) {
			block.len = (size_t)(start.ptr - block.ptr);
			read_block(load, block_line, block);
		}
		block = start;
		block_line = line;
	}
	if (block_line)
		read_block(load, block_line, block);
	if (!load->blocks)
		fault(load, 0, text.len && text.ptr[0] == 0x30 ?
		      "this looks like DER: openssl x509 -inform DER -in FILE" : NULL,
		      "there is no certificate in this file");
}

static int by_hash(const void *a, const void *b, void *arg)
{
	const struct trust *trust = arg;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	uint32_t p = trust->cas[x].subject_hash, q = trust->cas[y].subject_hash;

	if (p != q)
		return p < q ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void sort(struct trust *trust)
{
	trust->by_subject = mem_array(trust->count, sizeof(*trust->by_subject));
	for (size_t i = 0; i < trust->count; i++)
		trust->by_subject[i] = (uint32_t)i;
	qsort_r(trust->by_subject, trust->count, sizeof(*trust->by_subject), by_hash, trust);
}

size_t trust_find(const struct trust *trust, uint32_t subject_hash, size_t *count)
{
	size_t low = 0, high = trust->count, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (trust_at(trust, middle)->subject_hash < subject_hash)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < trust->count && trust_at(trust, end)->subject_hash == subject_hash;)
		end++;
	*count = end - low;
	return low;
}

enum err trust_load(struct slice anchors, const char *anchors_file, struct slice intermediates,
		    const char *intermediates_file, struct diag_list *diag, struct trust **out)
{
	struct trust *trust = mem_new(sizeof(*trust));
	struct load load = { .trust = trust, .file = anchors_file, .anchors = true, .diag = diag };
	size_t errors = diag->errors;

	*out = NULL;
	atomic_init(&trust->refs, 1);
	memory_init(&trust->memory);
	read_file(&load, anchors);
	if (intermediates.len) {
		load.file = intermediates_file;
		load.anchors = false;
		load.blocks = 0;
		read_file(&load, intermediates);
	}
	if (diag->errors > errors) {
		trust_unref(trust);
		return ERR_CONFIG;
	}
	trust->cas = mem_grow(trust->cas, trust->count * sizeof(*trust->cas));
	signers_find(trust);
	sort(trust);
	*out = trust;
	return ERR_OK;
}

struct trust *trust_ref(struct trust *trust)
{
	atomic_fetch_add_explicit(&trust->refs, 1, memory_order_relaxed);
	return trust;
}

void trust_unref(struct trust *trust)
{
	if (!trust || atomic_fetch_sub_explicit(&trust->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (size_t i = 0; i < trust->count; i++) {
		X509_free(trust->cas[i].x509);
		free((void *)(uintptr_t)trust->cas[i].info.subject.ptr);
	}
	free(trust->cas);
	free(trust->by_subject);
	memory_fini(&trust->memory);
	free(trust);
}

size_t trust_count(const struct trust *trust)
{
	return trust->count;
}

void trust_get(const struct trust *trust, size_t i, struct trust_ca *out)
{
	*out = trust->cas[i].info;
}
