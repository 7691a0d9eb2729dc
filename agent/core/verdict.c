/* SPDX-License-Identifier: Apache-2.0 */
#include "core/verdict.h"

#include "base/reader.h"

static const struct {
	const char *name;
	int status;
	const char *title;
} reasons[REASON_COUNT] = {
	[REASON_INTERNAL_UNSET] = { "policy_error", 503, "The policy could not decide" },
	[REASON_ALLOWED] = { "allowed", 200, "Allowed" },
	[REASON_HOST_UNKNOWN] = { "host_unknown", 403, "This host is not served" },
	[REASON_MISDIRECTED_REQUEST] = { "misdirected_request", 421,
					 "This connection was made for another host" },
	[REASON_CERTIFICATE_REQUIRED] = { "certificate_required", 403,
					  "A client certificate is required" },
	[REASON_CERTIFICATE_INVALID] = { "certificate_invalid", 403,
					 "The client certificate could not be verified" },
	[REASON_CERTIFICATE_REVOKED] = { "certificate_revoked", 403,
					 "The client certificate has been revoked" },
	[REASON_REVOCATION_UNKNOWN] = { "revocation_unknown", 403,
					"Whether the client certificate has been revoked is not known" },
	[REASON_REVOCATION_STALE] = { "revocation_stale", 403,
				      "What is known about the client certificate's revocation is out of date" },
	[REASON_BAD_REQUEST] = { "bad_request", 400, "The request is malformed" },
	[REASON_EARLY_DATA] = { "early_data", 425, "Too early: repeat the request without early data" },
	[REASON_POLICY_ERROR] = { "policy_error", 503, "The policy could not decide" },
	[REASON_POLICY_TIMEOUT] = { "policy_timeout", 503, "The policy took too long" },
	[REASON_POLICY_MEMORY] = { "policy_memory", 503, "The policy needed too much memory" },
	[REASON_OVERLOADED] = { "overloaded", 503, "Too much to do at present" },
	[REASON_ANSWER_TOO_LARGE] = { "answer_too_large", 503,
				      "The answer does not fit what the proxy takes" },
	[REASON_WORKER_RESPONSE] = { "worker_response", 0, "Answered by the policy" },
};

const char *reason_name(enum reason reason)
{
	return reasons[reason].name;
}

int reason_status(enum reason reason)
{
	return reasons[reason].status;
}

const char *reason_title(enum reason reason)
{
	return reasons[reason].title;
}

const char *verdict_name(enum verdict_kind kind)
{
	static const char *const names[] = { "deny", "allow", "respond" };

	return names[kind];
}

HOT NOINLINE size_t header_block_size(const struct header_block *block)
{
	size_t size = 0;

	for (size_t i = 0; i < block->count; i++)
		size += block->parts[i].len;
	return size;
}

static bool at_part(const struct header_block *block, struct header_cursor *cursor,
		    struct reader *reader)
{
	while (cursor->part < block->count && cursor->at >= block->parts[cursor->part].len)
		*cursor = (struct header_cursor){ .part = cursor->part + 1 };
	if (cursor->part >= block->count)
		return false;
	*reader = reader_of(slice_sub(block->parts[cursor->part], cursor->at, SIZE_MAX));
	return true;
}

static bool step(const struct header_block *block, struct header_cursor *cursor,
		 struct reader *reader)
{
	/* A part that does not decode ends the walk: it is made by us, so nothing is behind it. */
	if (reader_err(reader)) {
		cursor->part = block->count;
		return false;
	}
	cursor->at = block->parts[cursor->part].len - reader_left(reader);
	return true;
}

bool header_block_next_pair(const struct header_block *block, struct header_cursor *cursor,
			    struct slice *name, struct slice *value)
{
	struct reader reader;

	if (!at_part(block, cursor, &reader))
		return false;
	*name = reader_varstr(&reader);
	*value = reader_varstr(&reader);
	return step(block, cursor, &reader);
}

bool header_block_next_name(const struct header_block *block, struct header_cursor *cursor,
			    struct slice *name)
{
	struct reader reader;

	if (!at_part(block, cursor, &reader))
		return false;
	*name = reader_varstr(&reader);
	return step(block, cursor, &reader);
}
