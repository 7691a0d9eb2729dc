/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and chains, as HAProxy sends them: concatenated DER, the first
 * one being the leaf. Must reach cert_split, der_names, cert_parse with every
 * kind of SAN, and verify_run with the seeds' own root as the anchor: paths
 * over presented certificates, OpenSSL's validation, the memory.
 */
#include <stdlib.h>

#include "pki/cert.h"
#include "pki/der.h"
#include "pki/trust.h"
#include "pki/verify.h"

#define CHAIN_MAX 32
#define NOW INT64_C(1780000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char root[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBbTCCAROgAwIBAgIBCjAKBggqhkjOPQQDAjAeMQ0wCwYDVQQKDARGdXp6MQ0w\n"
	"CwYDVQQDDARSb290MB4XDTIwMDEwMTAwMDAwMFoXDTQ5MDEwMTAwMDAwMFowHjEN\n"
	"MAsGA1UECgwERnV6ejENMAsGA1UEAwwEUm9vdDBZMBMGByqGSM49AgEGCCqGSM49\n"
	"AwEHA0IABEOQ+spCCAvOWz46LRTW5Ol9N1DDLZBErhqvkSRJBizrIT+lUz6N7XWb\n"
	"TXkD6poFJ/66iV5UN6ArlNPNxluh0JGjQjBAMA8GA1UdEwEB/wQFMAMBAf8wDgYD\n"
	"VR0PAQH/BAQDAgEGMB0GA1UdDgQWBBRFVuCfFm0ZtMehAJCoBCz3dagpJzAKBggq\n"
	"hkjOPQQDAgNIADBFAiEA7xsRj71QV/uPJQok5Yc2QDftbArOLV7rmhetyZkdXaoC\n"
	"IECkBdnoL9ovXElpc/AKV/JldSeI11+H6K1CdZZlK8iA\n"
	"-----END CERTIFICATE-----\n";

static void demand(bool ok)
{
	if (!ok)
		abort();
}

static struct trust *make_trust(void)
{
	struct diag_list diag = { 0 };
	struct trust *trust = NULL;

	demand(trust_load(slice_str(root), "root", SLICE_EMPTY, "", &diag, &trust) == ERR_OK);
	return trust;
}

/* The same question again, when the memory is as the first one left it, has the same answer. */
static void verify(const struct cert *leaf, const struct slice *chain, size_t count)
{
	struct trust *trust = make_trust();
	struct verify_input input = { .leaf = leaf, .chain = chain, .chain_count = count,
				      .trusts = &trust, .trust_count = 1, .now = NOW };
	struct verify_result first, second;

	verify_run(&input, &first);
	demand(first.valid_from <= NOW && NOW < first.valid_until);
	demand((first.error == 0) == (first.path_len > 0));
	if (first.error == 0)
		input.chain_count = 0;
	verify_run(&input, &second);
	demand(first.error == second.error && first.path_len == second.path_len);
	demand(verify_text(first.error) != NULL);
	trust_unref(trust);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice parts[CHAIN_MAX], issuer, subject;
	size_t count = 0;
	struct cert *leaf = NULL;

	/* A leaf that is not DER must be refused, too. */
	if (cert_split(slice_of(data, size), parts, CHAIN_MAX, &count) || count == 0) {
		parts[0] = slice_of(data, size);
		count = 1;
	}
	if (cert_parse(parts[0], &leaf))
		return 0;
	demand(slice_eq(leaf->der, parts[0]));
	demand(der_names(leaf->der, &issuer, &subject) == ERR_OK);
	verify(leaf, parts + 1, count - 1);
	cert_unref(leaf);
	return 0;
}
