/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/listener.h"

#define ELSEWHERE "or check it where the agent runs"

static void lint_group(const struct listen_entry *entry, struct diag_list *diag)
{
	if (entry->group && !listener_group_exists(entry->group))
		diag_add(diag, DIAG_WARNING, entry->file, entry->line, "make it (groupadd), " ELSEWHERE,
			 "%s: run would refuse: there is no group \"%s\" on this machine", entry->text, entry->group);
}

static void lint_log(const struct config *config, const char *file, struct diag_list *diag)
{
	char *copy, *folder;
	struct stat st;

	if (!config->decisions_log || config->decisions_log[0] != '/')
		return;
	copy = mem_dup(slice_str(config->decisions_log));
	folder = dirname(copy);
	if (stat(folder, &st) != 0)
		diag_add(diag, DIAG_WARNING, file, 0, "make it, " ELSEWHERE,
			 "decisions.log %s: run would refuse: folder %s: %s", config->decisions_log, folder,
			 strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		diag_add(diag, DIAG_WARNING, file, 0, NULL,
			 "decisions.log %s: run would refuse: %s is not a folder", config->decisions_log, folder);
	free(copy);
}

const char *machine_state_fault(const struct stat *st, const char **hint)
{
	*hint = NULL;
	if (!S_ISDIR(st->st_mode))
		return "is not a folder";
	if (!(st->st_mode & (S_IWGRP | S_IWOTH)))
		return NULL;
	*hint = "chmod go-w it";
	return "can be written by others";
}

/* One that is missing is made by run. */
static void lint_state(const struct config *config, const char *file, struct diag_list *diag)
{
	const char *hint, *fault;
	struct stat st;

	if (stat(config->state, &st) != 0)
		return;
	fault = machine_state_fault(&st, &hint);
	if (fault)
		diag_add(diag, DIAG_WARNING, file, 0, hint, "run would refuse: state %s %s", config->state, fault);
}

void machine_lint(const struct config *config, const char *file, struct diag_list *diag)
{
	for (size_t kind = 0; kind < LISTEN_KIND_COUNT; kind++)
		for (size_t i = 0; i < config->listen_count[kind]; i++)
			lint_group(&config->listen[kind][i], diag);
	lint_log(config, file, diag);
	lint_state(config, file, diag);
}
