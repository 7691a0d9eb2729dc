/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_parts.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli.h"
#include "pki/trust.h"

/* What is told of a source: of several lists in one file the one that ends first, and all their entries. */
struct summary {
	size_t entries;
	bool verified; /* all of them are */
	int64_t this_update, next_update;
	char number[64];
};

static void sum_up(const struct revocation_source *source, struct summary *out)
{
	*out = (struct summary){ .entries = deny_count(source->deny), .verified = true };
	for (size_t i = 0; i < source->list_count; i++) {
		struct buf number = buf_fixed(out->number, sizeof(out->number) - 1);
		struct revlist_info info;

		revlist_info(source->lists[i].list, &info);
		out->entries += info.entries;
		out->verified &= source->lists[i].verified;
		if (i && out->next_update && (!info.next_update || info.next_update >= out->next_update))
			continue;
		out->this_update = info.this_update;
		out->next_update = info.next_update;
		text_hex(&number, info.number, true);
		out->number[number.len] = 0;
	}
}

static void set_time(json_t *object, const char *key, int64_t time)
{
	json_object_set_new(object, key, time ? json_integer(time) : json_null());
}

static json_t *source_row(const char *authority, const struct revocation_source *source, int64_t now)
{
	json_t *row = json_object();
	struct summary sum;

	sum_up(source, &sum);
	json_object_set_new(row, "authority", cli_json_text(slice_str(authority)));
	json_object_set_new(row, "kind", json_string(source_kind_name(source->kind)));
	json_object_set_new(row, "source", cli_json_text(slice_str(source->name)));
	json_object_set_new(row, "entries", json_integer((json_int_t)sum.entries));
	json_object_set_new(row, "lists", json_integer((json_int_t)source->list_count));
	json_object_set_new(row, "verified", json_boolean(sum.verified && source->list_count));
	json_object_set_new(row, "number", sum.number[0] ? json_string(sum.number) : json_null());
	set_time(row, "this_update", sum.this_update);
	set_time(row, "next_update", sum.next_update);
	set_time(row, "last_try", source->last_try);
	set_time(row, "last_good", source->last_good);
	json_object_set_new(row, "age", sum.this_update ? json_integer(now - sum.this_update) : json_null());
	json_object_set_new(row, "stale", json_boolean(sum.next_update && now > sum.next_update));
	json_object_set_new(row, "bytes", json_integer((json_int_t)source->bytes));
	json_object_set_new(row, "tries", json_integer((json_int_t)source->tries));
	json_object_set_new(row, "failures", json_integer((json_int_t)source->failures));
	json_object_set_new(row, "error", source->error ? cli_json_text(slice_str(source->error)) : json_null());
	return row;
}

/* Calls each() with every source that is known. */
static void walk(const struct agent *agent,
		 void (*each)(void *arg, const char *authority, const struct revocation_source *source),
		 void *arg)
{
	const struct revocation_source *source;
	const char *authority;

	if (!agent->revocation)
		return;
	for (size_t i = 0; (authority = revocation_authority(agent->revocation, i)) != NULL; i++)
		for (size_t j = 0; (source = revocation_source(agent->revocation, authority, j)) != NULL; j++)
			each(arg, authority, source);
}

static void add_row(void *arg, const char *authority, const struct revocation_source *source)
{
	json_array_append_new(arg, source_row(authority, source, clock_wall_s()));
}

json_t *agent_lists(const struct agent *agent)
{
	json_t *rows = json_array();

	walk(agent, add_row, rows);
	return rows;
}

struct soonest {
	const char *authority, *name;
	int64_t time;
};

static void take(struct soonest *soonest, const char *authority, const char *name, int64_t time)
{
	if (time && (!soonest->time || time < soonest->time))
		*soonest = (struct soonest){ authority, name, time };
}

static void take_list(void *arg, const char *authority, const struct revocation_source *source)
{
	struct summary sum;

	sum_up(source, &sum);
	take(arg, authority, source->name, sum.next_update);
}

