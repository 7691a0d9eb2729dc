/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "lib/crls.h"
#include "lib/io.h"
#include "lib/trusts.h"
#include "pki/x509.h"
#include "svc/list_job.h"

/* Bytes that become lists, and the copies of them that are kept, without the revoker around. */
static struct certs *ca, *rsa;
static struct trust *trust;
static char folder[64];

static int set_up(void **state)
{
	(void)state;
	ca = certs_ca("/CN=Lists", NULL);
	rsa = certs_make(&(struct certs_spec){ .subject = "/CN=Old", .ca = true, .key = CERTS_RSA });
	trust = trusts_of((const struct certs *[]){ ca, rsa }, 2, NULL, 0);
	io_mkdir(folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	trust_unref(trust);
	certs_free(ca);
	certs_free(rsa);
	io_rmdir(folder);
	return 0;
}

static const char *path_of(const char *name)
{
	static char texts[4][128];
	static unsigned turn;
	char *text = texts[turn++ % 4];

	snprintf(text, sizeof(texts[0]), "%s/%s", folder, name);
	return text;
}

static void write_file(const char *path, struct slice bytes)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
	assert_int_equal(fclose(file), 0);
}

static bool holds(const char *path, struct slice want)
{
	struct bulk bulk;
	bool same = bulk_read(&bulk, path, LIST_TEXT_MAX) == ERR_OK && slice_eq(bulk_slice(&bulk), want);

	bulk_fini(&bulk);
	return same;
}

static struct list_job *job_of(struct slice bytes, const char *copy)
{
	struct list_job *job = mem_new(sizeof(*job));

	job->from = LIST_FROM_BODY;
	job->trust = trust_ref(trust);
	job->now = CERTS_NOW;
	job->copy = copy ? mem_dup(slice_str(copy)) : NULL;
	assert_int_equal(bulk_put(&job->body, bytes, LIST_TEXT_MAX), ERR_OK);
	return job;
}

static void refused(struct slice bytes, enum err err, const char *why)
{
	struct list_job *job = job_of(bytes, path_of("refused.crl"));

	list_job_run(job);
	assert_int_equal(job->err, err);
	assert_non_null(strstr(job->why, why));
	assert_int_equal(job->list_count + job->new_delta_count + job->new_mark_count, 0);
	list_job_free(job);
	/* Neither it nor a draft of it is kept. */
	assert_int_equal(access(path_of("refused.crl"), F_OK), -1);
	assert_int_equal(access(path_of("refused.crl.new"), F_OK), -1);
}

static void refuses_what_is_no_list(void **state)
{
	(void)state;
	refused(SLICE_LIT("hello"), ERR_FORMAT, "neither a whole DER list");
	refused(SLICE_LIT("\x30\x03\x02\x01\x00"), ERR_FORMAT, "malformed");
	refused(SLICE_LIT("-----BEGIN X509 CRL-----\nMAA=\n"), ERR_FORMAT, "neither");
}

static void refuses_weak_signatures(void **state)
{
	static const char *const digests[] = { "SHA1", "MD5" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct slice der = crls_make(&(struct crls_spec){ .issuer = rsa, .digest = digests[i] });

		refused(der, ERR_CRYPTO, "signed with SHA-1 or weaker");
		free((void *)(uintptr_t)der.ptr);
	}
}

/* One SEQUENCE of that many octets, which is no list. */
static uint8_t *sequence(size_t len)
{
	uint8_t *bytes = calloc(1, len);
	size_t content = len - 6;

	bytes[0] = 0x30;
	bytes[1] = 0x84;
	for (size_t i = 0; i < 4; i++)
		bytes[2 + i] = (uint8_t)(content >> (24 - 8 * i));
	return bytes;
}

