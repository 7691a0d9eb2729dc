/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cert_entry.h"

#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "pki/x509.h"

_Static_assert((int)CERT_SAN_COUNT == (int)SAN_KIND_COUNT, "kinds of SAN go over by number");

/* A stretch of the entry's storage, known before the storage has its place. */
struct span {
	size_t at, len;
};

struct layout {
	struct buf bytes;
	struct span authority, issuer_serial, issuer_ski, headers, der_headers, client_cert, chain_headers,
		chain_text, chain;
};

/* What verification says about the direct issuer. */
struct issuer {
	struct slice serial, ski;
};

static void put_pair(struct buf *b, const char *name, struct slice value)
{
	value = slice_trim(value);
	if (value.len == 0 || !text_is_field_value(value))
		return;
	buf_varstr(b, slice_str(name));
	buf_varstr(b, value);
}

static struct slice word(bool yes)
{
	return yes ? SLICE_LIT("true") : SLICE_LIT("false");
}

static void put_cert_headers(struct buf *b, const struct slice *facts)
{
	put_pair(b, "cf-cert-presented", word(slice_eq(facts[FACT_PRESENTED], SLICE_LIT("1"))));
	put_pair(b, "cf-cert-verified", word(slice_eq(facts[FACT_VERIFIED], SLICE_LIT("SUCCESS"))));
	put_pair(b, "cf-cert-revoked", word(slice_eq(facts[FACT_REVOKED], SLICE_LIT("1"))));
	for (enum fact fact = FACT_ISSUER_DN; fact <= FACT_NOT_AFTER; fact++)
		put_pair(b, fact_info(fact)->header, facts[fact]);
}

struct slice cert_headers_absent(void)
{
	/* Three pairs, each length below 240, hence one byte of varint. */
	static const char block[] = "\x11" "cf-cert-presented" "\x05" "false"
				    "\x10" "cf-cert-verified" "\x05" "false"
				    "\x0f" "cf-cert-revoked" "\x05" "false";

	return SLICE_LIT(block);
}

static struct span open_span(const struct layout *layout)
{
	return (struct span){ .at = layout->bytes.len };
}

static void close_span(const struct layout *layout, struct span *span)
{
	span->len = layout->bytes.len - span->at;
}

static void lay_bytes(struct layout *layout, struct span *span, struct slice bytes)
{
	*span = open_span(layout);
	buf_put(&layout->bytes, bytes);
	close_span(layout, span);
}

/* The list of RFC 9440 2.3, or nothing when it is over Cloudflare's 16 KiB. Returns false then. */
static bool lay_chain_text(struct layout *layout, const struct slice *ders, size_t count)
{
	layout->chain_text = open_span(layout);
	for (size_t i = 0; i < count; i++) {
		buf_str(&layout->bytes, i ? ", :" : ":");
		text_base64(&layout->bytes, ders[i]);
		buf_u8(&layout->bytes, ':');
	}
	close_span(layout, &layout->chain_text);
	if (layout->chain_text.len <= CHAIN_TEXT_MAX)
		return true;
	layout->bytes.len = layout->chain_text.at;
	layout->chain_text.len = 0;
	return false;
}

static void lay_pair(struct layout *layout, struct span *span, const char *name, struct slice value)
{
	*span = open_span(layout);
	put_pair(&layout->bytes, name, value);
	close_span(layout, span);
}

static void lay_client_cert(struct layout *layout, const struct cert_entry *entry)
{
	struct slice text;

	if (entry->result.error || entry->revoked || entry->cert->rfc9440_too_large)
		return;
	lay_pair(layout, &layout->client_cert, "client-cert", entry->cert->rfc9440);
	if (layout->chain_text.len == 0)
		return;
	/* Appending may move the storage, so the text is taken out of its way first. */
	text = slice_of(layout->bytes.ptr + layout->chain_text.at, layout->chain_text.len);
	text.ptr = (uint8_t *)mem_dup(text);
	lay_pair(layout, &layout->chain_headers, "client-cert-chain", text);
	free((void *)(uintptr_t)text.ptr);
}

static void lay_der_headers(struct layout *layout, const struct cert *cert)
{
	layout->der_headers = open_span(layout);
	put_pair(&layout->bytes, "cf-client-cert-der-base64", cert->base64);
	put_pair(&layout->bytes, "cf-client-cert-sha256", cert->sha256);
	close_span(layout, &layout->der_headers);
}

