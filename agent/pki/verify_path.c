/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/text.h"
#include "pki/verify_walk.h"
#include "pki/x509.h"

#define AUTH_LEVEL 2 /* VERIFY_SECURITY_BITS in OpenSSL's counting */

/* The judgement about one path, while OpenSSL reports. */
struct judge {
	struct outcome *outcome;
	size_t *signatures;
};

/* After these the signatures can still be checked, which tells whether the issuer is the issuer. */
static bool may_go_on(int error)
{
	switch (error) {
	case X509_V_ERR_CERT_NOT_YET_VALID:
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
	case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
	case X509_V_ERR_INVALID_CA:
	case X509_V_ERR_PATH_LENGTH_EXCEEDED:
	case X509_V_ERR_INVALID_PURPOSE:
	case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
	case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
	case X509_V_ERR_PROXY_CERTIFICATES_NOT_ALLOWED:
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK:
		return true;
	default:
		return false;
	}
}

static void note_bad_signature(struct outcome *outcome, X509_STORE_CTX *ctx)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
	int depth = X509_STORE_CTX_get_error_depth(ctx);

	outcome->error = X509_V_ERR_CERT_SIGNATURE_FAILURE;
	outcome->bad_subject = sk_X509_value(chain, depth);
	outcome->bad_issuer = sk_X509_value(chain, depth + 1);
}

static int on_verify(int ok, X509_STORE_CTX *ctx)
{
	struct judge *judge = X509_STORE_CTX_get_app_data(ctx);
	struct outcome *outcome = judge->outcome;
	int error = X509_STORE_CTX_get_error(ctx);

	if (ok) {
		(*judge->signatures)++;
		outcome->issuer_good |= X509_STORE_CTX_get_error_depth(ctx) == 0;
		return 1;
	}
	if (error == X509_V_ERR_CERT_SIGNATURE_FAILURE) {
		(*judge->signatures)++;
		note_bad_signature(outcome, ctx);
		return 0;
	}
	if (!outcome->error)
		outcome->error = error ? error : X509_V_ERR_UNSPECIFIED;
	return may_go_on(error);
}

/* The path alone is on offer, so that no other is built; nothing comes from the environment. */
static bool set_up(X509_STORE_CTX *ctx, X509 *leaf, STACK_OF(X509) *between,
		   STACK_OF(X509) *anchors, int64_t now)
{
	X509_VERIFY_PARAM *param;

	if (!X509_STORE_CTX_init(ctx, NULL, leaf, between))
		return false;
	X509_STORE_CTX_set0_trusted_stack(ctx, anchors);
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_clear_flags(param, X509_V_FLAG_TRUSTED_FIRST);
	X509_VERIFY_PARAM_set_time(param, (time_t)now);
	X509_VERIFY_PARAM_set_depth(param, VERIFY_CHAIN_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
	return X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_ALT_CHAINS) &&
	       X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_CLIENT);
}

static bool push_path(const struct path *path, STACK_OF(X509) *between, STACK_OF(X509) *anchors)
{
	for (size_t i = 1; i < path->count; i++)
		if (!sk_X509_push(between, path->nodes[i]->x509))
			return false;
	return sk_X509_push(anchors, path->anchor) > 0;
}

static void ask_openssl(struct walk *walk, struct outcome *outcome)
{
	struct judge judge = { outcome, &walk->signatures };
	STACK_OF(X509) *between = sk_X509_new_null(), *anchors = sk_X509_new_null();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();

	outcome->error = X509_V_ERR_OUT_OF_MEM;
	if (ctx && between && anchors && push_path(&walk->path, between, anchors) &&
	    set_up(ctx, walk->leaf.x509, between, anchors, walk->input->now)) {
		outcome->error = X509_V_OK;
		X509_STORE_CTX_set_app_data(ctx, &judge);
		X509_STORE_CTX_set_verify_cb(ctx, on_verify);
		if (X509_verify_cert(ctx) <= 0 && !outcome->error)
			outcome->error = X509_V_ERR_UNSPECIFIED;
	}
	X509_STORE_CTX_free(ctx);
	sk_X509_free(between);
	sk_X509_free(anchors);
	ERR_clear_error();
}

void walk_see_date(struct walk *walk, int64_t date)
{
	struct verify_result *result = walk->result;

	if (date <= walk->input->now && date > result->valid_from)
		result->valid_from = date;
	if (date > walk->input->now && date < result->valid_until)
		result->valid_until = date;
}

static int check_dates(struct walk *walk, const X509 *x509)
{
	int64_t not_before, not_after;

	if (x509_dates(x509, &not_before, &not_after))
		return X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD;
	walk_see_date(walk, not_before);
	walk_see_date(walk, not_after);
	/* OpenSSL has changed its mind about the second of notAfter; the window needs one answer. */
	if (walk->input->now < not_before)
		return X509_V_ERR_CERT_NOT_YET_VALID;
	return walk->input->now >= not_after ? X509_V_ERR_CERT_HAS_EXPIRED : X509_V_OK;
}

static int check_own_rules(X509 *x509, bool is_anchor, bool has_issued)
{
	bool positive;
	struct slice serial = x509_serial(x509, &positive);

	if (X509_get_extension_flags(x509) & EXFLAG_INVALID)
		return X509_V_ERR_INVALID_EXTENSION;
	if (has_issued && X509_check_ca(x509) != 1)
		return X509_V_ERR_INVALID_CA;
	if (!is_anchor && (!positive || serial.len > X509_SERIAL_MAX))
		return X509_V_ERR_APPLICATION_VERIFICATION;
	return X509_V_OK;
}

