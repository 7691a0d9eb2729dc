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

/* What reading lists took is no part of the request's deadline, since an agent has them beforehand. */
static int64_t reading_ns;

static int64_t mono_ns(void)
{
	return clock_mono_ns() - reading_ns;
}

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

/* The one request, and what it waits for: lists that the state folder may have a copy of. */
struct offline {
	struct ticket ticket;
	bool is_done;
	struct engine *engine;
	const struct snapshot *snapshot;
	struct offline_points points;
	struct revocation_wait *wait;
};

static void on_done(struct ticket *ticket)
{
	((struct offline *)(void *)ticket)->is_done = true;
}

static bool offline_ocsp(void *arg, const struct revocation_question *question, int64_t now,
			 struct ocsp_record *out)
{
	(void)arg, (void)question, (void)now, (void)out;
	return false;
}

/* No network is there to wait for; a copy, or a CA that the chain brought, may help. */
static bool offline_ask(void *arg, struct revocation_wait *wait)
{
	struct offline *offline = arg;
	bool helps = offline_points_add(&offline->points, offline->snapshot, wait->questions, wait->count);

	for (size_t i = 0; i < wait->count; i++)
		helps |= wait->questions[i].kind == ASK_CHECK;
	offline->wait = helps ? wait : NULL;
	return helps;
}

static void offline_cancel(void *arg, struct revocation_wait *wait)
{
	struct offline *offline = arg;

	(void)wait;
	offline->wait = NULL;
}

static const struct revocation_ops offline_ops = { .ocsp = offline_ocsp, .ask = offline_ask,
						   .cancel = offline_cancel };

static void read_lists(struct offline *offline)
{
	int64_t start = clock_mono_ns();

	engine_revocation(offline->engine, lists_offline(offline->snapshot, fixed_now, &offline->points, NULL));
	reading_ns += clock_mono_ns() - start;
}

/* Nothing in an offline evaluation can answer later: what still waits then, waits for the network. */
static void submit(struct offline *offline, struct request *req)
{
	struct engine *engine = offline->engine;

	offline->ticket = (struct ticket){ .req = req, .on_done = on_done };
	offline->is_done = engine_submit(engine, &offline->ticket) == ENGINE_DONE;
	while (!offline->is_done && offline->wait) {
		struct revocation_wait *wait = offline->wait;

		offline->wait = NULL;
		read_lists(offline);
		wait->on_done(wait);
	}
	if (offline->is_done)
		return;
	engine_cancel(&offline->ticket);
	engine_refuse(engine, req, REASON_POLICY_ERROR, "the worker waits for something that eval never asks");
}

static json_t *decide(struct offline *offline, const struct eval_input *input, bool trace)
{
	struct request req;
	struct arena arena;
	json_t *object = NULL;

	arena_init(&arena, ARENA_MAX);
	request_init(&req, &arena);
	if (!fill(&req, input)) {
		submit(offline, &req);
		object = eval_json(&req, trace);
		engine_release(offline->engine, &req);
	}
	arena_fini(&arena);
	return object;
}

json_t *eval_run(struct setup *setup, const struct eval_input *input, bool trace)
{
	struct chaincache *chains = chaincache_new(CHAINS_MAX);
	struct inflight inflight = { 0 };
	struct engine_env env = {
		.mono_ns = mono_ns, .wall_s = fixed_wall_s, .wall_ns = fixed_wall_ns,
		.policy = &policy_lua_ops, .chains = chains, .inflight = &inflight,
		.retire = retire, .loops = 1, .revocation = &offline_ops,
	};
	struct offline offline = { .snapshot = setup->snapshot };
	json_t *object;

	env.revocation_arg = &offline;
	fixed_now = input->at;
	offline.engine = engine_new(&env, snapshot_ref(setup->snapshot), setup->policies[0]);
	setup->policies[0] = NULL;
	read_lists(&offline);
	object = decide(&offline, input, trace);
	engine_free(offline.engine);
	offline_points_fini(&offline.points);
	chaincache_free(chains);
	return object;
}
