/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/rig.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "config_load.h"
#include "lib/certs.h"

#define ARENA_MAX (1024 * 1024)

int64_t rig_mono_ns, rig_wall_s;
bool rig_slices;
const struct revocation_ops *rig_revocation;

static struct rig *the_rig; /* policy_ops know no more of the engine than its snapshot */

void rig_sleep(int64_t ns)
{
	static int64_t rest;

	rig_mono_ns += ns;
	rest += ns;
	rig_wall_s += rest / 1000000000;
	rest %= 1000000000;
}

static int64_t mono_ns(void)
{
	return rig_mono_ns;
}

static int64_t wall_s(void)
{
	return rig_wall_s;
}

static int64_t wall_ns(void)
{
	return rig_wall_s * 1000000000;
}

static enum err policy_open(const struct snapshot *snapshot, struct diag_list *diag,
			    struct policy_set **out)
{
	(void)snapshot;
	(void)diag;
	*out = NULL;
	return ERR_OK;
}

static void policy_close(struct policy_set *set)
{
	(void)set;
}

static enum policy_state policy_start(struct policy_set *set, struct policy_call *call)
{
	struct rig *rig = the_rig;

	(void)set;
	rig->started++;
	call->result = rig->result;
	if (rig->state == POLICY_PENDING) {
		if (rig->pending_count == sizeof(rig->pending) / sizeof(rig->pending[0]))
			abort();
		rig->pending[rig->pending_count++] = call;
	}
	return rig->state;
}

static void forget(struct rig *rig, size_t i)
{
	rig->pending_count--;
	memmove(&rig->pending[i], &rig->pending[i + 1],
		(rig->pending_count - i) * sizeof(rig->pending[0]));
}

static void policy_cancel(struct policy_call *call)
{
	struct rig *rig = the_rig;
	size_t i = 0;

	while (rig->pending[i] != call)
		if (++i >= rig->pending_count)
			abort();
	rig->cancelled++;
	forget(rig, i);
}

static bool policy_run(struct policy_set *set)
{
	(void)set;
	return false;
}

static const struct policy_ops ops = { policy_open, policy_close, policy_start, policy_run,
				       policy_cancel };

void rig_complete(struct rig *rig, size_t i, struct policy_result result)
{
	struct policy_call *call = rig->pending[i];

	if (i >= rig->pending_count)
		abort();
	forget(rig, i);
	call->result = result;
	call->on_done(call);
}

static void on_record(void *arg, struct slice line)
{
	struct rig *rig = arg;

	buf_put(&rig->records, line);
	buf_u8(&rig->records, '\n');
	buf_u8(&rig->records, '\0'); /* behind the content: tests read it as a text */
	rig->records.len--;
}

static void on_retire(void *arg, struct snapshot *snapshot, struct policy_set *policies)
{
	struct rig *rig = arg;

	(void)policies;
	rig->retired++;
	snapshot_unref(snapshot);
}

static void on_wake(void *arg)
{
	struct rig *rig = arg;

	rig->woken++;
}

static void write_file(const struct rig *rig, const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", rig->folder, name);
	certs_write(path, text);
}

/* The text behind "return {" gets what keeps the configuration off the machine that runs the test. */
static struct snapshot *build(struct rig *rig, const char *config_text)
{
	struct snapshot *before = rig->engine ? engine_snapshot(rig->engine) : NULL, *snapshot;
	struct diag_list diag = { 0 };
	struct buf text = buf_capped(0);
	struct config *config;
	char path[256];

	if (strncmp(config_text, "return {", 8))
		abort();
	buf_printf(&text, "return { listen = { spop = {}, admin = {}, control = {} }, state = \"%s/state\",%s",
		   rig->folder, config_text + 8);
	buf_u8(&text, 0);
	write_file(rig, "main.lua", (const char *)text.ptr);
	buf_fini(&text);
	snprintf(path, sizeof(path), "%s/main.lua", rig->folder);
	if (config_load(path, &diag, &config) || snapshot_build(config, before, &diag, &snapshot)) {
		for (size_t i = 0; i < diag.count; i++)
			fprintf(stderr, "%s:%u: %s\n", diag.items[i].file, diag.items[i].line,
				diag.items[i].message);
		exit(2);
	}
	diag_fini(&diag);
	return snapshot;
}

