/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_CONFIG_READ_H
#define MTLSGUARD_CORE_CONFIG_READ_H

#include "base/diag.h"
#include "core/config.h"
#include "core/config_table.h"
#include "core/tree.h"

/* What the readers of the directives share. Inside config_build() only. */
struct digest;
struct host_index;

struct config_build {
	struct config *config;
	struct diag_list *diag;
	const char *file; /* as faults show it */
	char *dir;	  /* what relative paths are relative to, absolute */
	struct digest *sum; /* of everything that the configuration says */
	struct tree_doc *literals; /* fallbacks */
	struct host_index *hosts; /* of the hosts that have been read; NULL: none */
	size_t told[DIAG_LINT + 1]; /* faults of each severity, also those that were left out */
	unsigned hints;	  /* nearest names looked up in long lists so far */
};

/* A value and the way to it, on the C stack. */
struct config_at {
	const struct config_at *up;
	const char *key;	  /* NULL: an item of a list */
	size_t item;		  /* from 1 */
	const struct tree *value; /* NULL: not given */
};

/* Adds a fault, lint or warning with file and line of at, the key path in front. hint may be NULL. */
void config_fault(struct config_build *build, const struct config_at *at, const char *hint,
		  const char *fmt, ...) PRINTF_LIKE(4, 5);
void config_note(struct config_build *build, const struct config_at *at,
		 enum diag_severity severity, const char *hint, const char *fmt, ...)
	PRINTF_LIKE(5, 6);

/* 'did you mean "x"?' for the nearest of names, in storage of the caller; or NULL. */
#define CONFIG_HINT_MAX 160
const char *config_hint(struct slice word, const char *const *names, char *storage);

/* file and line of at for the structs of the config; file is the config's. */
const char *config_file_of(struct config_build *build, const struct config_at *at);
unsigned config_line_of(const struct config_at *at);

/* The member `key` of at's table as a place of its own; value is NULL when it isn't there. */
struct config_at config_member(const struct config_at *at, const char *key);

/*
 * Reads all keys of a section ("limits", "hosts[]") out of at's table, or only
 * the fallbacks when at->value is NULL, into target; unknown keys are faults.
 */
void config_read_section(struct config_build *build, const struct config_at *at,
			 const char *section, void *target);

/* Checks of a value's kind; the fault is told. */
bool config_is_text(struct config_build *build, const struct config_at *at, struct slice *out);
bool config_is_list(struct config_build *build, const struct config_at *at); /* no members */
bool config_is_map(struct config_build *build, const struct config_at *at);  /* no items */

/* Reads a file that the configuration names; its content counts for the generation. False: told. */
bool config_load_file(struct config_build *build, const struct config_at *at, const char *path,
		      size_t max, char **text, size_t *len);

/* A list or map that must not be empty: an empty one is told and is false. */
bool config_is_filled(struct config_build *build, const struct config_at *at);

/* The readers of maps and lists. */
void config_read_listen(struct config_build *build, const struct config_at *at, size_t kind,
			void *target);
void config_read_mode(struct config_build *build, const struct config_at *at, size_t offset,
		      void *target);
void config_read_peers(struct config_build *build, const struct config_at *at, size_t offset,
		       void *target);
void config_read_authorities(struct config_build *build, const struct config_at *at, size_t offset,
			     void *target);
void config_read_deny(struct config_build *build, const struct config_at *at, size_t offset,
		      void *target);
void config_read_crls(struct config_build *build, const struct config_at *at, size_t offset,
		      void *target);
void config_read_hosts(struct config_build *build, const struct config_at *at, size_t offset,
		       void *target);
void config_read_host_authorities(struct config_build *build, const struct config_at *at,
				  size_t offset, void *target);
void config_read_workers(struct config_build *build, const struct config_at *at, size_t offset,
			 void *target);
void config_read_routes(struct config_build *build, const struct config_at *at, size_t offset,
			void *target);
void config_read_vars(struct config_build *build, const struct config_at *at, size_t offset,
		      void *target);
void config_read_owned(struct config_build *build, const struct config_at *at, size_t offset,
		       void *target);

#endif
