/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cert_entry.h"

#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/deny.h"

_Static_assert((int)CERT_SAN_COUNT == (int)SAN_KIND_COUNT, "kinds of SAN go over by number");

/* A stretch of the entry's storage, known before the storage has its place. */
struct span {
	size_t at, len;
};

struct layout {
	struct buf bytes;
	struct span authority, headers, der_headers, client_cert, chain_headers, chain_text, chain;
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

static void fill_facts(struct cert_entry *entry)
{
	const struct cert *cert = entry->cert;
	struct slice *facts = entry->facts;
	struct slice issuer_ski = slice_str(entry->result.issuer_ski);

	facts[FACT_PRESENTED] = SLICE_LIT("1");
	facts[FACT_VERIFIED] = slice_str(verify_text(entry->result.error));
	facts[FACT_REVOKED] = entry->revoked ? SLICE_LIT("1") : SLICE_LIT("0");
	facts[FACT_ISSUER_DN] = facts[FACT_ISSUER_DN_RFC2253] = cert->issuer_dn;
	facts[FACT_SUBJECT_DN] = facts[FACT_SUBJECT_DN_RFC2253] = cert->subject_dn;
	facts[FACT_ISSUER_DN_LEGACY] = cert->issuer_dn_legacy;
	facts[FACT_SUBJECT_DN_LEGACY] = cert->subject_dn_legacy;
	facts[FACT_SERIAL] = cert->serial;
	facts[FACT_ISSUER_SERIAL] = slice_str(entry->result.issuer_serial);
	facts[FACT_SKI] = cert->ski;
	facts[FACT_ISSUER_SKI] = issuer_ski.len ? issuer_ski : cert->issuer_ski;
	facts[FACT_FINGERPRINT_SHA1] = cert->sha1;
	facts[FACT_FINGERPRINT_SHA256] = cert->sha256;
	facts[FACT_NOT_BEFORE] = cert->not_before_text;
	facts[FACT_NOT_AFTER] = cert->not_after_text;
	facts[FACT_RFC9440] = cert->rfc9440;
	facts[FACT_RFC9440_TOO_LARGE] = word(cert->rfc9440_too_large);
	facts[FACT_CHAIN_RFC9440_TOO_LARGE] = word(false);
}

static void verify(struct cert_entry *entry, const struct slice *ders, size_t count,
		   const struct certcache_query *query)
{
	const struct host_conf *host = query->host;
	struct trust **trusts = mem_array(host->authority_count, sizeof(*trusts));
	struct verify_input input = {
		.leaf = entry->cert, .chain = ders, .chain_count = count,
		.trusts = trusts, .trust_count = host->authority_count, .now = query->now,
	};

	for (size_t i = 0; i < host->authority_count; i++)
		trusts[i] = snapshot_trust(query->snapshot, host->authorities[i]);
	verify_run(&input, &entry->result);
	free(trusts);
}

/* Every certificate below the anchor is looked up in the list of the authority that it chains to. */
static void look_at_deny_list(struct cert_entry *entry, const struct certcache_query *query)
{
	const struct deny_set *deny;

	if (entry->result.error)
		return;
	deny = snapshot_deny(query->snapshot, query->host->authorities[entry->result.authority]);
	entry->checked = deny != NULL;
	for (size_t i = 0; deny && i < entry->result.path_len; i++)
		entry->revoked |= deny_hit(deny, &entry->result.path[i]);
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
	entry->facts[FACT_CHAIN_RFC9440] = placed(layout, storage, layout->chain_text);
	buf_fini(&layout->bytes);
}

static void lay_out(struct cert_entry *entry, struct slice chain, const struct slice *ders,
		    size_t count, const struct certcache_query *query)
{
	const struct config *config = snapshot_config(query->snapshot);
	struct layout layout = { .bytes = buf_capped(0) };

	lay_bytes(&layout, &layout.chain, chain);
	if (!lay_chain_text(&layout, ders, count))
		entry->facts[FACT_CHAIN_RFC9440_TOO_LARGE] = word(true);
	if (!entry->result.error)
		lay_bytes(&layout, &layout.authority, slice_str(
			config->authorities[query->host->authorities[entry->result.authority]].name));
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

struct cert_entry *cert_entry_make(struct cert *cert, struct slice chain,
				   const struct certcache_query *query, uint64_t key)
{
	struct cert_entry *entry = mem_new(sizeof(*entry));
	struct slice ders[CHAIN_CERTS_MAX];
	size_t count = 0;

	entry->refs = 1;
	entry->key = key;
	entry->cert = cert_ref(cert);
	entry->snapshot = snapshot_number(query->snapshot);
	/* The caller has split it once already, so it splits. */
	if (cert_split(chain, ders, CHAIN_CERTS_MAX, &count))
		count = 0;
	verify(entry, ders, count, query);
	look_at_deny_list(entry, query);
	fill_facts(entry);
	lay_out(entry, chain, ders, count, query);
	return entry;
}

void cert_entry_unref(struct cert_entry *entry)
{
	if (!entry || --entry->refs)
		return;
	cert_unref(entry->cert);
	free(entry->storage);
	free(entry);
}
