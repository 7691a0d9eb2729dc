/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/list_job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/mem.h"
#include "pki/crl.h"
#include "pki/der.h"
#include "pki/pem.h"
#include "pki/points.h"

#define DENY_BYTES_MAX (16u << 20)
#define DENY_TOO_LARGE "the file is larger than 16 MB"
#define LIST_TOO_LARGE "the lists in it are larger than 64 MB, decoded"

struct delta *delta_ref(struct delta *delta)
{
	atomic_fetch_add_explicit(&delta->refs, 1, memory_order_relaxed);
	return delta;
}

void delta_unref(struct delta *delta)
{
	if (!delta || atomic_fetch_sub(&delta->refs, 1) != 1)
		return;
	bulk_fini(&delta->bytes);
	free(delta);
}

static void fault(struct list_job *job, enum err err, const char *why)
{
	job->err = err;
	snprintf(job->why, sizeof(job->why), "%s", why);
}

/* Whose signature it is. */
struct vouching {
	const struct crl *crl;
	bool is_known; /* somebody has that name */
	bool is_wrong_kind;
	uint8_t key[32];
};

static bool try_issuer(void *arg, const struct trust_issuer *issuer)
{
	struct vouching *vouching = arg;

	vouching->is_known = true;
	if (crl_verify(vouching->crl, issuer->x509))
		return false;
	vouching->is_wrong_kind = issuer->indirect_only && !vouching->crl->scope.indirect;
	memcpy(vouching->key, issuer->key, sizeof(vouching->key));
	return !vouching->is_wrong_kind;
}

/* All that crl_scope_eq() compares. */
static uint64_t hash_scope(const struct crl_scope *scope, uint64_t seed)
{
	const bool flags[] = { scope->only_user, scope->only_ca, scope->only_attribute, scope->some_reasons,
			       scope->indirect };

	seed = XXH3_64bits_withSeed(flags, sizeof(flags), seed);
	seed = XXH3_64bits_withSeed(scope->names.ptr, scope->names.len, seed);
	return XXH3_64bits_withSeed(scope->relative.ptr, scope->relative.len, seed);
}

static struct list_mark mark_of(const struct crl *crl, const uint8_t *key)
{
	struct list_mark mark = { .number = crl->number, .has_number = crl->has_number,
				  .this_update = crl->this_update };

	mark.what = XXH3_64bits_withSeed(crl->issuer.ptr, crl->issuer.len, crl->is_delta);
	mark.what = XXH3_64bits_withSeed(key, 32, mark.what);
	mark.what = hash_scope(&crl->scope, mark.what);
	return mark;
}

static bool goes_back(const struct list_job *job, const struct list_mark *mark)
{
	for (size_t i = 0; i < job->mark_count; i++) {
		const struct list_mark *before = &job->marks[i];
		int order;

		if (before->what != mark->what)
			continue;
		order = before->has_number && mark->has_number ?
			crl_number_cmp(&mark->number, &before->number) : 0;
		return order < 0 || (order == 0 && mark->this_update < before->this_update);
	}
	return false;
}

static void note_dates(struct list_job *job, const struct crl *crl)
{
	if (crl->next_update && (!job->next_update || crl->next_update < job->next_update)) {
		job->next_update = crl->next_update;
		job->this_update = crl->this_update;
	}
}

static void note_freshest(struct list_job *job, const struct crl *crl)
{
	struct point_list points;

	if (crl->freshest.len == 0 || points_freshest(crl->freshest, &points))
		return;
	for (size_t i = 0; i < points.count; i++)
		for (size_t k = 0; k < points.items[i].uri_count; k++)
			if (job->freshest_count < LIST_FRESHEST_MAX)
				job->freshest[job->freshest_count++] = mem_dup(points.items[i].uris[k]);
}

/* The newest delta of the authority that this list can be brought forward with. */
static bool find_delta(struct list_job *job, const struct crl *full, const uint8_t *key, struct crl *out)
{
	struct crl delta;
	bool found = false;

	for (size_t i = 0; i < job->delta_count; i++) {
		if (memcmp(job->deltas[i]->issuer_key, key, 32) != 0 ||
		    crl_parse(bulk_slice(&job->deltas[i]->bytes), &delta) || !revlist_follows(&delta, full))
			continue;
		if (!found || crl_number_cmp(&delta.number, &out->number) > 0)
			*out = delta;
		found = true;
	}
	return found;
}

static void copy_fault(struct list_job *job)
{
	job->copy_failed = true;
	snprintf(job->why, sizeof(job->why), "%s: %s", job->copy, strerror(errno));
}

