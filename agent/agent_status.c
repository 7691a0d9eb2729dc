/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_parts.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli.h"
#include "pki/trust.h"

static uint64_t sum_verdicts(const struct agent *agent, enum verdict_kind kind)
{
	uint64_t total = 0;

	for (size_t i = 0; i < agent->worker_count; i++) {
		const struct metrics *metrics = worker_metrics(agent->workers[i]);

		for (size_t reason = 0; reason < REASON_COUNT; reason++)
			total += atomic_load_explicit(&metrics->decisions[kind][reason],
						      memory_order_relaxed);
	}
	return total;
}

static json_t *decisions(const struct agent *agent)
{
	json_t *object = json_object();

	for (enum verdict_kind kind = VERDICT_DENY; kind <= VERDICT_RESPOND; kind++)
		json_object_set_new(object, verdict_name(kind),
				    json_integer((json_int_t)sum_verdicts(agent, kind)));
	return object;
}

static json_t *listeners(const struct agent *agent)
{
	json_t *array = json_array();
	const struct door *door;

	DL_FOREACH(agent->doors, door) {
		json_t *object = json_object();
		char *address = door_address(door);

		json_object_set_new(object, "kind", json_string(door_kind(door)));
		json_object_set_new(object, "address", cli_json_text(slice_str(address)));
		if (door->spec.entry->kind == ADDRESS_TCP)
			json_object_set_new(object, "port", json_integer(listener_port(door->listener)));
		if (door->spec.kind == LISTEN_HTTP)
			json_object_set_new(object, "dialect",
					    json_string(http_dialect_words[door->spec.entry->dialect]));
		json_object_set_new(object, "tls", json_boolean(door->spec.tls != NULL));
		json_array_append_new(array, object);
		free(address);
	}
	return array;
}

void agent_keep_remarks(struct agent *agent, const struct diag_list *diag)
{
	json_t *remarks = cli_json_faults(diag);

	/* Lints are check's to tell. */
	for (size_t i = diag->count; i-- > 0;)
		if (diag->items[i].severity != DIAG_WARNING)
			json_array_remove(remarks, i);
	json_decref(agent->remarks);
	agent->remarks = remarks;
}

static json_t *count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

json_t *agent_status(const struct agent *agent, bool lists)
{
	const struct config *config = snapshot_config(agent->snapshot);
	json_t *status = json_object();

	json_object_set_new(status, "version", json_string(MTLSGUARD_VERSION));
	json_object_set_new(status, "pid", json_integer(getpid()));
	json_object_set_new(status, "config", cli_json_text(slice_str(agent->path)));
	json_object_set_new(status, "generation", json_string(config->generation));
	json_object_set_new(status, "uptime", count((uint64_t)(clock_mono_ns() - agent->started_ns) / 1000000000));
	json_object_set_new(status, "started", json_integer(agent->started_s));
	json_object_set_new(status, "loaded", json_integer(agent->loaded_s));
	json_object_set_new(status, "draining", json_boolean(agent->draining));
	json_object_set_new(status, "threads", count(agent->worker_count));
	json_object_set_new(status, "connections", json_integer(agent_connections(agent)));
	json_object_set_new(status, "accepting", json_boolean(!agent->paused && !agent->draining));
	json_object_set_new(status, "pending", json_integer(atomic_load(&agent->inflight.count)));
	json_object_set_new(status, "decisions", decisions(agent));
	json_object_set_new(status, "reloads", json_pack("{s:I, s:I}", "succeeded", (json_int_t)agent->reloads,
							 "failed", (json_int_t)agent->failed_reloads));
	json_object_set_new(status, "listeners", listeners(agent));
	json_object_set(status, "warnings", agent->remarks);
	json_object_set_new(status, "expiry", agent_expiries(agent));
	if (lists)
		json_object_set_new(status, "lists", agent_lists(agent));
	return status;
}

static bool is_ready(void *arg, const char **why)
{
	const struct agent *agent = arg;

	*why = agent->draining ? "draining" :
	       agent_revocation_ready(agent) ? NULL : "revocation lists are being loaded";
	return !*why;
}

