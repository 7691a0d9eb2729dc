/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "svc/revoker_inside.h"

/* A hundred thousand certificates of one CA name the same responder: its issuer's DER is kept once for all of them. */

static void describe(struct buf *out, const struct revocation_question *question, const struct points *points)
{
	buf_str(out, question->authority);
	buf_u8(out, 0);
	for (size_t i = 0; i < points->ocsp_count; i++) {
		buf_put(out, points->ocsp[i]);
		buf_u8(out, 0);
	}
	buf_u8(out, 0);
	buf_put(out, question->issuer);
}

/* URLs are printable, and so is what a configuration may call an authority: a NUL ends each. */
static void read_back(struct ocsp_target *target)
{
	char *at = (char *)target->bytes;

	target->authority = at;
	at += strlen(at) + 1;
	for (; *at; at += strlen(at) + 1)
		target->urls[target->url_count++] = at;
	at++;
	target->issuer = slice_of(at, (size_t)((char *)target->bytes + target->len - at));
}

struct ocsp_target *ocsp_target_get(struct revoker *revoker, const struct revocation_question *question)
{
	struct buf bytes = buf_capped(0);
	struct ocsp_target *target;
	struct points points;

	if (points_read(question->cert, &points) || points.ocsp_count == 0)
		return NULL;
	describe(&bytes, question, &points);
	HASH_FIND(hh, revoker->targets, bytes.ptr, bytes.len, target);
	if (!target) {
		target = mem_new(sizeof(*target) + bytes.len);
		target->len = bytes.len;
		memcpy(target->bytes, bytes.ptr, bytes.len);
		read_back(target);
		HASH_ADD_KEYPTR(hh, revoker->targets, target->bytes, target->len, target);
	}
	buf_fini(&bytes);
	return ocsp_target_ref(target);
}

struct ocsp_target *ocsp_target_ref(struct ocsp_target *target)
{
	target->refs++;
	return target;
}

void ocsp_target_unref(struct revoker *revoker, struct ocsp_target *target)
{
	if (--target->refs)
		return;
	HASH_DEL(revoker->targets, target);
	free(target);
}
