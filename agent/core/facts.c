/* SPDX-License-Identifier: Apache-2.0 */
#include "core/facts.h"

#include "core/certcache.h"

static const struct fact_info infos[FACT_COUNT] = {
	[FACT_PRESENTED] = { "certPresented", "cf-cert-presented", false },
	[FACT_VERIFIED] = { "certVerified", "cf-cert-verified", false },
	[FACT_REVOKED] = { "certRevoked", "cf-cert-revoked", false },
	[FACT_ISSUER_DN] = { "certIssuerDN", "cf-cert-issuer-dn", false },
	[FACT_SUBJECT_DN] = { "certSubjectDN", "cf-cert-subject-dn", false },
	[FACT_ISSUER_DN_RFC2253] = { "certIssuerDNRFC2253", "cf-cert-issuer-dn-rfc2253", false },
	[FACT_SUBJECT_DN_RFC2253] = { "certSubjectDNRFC2253", "cf-cert-subject-dn-rfc2253", false },
	[FACT_ISSUER_DN_LEGACY] = { "certIssuerDNLegacy", "cf-cert-issuer-dn-legacy", false },
	[FACT_SUBJECT_DN_LEGACY] = { "certSubjectDNLegacy", "cf-cert-subject-dn-legacy", false },
	[FACT_SERIAL] = { "certSerial", "cf-cert-serial", false },
	[FACT_ISSUER_SERIAL] = { "certIssuerSerial", "cf-cert-issuer-serial", false },
	[FACT_SKI] = { "certSKI", "cf-cert-ski", false },
	[FACT_ISSUER_SKI] = { "certIssuerSKI", "cf-cert-issuer-ski", false },
	[FACT_FINGERPRINT_SHA1] = { "certFingerprintSHA1", "cf-cert-fingerprint-sha1", false },
	[FACT_FINGERPRINT_SHA256] = { "certFingerprintSHA256", "cf-cert-fingerprint-sha256", false },
	[FACT_NOT_BEFORE] = { "certNotBefore", "cf-cert-not-before", false },
	[FACT_NOT_AFTER] = { "certNotAfter", "cf-cert-not-after", false },
	[FACT_RFC9440] = { "certRFC9440", NULL, false },
	[FACT_RFC9440_TOO_LARGE] = { "certRFC9440TooLarge", NULL, true },
	[FACT_CHAIN_RFC9440] = { "certChainRFC9440", NULL, false },
	[FACT_CHAIN_RFC9440_TOO_LARGE] = { "certChainRFC9440TooLarge", NULL, true },
};

const struct fact_info *fact_info(enum fact fact)
{
	return &infos[fact];
}

enum fact fact_find(struct slice property)
{
	enum fact fact = 0;

	while (fact < FACT_COUNT && !slice_eq(slice_str(infos[fact].property), property))
		fact++;
	return fact;
}

/* Cloudflare's placeholder, for requests without a certificate. */
static struct slice absent_text(enum fact fact)
{
	if (fact == FACT_PRESENTED || fact == FACT_REVOKED)
		return SLICE_LIT("0");
	if (fact == FACT_VERIFIED)
		return SLICE_LIT("NONE");
	return infos[fact].boolean ? SLICE_LIT("false") : SLICE_EMPTY;
}

struct slice fact_text(const struct request *req, enum fact fact)
{
	return req->cert ? req->cert->facts[fact] : absent_text(fact);
}

bool fact_true(const struct request *req, enum fact fact)
{
	return infos[fact].boolean && slice_eq(fact_text(req, fact), SLICE_LIT("true"));
}

uint64_t facts_key(const struct request *req)
{
	return req->cert ? req->cert->key : 0;
}

static struct slice_list list_of(const struct cert_list *list)
{
	return (struct slice_list){ list->items, list->count };
}

static enum reason certificate_reason(const struct cert_entry *entry)
{
	if (entry->result.error)
		return REASON_CERTIFICATE_INVALID;
	return revocation_refusal(&entry->revocation);
}

static void revocation_facts(const struct request *req, struct tls_facts *out)
{
	const struct revocation_answer *answer = &req->cert->revocation;

	out->revocation = answer->status;
	out->revocation_source = revocation_by_name(answer->by);
	if (answer->status == REVOCATION_REVOKED && answer->by != REVOCATION_BY_DENY)
		out->revocation_reason = revocation_reason_name(answer->reason);
	out->revocation_this_update = answer->this_update;
	out->revocation_next_update = answer->next_update;
	if (answer->this_update)
		out->revocation_age = req->now_s > answer->this_update ? req->now_s - answer->this_update : 0;
}

void tls_facts_get(const struct request *req, struct tls_facts *out)
{
	const struct cert_entry *entry = req->cert;
	const struct cert *cert;

	*out = (struct tls_facts){ .key_type = "", .revocation_source = "",
				   .revocation_reason = "", .revocation_age = -1,
				   .reason = REASON_CERTIFICATE_REQUIRED };
	if (!entry)
		return;
	cert = entry->cert;
	for (size_t i = 0; i < SAN_KIND_COUNT; i++)
		out->san[i] = list_of(&cert->san[i]);
	out->spiffe_id = cert->spiffe_id;
	out->eku = list_of(&cert->eku);
	out->spki_sha256 = cert->spki_sha256;
	out->key_type = cert->key_type;
	out->key_bits = cert->key_bits;
	out->not_before = cert->not_before;
	out->not_after = cert->not_after;
	out->verify_error = entry->result.error;
	out->authority = entry->authority;
	out->reason = certificate_reason(entry);
	revocation_facts(req, out);
}

const char *san_kind_name(enum san_kind kind)
{
	static const char *const names[] = { "dns", "uri", "email", "ip", "dir", "other" };

	return names[kind];
}

const char *revocation_status_name(enum revocation_status status)
{
	static const char *const names[] = { "unchecked", "good", "revoked", "stale", "unknown" };

	return names[status];
}
