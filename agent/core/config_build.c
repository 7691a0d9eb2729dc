/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config_build.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include <xxhash.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/config_file.h"
#include "core/config_read.h"
#include "core/hosts.h"

#define LITERALS_MAX 65536

static void hash_bytes(XXH3_state_t *hash, char kind, struct slice bytes)
{
	uint64_t len = bytes.len;

	XXH3_128bits_update(hash, &kind, 1);
	XXH3_128bits_update(hash, &len, sizeof(len));
	if (bytes.len)
		XXH3_128bits_update(hash, bytes.ptr, bytes.len);
}

/* Members are in order of their keys, so that equal configurations have equal sums everywhere. */
static void hash_tree(XXH3_state_t *hash, const struct tree *value)
{
	const struct tree_table *table;

	switch (value->kind) {
	case TREE_BOOL:
		hash_bytes(hash, 'b', slice_of(&value->boolean, sizeof(value->boolean)));
		return;
	case TREE_NUMBER:
		hash_bytes(hash, 'n', slice_of(&value->number, sizeof(value->number)));
		return;
	case TREE_TEXT:
		hash_bytes(hash, 't', value->text);
		return;
	case TREE_TABLE:
		break;
	}
	table = value->table;
	hash_bytes(hash, 'l', slice_of(&table->item_count, sizeof(table->item_count)));
	for (size_t i = 0; i < table->item_count; i++)
		hash_tree(hash, &table->items[i]);
	hash_bytes(hash, 'm', slice_of(&table->member_count, sizeof(table->member_count)));
	for (size_t i = 0; i < table->member_count; i++) {
		hash_bytes(hash, 'k', slice_str(table->members[i].key));
		hash_tree(hash, &table->members[i].value);
	}
}

static void resolve_threads(struct config *config)
{
	cpu_set_t cores;

	if (config->threads)
		return;
	config->threads = 1;
	if (sched_getaffinity(0, sizeof(cores), &cores) == 0 && CPU_COUNT(&cores) > 0)
		config->threads = (unsigned)CPU_COUNT(&cores);
}

static void check_decisions(struct config_build *build, const struct config_at *root)
{
	struct config *config = build->config;
	struct config_at section = config_member(root, "decisions"), log;
	char *joined;

	if (section.value && section.value->kind == TREE_TABLE) {
		log = config_member(&section, "log");
		if (log.value && config->decisions_level == DECISIONS_OFF &&
		    !tree_get(section.value, "level"))
			config_note(build, &log, DIAG_LINT, "add level = \"denials\" or \"all\"",
				    "nothing is logged while decisions.level is \"off\"");
	}
	if (!config->decisions_log || strcmp(config->decisions_log, "stdout") == 0 ||
	    strcmp(config->decisions_log, "stderr") == 0)
		return;
	joined = config_file_join(build->dir, config->decisions_log);
	free(config->decisions_log);
	config->decisions_log = joined;
}

static void check_whole(struct config_build *build, const struct config_at *root)
{
	struct config *config = build->config;
	struct config_at limits = config_member(root, "limits"), message;

	resolve_threads(config);
	check_decisions(build, root);
	if (config->limits.message < config->limits.frame) {
		message = config_member(&limits, "message");
		if (!message.value)
			message = config_member(&limits, "frame");
		config_fault(build, &message, NULL,
			     "messages of at most %zu bytes cannot hold a frame of %zu",
			     config->limits.message, config->limits.frame);
	}
	if (!config->host_count && !tree_get(root->value, "hosts"))
		config_note(build, root, DIAG_WARNING, "add hosts = { … }",
			    "there are no hosts: every request is denied");
}

static void finish_generation(struct config_build *build)
{
	XXH128_canonical_t sum;
	struct buf text = buf_fixed(build->config->generation, 32);

	XXH128_canonicalFromHash(&sum, XXH3_128bits_digest(build->hash));
	text_hex(&text, slice_of(sum.digest, sizeof(sum.digest)), false);
}

enum err config_build(const struct tree *root, const char *path, struct diag_list *diag,
		      struct config **out)
{
	struct config_at at = { .value = root };
	size_t errors = diag->errors;
	struct config_build build = {
		.config = mem_new(sizeof(*build.config)),
		.diag = diag,
		.file = path,
		.hash = XXH3_createState(),
		.literals = tree_doc_new(LITERALS_MAX),
	};

	if (!build.hash)
		abort();
	build.config->file = config_file_absolute(path);
	build.dir = config_file_dir(build.config->file);
	XXH3_128bits_reset(build.hash);
	hash_tree(build.hash, root);
	config_read_section(&build, &at, "", build.config);
	if (root->kind == TREE_TABLE && diag->errors == errors)
		check_whole(&build, &at);
	if (root->kind == TREE_TABLE && root->table->item_count)
		config_fault(&build, &at, NULL, "the configuration is a table of names, not a list");
	finish_generation(&build);
	XXH3_freeState(build.hash);
	tree_doc_free(build.literals);
	host_index_free(build.hosts);
	free(build.dir);
	*out = build.config;
	if (diag->errors == errors)
		return ERR_OK;
	config_free(build.config);
	*out = NULL;
	return ERR_CONFIG;
}