/* What OpenSSL does not ask, for every certificate of the path; the first fault stays. */
static void check_path(struct walk *walk, struct outcome *outcome)
{
	const struct path *path = &walk->path;

	for (size_t i = path->count + 1; i-- > 0;) {
		bool is_anchor = i == path->count, is_leaf = i == 0;
		X509 *x509 = is_anchor ? path->anchor : path->nodes[i]->x509;
		int dates = check_dates(walk, x509);
		int rules = check_own_rules(x509, is_anchor, !is_leaf);

		if (!outcome->error)
			outcome->error = rules ? rules : dates;
	}
}

static void fill_hex(char *text, size_t room, struct slice octets)
{
	struct buf b = buf_fixed(text, room - 1);

	text_hex(&b, octets, true);
	text[buf_slice(&b).len] = '\0';
}

static void fill_issuer(struct walk *walk)
{
	const struct path *path = &walk->path;
	struct verify_result *result = walk->result;
	X509 *issuer = path->count > 1 ? path->nodes[1]->x509 : path->anchor;
	struct buf serial = buf_fixed(result->issuer_serial, sizeof(result->issuer_serial) - 1);

	if (path->count == 0 && X509_self_signed(issuer, 0) != 1)
		return;
	x509_serial_text(&serial, issuer);
	result->issuer_serial[buf_slice(&serial).len] = '\0';
	fill_hex(result->issuer_ski, sizeof(result->issuer_ski), x509_ski(issuer));
}

static bool fill_node(struct verify_node *node, X509 *x509, const X509 *issuer)
{
	bool positive;
	struct slice serial = x509_serial(x509, &positive), ski = x509_ski(x509);
	unsigned len = 0;

	*node = (struct verify_node){ 0 };
	if (!X509_digest(x509, EVP_sha256(), node->sha256, &len) ||
	    !x509_spki_sha256(x509, node->spki_sha256) ||
	    (issuer && !x509_issuer_key(issuer, node->issuer_key)))
		return false;
	/* Only an anchor's serial can be longer here; none is better than a part. */
	if (serial.len <= sizeof(node->serial)) {
		memcpy(node->serial, serial.ptr, serial.len);
		node->serial_len = serial.len;
	}
	if (ski.len <= sizeof(node->ski)) {
		memcpy(node->ski, ski.ptr, ski.len);
		node->ski_len = ski.len;
	}
	return true;
}

static bool fill_path(struct walk *walk)
{
	const struct path *path = &walk->path;
	struct verify_result *result = walk->result;

	result->path_len = path->count ? path->count : 1;
	if (path->count == 0)
		return fill_node(&result->path[0], path->anchor,
				 X509_self_signed(path->anchor, 0) == 1 ? path->anchor : NULL);
	for (size_t i = 0; i < path->count; i++) {
		X509 *issuer = i + 1 < path->count ? path->nodes[i + 1]->x509 : path->anchor;

		if (!fill_node(&result->path[i], path->nodes[i]->x509, issuer))
			return false;
	}
	return true;
}

static void keep(struct verify_path *out, X509 *x509)
{
	X509_up_ref(x509);
	out->certs[out->count++] = x509;
}

static void keep_path(const struct path *path, struct verify_path *out)
{
	verify_path_fini(out);
	for (size_t i = 0; i < path->count; i++)
		keep(out, path->nodes[i]->x509);
	keep(out, path->anchor);
}

void verify_path_fini(struct verify_path *path)
{
	for (size_t i = 0; i < path->count; i++)
		X509_free(path->certs[i]);
	path->count = 0;
}

static void remember(struct walk *walk)
{
	for (size_t i = 1; i < walk->path.count; i++) {
		const struct node *node = walk->path.nodes[i];

		if (node->presented.len)
			memory_put(&walk->trust->memory, node->x509, node->subject_hash,
				   node->presented.len);
	}
}

static enum rank rank_of(int error)
{
	switch (error) {
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
	case X509_V_ERR_UNSPECIFIED:
	case X509_V_ERR_OUT_OF_MEM:
		return RANK_SIGNATURE;
	default:
		return RANK_INVALID;
	}
}

static void learn(struct walk *walk, const struct outcome *outcome)
{
	enum rank rank = rank_of(outcome->error);

	if (outcome->bad_subject && walk->bad_count < WALK_BAD_MAX)
		walk->bad[walk->bad_count++] =
			(struct bad_edge){ outcome->bad_subject, outcome->bad_issuer };
	if (rank <= walk->rank)
		return;
	walk->rank = rank;
	walk->result->error = outcome->error;
	if (outcome->issuer_good)
		fill_issuer(walk);
}

bool path_try(struct walk *walk)
{
	struct outcome outcome = { 0 };

	walk->paths++;
	ask_openssl(walk, &outcome);
	check_path(walk, &outcome);
	if (!outcome.error && !fill_path(walk))
		outcome.error = X509_V_ERR_UNSPECIFIED;
	if (outcome.error) {
		walk->result->path_len = 0;
		learn(walk, &outcome);
		return false;
	}
	walk->rank = RANK_VERIFIED;
	walk->result->error = X509_V_OK;
	walk->result->authority = walk->authority;
	walk->result->issuer_serial[0] = walk->result->issuer_ski[0] = '\0';
	fill_issuer(walk);
	if (walk->input->path)
		keep_path(&walk->path, walk->input->path);
	remember(walk);
	return true;
}
