/* SPDX-License-Identifier: Apache-2.0 */
#include "core/decision.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "core/certcache.h"
#include "core/snapshot.h"

static void text(struct buf *out, const char *key, struct slice value)
{
	buf_printf(out, ",\"%s\":", key);
	buf_json(out, value);
}

static void text_if(struct buf *out, const char *key, struct slice value)
{
	if (value.len)
		text(out, key, value);
}

static void write_time(struct buf *out, int64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / 1000000000);
	struct tm tm;
	char stamp[32];

	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_printf(out, "{\"time\":\"%s.%06" PRId64 "Z\"", stamp, wall_ns % 1000000000 / 1000);
}

static void write_source(struct buf *out, const struct request *req)
{
	const struct value *src = &req->args[ARG_SRC];
	const uint8_t *p = src->bytes.ptr;

	if (src->kind == VALUE_TEXT) {
		text(out, "src", src->bytes);
	} else if (src->kind == VALUE_IP && src->bytes.len == 4) {
		buf_printf(out, ",\"src\":\"%u.%u.%u.%u\"", p[0], p[1], p[2], p[3]);
	} else if (src->kind == VALUE_IP && src->bytes.len == 16) {
		buf_str(out, ",\"src\":\"");
		for (size_t i = 0; i < 16; i += 2)
			buf_printf(out, "%s%x", i ? ":" : "", p[i] << 8 | p[i + 1]);
		buf_u8(out, '"');
	}
	if (req->args[ARG_SRC_PORT].kind > VALUE_NULL)
		buf_printf(out, ",\"src_port\":%" PRId64, req->args[ARG_SRC_PORT].integer);
}

static void write_revocation(struct buf *out, const struct request *req)
{
	struct tls_facts facts;

	tls_facts_get(req, &facts);
	if (facts.revocation == REVOCATION_UNCHECKED)
		return;
	buf_printf(out, ",\"revocation\":{\"status\":\"%s\"", revocation_status_name(facts.revocation));
	text_if(out, "source", slice_str(facts.revocation_source));
	text_if(out, "reason", slice_str(facts.revocation_reason));
	if (facts.revocation_age >= 0)
		buf_printf(out, ",\"age\":%" PRId64, facts.revocation_age);
	buf_u8(out, '}');
}

static void write_certificate(struct buf *out, const struct request *req)
{
	const struct cert_entry *entry = req->cert;

	if (!entry)
		return;
	buf_printf(out, ",\"certificate\":{\"fingerprint\":\"%.*s\"",
		   SLICE_FMT(entry->facts[FACT_FINGERPRINT_SHA256]));
	text(out, "serial", entry->facts[FACT_SERIAL]);
	text(out, "subject", entry->facts[FACT_SUBJECT_DN]);
	text(out, "issuer", entry->facts[FACT_ISSUER_DN]);
	text(out, "not_after", entry->facts[FACT_NOT_AFTER]);
	text_if(out, "authority", entry->authority);
	buf_printf(out, ",\"revoked\":%s,\"resumed\":%s", entry->revoked ? "true" : "false",
		   request_true(req, ARG_RESUMED) ? "true" : "false");
	write_revocation(out, req);
	buf_u8(out, '}');
}

/* The canonical form where there is one, else what was sent. */
static struct slice seen(const struct request *req, struct slice canonical, enum arg arg)
{
	return canonical.len ? canonical : request_bytes(req, arg);
}

void decision_write(struct buf *out, const struct request *req, int64_t wall_ns, int64_t took_ns)
{
	const struct verdict *verdict = &req->verdict;

	write_time(out, wall_ns);
	text(out, "id", verdict->id);
	text_if(out, "request_id", request_bytes(req, ARG_ID));
	buf_printf(out, ",\"verdict\":\"%s\",\"status\":%d,\"reason\":\"%s\",\"stage\":\"%s\"",
		   verdict_name(verdict->kind), verdict->status, reason_name(verdict->reason),
		   req->stage ? req->stage : "");
	if (req->observed)
		buf_printf(out, ",\"observed\":\"%s\"", reason_name(req->observed));
	if (req->connection) {
		buf_str(out, ",\"connection\":true");
		text(out, "host", seen(req, req->host, ARG_SNI));
	} else {
		text(out, "host", seen(req, req->host, ARG_HOST));
		text(out, "method", request_bytes(req, ARG_METHOD));
		text(out, "path", seen(req, req->path, ARG_PATH));
	}
	text_if(out, "sni", request_bytes(req, ARG_SNI));
	write_source(out, req);
	text(out, "verified", verdict->log->verified);
	write_certificate(out, req);
	text_if(out, "worker", req->worker);
	text_if(out, "error", req->error);
	text_if(out, "place", req->worker_place);
	buf_printf(out, ",\"generation\":\"%s\",\"duration_us\":%.1f}",
		   snapshot_config(req->snapshot)->generation, (double)took_ns / 1000);
}

bool decision_wanted(const struct request *req, enum decisions_level level)
{
	if (level == DECISIONS_DENIALS)
		return req->verdict.kind != VERDICT_ALLOW || req->observed;
	return level == DECISIONS_ALL;
}
