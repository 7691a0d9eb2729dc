/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_REVOCATION_ASK_H
#define MTLSGUARD_CORE_REVOCATION_ASK_H

#include "base/slice.h"

/*
 * What a request may have to wait for, and what OCSP has answered: a table of
 * functions that the process fills (svc has the network, core has none).
 *
 * Questions are about certificates of a verified path only, so that nobody
 * makes the agent fetch what a worthless certificate names.
 */
enum ask_kind {
	ASK_LIST,  /* a distribution point (url) that was never tried */
	ASK_OCSP,  /* no list answers: the certificate's responder */
	ASK_CHECK  /* an unverified list has this issuer's name: its key may vouch for it. No network */
};

struct revocation_question {
	enum ask_kind kind;
	const char *authority;	   /* its name in the configuration */
	struct slice cert;	   /* DER, of the one asked about; points_read() finds its responders */
	struct slice issuer;	   /* DER, of the certificate above it in the verified path */
	uint8_t issuer_key[32];	   /* as in verify_node */
	uint8_t serial[20];
	size_t serial_len;
	struct slice url;	   /* ASK_LIST */
};

#define REVOCATION_ASK_MAX 16 /* questions of one request at a time */

/* One waiting request. It, and all that its questions view, live until on_done or cancel. */
struct revocation_wait {
	const struct revocation_question *questions;
	size_t count;
	int64_t deadline_ns; /* monotonic, of the request; on_done comes by then in any case */
	/*
	 * Comes exactly once, on the loop's own thread, never from within ask(): when
	 * each question was answered or has failed, and the loop has the state (and
	 * ocsp() the answers) that came of it; or when the deadline is there.
	 */
	void (*on_done)(struct revocation_wait *wait);
	void *arg; /* the engine's */
	void *asked; /* whoever answers keeps its own here */
};

/* What OCSP says about a certificate: only good and revoked are kept, with a checked signature. */
struct ocsp_record {
	bool revoked;
	int64_t this_update, next_update; /* epoch seconds; next_update 0: not said */
	int64_t until;	    /* the answer holds up to and including this second */
	int64_t revoked_at; /* only when revoked */
	unsigned reason;    /* only when revoked */
	/*
	 * Whoever uses the record looks again at these seconds: from used_from on, which tells that the certificate
	 * is in use, so that the next answer comes before this one ends; and from look_again on, when that is due.
	 * used_from <= look_again <= until.
	 */
	int64_t used_from, look_again;
};

struct revocation_ops {
	/*
	 * The last answer about that serial of that issuer, over or not; false when there is none. Any
	 * thread, never waits. Looking after look_again makes it be asked for anew, in the background:
	 * authority, cert and issuer are for that. When a refresh changes what was said before, a state
	 * with the next number is published.
	 */
	bool (*ocsp)(void *arg, const struct revocation_question *question, int64_t now,
		     struct ocsp_record *out);
	/* True: on_done will come. False: there is nothing to wait for (just tried in vain, too many). */
	bool (*ask)(void *arg, struct revocation_wait *wait);
	/* on_done does not come any more. Only after ask() has said true, and before on_done. */
	void (*cancel)(void *arg, struct revocation_wait *wait);
};

#endif