static void write_gauge(struct buf *out, const char *name, const char *help)
{
	buf_printf(out, "# TYPE %s gauge\n# HELP %s %s\n", name, name, help);
}

static void write_process(const struct agent *agent, struct buf *out)
{
	const struct config *config = snapshot_config(agent->snapshot);

	buf_printf(out, "# TYPE mtlsguard info\n# HELP mtlsguard Version, and hash of the configuration in use.\n"
			"mtlsguard_info{version=\"%s\",generation=\"%s\"} 1\n",
		   MTLSGUARD_VERSION, config->generation);
	metrics_one(out, "mtlsguard_start_time_seconds", "gauge", "When the process started.",
		    (uint64_t)agent->started_s);
	metrics_one(out, "mtlsguard_uptime_seconds", "gauge", "Since then.",
		    (uint64_t)(clock_mono_ns() - agent->started_ns) / 1000000000);
	metrics_one(out, "mtlsguard_config_reloads", "counter", "Reloads that succeeded.", agent->reloads);
	metrics_one(out, "mtlsguard_config_reload_failures", "counter",
		    "Reloads that were refused; the former configuration stayed.", agent->failed_reloads);
	metrics_one(out, "mtlsguard_config_load_time_seconds", "gauge",
		    "When the configuration in use was loaded.", (uint64_t)agent->loaded_s);
	metrics_one(out, "mtlsguard_draining", "gauge", "1 while the agent drains.", agent->draining);
	metrics_one(out, "mtlsguard_connections", "gauge", "Connections from proxies.", agent_connections(agent));
	metrics_one(out, "mtlsguard_connections_max", "gauge", "limits.connections.", config->limits.connections);
	metrics_one(out, "mtlsguard_accept_paused", "gauge", "1 while limits.connections is reached.",
		    agent->paused);
	metrics_one(out, "mtlsguard_peers_turned_away", "counter",
		    "Connections of peers that may not connect.", agent->turned_away);
	metrics_one(out, "mtlsguard_decision_records", "counter", "Decision records written.",
		    record_written(agent->record));
	metrics_one(out, "mtlsguard_decision_records_dropped", "counter",
		    "Decision records lost: decisions.log is slow or refuses them.",
		    record_dropped(agent->record));
}

