/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_HAPROXY_NEED_H
#define MTLSGUARD_HAPROXY_NEED_H

#include "base/arena.h"
#include "base/buf.h"
#include "core/snapshot.h"

/*
 * What a configuration wants of the HAProxy in front of it: the arguments of
 * the SPOE messages, and the header names that a front has to delete.
 */
struct haproxy_arg {
	const char *name;
	const char *sample;  /* HAProxy's expression; NULL: only the worker's author knows */
	const char *why;     /* ends a sentence that begins with the argument's name */
	bool required;	     /* without it requests are refused, or decided on less than was sent */
	unsigned line;	     /* of the configuration, what needs it; 0: nothing in particular */
};

struct haproxy_need {
	struct haproxy_arg *args; /* of check-client-cert */
	size_t arg_count;
	struct haproxy_arg *connection_args; /* of check-client-connection */
	size_t connection_arg_count;
	const char **owned; /* names, and prefixes that end in '-'; lower case */
	size_t owned_count;
	size_t host_count; /* entries of hosts */
	const char *config_file;
	int64_t deadline_ns;
	const char **sockets; /* paths that the agent listens at for SPOP */
	size_t socket_count;
	struct arena arena;
};

/* Reads it off a snapshot; strings stay valid until haproxy_need_fini, independent of the snapshot. */
void haproxy_need_init(struct haproxy_need *need, const struct snapshot *snapshot);
void haproxy_need_fini(struct haproxy_need *need);

/* Seventeen owned names begin so; one expression does for all of them. */
#define HAPROXY_CF_CERT "cf-cert-"

/* The expression that HAProxy's "del-header … -m reg" takes for an owned name or prefix, '_' counting
 * as '-'; for any of the cf-cert-* names the one of all. */
void haproxy_owned_regex(struct buf *out, const char *owned);

#endif