static void fill_facts(struct cert_entry *entry, const struct issuer *issuer)
{
	const struct cert *cert = entry->cert;
	struct slice *facts = entry->facts;

	facts[FACT_PRESENTED] = SLICE_LIT("1");
	facts[FACT_VERIFIED] = slice_str(verify_text(entry->result.error));
	facts[FACT_REVOKED] = entry->revoked ? SLICE_LIT("1") : SLICE_LIT("0");
	facts[FACT_ISSUER_DN] = facts[FACT_ISSUER_DN_RFC2253] = cert->issuer_dn;
	facts[FACT_SUBJECT_DN] = facts[FACT_SUBJECT_DN_RFC2253] = cert->subject_dn;
	facts[FACT_ISSUER_DN_LEGACY] = cert->issuer_dn_legacy;
	facts[FACT_SUBJECT_DN_LEGACY] = cert->subject_dn_legacy;
	facts[FACT_SERIAL] = cert->serial;
	facts[FACT_ISSUER_SERIAL] = issuer->serial;
	facts[FACT_SKI] = cert->ski;
	facts[FACT_ISSUER_SKI] = issuer->ski;
	facts[FACT_FINGERPRINT_SHA1] = cert->sha1;
	facts[FACT_FINGERPRINT_SHA256] = cert->sha256;
	facts[FACT_NOT_BEFORE] = cert->not_before_text;
	facts[FACT_NOT_AFTER] = cert->not_after_text;
	facts[FACT_RFC9440] = cert->rfc9440;
	facts[FACT_RFC9440_TOO_LARGE] = word(cert->rfc9440_too_large);
	facts[FACT_CHAIN_RFC9440_TOO_LARGE] = word(false);
	entry->log = (struct log_values){
		.cn = cert->cn, .serial = cert->serial, .fingerprint = cert->sha256, .subject = cert->subject_dn,
		.issuer = cert->issuer_dn, .verified = facts[FACT_VERIFIED],
	};
}

static const struct host_conf *host_of(const struct certcache_query *query)
{
	return snapshot_host_conf(query->snapshot, query->rule);
}

static bool needs_path(const struct certcache_query *query)
{
	const struct config *config = snapshot_config(query->snapshot);
	const struct host_conf *host = host_of(query);

	for (size_t i = 0; i < host->authority_count; i++)
		if (revocation_needs_path(&config->authorities[host->authorities[i]]))
			return true;
	return false;
}

static void keep_path(struct cert_entry *entry, struct ders *ders, struct verify_path *path)
{
	struct buf der = buf_capped(0);

	entry->above = mem_array(path->count - 1, sizeof(*entry->above));
	for (size_t i = 1; i < path->count; i++) {
		buf_reset(&der);
		x509_der(path->certs[i], &der);
		entry->above[entry->above_count++] = ders_keep(ders, buf_slice(&der));
	}
	buf_fini(&der);
	verify_path_fini(path);
}

static size_t authority_number(const struct cert_entry *entry, const struct certcache_query *query)
{
	return host_of(query)->authorities[entry->result.authority];
}

static const struct authority_conf *authority_of(const struct cert_entry *entry,
						 const struct certcache_query *query)
{
	return &snapshot_config(query->snapshot)->authorities[authority_number(entry, query)];
}

static void keep_nodes(struct cert_result *result, const struct verify_node *path)
{
	result->path = (struct verify_node *)(void *)mem_dup(slice_of(path, result->path_len * sizeof(*path)));
}

static void keep_result(struct cert_entry *entry, const struct certcache_query *query,
			const struct verify_result *result)
{
	entry->result = (struct cert_result){
		.error = result->error, .authority = result->authority, .memory = result->memory,
		.valid_from = result->valid_from, .valid_until = result->valid_until,
		.path_len = result->path_len,
	};
	if (result->error == 0 && revocation_has_source(authority_of(entry, query)))
		keep_nodes(&entry->result, result->path);
}

static void verify(struct cert_entry *entry, const struct slice *ders, size_t count,
		   const struct certcache_query *query, struct verify_result *result)
{
	const struct host_conf *host = host_of(query);
	struct trust **trusts = mem_array(host->authority_count, sizeof(*trusts));
	struct verify_path path = { .count = 0 };
	struct verify_input input = {
		.leaf = entry->cert, .chain = ders, .chain_count = count,
		.trusts = trusts, .trust_count = host->authority_count, .now = query->now,
		.path = needs_path(query) ? &path : NULL,
	};

	for (size_t i = 0; i < host->authority_count; i++)
		trusts[i] = snapshot_trust(query->snapshot, host->authorities[i]);
	verify_run(&input, result);
	cert_forget_x509(entry->cert);
	keep_result(entry, query, result);
	if (entry->result.error == 0 && input.path)
		keep_path(entry, entry->ders, &path);
	free(trusts);
}

