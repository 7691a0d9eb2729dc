/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_REVOCATION_LOOK_H
#define MTLSGUARD_CORE_REVOCATION_LOOK_H

#include "core/config.h"
#include "core/facts.h"
#include "core/revocation.h"
#include "core/revocation_ask.h"

/*
 * Whether the certificates of a verified path are revoked, as far as is known
 * now (RFC 5280 6.3, design 3 "Revocation, in detail"): deny lists, then
 * lists, then OCSP; the first fresh answer decides. What a verified list
 * revokes stays revoked until a newer one that covers the certificate says
 * otherwise, and so does what a responder revokes.
 */
enum revocation_by { REVOCATION_BY_NOTHING = 0, REVOCATION_BY_DENY, REVOCATION_BY_CRL, REVOCATION_BY_OCSP };

struct revocation_answer {
	enum revocation_status status;
	enum revocation_by by;
	bool refuses; /* revoked; unknown or stale where that is refused */
	size_t at;    /* which certificate of the path it is about; 0: the leaf */
	unsigned reason; /* enum crl_reason; only when revoked, and not by a deny list */
	int64_t this_update, next_update; /* of the list or answer that decided; 0: none, not said */
	int64_t holds_until; /* looked at again from this second on, with the same state */
	bool asks;	     /* there is something to ask for: revocation_questions() */
};

/* A certificate below the anchor. */
struct revocation_subject {
	const struct verify_node *node;
	struct slice cert;   /* DER */
	struct slice issuer; /* DER of the one above */
	bool anchor;	     /* a leaf that is an anchor: no list speaks of it */
};

/* What is looked at. */
struct revocation_view {
	const struct revocation *state;
	const struct revocation_ops *ops; /* NULL: nobody asks, no OCSP answers */
	void *ops_arg;
	const struct authority_conf *authority;
	const struct deny_set *deny; /* of the configuration itself, or NULL */
	int64_t now;		     /* epoch seconds */
};

/* True when that authority has any source of revocation. */
bool revocation_has_source(const struct authority_conf *authority);

/* True when lists or OCSP are among them: then the path's certificates are needed. */
bool revocation_needs_path(const struct authority_conf *authority);

/* subjects: the leaf first. Takes a few microseconds. */
void revocation_look(const struct revocation_view *view, const struct revocation_subject *subjects,
		     size_t count, struct revocation_answer *out);

/*
 * What to ask for where the answer says so; at most REVOCATION_ASK_MAX, returns how many. Their
 * slices are those of subjects. Lists come before OCSP, which is asked for when no list is left to wait for.
 */
size_t revocation_questions(const struct revocation_view *view,
			    const struct revocation_subject *subjects, size_t count,
			    struct revocation_question *out);

/* Why such a certificate is refused, or REASON_ALLOWED. */
enum reason revocation_refusal(const struct revocation_answer *answer);

/* "deny", "crl", "ocsp" or "". */
const char *revocation_by_name(enum revocation_by by);

/* "keyCompromise" (RFC 5280 5.3.1), "unspecified" for 0; a number that it does not know is "unknown". */
const char *revocation_reason_name(unsigned reason);

#endif
