/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_SCRIPT_OBJECT_H
#define MTLSGUARD_SCRIPT_OBJECT_H

#include "base/arena.h"
#include "base/slice.h"
#include "core/request.h"

/*
 * What stands behind a Request, a Response or a Headers of a script. It lives
 * in the request's arena and knows no Lua. Headers are kept as the edits that
 * were asked for, in order; of an own Response they are simply its headers.
 */
enum object_type {
	OBJECT_INCOMING, /* the request as it came: nothing may be set */
	OBJECT_COPY,	 /* Request.new(request) */
	OBJECT_ORIGIN,	 /* what fetch(request) gave: stands for the origin's response */
	OBJECT_RESPONSE, /* the worker's own */
	OBJECT_HEADERS	 /* Headers.new() */
};

struct edit {
	struct edit *next;
	struct slice name, value;
	bool removes;	    /* what was there before goes */
	bool adds;	    /* value counts */
	size_t head, whole; /* of the bytes behind the edit: encoded name, encoded pair */
};

struct object {
	enum object_type type;
	bool sent; /* a Request that was fetched, a Response's Request: closed */
	int status;
	bool has_body;
	struct slice body;
	struct object *request; /* of OBJECT_ORIGIN */
	struct edit *edits, **edits_tail;
	unsigned edit_count;
	size_t del_size, set_size; /* of the blocks that the edits make */
};

/* Edits that one object may have. */
#define OBJECT_EDITS_MAX 256

/* A new object, or NULL when the arena is full. */
struct object *object_new(struct arena *arena, enum object_type type);

/*
 * Sets, adds or removes a header. name is lower case and lives as long as the
 * arena, value is copied. ERR_MEMORY, or ERR_LIMIT after 256 edits.
 */
enum err object_set(struct object *object, struct arena *arena, struct slice name,
		    struct slice value) MUST_USE;
enum err object_append(struct object *object, struct arena *arena, struct slice name,
		       struct slice value) MUST_USE;
enum err object_delete(struct object *object, struct arena *arena, struct slice name) MUST_USE;

/* The edits of `from`, copied. ERR_MEMORY. */
enum err object_take_edits(struct object *object, const struct object *from,
			   struct arena *arena) MUST_USE;

/* True when what the proxy has under that name does not count any more. */
bool object_removes(const struct object *object, struct slice name);

/* The edits as blocks of verdict.h. ERR_MEMORY. */
enum err object_blocks(const struct object *object, struct arena *arena, struct slice *del,
		       struct slice *set) MUST_USE;

/* The first value that the object itself has under name; ptr is NULL when there is none. */
struct slice object_value(const struct object *object, struct slice name);

#endif