static size_t subjects_of(const struct cert_entry *entry, struct revocation_subject *out)
{
	if (!entry->result.path)
		return 0;
	for (size_t i = 0; i < entry->result.path_len; i++)
		out[i] = (struct revocation_subject){
			.node = &entry->result.path[i],
			.cert = i == 0 ? entry->cert->der :
				i <= entry->above_count ? entry->above[i - 1]->der : SLICE_EMPTY,
			.issuer = i < entry->above_count ? entry->above[i]->der : SLICE_EMPTY,
			.anchor = i == entry->above_count,
		};
	return entry->result.path_len;
}

static struct revocation_view view_of(const struct cert_entry_env *env, const struct cert_entry *entry,
				      const struct certcache_query *query)
{
	size_t authority = authority_number(entry, query);

	return (struct revocation_view){
		.state = env->state, .ops = env->ops, .ops_arg = env->ops_arg,
		.authority = authority_of(entry, query),
		.deny = snapshot_deny(query->snapshot, authority), .now = query->now,
	};
}

static void hold(struct cert_entry *entry, const struct cert_entry_env *env, int64_t now)
{
	const struct cert_result *result = &entry->result;

	entry->state = revocation_number(env->state);
	/* A clock that goes back makes answers of another time; what failed to verify has none. */
	entry->from = result->error || result->valid_from > now ? result->valid_from : now;
	entry->until = result->valid_until;
	if (result->error == 0 && entry->revocation.holds_until < entry->until)
		entry->until = entry->revocation.holds_until;
}

/* Every certificate below the anchor is looked up in what the authority that it chains to knows. */
static void look(const struct cert_entry_env *env, const struct cert_entry *entry,
		 const struct certcache_query *query, struct revocation_answer *out)
{
	struct revocation_subject subjects[VERIFY_CHAIN_MAX + 1];
	struct revocation_view view;

	*out = (struct revocation_answer){ .holds_until = INT64_MAX };
	if (entry->result.error)
		return;
	view = view_of(env, entry, query);
	if (revocation_has_source(view.authority))
		revocation_look(&view, subjects, subjects_of(entry, subjects), out);
}

static struct slice placed(const struct layout *layout, const uint8_t *storage, struct span span)
{
	assert(span.at + span.len <= layout->bytes.len);
	return span.len ? slice_of(storage + span.at, span.len) : SLICE_EMPTY;
}

static void place(struct cert_entry *entry, struct layout *layout)
{
	uint8_t *storage = (uint8_t *)mem_dup(buf_slice(&layout->bytes));

	entry->storage = storage;
	entry->authority = placed(layout, storage, layout->authority);
	entry->headers = placed(layout, storage, layout->headers);
	entry->der_headers = placed(layout, storage, layout->der_headers);
	entry->client_cert = placed(layout, storage, layout->client_cert);
	entry->chain_headers = placed(layout, storage, layout->chain_headers);
	entry->chain = placed(layout, storage, layout->chain);
	entry->facts[FACT_ISSUER_SERIAL] = placed(layout, storage, layout->issuer_serial);
	entry->facts[FACT_ISSUER_SKI] = placed(layout, storage, layout->issuer_ski);
	entry->facts[FACT_CHAIN_RFC9440] = placed(layout, storage, layout->chain_text);
	buf_fini(&layout->bytes);
}

static void lay_out(struct cert_entry *entry, struct slice chain, const struct slice *ders,
		    size_t count, const struct certcache_query *query)
{
	const struct config *config = snapshot_config(query->snapshot);
	struct layout layout = { .bytes = buf_capped(0) };

	lay_bytes(&layout, &layout.chain, chain);
	lay_bytes(&layout, &layout.issuer_serial, entry->facts[FACT_ISSUER_SERIAL]);
	lay_bytes(&layout, &layout.issuer_ski, entry->facts[FACT_ISSUER_SKI]);
	if (!lay_chain_text(&layout, ders, count))
		entry->facts[FACT_CHAIN_RFC9440_TOO_LARGE] = word(true);
	if (!entry->result.error)
		lay_bytes(&layout, &layout.authority, slice_str(authority_of(entry, query)->name));
	if (config->headers.managed_transform) {
		layout.headers = open_span(&layout);
		put_cert_headers(&layout.bytes, entry->facts);
		close_span(&layout, &layout.headers);
	}
	if (config->headers.client_cert)
		lay_client_cert(&layout, entry);
	if (config->headers.forward_certificate)
		lay_der_headers(&layout, entry->cert);
	place(entry, &layout);
}