/* Written before entries are spent; the first list that somebody vouches for is reason enough. */
static void draft(struct list_job *job)
{
	if (!job->copy || job->from == LIST_FROM_COPY || job->drafted || job->copy_failed)
		return;
	if (list_draft(job->copy, bulk_slice(&job->body)))
		copy_fault(job);
	else
		job->drafted = true;
}

static enum err build(struct list_job *job, const struct crl *crl, const uint8_t *key)
{
	struct source_list *out = &job->lists[job->list_count];
	struct crl delta;
	bool has_delta = find_delta(job, crl, key, &delta);
	enum err err;

	draft(job);
	/* What was drafted is not read again, unless the delta turns out to be of no use. */
	err = revlist_build(crl, has_delta ? &delta : NULL, key, !has_delta, &out->list);
	/* A delta that does not fit is passed over; one that is too much must not be, since it revokes. */
	if (err && err != ERR_LIMIT && has_delta)
		err = revlist_build(crl, NULL, key, false, &out->list);
	if (err)
		return err;
	out->verified = true;
	job->list_count++;
	return ERR_OK;
}

/* Nobody vouches for it yet: what it says is not built, only that it is there. */
static enum err hold(struct list_job *job, const struct crl *crl)
{
	static const uint8_t nobody[32];
	struct source_list *out = &job->lists[job->list_count];
	struct crl empty = *crl;
	enum err err;

	empty.entries = SLICE_EMPTY;
	err = revlist_build(&empty, NULL, nobody, false, &out->list);
	if (err)
		return err;
	out->verified = false;
	out->issuer = slice_of(mem_dup(crl->issuer), crl->issuer.len);
	job->list_count++;
	return ERR_OK;
}

/* For the full lists that it changes, wherever they come from; and until there is one, what it revokes is revoked. */
static enum err keep_delta(struct list_job *job, struct slice der, const struct crl *crl, const uint8_t *key)
{
	struct source_list *out = &job->lists[job->list_count];
	enum err err = revlist_build_delta(crl, key, &out->list);
	struct delta *delta;

	if (err)
		return err;
	out->verified = true;
	job->list_count++;
	delta = mem_new(sizeof(*delta));
	atomic_init(&delta->refs, 1);
	memcpy(delta->issuer_key, key, sizeof(delta->issuer_key));
	if (bulk_put(&delta->bytes, der, LIST_BYTES_MAX)) {
		delta_unref(delta);
		return ERR_MEMORY;
	}
	job->new_deltas[job->new_delta_count++] = delta;
	return ERR_OK;
}

static const char *parse_text(enum err err)
{
	if (err == ERR_LIMIT)
		return "the list names too many issuers";
	return err == ERR_TYPE ? "the list has an unknown critical extension" : "the list is malformed";
}

static void take_verified(struct list_job *job, struct slice der, const struct crl *crl,
			  const struct vouching *vouching)
{
	struct list_mark mark = mark_of(crl, vouching->key);
	enum err err;

	if (goes_back(job, &mark)) {
		fault(job, ERR_RANGE, "the list is older than the one in use (CRL number, thisUpdate)");
		return;
	}
	if (crl->is_delta)
		err = keep_delta(job, der, crl, vouching->key);
	else
		err = build(job, crl, vouching->key);
	if (err) {
		fault(job, err, parse_text(err));
		return;
	}
	job->new_marks[job->new_mark_count++] = mark;
	note_dates(job, crl);
	note_freshest(job, crl);
}

/* With a list in use, the one to come is left for when its time has come. Without one, what it revokes counts: the clock may be wrong. */
static bool is_too_early(struct list_job *job, const struct crl *crl)
{
	if (crl->this_update <= job->now)
		return false;
	job->is_ahead = !job->had_verified;
	return job->had_verified;
}

static void take_list(struct list_job *job, struct slice der)
{
	struct crl crl;
	struct vouching vouching = { .crl = &crl };
	enum err err = crl_parse(der, &crl);

	if (!err && job->is_outdated)
		crl.next_update = crl.this_update;
	if (err) {
		fault(job, err, parse_text(err));
	} else if (crl_is_weak(&crl)) {
		fault(job, ERR_CRYPTO, "the list is signed with SHA-1 or weaker, which is not accepted");
	} else if (is_too_early(job, &crl)) {
		fault(job, ERR_RANGE, LIST_AHEAD);
	} else if (trust_issuers(job->trust, crl.issuer, job->now, try_issuer, &vouching)) {
		take_verified(job, der, &crl, &vouching);
	} else if (vouching.is_wrong_kind) {
		fault(job, ERR_CRYPTO, "the list is a CRL signer's of another name than the CA, and not indirect");
	} else if (vouching.is_known) {
		fault(job, ERR_CRYPTO, "the signature of the list is not its issuer's");
	} else if (!crl.is_delta && hold(job, &crl)) {
		fault(job, ERR_FORMAT, "the list is malformed");
	} else {
		note_dates(job, &crl);
	}
}

