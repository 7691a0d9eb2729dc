/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_RIG_H
#define TESTS_LIB_RIG_H

#include "core/engine.h"

/*
 * A real engine on a real snapshot, with clocks and workers of the test's own:
 *
 *	struct rig *rig = rig_new("return { hosts = { [\"*\"] = { … } } }", files);
 *	struct rig_request *request = rig_ask(rig, args);
 *	assert_int_equal(request->req.verdict.reason, REASON_ALLOWED);
 *	rig_done(request);
 *	rig_free(rig);
 *
 * A configuration with faults ends the test program. One rig at a time.
 */
struct rig_file {
	const char *name, *text;
};

struct rig {
	struct engine *engine;
	struct chaincache *chains;
	struct inflight inflight;
	char folder[64];
	unsigned retired; /* configurations that no request uses any more */
	struct buf records; /* decision records, a line each */

	/* What workers do: start says `state`, with `result` when it is DONE. */
	enum policy_state state;
	struct policy_result result;
	struct policy_call *pending[512];
	size_t pending_count;
	unsigned started, cancelled;
	unsigned woken; /* how often the engine asked for engine_run; see rig_slices */
};

/* Set before rig_new: calls have slices, and wait for engine_run. */
extern bool rig_slices;

/* Who answers about OCSP and first lists, for rigs made from then on; NULL at first: nobody. */
extern const struct revocation_ops *rig_revocation;

/* files ends with a name of NULL; they stand beside the configuration. NULL: none. Missing listeners are
 * switched off and the state folder is in /tmp. */
struct rig *rig_new(const char *config, const struct rig_file *files);
void rig_free(struct rig *rig);

/* Another configuration, as after a reload. */
void rig_reload(struct rig *rig, const char *config);

/* The clocks. They start at 1 s and at CERTS_NOW (certs.h). */
extern int64_t rig_mono_ns, rig_wall_s;
void rig_sleep(int64_t ns); /* moves both */

/* Ends pending call i; later ones move up. */
void rig_complete(struct rig *rig, size_t i, struct policy_result result);

/* An argument, as HAProxy sends them. */
struct named {
	const char *name;
	struct value value;
};
#define TEXT(n, text) { n, { .kind = VALUE_TEXT, .bytes = SLICE_INIT(text) } }
#define BINARY(n, s) { n, { .kind = VALUE_BINARY, .bytes = s } }
#define BOOL(n, b) { n, { .kind = VALUE_BOOL, .boolean = b } }
#define INT(n, i) { n, { .kind = VALUE_INT, .integer = i } }
#define NONE(n) { n, { .kind = VALUE_NULL } }
#define UNSENT(n) { n, { .kind = VALUE_NOT_SENT } }
#define NAMED_END { NULL, { 0 } }

/* The arguments of a question for GET https://api.example.com/ without a certificate, with `over` (ends
 * with NAMED_END, may be NULL) in their place or behind them; UNSENT takes one away. free() it. */
struct named *ask_args(const struct named *over);

struct rig_request {
	struct rig *rig;
	struct arena arena;
	struct request req;
	struct ticket ticket;
	enum engine_state state;
	unsigned done; /* how often on_done came */
};

/* Submits a question made with ask_args. Free with rig_done. */
struct rig_request *rig_ask(struct rig *rig, const struct named *over);

/* Submits a connection without a request, with these arguments and no others. Free with rig_done. */
struct rig_request *rig_connect(struct rig *rig, const struct named *args);

/* Releases and frees it; a pending one is cancelled. */
void rig_done(struct rig_request *request);

/* The request headers of the verdict as "name: value\n" lines, "-name\n" for what is removed; free() it. */
char *rig_headers(const struct header_block *del, const struct header_block *set);

#endif
