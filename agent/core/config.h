/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_CONFIG_H
#define MTLSGUARD_CORE_CONFIG_H

#include "base/diag.h"
#include "base/err.h"
#include "base/slice.h"
#include "core/dialect.h"
#include "core/hosts.h"

/*
 * What the configuration says, as plain structs, checked and with every
 * default filled in. Made by config_build() (config_build.h) out of the value
 * tree that script/config_lua.c reads from the file. Immutable afterwards.
 * Every char pointer is owned by the config unless said otherwise.
 */

enum listen_kind { LISTEN_SPOP, LISTEN_GRPC, LISTEN_HTTP, LISTEN_ADMIN, LISTEN_CONTROL, LISTEN_KIND_COUNT };

enum address_kind { ADDRESS_TCP, ADDRESS_UNIX, ADDRESS_ABSTRACT };

struct listen_tls {
	char *certificate, *key; /* paths, PEM */
	char *client_authorities; /* path, PEM; NULL: no client certificate is asked for */
};

/* Who may connect: uids (unix sockets) and networks (TCP). Empty: everybody. */
struct listen_network {
	uint8_t address[16]; /* v4 in the first four octets */
	bool v6;
	unsigned prefix;
};

struct listen_entry {
	char *text; /* as written, for messages */
	enum address_kind kind;
	char *host; /* TCP: address; UNIX: path; ABSTRACT: name without '@' */
	uint16_t port; /* TCP; 0: any free one */
	bool has_tls;
	struct listen_tls tls;
	bool chain_xfcc; /* grpc: chain = "xfcc" */
	enum http_dialect dialect; /* http */
	unsigned mode; /* unix file sockets; default 0660, control 0600 */
	char *group;   /* NULL: leave it */
	uint32_t *uids;
	size_t uid_count;
	struct listen_network *networks;
	size_t network_count;
	unsigned line;
	const char *file; /* one of config.files, like every `file` below; NULL: unknown */
};

struct limits_conf {
	unsigned connections, inflight;
	size_t frame, message;
	int64_t worker_cpu_ns;
	size_t worker_memory;
	size_t certificate_cache;
	int64_t connection_age_ns;
};

enum deny_kind { DENY_SERIAL, DENY_SHA256, DENY_SKI, DENY_SPKI };

/* One entry of a deny list; octets without leading zeros for serials. */
struct deny_entry {
	enum deny_kind kind;
	uint8_t *octets;
	size_t len;
};

/* What tells of revoked certificates; see design 3. */
struct revocation_conf {
	struct deny_entry *deny; /* written in the configuration itself */
	size_t deny_count;
	char **deny_files; /* absolute paths, watched */
	size_t deny_file_count;
	char **crls; /* absolute paths, watched, and http or https URLs */
	size_t crl_count;
	bool points;	  /* distribution points are followed */
	bool ocsp;
	bool allow;	  /* when_unknown = "allow" */
	bool chain;	  /* "unknown" counts for intermediates, and they are asked about by OCSP */
	bool public_only; /* fetch = "public" */
	int64_t grace_ns; /* how long an answer is used after its nextUpdate */
};

/* True for a crl entry that is fetched. */
bool crl_is_url(const char *crl);

struct authority_conf {
	char *name;
	char *certificates;  /* path */
	char *intermediates; /* path or NULL */
	struct revocation_conf revocation;
	unsigned line;
	const char *file;
	/* What the two files held, until a snapshot is built of it; NULL: it is read then. */
	char *certificates_text, *intermediates_text;
	size_t certificates_len, intermediates_len;
};

struct host_conf {
	struct host_rule rule; /* its number is its place in config.hosts */
	char *pattern; /* lower case: "api.example.com", "*.iot.example.com" or "*" */
	size_t *authorities; /* indices into config.authorities, in the order written */
	size_t authority_count;
	unsigned line;
	const char *file;
};

/* One route: host pattern and path pattern of "host/path*" (Cloudflare Workers routes). */
struct route_conf {
	char *text;
	char *host; /* lower case; a leading "*." or "*" as written */
	char *path; /* begins with "/"; a "*" at its end is taken off */
	bool prefix; /* it had the "*" */
	unsigned line;
	const char *file;
};

struct worker_var {
	char *name, *value;
	enum { VAR_TEXT, VAR_NUMBER, VAR_BOOL } type;
	double number;
};

/* A module that a worker's texts name in require "./lib/x". */
struct worker_module {
	char *file;   /* "lib/x.lua", below the script's folder */
	char *source; /* its text, length below; NULL: see fault */
	size_t source_len;
	char *fault; /* why it cannot be loaded, or NULL */
};

struct worker_conf {
	char *name;
	char *script; /* absolute path */
	char *source; /* its text, read when the configuration was, length below */
	size_t source_len;
	struct worker_module *modules;
	size_t module_count;
	struct route_conf *routes;
	size_t route_count;
	struct worker_var *vars;
	size_t var_count;
	bool allow_pass_through;
	size_t index; /* its place in config.workers */
	unsigned line;
	const char *file;
};

struct headers_conf {
	bool managed_transform, client_cert, forward_certificate;
	char **owned; /* lower case; names, and prefixes that end in '-' */
	size_t owned_count;
};

enum decisions_level { DECISIONS_OFF, DECISIONS_DENIALS, DECISIONS_ALL };

struct config {
	char *file; /* absolute path */
	char **files; /* the names of the files it was read from, as faults show them */
	size_t file_count;
	struct listen_entry *listen[LISTEN_KIND_COUNT];
	size_t listen_count[LISTEN_KIND_COUNT];
	unsigned threads; /* as resolved: at least 1 */
	char *state;
	int64_t deadline_ns;
	struct limits_conf limits;
	struct authority_conf *authorities;
	size_t authority_count;
	struct host_conf *hosts;
	size_t host_count;
	uint32_t set_count; /* how many different authority sets the hosts have */
	struct worker_conf *workers;
	size_t worker_count;
	struct headers_conf headers;
	bool refusals_reason; /* refusals.detail = "reason" */
	char *decisions_log;  /* "stdout", "stderr" or an absolute path */
	enum decisions_level decisions_level;
	char generation[33]; /* 32 hex digits over everything that the configuration says, files included */
};

/* Frees it and all it owns; NULL is fine. */
void config_free(struct config *config);

#endif
