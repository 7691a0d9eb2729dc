/* SPDX-License-Identifier: Apache-2.0 */
#include "core/snapshot.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <uthash.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/basis.h"
#include "core/config_file.h"
#include "core/deny.h"
#include "core/owned.h"
#include "core/routes.h"
#include "pki/trust.h"

#define CA_FILE_MAX ((size_t)16 << 20)
#define SOON_S (INT64_C(30) * 86400)

struct snapshot {
	atomic_uint refs;
	uint64_t number; /* of its basis */
	struct basis basis;
	struct config *config;
	struct trust **trusts; /* one an authority; equal files share one */
	struct deny_set **denies;
	struct host_index *hosts;
	struct route_table *routes;
	struct owned_names *owned;
};

/* A trust by the text that it was made of, while a snapshot is built. */
struct loaded {
	struct basis text;   /* its key */
	struct trust *trust; /* NULL: it has faults */
	UT_hash_handle hh;
};

/* Authority names to numbers of the snapshot before. */
struct known {
	const char *name;
	size_t number;
	UT_hash_handle hh;
};

struct building {
	struct snapshot *snapshot, *before;
	struct basis *texts; /* of the files of each authority */
	struct loaded *loaded;
	struct known *known;
	struct diag_list *diag;
};

static bool read_missing(const struct authority_conf *authority, const char *path, char **text,
			 size_t *len, struct diag_list *diag)
{
	const char *why;

	if (!path || *text)
		return true;
	if (config_file_read(path, CA_FILE_MAX, text, len, &why) == ERR_OK)
		return true;
	diag_add(diag, DIAG_ERROR, authority->file, authority->line, NULL,
		 "authorities.%s: %s cannot be read: %s", authority->name, path, why);
	return false;
}

static bool read_files(struct authority_conf *authority, struct diag_list *diag)
{
	return read_missing(authority, authority->certificates, &authority->certificates_text,
			    &authority->certificates_len, diag) &&
	       read_missing(authority, authority->intermediates, &authority->intermediates_text,
			    &authority->intermediates_len, diag);
}

static struct loaded *load(struct building *building, const struct authority_conf *authority,
			   const struct basis *text)
{
	struct loaded *loaded;

	HASH_FIND(hh, building->loaded, text, sizeof(*text), loaded);
	if (loaded)
		return loaded;
	loaded = mem_new(sizeof(*loaded));
	loaded->text = *text;
	if (trust_load(slice_of(authority->certificates_text, authority->certificates_len),
		       authority->certificates,
		       slice_of(authority->intermediates_text, authority->intermediates_len),
		       authority->intermediates, building->diag, &loaded->trust))
		loaded->trust = NULL;
	HASH_ADD(hh, building->loaded, text, sizeof(loaded->text), loaded);
	return loaded;
}

static void forget_files(struct authority_conf *authority)
{
	free(authority->certificates_text);
	free(authority->intermediates_text);
	authority->certificates_text = NULL;
	authority->intermediates_text = NULL;
}

/* What was remembered under this name goes on, also when several names share a trust now. */
static void inherit(struct building *building, const struct authority_conf *authority,
		    struct trust *trust)
{
	struct known *known;

	HASH_FIND_STR(building->known, authority->name, known);
	if (known && building->before->trusts[known->number] != trust)
		trust_inherit(trust, building->before->trusts[known->number]);
}

static void build_authority(struct building *building, size_t i)
{
	struct snapshot *snapshot = building->snapshot;
	struct authority_conf *authority = &snapshot->config->authorities[i];
	struct loaded *loaded;

	snapshot->denies[i] = deny_new(authority->revocation.deny,
				      authority->revocation.deny_count);
	if (!read_files(authority, building->diag))
		return;
	building->texts[i] = basis_of_texts(authority);
	loaded = load(building, authority, &building->texts[i]);
	forget_files(authority);
	if (!loaded->trust)
		return;
	snapshot->trusts[i] = trust_ref(loaded->trust);
	inherit(building, authority, loaded->trust);
}

static void know_before(struct building *building)
{
	const struct config *config;

	if (!building->before)
		return;
	config = building->before->config;
	for (size_t i = 0; i < config->authority_count; i++) {
		struct known *known = mem_new(sizeof(*known));

		known->name = config->authorities[i].name;
		known->number = i;
		HASH_ADD_KEYPTR(hh, building->known, known->name, strlen(known->name), known);
	}
}

static void free_building(struct building *building)
{
	struct loaded *loaded, *next_loaded;
	struct known *known, *next_known;

	HASH_ITER(hh, building->loaded, loaded, next_loaded) {
		HASH_DEL(building->loaded, loaded);
		trust_unref(loaded->trust);
		free(loaded);
	}
	HASH_ITER(hh, building->known, known, next_known) {
		HASH_DEL(building->known, known);
		free(known);
	}
	free(building->texts);
}

static void index_hosts(struct snapshot *snapshot)
{
	const struct config *config = snapshot->config;

	snapshot->hosts = host_index_new(config->host_count);
	for (size_t i = 0; i < config->host_count; i++) {
		struct host_rule rule = config->hosts[i].rule;

		/* config_build() has refused hosts that stand twice; of others the first counts. */
		if (host_index_put(snapshot->hosts, slice_str(config->hosts[i].pattern), &rule))
			continue;
	}
}

/* What was verified against the snapshot before holds where all that it stood on is the same: the trusts go on, too. */
static void number(struct snapshot *snapshot, const struct snapshot *before)
{
	static atomic_uint_fast64_t last;

	if (!before || !basis_equal(&before->basis, &snapshot->basis)) {
		snapshot->number = atomic_fetch_add(&last, 1) + 1;
		return;
	}
	snapshot->number = before->number;
	for (size_t i = 0; i < snapshot->config->authority_count; i++) {
		trust_unref(snapshot->trusts[i]);
		snapshot->trusts[i] = trust_ref(before->trusts[i]);
	}
}