static struct slice as_pem(const uint8_t *bytes, size_t len)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct buf out = buf_capped(0);

	buf_str(&out, "-----BEGIN X509 CRL-----\r\n");
	for (size_t i = 0; i < len; i += 3) {
		uint32_t n = (uint32_t)bytes[i] << 16 | (i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0) |
			     (i + 2 < len ? bytes[i + 2] : 0);
		const char text[4] = { alphabet[n >> 18], alphabet[n >> 12 & 63],
				       i + 1 < len ? alphabet[n >> 6 & 63] : '=', i + 2 < len ? alphabet[n & 63] : '=' };

		buf_put(&out, slice_of(text, 4));
		if (i % 48 == 45)
			buf_str(&out, "\r\n");
	}
	buf_str(&out, "\r\n-----END X509 CRL-----\r\n");
	return slice_of(out.ptr, out.len);
}

/* 64 MB to the octet, in whichever form they come. */
static void bounds_what_is_decoded(void **state)
{
	(void)state;
	for (size_t over = 0; over < 2; over++) {
		size_t len = LIST_BYTES_MAX + over;
		enum err err = over ? ERR_LIMIT : ERR_FORMAT;
		const char *why = over ? "larger than 64 MB" : "malformed";
		uint8_t *bytes = sequence(len);
		struct slice pem = as_pem(bytes, len);

		refused(slice_of(bytes, len), err, why);
		assert_true(pem.len <= LIST_TEXT_MAX);
		refused(pem, err, why);
		free(bytes);
		free((void *)(uintptr_t)pem.ptr);
	}
}

static void bounds_files(void **state)
{
	struct list_job *job = mem_new(sizeof(*job));

	(void)state;
	write_file(path_of("large.crl"), SLICE_LIT("x"));
	assert_int_equal(truncate(path_of("large.crl"), LIST_TEXT_MAX + 1), 0);
	job->path = mem_dup(slice_str(path_of("large.crl")));
	list_job_run(job);
	assert_int_equal(job->err, ERR_LIMIT);
	assert_non_null(strstr(job->why, "64 MB"));
	list_job_free(job);
	unlink(path_of("large.crl"));
}

static struct slice list_numbered(const char *number)
{
	static const struct crls_entry entries[] = { { .serial = "0A" }, { 0 } };

	return crls_make(&(struct crls_spec){ .issuer = ca, .number = number, .entries = entries });
}

static void keeps_what_is_good(void **state)
{
	struct slice der = list_numbered("05");
	struct list_job *job = job_of(der, path_of("kept.crl"));

	(void)state;
	list_job_run(job);
	assert_int_equal(job->err, ERR_OK);
	assert_int_equal(job->list_count, 1);
	assert_true(job->lists[0].verified && !job->copy_failed);
	assert_true(holds(path_of("kept.crl"), der));
	assert_int_equal(access(path_of("kept.crl.new"), F_OK), -1);
	list_job_free(job);
	free((void *)(uintptr_t)der.ptr);
}

/* A disk that takes no more: the list counts all the same, half a copy is not there, and the old one is known to be old. */
static void a_full_disk_stops_no_list(void **state)
{
	struct slice before = list_numbered("05"), after = list_numbered("06");
	struct list_job *job = job_of(before, path_of("full.crl"));
	struct rlimit old, small;

	(void)state;
	list_job_run(job);
	assert_int_equal(job->err, ERR_OK);
	list_job_free(job);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){ 100, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	job = job_of(after, path_of("full.crl"));
	list_job_run(job);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(job->err, ERR_OK);
	assert_int_equal(job->list_count, 1);
	assert_true(job->lists[0].verified && job->copy_failed);
	assert_non_null(strstr(job->why, strerror(EFBIG)));
	list_job_free(job);
	assert_int_equal(access(path_of("full.crl.new"), F_OK), -1);
	assert_int_equal(access(path_of("full.crl"), F_OK), -1);
	assert_true(holds(path_of("full.crl.outdated"), before));
	free((void *)(uintptr_t)before.ptr);
	free((void *)(uintptr_t)after.ptr);
}

/* Writes the one and the other version for ever. */
static void keep_on(const char *path, struct slice a, struct slice b)
{
	for (;;)
		for (int i = 0; i < 2; i++)
			if (list_draft(path, i ? a : b) || list_keep(path))
				_exit(1);
}

