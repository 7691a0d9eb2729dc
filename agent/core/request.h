/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_REQUEST_H
#define MTLSGUARD_CORE_REQUEST_H

#include "base/arena.h"
#include "base/err.h"
#include "base/value.h"
#include "core/hosts.h"
#include "core/verdict.h"

/*
 * The life of a request: a front takes one (request_init), copies what the
 * proxy sent into its arena and names it (request_set_arg), submits it to the
 * engine (engine.h), which makes it canonical, runs the stages and fills
 * req->verdict, at once or later. The front tells the verdict and gives
 * everything back (engine_release).
 */

struct cert_entry;
struct snapshot;
struct world;

enum arg {
	ARG_CERT, ARG_USED, ARG_CHAIN, ARG_SNI, ARG_TLS_VERSION, ARG_TLS_CIPHER, ARG_RESUMED,
	ARG_EARLY, ARG_SRC, ARG_SRC_PORT, ARG_METHOD, ARG_SCHEME, ARG_HOST, ARG_PATH, ARG_QUERY,
	ARG_VERSION, ARG_HEADERS, ARG_ID, ARG_COUNT
};

/* The argument's name in design 4, "tls_version" for example. */
const char *arg_name(enum arg arg);

/* The argument of that name, or ARG_COUNT. */
enum arg arg_find(struct slice name);

/* An argument by another name, kept for workers: request.args and hdr_NAME. */
struct extra_arg {
	struct slice name;
	struct value value;
	struct extra_arg *next;
};

struct request {
	struct arena *arena;
	struct value args[ARG_COUNT];
	struct extra_arg *extra; /* in the order sent */
	struct extra_arg **extra_tail;
	int64_t timeout_ns; /* how long the proxy waits for the answer; 0: it did not say */
	bool connection;    /* set by the front: a connection without a request, its host is the SNI */

	/* Filled by the engine, in the order of its stages. */
	struct snapshot *snapshot; /* held from submit to release, by its world */
	struct world *world;
	struct host_name host_name; /* as it was sent */
	int64_t now_s;		   /* wall clock, epoch seconds, of this decision */
	int64_t started_ns;	   /* monotonic */
	int64_t deadline_ns;	   /* monotonic */
	struct slice host;	   /* canonical; empty when it could not be, or a connection names none */
	struct slice path;	   /* canonical; a connection has none */
	const struct host_rule *rule; /* of its host; NULL: none is known */
	struct cert_entry *cert; /* NULL: none presented */
	struct slice error;	 /* why, for the log and eval; never for the client */
	enum reason observed;	 /* the real reason on a host that only observes, else 0 */
	const char *stage;	 /* name of the stage that decided */
	struct slice worker;	 /* name of the worker that ran, or empty */
	struct slice worker_place; /* "file:line" of its fault, or empty */
	struct verdict verdict;	   /* last, since it is cleared in its own way */
};

/* Starts a request in an arena that outlives it. Nothing is sent yet. */
void request_init(struct request *req, struct arena *arena);

/*
 * Names one argument. name and value's bytes must live until engine_release (the
 * front copies a frame's payload into the arena once and points into it).
 * ERR_DUPLICATE when a known argument was sent already, ERR_MEMORY when the
 * arena is full.
 */
enum err request_set_arg(struct request *req, struct slice name, struct value value) MUST_USE;

/* The place of an argument by another name. ERR_MEMORY. */
enum err request_extra(struct request *req, struct slice name, struct value **out) MUST_USE;

/*
 * The same for a front that decodes in place: *out is where the value of this
 * argument goes, zeroed, to be filled at once with anything but NOT_SENT. Left
 * alone when there is an error.
 */
static inline MUST_USE enum err request_arg_slot(struct request *req, struct slice name,
						 struct value **out)
{
	enum arg arg = arg_find(name);

	if (arg == ARG_COUNT)
		return request_extra(req, name, out);
	if (req->args[arg].kind != VALUE_NOT_SENT)
		return ERR_DUPLICATE;
	*out = &req->args[arg];
	return ERR_OK;
}

/* The argument as text or bytes; empty unless TEXT or BINARY was sent. */
static inline struct slice request_bytes(const struct request *req, enum arg arg)
{
	const struct value *v = &req->args[arg];

	return likely(v->kind == VALUE_TEXT || v->kind == VALUE_BINARY) ? v->bytes : SLICE_EMPTY;
}

/* True when the argument was sent and is true: a BOOL, or an integer that is not 0. */
static inline bool request_true(const struct request *req, enum arg arg)
{
	const struct value *v = &req->args[arg];

	if (likely(v->kind == VALUE_BOOL))
		return v->boolean;
	return (v->kind == VALUE_INT || v->kind == VALUE_UINT) && v->integer != 0;
}

static inline bool request_sent(const struct request *req, enum arg arg)
{
	return req->args[arg].kind != VALUE_NOT_SENT;
}

#endif
