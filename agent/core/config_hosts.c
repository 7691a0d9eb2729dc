/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#define HASH_KEYCMP(a, b, len) set_differs(a, b)
#include <uthash.h>

#include "base/mem.h"
#include "core/config_read.h"
#include "core/hosts.h"

/* Nearest names are looked for among all authorities: not for every fault of a large configuration. */
#define HINTS_MAX 20

struct set_key {
	const size_t *authorities;
	size_t count;
};

/* One list of authorities that hosts share. */
struct set {
	struct set_key key; /* the first such host's own */
	uint32_t number;
	UT_hash_handle hh;
};

static int set_differs(const void *a, const void *b)
{
	const struct set_key *x = a, *y = b;

	return x->count != y->count ||
	       (x->count && memcmp(x->authorities, y->authorities, x->count * sizeof(size_t)));
}

static int compare_names(const void *key, const void *item)
{
	const struct authority_conf *authority = item;

	return strcmp(key, authority->name);
}

static void fault_authority(struct config_build *build, const struct config_at *at,
			    struct slice name)
{
	const struct config *config = build->config;
	const char **names = mem_array(config->authority_count + 1, sizeof(*names));
	char storage[CONFIG_HINT_MAX];

	for (size_t i = 0; i < config->authority_count && build->hints < HINTS_MAX; i++)
		names[i] = config->authorities[i].name;
	build->hints++;
	config_fault(build, at, config_hint(name, names, storage), "no authority is called \"%.*s\"",
		     SLICE_FMT(name));
	free(names);
}

static void read_host_authority(struct config_build *build, const struct config_at *at,
				struct host_conf *host)
{
	const struct config *config = build->config;
	const struct authority_conf *found;
	struct slice name;
	size_t number;

	if (!config_is_text(build, at, &name))
		return;
	found = config->authority_count ?
			bsearch(name.ptr, config->authorities, config->authority_count,
				sizeof(*config->authorities), compare_names) : NULL;
	if (!found) {
		fault_authority(build, at, name);
		return;
	}
	number = (size_t)(found - config->authorities);
	for (size_t i = 0; i < host->authority_count; i++)
		if (host->authorities[i] == number) {
			config_fault(build, at, NULL, "\"%s\" is named twice", found->name);
			return;
		}
	host->authorities[host->authority_count++] = number;
}

void config_read_host_authorities(struct config_build *build, const struct config_at *at,
				  size_t offset, void *target)
{
	struct host_conf *host = target;
	size_t count;

	(void)offset;
	if (!at->value || !config_is_list(build, at))
		return;
	count = at->value->table->item_count;
	host->authorities = mem_array(count, sizeof(*host->authorities));
	for (size_t i = 0; i < count; i++) {
		struct config_at item = { .up = at, .item = i + 1,
					  .value = &at->value->table->items[i] };

		read_host_authority(build, &item, host);
	}
}

static void read_host(struct config_build *build, const struct config_at *at,
		      struct host_conf *host)
{
	size_t errors = build->diag->errors;
	const char *why;

	host->line = config_line_of(at);
	host->file = config_file_of(build, at);
	if (host_pattern_read(slice_str(at->key), false, &host->pattern, &why))
		config_fault(build, at, NULL, "%s", why);
	config_read_section(build, at, "hosts[]", host);
	if (!host->authority_count && host->rule.require == REQUIRE_VERIFIED && errors == build->diag->errors)
		config_note(build, at, DIAG_LINT, "add authorities = { … }, or require = \"none\"",
			    "a host without authorities denies every request");
}

/* Two spellings of one host, "A.example" and "a.example". */
static void check_twice(struct config_build *build, const struct config_at *at,
			size_t number)
{
	const struct config *config = build->config;
	struct host_rule rule = { .number = (uint32_t)number };

	if (config->hosts[number].pattern &&
	    host_index_put(build->hosts, slice_str(config->hosts[number].pattern), &rule))
		config_fault(build, at, NULL, "this host is given twice, first in %s:%u",
			     config->hosts[rule.number].file, config->hosts[rule.number].line);
}

static void number_sets(struct config *config)
{
	struct set *sets = NULL, *set, *next;

	for (size_t i = 0; i < config->host_count; i++) {
		struct host_conf *host = &config->hosts[i];
		struct set_key key = { host->authorities, host->authority_count };
		unsigned hash;

		HASH_VALUE(key.authorities, (unsigned)(key.count * sizeof(size_t)), hash);
		HASH_FIND_BYHASHVALUE(hh, sets, &key, sizeof(key), hash, set);
		if (!set) {
			set = mem_new(sizeof(*set));
			set->key = key;
			set->number = config->set_count++;
			HASH_ADD_BYHASHVALUE(hh, sets, key, sizeof(set->key), hash, set);
		}
		host->rule.number = (uint32_t)i;
		host->rule.set = set->number;
	}
	HASH_ITER(hh, sets, set, next) {
		HASH_DEL(sets, set);
		free(set);
	}
}

void config_read_hosts(struct config_build *build, const struct config_at *at, size_t offset,
		       void *target)
{
	struct config *config = target;
	const struct tree_table *table;

	(void)offset;
	if (!at->value || !config_is_map(build, at) || !config_is_filled(build, at))
		return;
	table = at->value->table;
	build->hosts = host_index_new(table->member_count);
	config->hosts = mem_array(table->member_count, sizeof(*config->hosts));
	for (size_t i = 0; i < table->member_count; i++) {
		struct config_at member = { .up = at, .key = table->members[i].key,
					    .value = &table->members[i].value };

		read_host(build, &member, &config->hosts[i]);
		check_twice(build, &member, i);
		config->host_count = i + 1;
	}
	number_sets(config);
}