/* Lists are large for a moment: what they took shows in the peak, and must be given back. */
static void write_memory(struct buf *out)
{
	struct rusage usage;
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file && fscanf(file, "%*d %ld", &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	if (pages)
		metrics_one(out, "mtlsguard_memory_resident_bytes", "gauge", "Memory of the process.",
			    (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE));
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		metrics_one(out, "mtlsguard_memory_peak_bytes", "gauge", "The most that it ever was.",
			    (uint64_t)usage.ru_maxrss * 1024);
}

static void write_loops(const struct agent *agent, struct buf *out)
{
	metrics_one(out, "mtlsguard_loops", "gauge", "Request loops.", agent->worker_count);
	write_gauge(out, "mtlsguard_loop_connections", "Connections from proxies on a request loop.");
	for (size_t i = 0; i < agent->worker_count; i++)
		buf_printf(out, "mtlsguard_loop_connections{loop=\"%zu\"} %u\n", i,
			   worker_connections(agent->workers[i]));
	write_gauge(out, "mtlsguard_loop_pending", "Requests waiting for a verdict on a request loop.");
	for (size_t i = 0; i < agent->worker_count; i++)
		buf_printf(out, "mtlsguard_loop_pending{loop=\"%zu\"} %" PRIu64 "\n", i,
			   atomic_load_explicit(&worker_metrics(agent->workers[i])->pending,
						memory_order_relaxed));
}

/* One histogram over all loops, and the longest wake-up of each. */
static void write_stalls(const struct agent *agent, struct buf *out)
{
	const struct loop_stalls **stalls = mem_array(agent->worker_count, sizeof(*stalls));
	uint64_t total = 0, ns = 0;

	for (size_t i = 0; i < agent->worker_count; i++)
		stalls[i] = worker_stalls(agent->workers[i]);
	buf_str(out, "# TYPE mtlsguard_loop_stall_seconds histogram\n# HELP mtlsguard_loop_stall_seconds "
		     "Time that a request loop spent in one wake-up, in which it serves nobody else.\n");
	for (size_t i = 0; i <= LOOP_STALL_BOUNDS; i++) {
		total += metrics_sum(stalls, agent->worker_count,
				     offsetof(struct loop_stalls, counts) + i * sizeof(uint64_t));
		if (i < LOOP_STALL_BOUNDS)
			buf_printf(out, "mtlsguard_loop_stall_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
				   (double)loop_stall_bound_ns(i) / 1e9, total);
	}
	ns = metrics_sum(stalls, agent->worker_count, offsetof(struct loop_stalls, total_ns));
	buf_printf(out, "mtlsguard_loop_stall_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n"
			"mtlsguard_loop_stall_seconds_count %" PRIu64 "\nmtlsguard_loop_stall_seconds_sum %.9f\n",
		   total, total, (double)ns / 1e9);
	write_gauge(out, "mtlsguard_loop_stall_max_seconds", "The longest since the start, of a request loop.");
	for (size_t i = 0; i < agent->worker_count; i++)
		buf_printf(out, "mtlsguard_loop_stall_max_seconds{loop=\"%zu\"} %.9f\n", i,
			   (double)atomic_load_explicit(&stalls[i]->max_ns, memory_order_relaxed) / 1e9);
	free(stalls);
}

static int64_t soonest_expiry(const struct trust *trust)
{
	int64_t soonest = INT64_MAX;

	for (size_t i = 0; i < trust_count(trust); i++) {
		struct trust_ca ca;

		trust_get(trust, i, &ca);
		if (ca.not_after < soonest)
			soonest = ca.not_after;
	}
	return soonest;
}

static void write_authorities(const struct agent *agent, struct buf *out)
{
	const struct config *config = snapshot_config(agent->snapshot);

	if (config->authority_count == 0)
		return;
	write_gauge(out, "mtlsguard_authority_expiry_seconds",
		    "When the first CA certificate of an authority expires.");
	for (size_t i = 0; i < config->authority_count; i++) {
		buf_str(out, "mtlsguard_authority_expiry_seconds{authority=");
		buf_json(out, slice_str(config->authorities[i].name));
		buf_printf(out, "} %" PRId64 "\n", soonest_expiry(snapshot_trust(agent->snapshot, i)));
	}
}

static void write_metrics(void *arg, struct buf *out)
{
	const struct agent *agent = arg;
	const struct metrics **metrics = mem_array(agent->worker_count, sizeof(*metrics));
	const struct spoe_stats **stats = mem_array(agent->worker_count, sizeof(*stats));
	const struct authz_stats **grpc = mem_array(agent->worker_count, sizeof(*grpc));
	const struct http_stats **http = mem_array(agent->worker_count, sizeof(*http));

	for (size_t i = 0; i < agent->worker_count; i++) {
		metrics[i] = worker_metrics(agent->workers[i]);
		stats[i] = worker_stats(agent->workers[i]);
		grpc[i] = worker_grpc_stats(agent->workers[i]);
		http[i] = worker_http_stats(agent->workers[i]);
	}
	write_process(agent, out);
	write_memory(out);
	write_loops(agent, out);
	write_stalls(agent, out);
	write_authorities(agent, out);
	metrics_write(out, metrics, agent->worker_count);
	agent_lists_metrics(agent, out);
	spoe_stats_write(out, stats, agent->worker_count);
	authz_stats_write(out, grpc, agent->worker_count);
	http_stats_write(out, http, agent->worker_count);
	buf_str(out, "# EOF\n");
	free(metrics);
	free(stats);
	free(grpc);
	free(http);
}

const struct admin_ops agent_admin_ops = { .ready = is_ready, .metrics = write_metrics };
