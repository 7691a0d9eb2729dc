/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli.h"
#include "core/certcache.h"
#include "core/facts.h"
#include "eval.h"

static const struct config *config_of(const struct request *req)
{
	return snapshot_config(req->snapshot);
}

static json_t *named(const char *kind, const char *name, unsigned line)
{
	json_t *object = json_object();

	json_object_set_new(object, "kind", json_string(kind));
	json_object_set_new(object, "name", cli_json_text(slice_str(name)));
	json_object_set_new(object, "line", line ? json_integer(line) : json_null());
	return object;
}

static const struct worker_conf *worker_of(const struct request *req)
{
	const struct config *config = config_of(req);

	for (size_t i = 0; i < config->worker_count && req->worker.len; i++)
		if (slice_eq(slice_str(config->workers[i].name), req->worker))
			return &config->workers[i];
	return NULL;
}

static const struct authority_conf *authority_of(const struct request *req)
{
	const struct config *config = config_of(req);

	for (size_t i = 0; i < config->authority_count && req->cert; i++)
		if (slice_eq(slice_str(config->authorities[i].name), req->cert->authority))
			return &config->authorities[i];
	return NULL;
}

/* The reason that counts: on a host that only observes, the real one. */
static enum reason real_reason(const struct request *req)
{
	return req->observed ? req->observed : req->verdict.reason;
}

static json_t *named_host(const struct request *req)
{
	const struct host_conf *host = snapshot_host_conf(req->snapshot, req->rule);

	return named("host", host->pattern, host->line);
}

json_t *eval_decided_by(const struct request *req)
{
	const struct worker_conf *worker = worker_of(req);
	const struct authority_conf *authority = authority_of(req);
	enum reason reason = real_reason(req);

	if (worker)
		return named("worker", worker->name, worker->line);
	if ((reason == REASON_CERTIFICATE_REVOKED || reason == REASON_REVOCATION_UNKNOWN ||
	     reason == REASON_REVOCATION_STALE) && authority)
		return named("authority", authority->name, authority->line);
	if (!req->rule || reason == REASON_BAD_REQUEST || reason == REASON_EARLY_DATA ||
	    reason == REASON_OVERLOADED)
		return json_null();
	return named_host(req);
}

static json_t *step(json_t *steps, const char *stage, const char *result)
{
	json_t *object = json_object();

	json_object_set_new(object, "stage", json_string(stage));
	json_object_set_new(object, "result", json_string(result));
	json_array_append_new(steps, object);
	return object;
}

static bool ended_at(const struct request *req, const char *stage)
{
	return strcmp(req->stage, stage) == 0;
}

static const char *result_of(const struct request *req, const char *stage)
{
	return ended_at(req, stage) ? reason_name(real_reason(req)) : "passed";
}

static void trace_admit(json_t *steps, const struct request *req)
{
	json_t *object = step(steps, "admit", result_of(req, "admit"));

	if (req->host.len)
		json_object_set_new(object, "host", cli_json_text(req->host));
	if (req->path.len)
		json_object_set_new(object, "path", cli_json_text(req->path));
	if (req->rule)
		json_object_set_new(object, "matched", named_host(req));
}

static void trace_certificate(json_t *steps, const struct request *req)
{
	json_t *object = step(steps, "certificate", result_of(req, "certificate"));
	const struct host_conf *host = snapshot_host_conf(req->snapshot, req->rule);
	json_t *authorities = json_array();

	json_object_set_new(object, "verified", cli_json_text(fact_text(req, FACT_VERIFIED)));
	for (size_t i = 0; i < host->authority_count; i++)
		json_array_append_new(authorities, cli_json_text(slice_str(
			config_of(req)->authorities[host->authorities[i]].name)));
	json_object_set_new(object, "against", authorities);
	if (!req->cert)
		return;
	json_object_set_new(object, "verify_error", json_integer(req->cert->result.error));
	if (req->cert->result.error)
		return;
	json_object_set_new(object, "authority", cli_json_text(req->cert->authority));
	json_object_set_new(object, "path_length", json_integer((json_int_t)req->cert->result.path_len));
	json_object_set_new(object, "holds_until", json_integer(req->cert->until));
}

static void trace_revocation(json_t *steps, const struct request *req)
{
	struct tls_facts facts;
	json_t *object;

	tls_facts_get(req, &facts);
	object = step(steps, "revocation", revocation_status_name(facts.revocation));
	if (facts.revocation != REVOCATION_UNCHECKED)
		json_object_set_new(object, "source", json_string(facts.revocation_source));
}

static void trace_requirement(json_t *steps, const struct request *req)
{
	json_t *object = step(steps, "requirement", result_of(req, "requirement"));

	json_object_set_new(object, "require", json_string(
		req->rule->require == REQUIRE_VERIFIED ? "verified" : "none"));
	if (req->rule->observe)
		json_object_set_new(object, "enforce", json_string("observe"));
}

/* No worker runs for a connection; that there are some for requests may refuse it. */
static void trace_connection(json_t *steps, const struct request *req)
{
	json_t *object;

	if (!snapshot_routed(req->snapshot, req->host)) {
		step(steps, "worker", "no route matches");
		return;
	}
	object = step(steps, "worker", result_of(req, "worker"));
	json_object_set_new(object, "l4", json_boolean(req->rule->l4));
}

static void trace_worker(json_t *steps, const struct request *req)
{
	const struct worker_conf *worker = worker_of(req);
	json_t *object;

	if (req->connection) {
		trace_connection(steps, req);
		return;
	}
	if (!worker) {
		step(steps, "worker", "no route matches");
		return;
	}
	object = step(steps, "worker", real_reason(req) == REASON_ALLOWED ? "passed" :
							       reason_name(real_reason(req)));
	json_object_set_new(object, "name", cli_json_text(slice_str(worker->name)));
	json_object_set_new(object, "line", json_integer(worker->line));
	if (req->worker_place.len)
		json_object_set_new(object, "place", cli_json_text(req->worker_place));
}

static void trace_decision(json_t *steps, const struct request *req)
{
	json_t *object = step(steps, "decision", verdict_name(req->verdict.kind));

	json_object_set_new(object, "reason", json_string(reason_name(req->verdict.reason)));
	json_object_set_new(object, "status", json_integer(req->verdict.status));
	if (req->observed)
		json_object_set_new(object, "observed", json_string(reason_name(req->observed)));
	if (req->error.len)
		json_object_set_new(object, "error", cli_json_text(req->error));
}

static void trace_headers(json_t *steps, const struct request *req)
{
	struct header_cursor cursor = { 0 };
	struct slice name, value;
	json_int_t count = 0;

	while (header_block_next_pair(&req->verdict.req_set, &cursor, &name, &value))
		count++;
	json_object_set_new(step(steps, "headers", "passed"), "set", json_integer(count));
}

json_t *eval_trace(const struct request *req)
{
	static void (*const stages[])(json_t *, const struct request *) = {
		trace_admit, trace_certificate, trace_revocation, trace_requirement, trace_worker,
	};
	static const char *const ends[] = { "admit", "certificate", NULL, "requirement", "worker" };
	json_t *steps = json_array();

	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		stages[i](steps, req);
		if (ends[i] && ended_at(req, ends[i]))
			break;
	}
	if (req->verdict.kind == VERDICT_ALLOW && !req->connection)
		trace_headers(steps, req);
	trace_decision(steps, req);
	return steps;
}