enum err snapshot_build(struct config *config, struct snapshot *before, struct diag_list *diag,
			struct snapshot **out)
{
	struct snapshot *snapshot = mem_new(sizeof(*snapshot));
	struct building building = { .snapshot = snapshot, .before = before, .diag = diag };
	size_t errors = diag->errors;
	bool whole = true;

	atomic_init(&snapshot->refs, 1);
	snapshot->config = config;
	snapshot->trusts = mem_array(config->authority_count, sizeof(struct trust *));
	building.texts = mem_array(config->authority_count, sizeof(struct basis));
	snapshot->denies = mem_array(config->authority_count, sizeof(struct deny_set *));
	know_before(&building);
	for (size_t i = 0; i < config->authority_count; i++) {
		build_authority(&building, i);
		whole &= snapshot->trusts[i] != NULL;
	}
	snapshot->basis = basis_of_config(config, building.texts);
	free_building(&building);
	number(snapshot, before);
	snapshot->routes = route_table_new(config);
	index_hosts(snapshot);
	snapshot->owned = owned_names_new(config);
	*out = snapshot;
	if (whole && diag->errors == errors)
		return ERR_OK;
	snapshot_unref(snapshot);
	*out = NULL;
	return ERR_CONFIG;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
	atomic_fetch_add_explicit(&snapshot->refs, 1, memory_order_relaxed);
	return snapshot;
}

void snapshot_unref(struct snapshot *snapshot)
{
	if (!snapshot || atomic_fetch_sub_explicit(&snapshot->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < snapshot->config->authority_count; i++) {
		trust_unref(snapshot->trusts[i]);
		deny_free(snapshot->denies[i]);
	}
	free(snapshot->trusts);
	free(snapshot->denies);
	host_index_free(snapshot->hosts);
	route_table_free(snapshot->routes);
	owned_names_free(snapshot->owned);
	config_free(snapshot->config);
	free(snapshot);
}

const struct config *snapshot_config(const struct snapshot *snapshot)
{
	return snapshot->config;
}

const struct host_rule *snapshot_host(const struct snapshot *snapshot, struct slice host)
{
	struct host_walk walk = { .host = host };

	return host_index_next(snapshot->hosts, &walk);
}

struct host_name snapshot_expect_host(const struct snapshot *snapshot, struct slice raw)
{
	return host_index_expect(snapshot->hosts, raw);
}

const struct host_rule *snapshot_named_host(const struct snapshot *snapshot, const struct host_name *name)
{
	return host_index_named(snapshot->hosts, name);
}

const struct host_conf *snapshot_host_conf(const struct snapshot *snapshot, const struct host_rule *rule)
{
	return &snapshot->config->hosts[rule->number];
}

const struct worker_conf *snapshot_worker(const struct snapshot *snapshot, const struct host_rule *rule,
					  struct slice host, struct slice path)
{
	return route_table_find(snapshot->routes, rule, host, path);
}

bool snapshot_routed(const struct snapshot *snapshot, struct slice host)
{
	return route_table_has(snapshot->routes, host);
}

struct trust *snapshot_trust(const struct snapshot *snapshot, size_t i)
{
	return snapshot->trusts[i];
}

const struct deny_set *snapshot_deny(const struct snapshot *snapshot, size_t i)
{
	return snapshot->denies[i];
}

struct slice snapshot_owned_block(const struct snapshot *snapshot)
{
	return owned_names_block(snapshot->owned);
}

bool snapshot_owns(const struct snapshot *snapshot, struct slice name)
{
	return owned_names_has(snapshot->owned, name);
}

bool snapshot_lists(const struct snapshot *snapshot, struct slice name)
{
	return owned_names_lists(snapshot->owned, name);
}

const char *snapshot_owned_name(const struct snapshot *snapshot, size_t i)
{
	return owned_names_get(snapshot->owned, i);
}

uint64_t snapshot_number(const struct snapshot *snapshot)
{
	return snapshot->number;
}

static void lint_ca(const struct authority_conf *authority, const struct trust_ca *ca, int64_t now,
		    struct diag_list *diag)
{
	time_t end = (time_t)ca->not_after;
	char date[32] = "?";
	struct tm parts;

	if (ca->not_after > now + SOON_S)
		return;
	if (gmtime_r(&end, &parts))
		strftime(date, sizeof(date), "%Y-%m-%d", &parts);
	if (ca->not_after < now)
		diag_add(diag, DIAG_LINT, authority->file, authority->line,
			 "certificates that chain to it are refused",
			 "authorities.%s: its certificate \"%.*s\" has expired, on %s",
			 authority->name, SLICE_FMT(ca->subject), date);
	else
		diag_add(diag, DIAG_LINT, authority->file, authority->line,
			 "add the one that follows it to the same file",
			 "authorities.%s: its certificate \"%.*s\" expires in %lld days, on %s",
			 authority->name, SLICE_FMT(ca->subject),
			 (long long)((ca->not_after - now) / 86400), date);
}

void snapshot_lint(const struct snapshot *snapshot, int64_t now, struct diag_list *diag)
{
	const struct config *config = snapshot->config;

	for (size_t i = 0; i < config->authority_count; i++)
		for (size_t j = 0; j < trust_count(snapshot->trusts[i]); j++) {
			struct trust_ca ca;

			trust_get(snapshot->trusts[i], j, &ca);
			lint_ca(&config->authorities[i], &ca, now, diag);
		}
}
