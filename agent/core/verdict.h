/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_VERDICT_H
#define MTLSGUARD_CORE_VERDICT_H

#include "base/err.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/value.h"

enum verdict_kind { VERDICT_DENY = 0, VERDICT_ALLOW, VERDICT_RESPOND };

/* The closed set: the same word in the answer, the log, the metric and the problem document. */
enum reason {
	REASON_INTERNAL_UNSET = 0, /* nothing decided yet; leaving with it is a fault and denies */
	REASON_ALLOWED,
	REASON_HOST_UNKNOWN,
	REASON_MISDIRECTED_REQUEST,
	REASON_CERTIFICATE_REQUIRED,
	REASON_CERTIFICATE_INVALID,
	REASON_CERTIFICATE_REVOKED,
	REASON_REVOCATION_UNKNOWN,
	REASON_REVOCATION_STALE,
	REASON_BAD_REQUEST,
	REASON_EARLY_DATA,
	REASON_POLICY_ERROR,
	REASON_POLICY_TIMEOUT,
	REASON_POLICY_MEMORY,
	REASON_OVERLOADED,
	REASON_ANSWER_TOO_LARGE,
	REASON_WORKER_RESPONSE,
	REASON_COUNT
};

/* The word, for example "certificate_required"; never NULL. */
const char *reason_name(enum reason reason);

/* The status that a refusal with this reason has (design table), 200 for allowed;
 * 0 for worker_response, whose status is the worker's. */
int reason_status(enum reason reason);

/* A short title for people, for problem+json, text and HTML. */
const char *reason_title(enum reason reason);

/* "allow", "deny" or "respond". */
const char *verdict_name(enum verdict_kind kind);

/*
 * Header pairs in the layout of HAProxy's req.hdrs_bin without the two closing
 * empty strings: (varint length, name, varint length, value)*. A list of names
 * is (varint length, name)*. Kept as parts, so that what never changes (a
 * certificate's headers, a configuration's list of owned names) is encoded
 * once and only pointed to.
 */
#define HEADER_PARTS 6

struct header_block {
	size_t count;
	struct slice parts[HEADER_PARTS];
};

/* Adds a part that outlives the verdict; empty ones are left out. Too many parts: ERR_LIMIT. */
static inline MUST_USE enum err header_block_add(struct header_block *block, struct slice part)
{
	if (part.len == 0)
		return ERR_OK;
	if (unlikely(block->count == HEADER_PARTS))
		return ERR_LIMIT;
	block->parts[block->count++] = part;
	return ERR_OK;
}

/* Bytes of all parts together. */
size_t header_block_size(const struct header_block *block);

/* Steps through pairs. Start with {0}; false at the end. */
struct header_cursor {
	size_t part;
	size_t at;
};
bool header_block_next_pair(const struct header_block *block, struct header_cursor *cursor,
			    struct slice *name, struct slice *value);
bool header_block_next_name(const struct header_block *block, struct header_cursor *cursor,
			    struct slice *name);

/* For logs, ACLs and stick tables; empty when there is no certificate, but for `verified`. */
struct log_values {
	struct slice cn, serial, fingerprint, subject, issuer, verified;
};

/*
 * What a front tells its proxy. All slices live in the request's arena, in its
 * certificate's cache entry or in its snapshot: they hold until engine_release.
 */
struct verdict {
	enum verdict_kind kind;
	enum reason reason;
	int status;
	struct slice id;
	struct slice body, content_type, location; /* deny and respond */
	bool client_cert; /* a front behind which the proxy can do it sets Client-Cert itself */
	struct slice client_cert_value; /* ":base64:" for the fronts that cannot */
	int64_t until; /* epoch seconds; 0: may not be reused */
	const struct log_values *log; /* NULL: nothing was decided */
	/* Where the front of SPOE keeps those values as it sends them, malloc'd, for the certificate's next
	 * request; the cache entry frees it. NULL: nowhere. */
	struct slice *encoded;
	/* The first part of req_del and the first kept_parts of req_set are the same with each request of the
	 * certificate. Where the front of ext_authz keeps them as it sends them, as above. */
	struct slice *encoded_edits;
	size_t kept_parts;
	/* Last, since only their counts are cleared. */
	struct header_block req_del, req_set;	   /* allow: names to remove, then pairs to add */
	struct header_block res_del, res_set;	   /* allow: for the origin's response */
						   /* deny, respond: res_set is the answer's own */
};

/* Nothing decided, nothing to tell. */
static inline void verdict_clear(struct verdict *verdict)
{
	mem_zero(verdict, offsetof(struct verdict, req_del));
	verdict->req_del.count = verdict->req_set.count = 0;
	verdict->res_del.count = verdict->res_set.count = 0;
}

#endif
