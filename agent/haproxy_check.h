/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_HAPROXY_CHECK_H
#define MTLSGUARD_HAPROXY_CHECK_H

#include "base/diag.h"
#include "core/snapshot.h"
#include "haproxy_cfg.h"
#include "haproxy_need.h"

/*
 * What makes an HAProxy front unsafe, or fail open, in front of this agent:
 * `check --haproxy`. Each fault stands at the line that causes it and names the
 * other line that it clashes with.
 */

/* One filter of one section being checked, as one version of HAProxy reads it. */
struct haproxy_check {
	const struct haproxy_cfg *front;
	const struct haproxy_cfg *spoe;
	const struct haproxy_need *need; /* NULL: only what no configuration is needed for */
	struct diag_list *diag;
	unsigned version;

	/* Found on the way. */
	const struct haproxy_section *section;	     /* that has the filter */
	const struct haproxy_line **rules;	     /* its lines, those of its defaults first */
	size_t rule_count;
	const struct haproxy_line *filter;	     /* "filter spoe …" */
	const struct haproxy_section *agent, *message; /* in the SPOE file */
	bool connection;			       /* the message asks about connections, not requests */
	const struct haproxy_line *event;	     /* that sends the message, or NULL */
	const struct haproxy_line *asks;	     /* where the request is sent: the group's rule, else the filter */
	const char *prefix;			     /* of the variables */
};

/*
 * Reads the HAProxy configuration at path and the SPOE files that it names (as
 * named, else beside it), for every supported branch of HAProxy, and adds every
 * fault to diag. A file whose name holds "3.4" is for that branch and newer.
 * snapshot NULL: the agent's configuration has faults, so what needs it is left out.
 */
void haproxy_check(const char *path, const struct snapshot *snapshot, struct diag_list *diag);

/* The same for what is known of the agent's configuration already; need may be NULL. */
void haproxy_check_need(const char *path, const struct haproxy_need *need, struct diag_list *diag);

/* Where SPOE files come from: fills path (no NUL needed) and text, or returns false with errno set. */
struct haproxy_files {
	bool (*read)(void *arg, const char *front, const char *name, struct buf *path, struct buf *text);
	void *arg;
};

/* The same without reading files itself. */
void haproxy_check_text(const char *path, struct slice text, const struct haproxy_files *files,
			const struct haproxy_need *need, struct diag_list *diag);

/* One section with a filter, against one SPOE file; true when that file asks this agent. */
bool haproxy_check_section(struct haproxy_check *check);

/* Parts of the above. */
void haproxy_check_rules(struct haproxy_check *check);	   /* order, deletions, deny */
void haproxy_check_connection(struct haproxy_check *check); /* the same in TCP mode */
void haproxy_check_question(struct haproxy_check *check);  /* the SPOE file's agent and message */
void haproxy_check_transport(struct haproxy_check *check); /* bind lines, global, backend */

/* True when the section takes HTTP requests: by its own "mode", else by that of its defaults. */
bool haproxy_takes_requests(const struct haproxy_check *check);

/* The first rule behind the question that refuses whatever is no allow, NULL when there is none;
 * refuses(line): its action is one that does. */
const struct haproxy_line *haproxy_find_refusal(const struct haproxy_check *check,
						bool (*refuses)(const struct haproxy_line *line));
bool haproxy_is_conditional(const struct haproxy_line *line);

/* A rule that sets the variable of the verdict, which is the agent's to set. */
bool haproxy_sets_verdict(const struct haproxy_check *check, const struct haproxy_line *line);

/* HAProxy's time: digits and a unit, milliseconds without one. Nanoseconds; -1 when it is none. */
int64_t haproxy_time(const char *text);

/* The agent's "timeout processing" in nanoseconds, 0 when it has none. */
int64_t haproxy_processing_ns(const struct haproxy_check *check);

/* Adds a fault at line `number` of file; related (0: none) is the other line, in related_file. */
void haproxy_fault(struct haproxy_check *check, enum diag_severity severity, const char *file,
		   unsigned number, const char *related_file, unsigned related, const char *hint,
		   const char *fmt, ...) PRINTF_LIKE(8, 9);

#endif
