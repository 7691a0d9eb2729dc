/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/verify_walk.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "pki/der.h"
#include "pki/x509.h"

/* OpenSSL may be asked about one more path. */
static bool has_budget(const struct walk *walk)
{
	return walk->paths < WALK_PATHS_MAX && walk->signatures < WALK_SIGNATURES_MAX &&
	       walk->steps < WALK_STEPS_MAX;
}

static bool key_ids_differ(X509 *issuer, X509 *subject)
{
	struct slice wanted = x509_aki(subject), found = x509_ski(issuer);

	return wanted.len && found.len && !slice_eq(wanted, found);
}

/* By name, key identifier and kind of key. A key usage that forbids it is told later, as an error
 * of its own. The identifiers are compared first: many CAs may share a name. */
static bool may_have_issued(struct walk *walk, X509 *issuer, X509 *subject)
{
	int answer;

	if (key_ids_differ(issuer, subject) || ++walk->steps > WALK_STEPS_MAX)
		return false;
	answer = X509_check_issued(issuer, subject);
	return answer == X509_V_OK || answer == X509_V_ERR_KEYUSAGE_NO_CERTSIGN;
}

static bool is_bad(const struct walk *walk, const X509 *subject, const X509 *issuer)
{
	for (size_t i = 0; i < walk->bad_count; i++)
		if (walk->bad[i].subject == subject && walk->bad[i].issuer == issuer)
			return true;
	return false;
}

/* The next anchor from *at on that may have issued subject, or NULL. */
static X509 *next_anchor(struct walk *walk, const struct node *subject, size_t *at)
{
	size_t count, first = trust_find(walk->trust, subject->issuer_hash, &count);

	while (*at < count) {
		const struct ca *ca = trust_at(walk->trust, first + (*at)++);

		if (ca->anchor && may_have_issued(walk, ca->x509, subject->x509))
			return ca->x509;
	}
	return NULL;
}

static bool is_on_path(const struct path *path, const X509 *x509)
{
	for (size_t i = 0; i < path->count; i++)
		if (X509_cmp(path->nodes[i]->x509, x509) == 0)
			return true;
	return false;
}

static bool path_is_bad(const struct walk *walk)
{
	const struct path *path = &walk->path;

	for (size_t i = 0; i + 1 < path->count; i++)
		if (is_bad(walk, path->nodes[i]->x509, path->nodes[i + 1]->x509))
			return true;
	return false;
}

/* In the second round every path without a presented certificate was tried in the first, unless
 * another loop has remembered one since: then what was presented counts as remembered. */
static bool is_tried(const struct walk *walk)
{
	bool has_presented = trust_memory(walk->trust) != walk->memory;

	for (size_t i = 1; i < walk->path.count; i++)
		has_presented |= walk->path.nodes[i]->presented.len > 0;
	return walk->uses_presented && !has_presented;
}

static bool try_anchors(struct walk *walk)
{
	const struct node *last = walk->path.nodes[walk->path.count - 1];
	size_t at = 0;
	X509 *anchor;

	while (has_budget(walk) && (anchor = next_anchor(walk, last, &at))) {
		/* With a bad one in it no longer path is any better. */
		if (is_bad(walk, last->x509, anchor) || is_on_path(&walk->path, anchor))
			continue;
		walk->path.anchor = anchor;
		if (path_try(walk))
			return true;
		if (path_is_bad(walk))
			return false;
	}
	return false;
}

/* Depth first, the ways to the nearest anchors before the others. */
static bool search(struct walk *walk)
{
	struct path *path = &walk->path;
	const struct node *last = path->nodes[path->count - 1];

	if (!is_tried(walk) && path->count > 1 && try_anchors(walk))
		return true;
	for (unsigned distance = 1; path->count + distance <= VERIFY_CHAIN_MAX + 1; distance++)
		for (size_t i = 0; i < walk->count && has_budget(walk) && !path_is_bad(walk); i++) {
			const struct node *node = &walk->nodes[i];

			if (node->distance != distance || node->subject_hash != last->issuer_hash ||
			    is_bad(walk, last->x509, node->x509) || is_on_path(path, node->x509) ||
			    !may_have_issued(walk, node->x509, last->x509))
				continue;
			path->nodes[path->count++] = node;
			if (search(walk))
				return true;
			path->count--;
		}
	return false;
}

static bool is_seen(const struct walk *walk, const X509 *x509)
{
	for (size_t i = 0; i < walk->count; i++)
		if (X509_cmp(walk->nodes[i].x509, x509) == 0)
			return true;
	return false;
}

