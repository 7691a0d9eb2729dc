/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BASE_DIAG_H
#define MTLSGUARD_BASE_DIAG_H

#include "base/err.h"
#include "base/slice.h"

/*
 * Faults for people: where, how bad, what, and what to do. Whoever reads a
 * configuration, a worker or a certificate file adds all it finds; `check`
 * prints them, `run` and `reload` refuse when one of them is an error.
 */
enum diag_severity { DIAG_ERROR, DIAG_WARNING, DIAG_LINT };

struct diag {
	char *file;    /* NULL: no file */
	unsigned line; /* 0: unknown; the message then names the key path */
	enum diag_severity severity;
	char *message;
	char *hint; /* NULL: none */
};

struct diag_list {
	struct diag *items;
	size_t count;
	size_t room;
	size_t errors; /* how many of them are DIAG_ERROR */
};

/* Adds one; file may be NULL, hint may be NULL; all texts are copied. */
void diag_add(struct diag_list *list, enum diag_severity severity, const char *file, unsigned line,
	      const char *hint, const char *fmt, ...) PRINTF_LIKE(6, 7);

/* "error", "warning" or "lint". */
const char *diag_severity_name(enum diag_severity severity);

void diag_fini(struct diag_list *list);

#endif