static void a_kill_leaves_no_half_copy(void **state)
{
	const char *path = path_of("killed.crl");
	size_t len = 3u << 20;
	uint8_t *a = malloc(len), *b = malloc(len);
	struct slice versions[2];

	(void)state;
	memset(a, 'a', len);
	memset(b, 'b', len);
	versions[0] = slice_of(a, len);
	versions[1] = slice_of(b, len - 1000);
	assert_int_equal(list_draft(path, versions[0]), ERR_OK);
	assert_int_equal(list_keep(path), ERR_OK);
	for (useconds_t i = 0; i < 20; i++) {
		int status;
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0)
			keep_on(path, versions[0], versions[1]);
		usleep(1000 + i * 1300);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		assert_true(holds(path, versions[0]) || holds(path, versions[1]));
	}
	/* What was being written goes with the next start. */
	write_file(path_of("left.crl.new"), SLICE_LIT("half"));
	list_sweep(folder);
	assert_int_equal(access(path_of("left.crl.new"), F_OK), -1);
	assert_int_equal(access(path_of("killed.crl.new"), F_OK), -1);
	assert_int_equal(access(path, F_OK), 0);
	free(a);
	free(b);
}

/* What names them apart: authority, kind and URL. */
static void copies_have_names_of_their_own(void **state)
{
	char *paths[] = { list_copy_path("/f", "a", SOURCE_URL, "http://x"), list_copy_path("/f", "b", SOURCE_URL, "http://x"),
			  list_copy_path("/f", "a", SOURCE_POINT, "http://x"), list_copy_path("/f", "a", SOURCE_URL, "http://y") };

	(void)state;
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(paths[i], paths[k]);
	for (size_t i = 0; i < 4; i++)
		free(paths[i]);
}

/* Lists of one CA for users and for CAs are two lists, with numbers and deltas of their own. */
static void scopes_are_kept_apart(void **state)
{
	const char *const user[] = { "issuingDistributionPoint=critical,onlyuser:TRUE", NULL };
	const char *const only_ca[] = { "issuingDistributionPoint=critical,onlyCA:TRUE", NULL };
	const struct crls_entry revoked[] = { { .serial = "0A" }, { 0 } };
	struct crls_spec specs[] = {
		{ .issuer = ca, .number = "10", .extensions = user },
		{ .issuer = ca, .number = "05", .extensions = only_ca },
		{ .issuer = ca, .number = "11", .base = "10", .extensions = user, .entries = revoked },
		{ .issuer = ca, .number = "20", .base = "05", .extensions = only_ca },
	};
	struct buf all = buf_capped(0);
	uint8_t key[32];
	const struct revlist_subject subject = { .issuer_key = key };
	struct list_job *first, *again;
	struct revlist_hit hit;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct slice der = crls_make(&specs[i]);

		buf_put(&all, der);
		free((void *)(uintptr_t)der.ptr);
	}
	assert_true(x509_issuer_key(ca->x509, key));
	first = job_of(buf_slice(&all), NULL);
	list_job_run(first);
	assert_int_equal(first->err, ERR_OK);
	assert_int_equal(first->new_delta_count, 2);
	again = job_of(buf_slice(&all), NULL);
	memcpy(again->marks, first->new_marks, sizeof(again->marks));
	again->mark_count = first->new_mark_count;
	for (size_t i = 0; i < first->new_delta_count; i++)
		again->deltas[again->delta_count++] = delta_ref(first->new_deltas[i]);
	list_job_run(again);
	assert_string_equal(again->why, "");
	assert_int_equal(again->err, ERR_OK);
	assert_true(revlist_find(again->lists[0].list, &subject, SLICE_LIT("\x0a"), &hit));
	list_job_free(first);
	list_job_free(again);
	buf_fini(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scopes_are_kept_apart),
		cmocka_unit_test(refuses_what_is_no_list),  cmocka_unit_test(refuses_weak_signatures),
		cmocka_unit_test(bounds_what_is_decoded),   cmocka_unit_test(bounds_files),
		cmocka_unit_test(keeps_what_is_good),	    cmocka_unit_test(a_full_disk_stops_no_list),
		cmocka_unit_test(a_kill_leaves_no_half_copy), cmocka_unit_test(copies_have_names_of_their_own),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
