/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BASE_ERR_H
#define MTLSGUARD_BASE_ERR_H

#include "base/attr.h"

/*
 * Errors are one table: a name for logs, a text for people, a class that says
 * whose fault it is. A function that can fail returns enum err and its result
 * must be used; words about the very case travel apart, in struct diag.
 */

enum err {
	ERR_OK = 0,
	ERR_USAGE,     /* the caller asked for something that does not exist */
	ERR_SHORT,     /* the bytes end before the structure does */
	ERR_FORMAT,    /* the bytes do not follow their format */
	ERR_TYPE,      /* well-formed, but another kind than asked for */
	ERR_RANGE,     /* a number or a length outside what is allowed */
	ERR_DUPLICATE, /* something that may stand once stands twice */
	ERR_NOT_FOUND, /* no such thing */
	ERR_LIMIT,     /* a configured bound was reached */
	ERR_MEMORY,    /* a capped allocation did not fit */
	ERR_TIMEOUT,   /* a deadline passed */
	ERR_CLOSED,    /* the other side is gone */
	ERR_IO,        /* the system refused; errno says why */
	ERR_CRYPTO,    /* OpenSSL refused */
	ERR_CONFIG,    /* faults were put into the diag list */
	ERR_POLICY,    /* a worker or rule failed */
	ERR_INTERNAL,  /* a fault of our own */
	ERR_COUNT
};

enum err_class { ERR_CLASS_NONE, ERR_CLASS_USAGE, ERR_CLASS_INPUT, ERR_CLASS_LIMIT,
		 ERR_CLASS_IO, ERR_CLASS_CRYPTO, ERR_CLASS_INTERNAL };

/* Returns the error's name ("short", "format", …); never NULL, any value. */
const char *err_name(enum err err);

/* Returns a sentence fragment for people; never NULL, any value. */
const char *err_text(enum err err);

/* Returns whose fault the error is; values outside the table are internal. */
enum err_class err_class(enum err err);

#endif
