/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_EVAL_H
#define MTLSGUARD_EVAL_H

#include <jansson.h>

#include "core/request.h"
#include "setup.h"

/*
 * One decision, offline: the engine, the stages and the worker runtime of the
 * agent itself, with a clock that stands still.
 */
struct eval_input {
	bool connection;      /* without a request: method to headers are not looked at */
	struct slice method, scheme, host, path, query;
	struct slice headers; /* pairs in the layout of req.hdrs_bin, closed */
	struct slice cert;    /* DER; empty: none presented */
	struct slice chain;   /* concatenated DER */
	struct slice sni;     /* empty: none */
	struct slice src;     /* 4 or 16 octets; empty: unknown */
	int64_t at;	      /* epoch seconds */
};

/*
 * Decides and returns the object of `eval --json`; the caller owns it. trace:
 * with the steps. Takes the policies of setup's first loop. NULL when the
 * request does not fit into memory.
 */
json_t *eval_run(struct setup *setup, const struct eval_input *input, bool trace);

/* The object for a decided, not yet released request (eval_json.c). */
json_t *eval_json(const struct request *req, bool trace);

/* The steps of a decision, in order: [{"stage","result",…}…] (eval_trace.c). */
json_t *eval_trace(const struct request *req);

/* {"kind","name","line"} of what decided, or null (eval_trace.c). */
json_t *eval_decided_by(const struct request *req);

/* The object as text for people, on stdout (eval_text.c). */
void eval_print(const json_t *object);

#endif