struct rig *rig_new(const char *config, const struct rig_file *files)
{
	struct rig *rig = mem_new(sizeof(*rig));
	struct engine_env env = {
		.mono_ns = mono_ns, .wall_s = wall_s, .wall_ns = wall_ns, .revocation = rig_revocation,
		.policy = &ops,
		.inflight = &rig->inflight, .record = on_record, .retire = on_retire,
		.wake = rig_slices ? on_wake : NULL,
		.arg = rig, .loops = 1,
	};

	rig_mono_ns = 1000000000;
	rig_wall_s = CERTS_NOW;
	the_rig = rig;
	rig->records = buf_capped(0);
	rig->result.outcome = POLICY_PASSED;
	snprintf(rig->folder, sizeof(rig->folder), "/tmp/mtlsguard-rig-XXXXXX");
	if (!mkdtemp(rig->folder))
		abort();
	for (; files && files->name; files++)
		write_file(rig, files->name, files->text);
	env.chains = rig->chains = chaincache_new(1 << 20);
	rig->engine = engine_new(&env, build(rig, config), NULL);
	return rig;
}

void rig_reload(struct rig *rig, const char *config)
{
	engine_switch(rig->engine, build(rig, config), NULL);
}

void rig_free(struct rig *rig)
{
	char command[128];

	engine_free(rig->engine);
	chaincache_free(rig->chains);
	buf_fini(&rig->records);
	snprintf(command, sizeof(command), "rm -rf %s", rig->folder);
	if (system(command))
		abort();
	the_rig = NULL;
	free(rig);
}

static size_t count_named(const struct named *args)
{
	size_t n = 0;

	while (args && args[n].name)
		n++;
	return n;
}

static size_t find_named(const struct named *args, size_t count, const char *name)
{
	size_t i = 0;

	while (i < count && strcmp(args[i].name, name))
		i++;
	return i;
}

struct named *ask_args(const struct named *over)
{
	static const struct named usual[] = {
		NONE("cert"), TEXT("host", "api.example.com"), TEXT("method", "GET"),
		TEXT("path", "/"),
	};
	size_t count = sizeof(usual) / sizeof(usual[0]), more = count_named(over);
	struct named *args = mem_array(count + more + 1, sizeof(*args));

	memcpy(args, usual, sizeof(usual));
	for (size_t i = 0; i < more; i++) {
		size_t at = find_named(args, count, over[i].name);

		/* Unnamed ones never replace each other. */
		if (at == count || !over[i].name[0])
			at = count++;
		args[at] = over[i];
	}
	return args;
}

static void on_done(struct ticket *ticket)
{
	struct rig_request *request = ticket->arg;

	request->done++;
	request->state = ENGINE_DONE;
}

static struct rig_request *submit(struct rig *rig, const struct named *args, bool connection)
{
	struct rig_request *request = mem_new(sizeof(*request));

	request->rig = rig;
	arena_init(&request->arena, ARENA_MAX);
	request_init(&request->req, &request->arena);
	request->req.connection = connection;
	for (const struct named *arg = args; arg->name; arg++)
		if (arg->value.kind != VALUE_NOT_SENT &&
		    request_set_arg(&request->req, slice_str(arg->name), arg->value))
			abort();
	request->ticket = (struct ticket){ .req = &request->req, .on_done = on_done, .arg = request };
	request->state = engine_submit(rig->engine, &request->ticket);
	return request;
}

struct rig_request *rig_ask(struct rig *rig, const struct named *over)
{
	struct named *args = ask_args(over);
	struct rig_request *request = submit(rig, args, false);

	free(args);
	return request;
}

struct rig_request *rig_connect(struct rig *rig, const struct named *args)
{
	return submit(rig, args, true);
}

void rig_done(struct rig_request *request)
{
	if (request->state == ENGINE_PENDING)
		engine_cancel(&request->ticket);
	engine_release(request->rig->engine, &request->req);
	arena_fini(&request->arena);
	free(request);
}

char *rig_headers(const struct header_block *del, const struct header_block *set)
{
	struct header_cursor cursor = { 0 };
	struct buf text = buf_capped(0);
	struct slice name, value;

	while (del && header_block_next_name(del, &cursor, &name))
		buf_printf(&text, "-%.*s\n", SLICE_FMT(name));
	cursor = (struct header_cursor){ 0 };
	while (set && header_block_next_pair(set, &cursor, &name, &value))
		buf_printf(&text, "%.*s: %.*s\n", SLICE_FMT(name), SLICE_FMT(value));
	buf_u8(&text, 0);
	return (char *)text.ptr;
}