/* Takes the caller's count of x509 over. A self-signed one leads nowhere but to itself. */
static void add_node(struct walk *walk, X509 *x509, X509 *subject, struct slice presented)
{
	if (walk->count == WALK_NODES_MAX || X509_self_signed(x509, 0) == 1 ||
	    is_seen(walk, x509) || !may_have_issued(walk, x509, subject)) {
		X509_free(x509);
		return;
	}
	walk->nodes[walk->count++] = (struct node){
		.x509 = x509,
		.subject_hash = x509_name_hash(X509_get_subject_name(x509)),
		.issuer_hash = x509_name_hash(X509_get_issuer_name(x509)),
		.distance = WALK_FAR,
		.presented = presented,
	};
}

static void add_helpers(struct walk *walk, const struct node *subject)
{
	size_t count, first = trust_find(walk->trust, subject->issuer_hash, &count);

	for (size_t i = 0; i < count; i++) {
		const struct ca *ca = trust_at(walk->trust, first + i);

		if (!ca->anchor && !ca->signs_for && X509_up_ref(ca->x509))
			add_node(walk, ca->x509, subject->x509, SLICE_EMPTY);
	}
}

static void add_remembered(struct walk *walk, const struct node *subject)
{
	X509 *found[WALK_RECALL_MAX];
	size_t count = memory_get(&walk->trust->memory, subject->issuer_hash, found, WALK_RECALL_MAX);

	for (size_t i = 0; i < count; i++)
		add_node(walk, found[i], subject->x509, SLICE_EMPTY);
}

/* Decodes what a name has led to; one that has had no luck is not decoded again. */
static X509 *decoded(struct walk *walk, struct presented *presented)
{
	if (presented->x509 || presented->is_useless)
		return presented->x509;
	if (walk->decoded < WALK_DECODED_MAX) {
		walk->decoded++;
		presented->x509 = x509_decode(presented->der);
	}
	presented->is_useless = !presented->x509;
	return presented->x509;
}

static void add_presented(struct walk *walk, const struct node *subject)
{
	for (size_t i = 0; i < walk->presented_count; i++) {
		struct presented *presented = &walk->presented[i];

		if (presented->subject_hash == subject->issuer_hash && decoded(walk, presented) &&
		    X509_up_ref(presented->x509))
			add_node(walk, presented->x509, subject->x509, presented->der);
	}
}

static void add_issuers(struct walk *walk, const struct node *subject)
{
	add_helpers(walk, subject);
	add_remembered(walk, subject);
	if (walk->uses_presented)
		add_presented(walk, subject);
}

/* Everything that names lead to from the leaf; nodes grows while the loop runs. */
static void collect(struct walk *walk)
{
	add_issuers(walk, &walk->leaf);
	for (size_t i = 0; i < walk->count; i++)
		add_issuers(walk, &walk->nodes[i]);
}

static unsigned distance_over_nodes(struct walk *walk, const struct node *subject)
{
	unsigned best = WALK_FAR;

	for (size_t i = 0; i < walk->count; i++) {
		const struct node *node = &walk->nodes[i];

		if (node->subject_hash == subject->issuer_hash && node->distance < best &&
		    may_have_issued(walk, node->x509, subject->x509))
			best = node->distance;
	}
	return best == WALK_FAR ? WALK_FAR : best + 1;
}

/* From the anchors back; the rounds end when one changes nothing. Returns the leaf's. */
static unsigned measure(struct walk *walk)
{
	bool changed = true;

	for (size_t i = 0; i < walk->count; i++) {
		size_t at = 0;

		if (next_anchor(walk, &walk->nodes[i], &at))
			walk->nodes[i].distance = 1;
	}
	while (changed && walk->steps < WALK_STEPS_MAX) {
		changed = false;
		for (size_t i = 0; i < walk->count; i++) {
			struct node *node = &walk->nodes[i];
			unsigned distance = node->distance == 1 ? 1 : distance_over_nodes(walk, node);

			changed |= distance < node->distance;
			node->distance = distance < node->distance ? distance : node->distance;
		}
	}
	return distance_over_nodes(walk, &walk->leaf);
}

static void note_too_long(struct walk *walk)
{
	if (walk->rank > RANK_UNKNOWN)
		return;
	walk->rank = RANK_SIGNATURE;
	walk->result->error = X509_V_ERR_CERT_CHAIN_TOO_LONG;
}

