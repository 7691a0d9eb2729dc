/* SPDX-License-Identifier: Apache-2.0 */
#include "eval.h"

#include "base/clock.h"
#include "core/engine.h"
#include "lists_offline.h"
#include "script/policy_lua.h"

#define ARENA_MAX (16 * 1024 * 1024)
#define CHAINS_MAX (1024 * 1024)

/* The engine asks for the time without an argument of ours; a process evaluates one request. */
static int64_t fixed_now;

static int64_t fixed_wall_s(void)
{
	return fixed_now;
}

static int64_t fixed_wall_ns(void)
{
	return fixed_now * 1000000000;
}

static void retire(void *arg, struct snapshot *snapshot, struct policy_set *policies)
{
	(void)arg;
	if (policies)
		policy_lua_ops.close(policies);
	snapshot_unref(snapshot);
}

static struct value text(struct slice bytes)
{
	return (struct value){ .kind = VALUE_TEXT, .bytes = bytes };
}

static struct value boolean(bool b)
{
	return (struct value){ .kind = VALUE_BOOL, .boolean = b };
}

static struct value null_or(enum value_kind kind, struct slice bytes)
{
	return (struct value){ .kind = bytes.len ? kind : VALUE_NULL, .bytes = bytes };
}

struct eval_arg {
	enum arg arg;
	struct value value;
};

static enum err set_args(struct request *req, const struct eval_arg *args, size_t count)
{
	enum err err = ERR_OK;

	for (size_t i = 0; i < count && !err; i++)
		err = request_set_arg(req, slice_str(arg_name(args[i].arg)), args[i].value);
	return err;
}

static enum err fill_request(struct request *req, const struct eval_input *input)
{
	const struct eval_arg args[] = {
		{ ARG_METHOD, text(input->method) },
		{ ARG_SCHEME, text(input->scheme) },
		{ ARG_HOST, text(input->host) },
		{ ARG_PATH, text(input->path) },
		{ ARG_QUERY, text(input->query) },
		{ ARG_VERSION, text(SLICE_LIT("1.1")) },
		{ ARG_HEADERS, null_or(VALUE_BINARY, input->headers) },
	};

	return set_args(req, args, sizeof(args) / sizeof(args[0]));
}

/* What the shipped HAProxy front would send for this request. */
static enum err fill(struct request *req, const struct eval_input *input)
{
	bool tls = input->connection || slice_eq(input->scheme, SLICE_LIT("https"));
	const struct eval_arg args[] = {
		{ ARG_CERT, null_or(VALUE_BINARY, input->cert) },
		{ ARG_USED, boolean(input->cert.len > 0) },
		{ ARG_CHAIN, null_or(VALUE_BINARY, input->chain) },
		{ ARG_SNI, null_or(VALUE_TEXT, input->sni) },
		{ ARG_TLS_VERSION, null_or(VALUE_TEXT, tls ? SLICE_LIT("TLSv1.3") : SLICE_EMPTY) },
		{ ARG_TLS_CIPHER,
		  null_or(VALUE_TEXT, tls ? SLICE_LIT("TLS_AES_128_GCM_SHA256") : SLICE_EMPTY) },
		{ ARG_RESUMED, boolean(false) },
		{ ARG_EARLY, boolean(false) },
		{ ARG_SRC, null_or(VALUE_IP, input->src) },
	};
	enum err err = set_args(req, args, sizeof(args) / sizeof(args[0]));

	req->connection = input->connection;
	return err || input->connection ? err : fill_request(req, input);
}

static void done_never(struct ticket *ticket)
{
	(void)ticket;
}

/* Nothing in an offline evaluation can answer later: what waits, waits for the network. */
static void submit(struct engine *engine, struct request *req)
{
	struct ticket ticket = { .req = req, .on_done = done_never };

	if (engine_submit(engine, &ticket) == ENGINE_DONE)
		return;
	engine_cancel(&ticket);
	engine_refuse(engine, req, REASON_POLICY_ERROR, "the worker waits for something that eval never asks");
}

static json_t *decide(struct engine *engine, const struct eval_input *input, bool trace)
{
	struct request req;
	struct arena arena;
	json_t *object = NULL;

	arena_init(&arena, ARENA_MAX);
	request_init(&req, &arena);
	if (!fill(&req, input)) {
		submit(engine, &req);
		object = eval_json(&req, trace);
		engine_release(engine, &req);
	}
	arena_fini(&arena);
	return object;
}

json_t *eval_run(struct setup *setup, const struct eval_input *input, bool trace)
{
	struct chaincache *chains = chaincache_new(CHAINS_MAX);
	struct inflight inflight = { 0 };
	struct engine_env env = {
		.mono_ns = clock_mono_ns, .wall_s = fixed_wall_s, .wall_ns = fixed_wall_ns,
		.policy = &policy_lua_ops, .chains = chains, .inflight = &inflight,
		.retire = retire, .loops = 1,
	};
	struct engine *engine;
	json_t *object;

	fixed_now = input->at;
	engine = engine_new(&env, snapshot_ref(setup->snapshot), setup->policies[0]);
	setup->policies[0] = NULL;
	engine_revocation(engine, lists_offline(setup->snapshot, input->at, NULL));
	object = decide(engine, input, trace);
	engine_free(engine);
	chaincache_free(chains);
	return object;
}
