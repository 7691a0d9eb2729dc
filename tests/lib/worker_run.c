/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/worker_run.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "core/snapshot.h"
#include "script/module_files.h"
#include "script/policy_lua.h"
#include "script/worker_set.h"

#define ARENA_MAX (1024 * 1024)

struct worker_run *worker_run_with(const char *source, void (*change)(struct worker_run *run))
{
	struct worker_run *run = mem_new(sizeof(*run));

	run->config.file = mem_dup(slice_str("/srv/policies/mtlsguard.lua"));
	run->config.limits.worker_cpu_ns = 10000000;
	run->config.limits.worker_memory = 8388608;
	run->config.workers = &run->worker;
	run->config.worker_count = 1;
	run->worker.name = mem_dup(slice_str("test"));
	run->worker.script = mem_dup(slice_str("/srv/policies/workers/test.lua"));
	run->worker.source = mem_dup(slice_str(source));
	run->worker.source_len = strlen(source);
	arena_init(&run->arena, ARENA_MAX);
	/* Owned names are all that a worker asks of it: the built-in ones. */
	if (snapshot_build(mem_new(sizeof(struct config)), NULL, &run->diag, &run->snapshot))
		abort();
	if (change)
		change(run);
	module_files_read(&run->config);
	if (worker_set_open(&run->config, &run->diag, &run->set))
		run->set = NULL;
	return run;
}

struct worker_run *worker_run_new(const char *source)
{
	return worker_run_with(source, NULL);
}

struct worker_run *worker_run_beside(const struct worker_run *run)
{
	struct worker_run *other = mem_new(sizeof(*other));

	*other = *run;
	arena_init(&other->arena, ARENA_MAX);
	return other;
}

void worker_run_free_beside(struct worker_run *other)
{
	arena_fini(&other->arena);
	free(other);
}

void worker_run_free(struct worker_run *run)
{
	policy_lua_ops.close(run->set);
	diag_fini(&run->diag);
	arena_fini(&run->arena);
	snapshot_unref(run->snapshot);
	free(run->config.file);
	free(run->worker.name);
	free(run->worker.script);
	free(run->worker.source);
	for (size_t i = 0; i < run->worker.module_count; i++) {
		free(run->worker.modules[i].file);
		free(run->worker.modules[i].source);
		free(run->worker.modules[i].fault);
	}
	free(run->worker.modules);
	free(run);
}

void worker_run_arg(struct worker_run *run, const char *name, const char *value)
{
	run->args[run->arg_count].name = name;
	run->args[run->arg_count++].value = value;
}

static void put(struct worker_run *run, const char *name, struct value value)
{
	if (request_set_arg(&run->req, slice_str(name), value))
		abort();
}

static void send_text(struct worker_run *run, const char *name, const char *text)
{
	for (size_t i = 0; i < run->arg_count; i++)
		if (!strcmp(run->args[i].name, name))
			return;
	put(run, name, (struct value){ .kind = VALUE_TEXT, .bytes = slice_str(text) });
}

static void send_headers(struct worker_run *run)
{
	static const char *const pairs[] = { "Host", "api.example.com", "User-Agent", "curl/8",
					     "Accept", "text/html", "accept", "*/*",
					     "CF_Cert-Verified", "true", "", "" };
	struct buf b = buf_capped(0);

	if (run->without_headers)
		return;
	if (run->headers.len) {
		put(run, "headers", (struct value){ .kind = VALUE_BINARY, .bytes = run->headers });
		return;
	}
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		buf_varstr(&b, slice_str(pairs[i]));
	put(run, "headers", (struct value){ .kind = VALUE_BINARY,
					    .bytes = arena_copy(&run->arena, buf_slice(&b)) });
	buf_fini(&b);
}

static void fill_request(struct worker_run *run)
{
	arena_reset(&run->arena);
	request_init(&run->req, &run->arena);
	send_text(run, "method", "GET");
	send_text(run, "host", "API.example.com:443");
	send_text(run, "path", "/a/b");
	send_text(run, "query", "x=1&y=a+b");
	send_text(run, "scheme", "https");
	send_text(run, "version", "1.1");
	send_text(run, "tls_version", "TLSv1.3");
	send_text(run, "tls_cipher", "TLS_AES_128_GCM_SHA256");
	send_headers(run);
	for (size_t i = 0; i < run->arg_count; i++)
		if (run->args[i].value)
			put(run, run->args[i].name, (struct value){
				.kind = VALUE_TEXT, .bytes = slice_str(run->args[i].value) });
	run->req.snapshot = run->snapshot;
	run->req.host = SLICE_LIT("api.example.com");
	run->req.path = SLICE_LIT("/a/b");
	run->req.deadline_ns = clock_mono_ns() + 5000000000;
	run->req.cert = run->cert;
}

