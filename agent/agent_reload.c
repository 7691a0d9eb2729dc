/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_parts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli.h"
#include "core/config_table.h"
#include "retire.h"

/*
 * One reading of the configuration: built on upkeep, then, back on the main
 * loop, its listeners opened, its files of lists read, the loops switched one by
 * one, and when the last of them has, whoever asked is told.
 */
struct reload {
	struct job job;
	struct mail mail;
	struct agent *agent;
	struct snapshot *before; /* one count */
	struct setup *setup;	 /* NULL: faults */
	struct diag_list diag;
	struct door *opened;
	size_t unswitched;
	struct control_call **calls;
	size_t call_count;
};

struct discarded {
	struct job job;
	struct setup *setup;
};

static void log_fault(const struct diag *item)
{
	void (*const log)(const char *fmt, ...) = item->severity == DIAG_ERROR ? log_error : log_warning;
	const char *file = item->file ? item->file : "configuration";
	const char *dash = item->hint ? "; " : "", *hint = item->hint ? item->hint : "";

	if (item->line)
		log("%s:%u: %s%s%s", file, item->line, item->message, dash, hint);
	else
		log("%s: %s%s%s", file, item->message, dash, hint);
}

void agent_log_faults(const struct diag_list *diag)
{
	for (size_t i = 0; i < diag->count; i++)
		if (diag->items[i].severity != DIAG_LINT)
			log_fault(&diag->items[i]);
}

static void free_setup(struct job *job)
{
	struct discarded *discarded = (struct discarded *)job;

	setup_free(discarded->setup);
	free(discarded);
}

static void discard(struct agent *agent, struct setup *setup)
{
	struct discarded *discarded = mem_new(sizeof(*discarded));

	discarded->job.run = free_setup;
	discarded->setup = setup;
	upkeep_post(agent->upkeep, &discarded->job);
}

static void add_call(struct reload *reload, struct control_call *call)
{
	if (!call)
		return;
	reload->calls = mem_grow(reload->calls, (reload->call_count + 1) * sizeof(*reload->calls));
	reload->calls[reload->call_count++] = call;
}

static void build(struct job *job)
{
	struct reload *reload = (struct reload *)job;

	if (setup_new(reload->agent->path, reload->before, reload->agent->worker_count, &reload->diag,
		      &reload->setup))
		reload->setup = NULL;
	mailbox_post(reload->agent->box, &reload->mail);
}

static json_t *answer_of(const struct reload *reload, bool fine)
{
	const struct agent *agent = reload->agent;
	json_t *answer = json_object();

	json_object_set_new(answer, "ok", json_boolean(fine));
	json_object_set_new(answer, "generation",
			    json_string(snapshot_config(agent->snapshot)->generation));
	json_object_set_new(answer, "faults", cli_json_faults(&reload->diag));
	return answer;
}

static void start(struct agent *agent, struct reload *reload)
{
	agent->reload = reload;
	reload->before = snapshot_ref(agent->snapshot);
	system_reloading();
	upkeep_post(agent->upkeep, &reload->job);
}

static void finish(struct reload *reload, bool fine)
{
	struct agent *agent = reload->agent;
	struct reload *next = agent->next_reload;

	for (size_t i = 0; i < reload->call_count; i++)
		control_answer(reload->calls[i], answer_of(reload, fine));
	free(reload->calls);
	diag_fini(&reload->diag);
	retire(agent->upkeep, reload->before, NULL);
	free(reload);
	agent->reload = NULL;
	agent->next_reload = NULL;
	if (!agent->draining)
		system_ready(fine ? "deciding" : "deciding by the former configuration: the reload failed");
	if (next)
		start(agent, next);
}

static void fail(struct reload *reload)
{
	struct agent *agent = reload->agent;

	agent->failed_reloads++;
	cli_sort_faults(&reload->diag);
	agent_log_faults(&reload->diag);
	log_error("%s has %zu error%s: the former configuration stays in use, correct it and reload again",
		  agent->path, reload->diag.errors, reload->diag.errors == 1 ? "" : "s");
	if (reload->setup)
		discard(agent, reload->setup);
	finish(reload, false);
}

/* The value of a directive as a text, to compare: the types that a restart may depend on. */
static char *value_text(const struct directive *row, const struct config *config)
{
	const char *at = (const char *)config + row->offset;
	struct buf b = buf_capped(0);
	char *text;

	if (row->type == DIRECTIVE_UINT)
		buf_printf(&b, "%u", *(const unsigned *)(const void *)at);
	else if (row->type == DIRECTIVE_SIZE)
		buf_printf(&b, "%zu", *(const size_t *)(const void *)at);
	else if (row->type == DIRECTIVE_TEXT || row->type == DIRECTIVE_PATH)
		buf_str(&b, *(char *const *)(const void *)at);
	else
		assert(false && "a type of directive that cannot be compared");
	text = mem_dup(buf_slice(&b));
	buf_fini(&b);
	return text;
}