static void hash_bytes(struct list_job *job, struct slice bytes)
{
	XXH128_hash_t hash = XXH3_128bits(bytes.ptr, bytes.len);

	job->hash[0] = hash.low64;
	job->hash[1] = hash.high64;
	job->bytes = bytes.len;
}

static void keep_copy(struct list_job *job)
{
	draft(job);
	if (job->drafted && list_keep(job->copy))
		copy_fault(job);
	if (job->copy_failed)
		list_outdate(job->copy);
}

static void read_lists(struct list_job *job)
{
	struct slice bytes;
	struct reader r;
	size_t len = 0, count = 0;

	if (pem_lists(job->body.ptr, job->body.len, &len)) {
		fault(job, ERR_FORMAT, "neither a whole DER list nor PEM with X509 CRL blocks");
		return;
	}
	if (len > LIST_BYTES_MAX) {
		fault(job, ERR_LIMIT, LIST_TOO_LARGE);
		return;
	}
	job->body.len = len;
	bytes = bulk_slice(&job->body);
	hash_bytes(job, bytes);
	if (!job->must_build && job->hash[0] == job->hash_before[0] && job->hash[1] == job->hash_before[1]) {
		job->unchanged = true;
		return;
	}
	r = reader_of(bytes);
	while (reader_left(&r) && !job->err) {
		if (count++ == LIST_PER_SOURCE)
			fault(job, ERR_LIMIT, "too many lists in one file");
		else
			take_list(job, der_next(&r).whole);
	}
	/* Beside others, a list of a CA that no chain has brought yet holds none of them back. */
	if (!job->err && job->had_verified && job->new_mark_count == 0)
		fault(job, ERR_CRYPTO, "the issuer of the list is no CA of this authority");
	if (!job->err)
		keep_copy(job);
	else if (job->drafted)
		list_drop(job->copy);
	/* The same bytes are news when they come from the source. */
	if (job->is_outdated)
		memset(job->hash, 0, sizeof(job->hash));
}

static void read_deny(struct list_job *job)
{
	unsigned line = 0;

	job->bytes = job->body.len;
	if (deny_parse(bulk_slice(&job->body), &job->deny, &line)) {
		fault(job, ERR_FORMAT, "");
		snprintf(job->why, sizeof(job->why), "line %u is no entry", line);
	}
}

static void drop_results(struct list_job *job)
{
	for (size_t i = 0; i < job->list_count; i++) {
		revlist_unref(job->lists[i].list);
		free((void *)(uintptr_t)job->lists[i].issuer.ptr);
	}
	for (size_t i = 0; i < job->new_delta_count; i++)
		delta_unref(job->new_deltas[i]);
	for (size_t i = 0; i < job->freshest_count; i++)
		free(job->freshest[i]);
	job->list_count = job->new_delta_count = job->new_mark_count = job->freshest_count = 0;
	deny_free(job->deny);
	job->deny = NULL;
}

static enum err read_outdated(struct list_job *job)
{
	char *path = list_outdated_path(job->path);
	enum err err = path ? bulk_read(&job->body, path, LIST_TEXT_MAX) : ERR_MEMORY;

	job->is_outdated = !err;
	free(path);
	return err;
}

static void read_path(struct list_job *job)
{
	enum err err = bulk_read(&job->body, job->path, job->is_deny ? DENY_BYTES_MAX : LIST_TEXT_MAX);

	job->is_missing = err == ERR_IO && errno == ENOENT;
	if (job->is_missing && job->from == LIST_FROM_COPY)
		err = read_outdated(job);
	if (err)
		fault(job, err, err == ERR_IO ? strerror(errno) : job->is_deny ? DENY_TOO_LARGE : LIST_TOO_LARGE);
}

void list_job_run(struct list_job *job)
{
	if (job->from != LIST_FROM_BODY)
		read_path(job);
	if (!job->err && job->is_deny)
		read_deny(job);
	else if (!job->err)
		read_lists(job);
	bulk_fini(&job->body);
	if (job->err)
		drop_results(job);
}

void list_job_free(struct list_job *job)
{
	drop_results(job);
	for (size_t i = 0; i < job->delta_count; i++)
		delta_unref(job->deltas[i]);
	bulk_fini(&job->body);
	trust_unref(job->trust);
	free(job->path);
	free(job->copy);
	free(job);
}
