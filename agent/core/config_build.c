/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config_build.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/config_file.h"
#include "core/config_read.h"
#include "core/hosts.h"
#include "pki/digest.h"

#define LITERALS_MAX 65536

static void hash_bytes(struct digest *sum, char kind, struct slice bytes)
{
	uint64_t len = bytes.len;

	digest_add(sum, slice_of(&kind, 1));
	digest_add(sum, slice_of(&len, sizeof(len)));
	digest_add(sum, bytes);
}

/* Members are in order of their keys, so that equal configurations have equal sums everywhere. */
static void hash_tree(struct digest *sum, const struct tree *value)
{
	const struct tree_table *table;

	switch (value->kind) {
	case TREE_BOOL:
		hash_bytes(sum, 'b', slice_of(&value->boolean, sizeof(value->boolean)));
		return;
	case TREE_NUMBER:
		hash_bytes(sum, 'n', slice_of(&value->number, sizeof(value->number)));
		return;
	case TREE_TEXT:
		hash_bytes(sum, 't', value->text);
		return;
	case TREE_TABLE:
		break;
	}
	table = value->table;
	hash_bytes(sum, 'l', slice_of(&table->item_count, sizeof(table->item_count)));
	for (size_t i = 0; i < table->item_count; i++)
		hash_tree(sum, &table->items[i]);
	hash_bytes(sum, 'm', slice_of(&table->member_count, sizeof(table->member_count)));
	for (size_t i = 0; i < table->member_count; i++) {
		hash_bytes(sum, 'k', slice_str(table->members[i].key));
		hash_tree(sum, &table->members[i].value);
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

/* Half of a SHA-256: it stands in logs and answers, and nothing must lead back to a secret in it. */
static void finish_generation(struct config_build *build)
{
	struct buf text = buf_fixed(build->config->generation, 32);
	uint8_t sum[DIGEST_OCTETS];

	digest_finish(build->sum, sum);
	text_hex(&text, slice_of(sum, 16), false);
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
		.sum = digest_new(),
		.literals = tree_doc_new(LITERALS_MAX),
	};

	build.config->file = config_file_absolute(path);
	build.dir = config_file_dir(build.config->file);
	hash_tree(build.sum, root);
	config_read_section(&build, &at, "", build.config);
	if (root->kind == TREE_TABLE && diag->errors == errors)
		check_whole(&build, &at);
	if (root->kind == TREE_TABLE && root->table->item_count)
		config_fault(&build, &at, NULL, "the configuration is a table of names, not a list");
	finish_generation(&build);
	tree_doc_free(build.literals);
	host_index_free(build.hosts);
	free(build.dir);
	*out = build.config;
	return diag->errors == errors ? ERR_OK : ERR_CONFIG;
}