void worker_run_refill(struct worker_run *run)
{
	fill_request(run);
}

static void on_done(struct policy_call *call)
{
	struct worker_run *run = call->arg;

	run->done++;
}

enum policy_state worker_run_start(struct worker_run *run)
{
	fill_request(run);
	run->done = 0;
	run->call = (struct policy_call){ .req = &run->req, .worker = &run->worker,
					  .slice_ns = run->slice_ns, .on_done = on_done, .arg = run };
	return policy_lua_ops.start(run->set, &run->call);
}

void worker_run(struct worker_run *run)
{
	if (!run->set) {
		fprintf(stderr, "worker did not open: %s\n", run->diag.items[0].message);
		abort();
	}
	if (worker_run_start(run) == POLICY_PENDING)
		while (!run->done)
			policy_lua_ops.run(run->set);
}

static const char *tell(struct worker_run *run, struct slice block, bool pairs)
{
	struct header_block whole = { .parts = { block }, .count = 1 };
	struct header_cursor cursor = { 0 };
	struct slice name, value;
	size_t at = 0;

	run->text[0] = '\0';
	while (pairs ? header_block_next_pair(&whole, &cursor, &name, &value) :
		       header_block_next_name(&whole, &cursor, &name)) {
		at += (size_t)snprintf(run->text + at, sizeof(run->text) - at, "%.*s", SLICE_FMT(name));
		if (pairs)
			at += (size_t)snprintf(run->text + at, sizeof(run->text) - at, ": %.*s",
					       SLICE_FMT(value));
		at += (size_t)snprintf(run->text + at, sizeof(run->text) - at, "\n");
	}
	return run->text;
}

const char *worker_run_req_set(struct worker_run *run)
{
	return tell(run, run->call.result.req_set, true);
}

const char *worker_run_req_del(struct worker_run *run)
{
	return tell(run, run->call.result.req_del, false);
}

const char *worker_run_res_set(struct worker_run *run)
{
	return tell(run, run->call.result.res_set, true);
}

const char *worker_run_res_del(struct worker_run *run)
{
	return tell(run, run->call.result.res_del, false);
}

const char *worker_run_body(struct worker_run *run)
{
	snprintf(run->text, sizeof(run->text), "%.*s", SLICE_FMT(run->call.result.body));
	return run->text;
}

const char *worker_run_error(struct worker_run *run)
{
	snprintf(run->text, sizeof(run->text), "%.*s: %.*s", SLICE_FMT(run->call.result.place),
		 SLICE_FMT(run->call.result.error));
	return run->text;
}

struct cert_entry *worker_cert_new(const char *name)
{
	static uint64_t keys;
	struct cert_entry *entry = mem_new(sizeof(*entry));
	struct cert *cert = mem_new(sizeof(*cert));
	char text[128];

	entry->refs = 1;
	entry->key = ++keys;
	entry->cert = cert;
	for (enum fact fact = 0; fact < FACT_COUNT; fact++) {
		snprintf(text, sizeof(text), "%s of %s", fact_info(fact)->property, name);
		entry->facts[fact] = slice_str(mem_dup(slice_str(text)));
	}
	snprintf(text, sizeof(text), "CN=%s,OU=staff,O=Example", name);
	free((void *)(uintptr_t)entry->facts[FACT_SUBJECT_DN].ptr);
	entry->facts[FACT_SUBJECT_DN] = slice_str(mem_dup(slice_str(text)));
	free((void *)(uintptr_t)entry->facts[FACT_VERIFIED].ptr);
	entry->facts[FACT_VERIFIED] = slice_str(mem_dup(slice_str("SUCCESS")));
	free((void *)(uintptr_t)entry->facts[FACT_RFC9440_TOO_LARGE].ptr);
	entry->facts[FACT_RFC9440_TOO_LARGE] = slice_str(mem_dup(slice_str("true")));
	cert->key_type = "EC";
	cert->key_bits = 256;
	cert->not_before = 1577836800;
	cert->not_after = 2493072000;
	return entry;
}

void worker_cert_free(struct cert_entry *entry)
{
	for (enum fact fact = 0; fact < FACT_COUNT; fact++)
		free((void *)(uintptr_t)entry->facts[fact].ptr);
	free(entry->cert);
	free(entry);
}