static bool search_nodes(struct walk *walk)
{
	unsigned distance;

	collect(walk);
	distance = measure(walk);
	if (distance == WALK_FAR)
		return false;
	walk->path = (struct path){ .nodes = { &walk->leaf }, .count = 1 };
	if (search(walk))
		return true;
	if (distance > VERIFY_CHAIN_MAX + 1)
		note_too_long(walk);
	return false;
}

/* The leaf itself may be an anchor, whoever issued it. */
static bool try_leaf(struct walk *walk)
{
	size_t count, first = trust_find(walk->trust, walk->leaf.subject_hash, &count);

	for (size_t i = 0; i < count; i++) {
		const struct ca *ca = trust_at(walk->trust, first + i);

		if (!ca->anchor || X509_cmp(ca->x509, walk->leaf.x509) != 0)
			continue;
		walk->path = (struct path){ .anchor = ca->x509 };
		return path_try(walk);
	}
	return false;
}

static bool hash_name(struct slice der, uint32_t *hash)
{
	const unsigned char *p = der.ptr;
	X509_NAME *name = d2i_X509_NAME(NULL, &p, (long)der.len);

	if (name)
		*hash = x509_name_hash(name);
	X509_NAME_free(name);
	return name != NULL;
}

/* Of the chain, only the names are read here: decoding is dear. */
static void read_chain(struct walk *walk)
{
	const struct verify_input *input = walk->input;

	if (walk->has_read_chain)
		return;
	walk->has_read_chain = true;
	for (size_t i = 0; i < input->chain_count && walk->presented_count < WALK_PRESENTED_MAX; i++) {
		struct presented presented = { .der = input->chain[i] };
		struct slice issuer, subject;

		if (slice_eq(presented.der, input->leaf->der) || presented.der.len > X509_DER_MAX ||
		    der_names(presented.der, &issuer, &subject) ||
		    !hash_name(issuer, &presented.issuer_hash) ||
		    !hash_name(subject, &presented.subject_hash))
			continue;
		walk->presented[walk->presented_count++] = presented;
	}
}

static bool is_known_name(struct walk *walk, uint32_t hash)
{
	size_t count;

	trust_find(walk->trust, hash, &count);
	return count > 0 || memory_has(&walk->trust->memory, hash);
}

/* True when the names of the chain lead from the leaf to a name that the authority knows. */
static bool chain_leads_on(struct walk *walk)
{
	uint32_t names[WALK_PRESENTED_MAX + 1] = { walk->leaf.issuer_hash };
	bool is_used[WALK_PRESENTED_MAX] = { false };
	size_t count = 1;

	read_chain(walk);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < walk->presented_count; k++) {
			const struct presented *presented = &walk->presented[k];

			if (is_used[k] || presented->subject_hash != names[i])
				continue;
			if (is_known_name(walk, presented->issuer_hash))
				return true;
			is_used[k] = true;
			names[count++] = presented->issuer_hash;
		}
	return false;
}

/* What the client presents comes last: it has to be decoded, and is seldom needed twice. */
bool walk_trust(struct walk *walk)
{
	walk->uses_presented = false;
	walk->memory = trust_memory(walk->trust);
	if (try_leaf(walk))
		return true;
	walk->path = (struct path){ .nodes = { &walk->leaf }, .count = 1 };
	if (try_anchors(walk) || search_nodes(walk))
		return true;
	walk->uses_presented = chain_leads_on(walk);
	return walk->uses_presented && search_nodes(walk);
}

void walk_forget(struct walk *walk)
{
	walk->bad_count = 0;
	while (walk->count)
		X509_free(walk->nodes[--walk->count].x509);
}

/* As OpenSSL tells it: how far the chain goes, and whether it ends in a self-signed certificate. */
int walk_unknown(struct walk *walk)
{
	bool is_used[WALK_PRESENTED_MAX] = { false };
	uint32_t wanted = walk->leaf.issuer_hash;
	size_t length = 0, i = 0;

	if (X509_self_signed(walk->leaf.x509, 0) == 1)
		return X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT;
	read_chain(walk);
	while (i < walk->presented_count) {
		const struct presented *presented = &walk->presented[i++];

		if (is_used[i - 1] || presented->subject_hash != wanted)
			continue;
		if (++length > VERIFY_CHAIN_MAX)
			return X509_V_ERR_CERT_CHAIN_TOO_LONG;
		if (presented->issuer_hash == wanted)
			return X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN;
		is_used[i - 1] = true;
		wanted = presented->issuer_hash;
		i = 0;
	}
	return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
}