static void finish(struct cert_entry *entry, const struct issuer *issuer, struct slice chain,
		   const struct slice *ders, size_t count, const struct certcache_query *query)
{
	entry->revoked = entry->revocation.status == REVOCATION_REVOKED;
	fill_facts(entry, issuer);
	lay_out(entry, chain, ders, count, query);
}

struct cert_entry *cert_entry_make(const struct cert_entry_env *env, struct cert *cert,
				   struct slice chain, const struct certcache_query *query,
				   uint64_t key)
{
	struct cert_entry *entry = mem_new(sizeof(*entry));
	struct slice ders[CHAIN_CERTS_MAX];
	struct verify_result result;
	struct issuer issuer;
	size_t count = 0;

	entry->refs = 1;
	entry->key = key;
	entry->ders = env->ders;
	entry->cert = cert_ref(cert);
	entry->snapshot = snapshot_number(query->snapshot);
	/* The caller has split it once already, so it splits. */
	if (cert_split(chain, ders, CHAIN_CERTS_MAX, &count))
		count = 0;
	verify(entry, ders, count, query, &result);
	look(env, entry, query, &entry->revocation);
	hold(entry, env, query->now);
	issuer = (struct issuer){ slice_str(result.issuer_serial), slice_str(result.issuer_ski) };
	if (issuer.ski.len == 0)
		issuer.ski = cert->issuer_ski;
	finish(entry, &issuer, chain, ders, count, query);
	return entry;
}

static bool shows_alike(const struct revocation_answer *a, const struct revocation_answer *b)
{
	return a->status == b->status && a->by == b->by && a->refuses == b->refuses && a->at == b->at &&
	       a->reason == b->reason && a->this_update == b->this_update &&
	       a->next_update == b->next_update;
}

static struct cert_entry *with_answer(const struct cert_entry *before,
				      const struct revocation_answer *answer,
				      const struct certcache_query *query, uint64_t key)
{
	struct cert_entry *entry = mem_new(sizeof(*entry));
	const struct issuer issuer = { before->facts[FACT_ISSUER_SERIAL], before->facts[FACT_ISSUER_SKI] };
	struct slice ders[CHAIN_CERTS_MAX];
	size_t count = 0;

	entry->refs = 1;
	entry->key = key;
	entry->ders = before->ders;
	entry->cert = cert_ref(before->cert);
	entry->result = before->result;
	if (before->result.path)
		keep_nodes(&entry->result, before->result.path);
	entry->snapshot = before->snapshot;
	entry->chains = before->chains;
	entry->above = mem_array(before->above_count, sizeof(*entry->above));
	for (size_t i = 0; i < before->above_count; i++)
		entry->above[i] = ders_keep(entry->ders, before->above[i]->der);
	entry->above_count = before->above_count;
	entry->revocation = *answer;
	if (cert_split(before->chain, ders, CHAIN_CERTS_MAX, &count))
		count = 0;
	finish(entry, &issuer, before->chain, ders, count, query);
	return entry;
}

bool cert_entry_look(const struct cert_entry_env *env, struct cert_entry *entry,
		     const struct certcache_query *query, uint64_t key, struct cert_entry **out)
{
	struct revocation_answer answer;

	look(env, entry, query, &answer);
	*out = entry;
	if (!shows_alike(&answer, &entry->revocation)) {
		*out = with_answer(entry, &answer, query, key);
		hold(*out, env, query->now);
		return true;
	}
	/* Nobody sees these two, so an entry that requests hold may learn them. */
	entry->revocation.holds_until = answer.holds_until;
	entry->revocation.asks = answer.asks;
	hold(entry, env, query->now);
	return false;
}

size_t cert_entry_questions(const struct cert_entry_env *env, const struct cert_entry *entry,
			    const struct certcache_query *query, struct revocation_question *out)
{
	struct revocation_subject subjects[VERIFY_CHAIN_MAX + 1];
	struct revocation_view view;

	if (entry->result.error)
		return 0;
	view = view_of(env, entry, query);
	return revocation_questions(&view, subjects, subjects_of(entry, subjects), out);
}

void cert_entry_unref(struct cert_entry *entry)
{
	if (likely(!entry || --entry->refs))
		return;
	for (size_t i = 0; i < entry->above_count; i++)
		ders_drop(entry->ders, entry->above[i]);
	free(entry->above);
	free(entry->result.path);
	cert_unref(entry->cert);
	free((void *)(uintptr_t)entry->encoded.ptr);
	free((void *)(uintptr_t)entry->encoded_edits.ptr);
	free(entry->storage);
	free(entry);
}