static int64_t ca_expiry(const struct trust *trust)
{
	struct soonest soonest = { 0 };

	for (size_t i = 0; i < trust_count(trust); i++) {
		struct trust_ca ca;

		trust_get(trust, i, &ca);
		take(&soonest, NULL, NULL, ca.not_after);
	}
	return soonest.time;
}

static json_t *tell(const struct soonest *soonest)
{
	json_t *object;

	if (!soonest->time)
		return json_null();
	object = json_object();
	json_object_set_new(object, "authority", cli_json_text(slice_str(soonest->authority)));
	if (soonest->name)
		json_object_set_new(object, "source", cli_json_text(slice_str(soonest->name)));
	json_object_set_new(object, "expires", json_integer(soonest->time));
	return object;
}

/* An array, the nearest in front. */
static json_t *tell_leafs(const struct agent *agent, const char *authority)
{
	struct radar_leaf leafs[RADAR_LEAFS];
	size_t count = radar_leafs(agent->radar, slice_str(authority), clock_wall_s(), leafs);
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *object = json_object();

		json_object_set_new(object, "expires", json_integer(leafs[i].not_after));
		json_object_set_new(object, "serial", cli_json_text(slice_str(leafs[i].serial)));
		json_object_set_new(object, "subject", cli_json_text(slice_str(leafs[i].subject)));
		json_array_append_new(array, object);
	}
	radar_leafs_fini(leafs, count);
	return array;
}

json_t *agent_expiries(const struct agent *agent)
{
	const struct config *config = snapshot_config(agent->snapshot);
	struct soonest authority = { 0 }, list = { 0 };
	json_t *object = json_object(), *leafs = json_object();

	for (size_t i = 0; i < config->authority_count; i++) {
		const char *name = config->authorities[i].name;
		json_t *nearest = tell_leafs(agent, name);

		take(&authority, name, NULL, ca_expiry(snapshot_trust(agent->snapshot, i)));
		if (json_array_size(nearest))
			json_object_set(leafs, name, nearest);
		json_decref(nearest);
	}
	walk(agent, take_list, &list);
	json_object_set_new(object, "authority", tell(&authority));
	json_object_set_new(object, "list", tell(&list));
	json_object_set_new(object, "certificates", leafs);
	return object;
}

/* One family over all sources. */
struct family {
	struct buf *out;
	const char *name;
	int64_t now;
	bool (*value)(const struct revocation_source *source, const struct summary *sum, int64_t now,
		      int64_t *out); /* false: there is none */
};

static bool entries(const struct revocation_source *source, const struct summary *sum, int64_t now,
		    int64_t *out)
{
	(void)source, (void)now;
	*out = (int64_t)sum->entries;
	return true;
}

static bool this_update(const struct revocation_source *source, const struct summary *sum, int64_t now,
			int64_t *out)
{
	(void)source, (void)now;
	*out = sum->this_update;
	return *out != 0;
}

static bool next_update(const struct revocation_source *source, const struct summary *sum, int64_t now,
			int64_t *out)
{
	(void)source, (void)now;
	*out = sum->next_update;
	return *out != 0;
}

static bool age(const struct revocation_source *source, const struct summary *sum, int64_t now,
		int64_t *out)
{
	(void)source;
	*out = now - sum->this_update;
	return sum->this_update != 0;
}

static bool is_stale(const struct revocation_source *source, const struct summary *sum, int64_t now,
		     int64_t *out)
{
	*out = sum->next_update && now > sum->next_update;
	return source->list_count > 0;
}

static bool last_good(const struct revocation_source *source, const struct summary *sum, int64_t now,
		      int64_t *out)
{
	(void)sum, (void)now;
	*out = source->last_good;
	return *out != 0;
}

static bool last_try(const struct revocation_source *source, const struct summary *sum, int64_t now,
		     int64_t *out)
{
	(void)sum, (void)now;
	*out = source->last_try;
	return *out != 0;
}

static bool is_failing(const struct revocation_source *source, const struct summary *sum, int64_t now,
		       int64_t *out)
{
	(void)sum, (void)now;
	*out = source->error != NULL;
	return true;
}