void agent_note_fixed(struct agent *agent)
{
	const struct config *config = snapshot_config(agent->snapshot);

	for (const struct directive *row = config_directives; row->path; row++)
		if (row->restart) {
			agent->fixed = mem_grow(agent->fixed, (agent->fixed_count + 1) * sizeof(*agent->fixed));
			agent->fixed[agent->fixed_count++] = value_text(row, config);
		}
}

/* What a running process cannot change stays as it was when it started. */
static void warn_of_restart(struct reload *reload)
{
	const struct config *config = snapshot_config(reload->setup->snapshot);
	size_t i = 0;

	for (const struct directive *row = config_directives; row->path; row++) {
		char *text;

		if (!row->restart)
			continue;
		text = value_text(row, config);
		if (strcmp(text, reload->agent->fixed[i++]) != 0)
			diag_add(&reload->diag, DIAG_WARNING, config->file, 0, "restart the agent",
				 "another value of %s is used after a restart only", row->path);
		free(text);
	}
}

static void open_records(struct reload *reload)
{
	const struct config *config = snapshot_config(reload->setup->snapshot);

	if (record_open(reload->agent->record, config->decisions_log))
		diag_add(&reload->diag, DIAG_ERROR, config->file, 0, NULL, "decisions.log %s: %s",
			 config->decisions_log, strerror(errno));
}

static void switch_loops(struct reload *reload)
{
	struct agent *agent = reload->agent;
	struct setup *setup = reload->setup;

	reload->unswitched = agent->worker_count;
	for (size_t i = 0; i < agent->worker_count; i++) {
		worker_switch(agent->workers[i], snapshot_ref(setup->snapshot), setup->policies[i]);
		setup->policies[i] = NULL;
	}
}

/* The files that it names were read: from the next request on the loops decide by it. */
static void deliver_lists(struct mail *mail, void *home)
{
	(void)home;
	switch_loops((struct reload *)((char *)mail - offsetof(struct reload, mail)));
}

/* On the revoker's thread. */
static void on_lists(void *arg)
{
	struct reload *reload = arg;

	reload->mail.deliver = deliver_lists;
	mailbox_post(reload->agent->box, &reload->mail);
}

static void deliver_built(struct mail *mail, void *home)
{
	struct reload *reload = (struct reload *)((char *)mail - offsetof(struct reload, mail));
	struct agent *agent = home;

	if (agent->draining)
		diag_add(&reload->diag, DIAG_ERROR, agent->path, 0, NULL, "the agent is draining");
	if (reload->setup && !reload->diag.errors) {
		warn_of_restart(reload);
		/* Faults decide, and they are in diag. */
		if (!doors_open(agent, reload->setup, &reload->diag, &reload->opened))
			open_records(reload);
	}
	if (!reload->setup || reload->diag.errors) {
		doors_discard(reload->opened);
		fail(reload);
		return;
	}
	agent_revocation_use(agent, reload->setup->snapshot, on_lists, reload);
}

static void use(struct agent *agent, struct reload *reload)
{
	struct setup *setup = reload->setup;
	struct snapshot *former = agent->snapshot;

	doors_tell(reload->opened);
	doors_commit(agent, setup, reload->opened);
	agent->snapshot = snapshot_ref(setup->snapshot);
	retire(agent->upkeep, former, NULL);
	discard(agent, setup);
	doors_room(agent);
}

void agent_switched(void *home)
{
	struct agent *agent = home;
	struct reload *reload = agent->reload;

	if (--reload->unswitched)
		return;
	use(agent, reload);
	revoker_settle(agent->revoker);
	agent->reloads++;
	agent->loaded_s = clock_wall_s();
	cli_sort_faults(&reload->diag);
	agent_log_faults(&reload->diag);
	agent_keep_remarks(agent, &reload->diag);
	log_info("the configuration is in use, generation %s", snapshot_config(agent->snapshot)->generation);
	finish(reload, true);
}

void agent_reload(struct agent *agent, struct control_call *call)
{
	struct reload *reload = agent->reload ? agent->next_reload : NULL;

	if (!reload) {
		reload = mem_new(sizeof(*reload));
		reload->agent = agent;
		reload->job.run = build;
		reload->mail.deliver = deliver_built;
	}
	add_call(reload, call);
	/* What changed since the one under way began to read may have escaped it. */
	if (agent->reload)
		agent->next_reload = reload;
	else
		start(agent, reload);
}