static bool bytes(const struct revocation_source *source, const struct summary *sum, int64_t now,
		  int64_t *out)
{
	(void)sum, (void)now;
	*out = (int64_t)source->bytes;
	return true;
}

static void put_sample(void *arg, const char *authority, const struct revocation_source *source)
{
	const struct family *family = arg;
	struct summary sum;
	int64_t value;

	sum_up(source, &sum);
	if (!family->value(source, &sum, family->now, &value))
		return;
	buf_printf(family->out, "%s{authority=", family->name);
	buf_json(family->out, slice_str(authority));
	buf_printf(family->out, ",kind=\"%s\",source=", source_kind_name(source->kind));
	buf_json(family->out, slice_str(source->name));
	buf_printf(family->out, "} %" PRId64 "\n", value);
}

static void gauge(struct buf *out, const char *name, const char *help)
{
	buf_printf(out, "# TYPE %s gauge\n# HELP %s %s\n", name, name, help);
}

static void write_leafs(const struct agent *agent, struct buf *out)
{
	const struct config *config = snapshot_config(agent->snapshot);

	gauge(out, "mtlsguard_certificate_expiry_seconds",
	      "When the first client certificate of those seen in the last day expires.");
	for (size_t i = 0; i < config->authority_count; i++) {
		struct slice name = slice_str(config->authorities[i].name);
		int64_t leaf = radar_soonest(agent->radar, name, clock_wall_s());

		if (!leaf)
			continue;
		buf_str(out, "mtlsguard_certificate_expiry_seconds{authority=");
		buf_json(out, name);
		buf_printf(out, "} %" PRId64 "\n", leaf);
	}
}

static void write_stats(const struct agent *agent, struct buf *out)
{
	struct revoker_stats stats;

	revoker_stats(agent->revoker, &stats);
	metrics_one(out, "mtlsguard_revocation_fetches", "counter", "Fetches of lists.", stats.fetches);
	metrics_one(out, "mtlsguard_revocation_fetch_failures", "counter",
		    "Those that brought no list that could be used.", stats.fetch_failures);
	metrics_one(out, "mtlsguard_revocation_ocsp_queries", "counter", "Questions to OCSP responders.",
		    stats.ocsp_queries);
	metrics_one(out, "mtlsguard_revocation_ocsp_failures", "counter",
		    "Those without an answer that could be used.", stats.ocsp_failures);
	metrics_one(out, "mtlsguard_revocation_ocsp_answers", "gauge", "OCSP answers that are kept.",
		    stats.ocsp_answers);
	metrics_one(out, "mtlsguard_revocation_keep_failures", "counter",
		    "Lists that could not be kept on disk.", stats.keep_failures);
	metrics_one(out, "mtlsguard_revocation_states", "counter",
		    "How often what is known was published to the request loops.", stats.states);
}

void agent_lists_metrics(const struct agent *agent, struct buf *out)
{
	static const struct {
		const char *name, *help;
		bool (*value)(const struct revocation_source *, const struct summary *, int64_t, int64_t *);
	} families[] = {
		{ "mtlsguard_revocation_list_entries", "Revoked serials in it.", entries },
		{ "mtlsguard_revocation_list_bytes", "Size as it was read.", bytes },
		{ "mtlsguard_revocation_list_this_update_seconds", "Its thisUpdate.", this_update },
		{ "mtlsguard_revocation_list_next_update_seconds", "Its nextUpdate.", next_update },
		{ "mtlsguard_revocation_list_age_seconds", "Time since its thisUpdate.", age },
		{ "mtlsguard_revocation_list_stale", "1 when its nextUpdate has passed.", is_stale },
		{ "mtlsguard_revocation_list_last_try_seconds", "When it was last tried.", last_try },
		{ "mtlsguard_revocation_list_last_success_seconds", "When it was last loaded.", last_good },
		{ "mtlsguard_revocation_list_failing", "1 when the last try failed.", is_failing },
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		struct family family = { .out = out, .name = families[i].name, .now = clock_wall_s(),
					 .value = families[i].value };

		gauge(out, families[i].name, families[i].help);
		walk(agent, put_sample, &family);
	}
	write_stats(agent, out);
	write_leafs(agent, out);
}
