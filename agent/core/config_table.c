/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config_table.h"

#include "core/config_read.h"

static const char *const require_words[] = { "verified", "none", NULL };
static const char *const enforce_words[] = { "deny", "observe", NULL };
static const char *const path_words[] = { "canonical", "raw", NULL };
static const char *const detail_words[] = { "id", "reason", NULL };
static const char *const unknown_words[] = { "deny", "allow", NULL };
static const char *const fetch_words[] = { "any", "public", NULL };
static const char *const chain_words[] = { "none", "xfcc", NULL };
static const char *const level_words[] = { "off", "denials", "all", NULL };

#define CONFIG(member) offsetof(struct config, member)
#define LISTEN(member) offsetof(struct listen_entry, member)
#define AUTHORITY(member) offsetof(struct authority_conf, member)
#define HOST(member) offsetof(struct host_conf, member)
#define WORKER(member) offsetof(struct worker_conf, member)

/* Hosts name authorities, and routes are compared with hosts: the order counts. */
const struct directive config_directives[] = {
	{ .path = "listen", .type = DIRECTIVE_SECTION,
	  .doc = "Where it listens. An entry is an address (\"127.0.0.1:9640\", \"[::1]:9640\", "
		 "\"unix:/path\", \"unix:@abstract\"), or a table with the address first and the keys "
		 "below. An empty list switches a kind off; port 0 takes a free one." },
	{ .path = "listen.spop", .type = DIRECTIVE_LIST, .read = config_read_listen,
	  .offset = LISTEN_SPOP, .fallback = "{ \"127.0.0.1:9640\", \"unix:/run/mtlsguard/spop.sock\" }",
	  .doc = "For HAProxy's SPOE." },
	{ .path = "listen.grpc", .type = DIRECTIVE_LIST, .read = config_read_listen,
	  .offset = LISTEN_GRPC, .fallback = "{}", .example = "{ \"127.0.0.1:9641\" }",
	  .doc = "For Envoy's ext_authz filter, by gRPC." },
	{ .path = "listen.http", .type = DIRECTIVE_LIST, .read = config_read_listen,
	  .offset = LISTEN_HTTP, .fallback = "{}", .example = "{ { \"127.0.0.1:9642\", dialect = \"nginx\" } }",
	  .doc = "For proxies that ask by HTTP: Envoy's ext_authz, nginx, Traefik, Caddy, HAProxy; each "
		 "address speaks one dialect. A question's head may have 64 KiB, and its body, which nobody "
		 "reads, as much." },
	{ .path = "listen.admin", .type = DIRECTIVE_LIST, .read = config_read_listen,
	  .offset = LISTEN_ADMIN, .fallback = "{ \"127.0.0.1:9643\" }",
	  .doc = "HTTP, reading only: /healthz, /readyz, /metrics." },
	{ .path = "listen.control", .type = DIRECTIVE_LIST, .read = config_read_listen,
	  .offset = LISTEN_CONTROL,
	  .fallback = "{ \"unix:/run/mtlsguard/control.sock\" }",
	  .doc = "For mtlsguard status, reload and drain: unix sockets." },
	{ .path = "listen[].tls", .type = DIRECTIVE_SECTION,
	  .doc = "TLS on a TCP entry of spop, grpc or http." },
	{ .path = "listen[].tls.certificate", .type = DIRECTIVE_PATH, .required = true,
	  .offset = LISTEN(tls.certificate), .doc = "Certificate chain, PEM." },
	{ .path = "listen[].tls.key", .type = DIRECTIVE_PATH, .required = true,
	  .offset = LISTEN(tls.key), .doc = "Its private key, PEM." },
	{ .path = "listen[].tls.client_authorities", .type = DIRECTIVE_PATH,
	  .offset = LISTEN(tls.client_authorities),
	  .doc = "CAs of the proxies, PEM; with it a client certificate is demanded." },
	{ .path = "listen[].chain", .type = DIRECTIVE_SWITCH, .fallback = "\"none\"",
	  .words = chain_words, .offset = LISTEN(chain_xfcc),
	  .doc = "Where grpc finds the chain that a client presented: \"xfcc\", the Chain of "
		 "x-forwarded-client-cert, which Envoy writes under SANITIZE_SET." },
	{ .path = "listen[].dialect", .type = DIRECTIVE_WORD, .fallback = "\"envoy\"",
	  .words = http_dialect_words, .offset = LISTEN(dialect),
	  .doc = "Which proxy asks on an http entry; it fixes the path, the headers that are believed, and what "
		 "an answer may be." },
	{ .path = "listen[].mode", .type = DIRECTIVE_TEXT, .read = config_read_mode,
	  .example = "\"0660\"",
	  .doc = "Permission bits of a unix socket, octal: \"0660\" unless said, \"0600\" for control." },
	{ .path = "listen[].group", .type = DIRECTIVE_TEXT, .offset = LISTEN(group),
	  .example = "\"haproxy\"", .doc = "Group of a unix socket." },
	{ .path = "listen[].peers", .type = DIRECTIVE_LIST, .read = config_read_peers,
	  .example = "{ \"10.0.0.0/8\" }",
	  .doc = "Who may connect: uids on a unix socket, networks on TCP. Everybody unless said." },

	{ .path = "threads", .type = DIRECTIVE_UINT, .fallback = "0", .max = 256, .restart = true,
	  .offset = CONFIG(threads), .doc = "Request loops; 0: one a core." },
	{ .path = "state", .type = DIRECTIVE_PATH, .fallback = "\"/var/lib/mtlsguard\"",
	  .restart = true, .offset = CONFIG(state),
	  .doc = "Folder for what must outlive the process; made when it is missing, refused when "
		 "others can write it." },
	{ .path = "deadline", .type = DIRECTIVE_SECONDS, .fallback = "0.5", .min = 0.001, .max = 60,
	  .offset = CONFIG(deadline_ns),
	  .doc = "Seconds for one decision. Keep it below the proxy's own timeout (shipped: 1 s)." },

	{ .path = "limits", .type = DIRECTIVE_SECTION, .doc = "Bounds of what one agent takes on." },
	{ .path = "limits.connections", .type = DIRECTIVE_UINT, .fallback = "4096", .min = 1,
	  .max = 1000000, .offset = CONFIG(limits.connections),
	  .doc = "Connections at a time; above it accepting pauses." },
	{ .path = "limits.inflight", .type = DIRECTIVE_UINT, .fallback = "16384", .min = 1,
	  .max = 10000000, .offset = CONFIG(limits.inflight),
	  .doc = "Requests at a time; above it they are refused as overloaded." },
	{ .path = "limits.frame", .type = DIRECTIVE_SIZE, .fallback = "65536", .min = 256,
	  .max = 16777216, .offset = CONFIG(limits.frame),
	  .doc = "Largest SPOP frame that is agreed on, in bytes." },
	{ .path = "limits.message", .type = DIRECTIVE_SIZE, .fallback = "262144", .min = 256,
	  .max = 268435456, .offset = CONFIG(limits.message),
	  .doc = "Largest message put together from fragments, in bytes." },
	{ .path = "limits.worker_cpu", .type = DIRECTIVE_SECONDS, .fallback = "0.01", .min = 0.0001,
	  .max = 10, .offset = CONFIG(limits.worker_cpu_ns),
	  .doc = "Seconds of CPU time that a worker may use for a request." },
	{ .path = "limits.worker_memory", .type = DIRECTIVE_SIZE, .fallback = "8388608",
	  .min = 262144, .max = 4294967296, .offset = CONFIG(limits.worker_memory),
	  .doc = "Bytes that a worker may hold, on each loop." },
	{ .path = "limits.connection_age", .type = DIRECTIVE_SECONDS, .fallback = "1800", .min = 1,
	  .max = 604800, .offset = CONFIG(limits.connection_age_ns),
	  .doc = "Seconds after which a gRPC connection is told to end (up to a tenth more, so that not all end at once): proxies then spread over all agents again." },
	{ .path = "limits.certificate_cache", .type = DIRECTIVE_SIZE, .fallback = "100000", .min = 1,
	  .max = 100000000, .restart = true, .offset = CONFIG(limits.certificate_cache),
	  .doc = "Verified certificates that are remembered, all loops together." },

	{ .path = "authorities", .type = DIRECTIVE_MAP, .read = config_read_authorities,
	  .example = "{ partners = { certificates = \"ca/partners.pem\" } }",
	  .doc = "Who issues client certificates: any number of them, each under a name of your own." },
	{ .path = "authorities[].certificates", .type = DIRECTIVE_PATH, .required = true,
	  .offset = AUTHORITY(certificates), .example = "\"ca/partners.pem\"",
	  .doc = "PEM file; every certificate in it is trusted as an anchor, intermediates too." },
	{ .path = "authorities[].intermediates", .type = DIRECTIVE_PATH,
	  .offset = AUTHORITY(intermediates), .example = "\"ca/extra.pem\"",
	  .doc = "PEM file; they help to build chains and are not anchors." },
	{ .path = "authorities[].revocation", .type = DIRECTIVE_SECTION,
	  .doc = "Where to learn what this authority has taken back. Asked in this order: deny, crl and "
		 "distribution_points, ocsp; the first fresh answer decides. Without any, nothing is checked." },
	{ .path = "authorities[].revocation.crl", .type = DIRECTIVE_LIST, .read = config_read_crls,
	  .example = "{ \"crl/partners.crl\", \"https://pki.example.com/partners.crl\" }",
	  .doc = "Revocation lists, PEM or DER: files, which are watched (replace them by a rename), and "
		 "http or https URLs, which are fetched again before they end. At most 64 MB each, decoded; "
		 "signed with SHA-256 or stronger." },
	{ .path = "authorities[].revocation.distribution_points", .type = DIRECTIVE_BOOL,
	  .fallback = "false", .offset = AUTHORITY(revocation.points),
	  .doc = "Also fetch the lists that certificates name which chain to this authority. The first "
		 "request for a new one waits for it." },
	{ .path = "authorities[].revocation.ocsp", .type = DIRECTIVE_BOOL, .fallback = "false",
	  .offset = AUTHORITY(revocation.ocsp),
	  .doc = "Ask the responder that a certificate names, when no list has an answer. The first "
		 "request waits for it; while a certificate is in use, its next answer comes before the last "
		 "one ends. By POST with a nonce; where a responder does not take that, by GET without one." },
	{ .path = "authorities[].revocation.deny", .type = DIRECTIVE_LIST, .read = config_read_deny,
	  .example = "{ \"936EACBE07F201DF\", \"dec:10629346\", \"file:lists/denied.txt\" }",
	  .doc = "Certificates that are revoked: a serial in hex (colons, any case, leading zeros are "
		 "fine; only digits are read both ways), \"dec:\" and a decimal serial, \"sha256:\", "
		 "\"ski:\" or \"spki:\" and hex. \"file:\" and a path is a file with such an entry a line "
		 "(# begins a comment), which is watched." },
	{ .path = "authorities[].revocation.when_unknown", .type = DIRECTIVE_SWITCH,
	  .fallback = "\"deny\"", .words = unknown_words, .offset = AUTHORITY(revocation.allow),
	  .doc = "What to do with a certificate that no source has a fresh answer for. What a list "
		 "revokes stays denied in any case." },
	{ .path = "authorities[].revocation.grace", .type = DIRECTIVE_SECONDS, .fallback = "0",
	  .max = 31536000, .offset = AUTHORITY(revocation.grace_ns),
	  .doc = "How long a list or an answer is used after its nextUpdate; it counts as stale then." },
	{ .path = "authorities[].revocation.chain", .type = DIRECTIVE_BOOL, .fallback = "false",
	  .offset = AUTHORITY(revocation.chain),
	  .doc = "Whether an unknown intermediate counts like an unknown client, and OCSP is asked about "
		 "intermediates. A revoked one always counts." },
	{ .path = "authorities[].revocation.fetch", .type = DIRECTIVE_SWITCH, .fallback = "\"any\"",
	  .words = fetch_words, .offset = AUTHORITY(revocation.public_only),
	  .doc = "\"public\" never connects to private addresses. Link-local ones are never asked." },

	{ .path = "hosts", .type = DIRECTIVE_MAP, .read = config_read_hosts,
	  .example = "{ [\"api.example.com\"] = { authorities = { \"partners\" } } }",
	  .doc = "Which names are served: \"api.example.com\", \"*.iot.example.com\", or \"*\" for the "
		 "rest. A host that matches nothing is denied." },
	{ .path = "hosts[].authorities", .type = DIRECTIVE_LIST, .read = config_read_host_authorities,
	  .example = "{ \"partners\" }",
	  .doc = "Names of authorities whose certificates this host accepts." },
	{ .path = "hosts[].require", .type = DIRECTIVE_WORD, .fallback = "\"verified\"",
	  .words = require_words, .offset = HOST(rule.require),
	  .doc = "\"verified\" denies without a certificate that verifies and isn't revoked; \"none\" "
		 "leaves the decision to workers." },
	{ .path = "hosts[].enforce", .type = DIRECTIVE_SWITCH, .fallback = "\"deny\"",
	  .words = enforce_words, .offset = HOST(rule.observe),
	  .doc = "\"observe\" decides, counts and logs, but lets pass." },
	{ .path = "hosts[].paths", .type = DIRECTIVE_SWITCH, .fallback = "\"canonical\"",
	  .words = path_words, .offset = HOST(rule.raw_paths),
	  .doc = "\"canonical\" normalises paths and refuses those that hide a separator; \"raw\" takes "
		 "them as they come." },
	{ .path = "hosts[].l4", .type = DIRECTIVE_BOOL, .fallback = "false", .offset = HOST(rule.l4),
	  .doc = "Whether connections without requests (HAProxy in TCP mode, Envoy's network filter) may "
		 "pass on a host that has workers: without a request no worker can run, so they are refused. "
		 "A host without workers needs no such word." },

	{ .path = "workers", .type = DIRECTIVE_LIST, .read = config_read_workers,
	  .example = "{ { name = \"api\", script = \"workers/api.lua\", routes = { \"api.example.com/*\" } } }",
	  .doc = "Lua policies, each with the routes that it decides." },
	{ .path = "workers[].name", .type = DIRECTIVE_TEXT, .required = true, .offset = WORKER(name),
	  .example = "\"api\"", .doc = "Its name in logs and metrics." },
	{ .path = "workers[].script", .type = DIRECTIVE_PATH, .required = true,
	  .offset = WORKER(script), .example = "\"workers/api.lua\"",
	  .doc = "Lua 5.4 source, at most 1 MiB." },
	{ .path = "workers[].routes", .type = DIRECTIVE_LIST, .read = config_read_routes,
	  .required = true, .example = "{ \"api.example.com/*\" }",
	  .doc = "\"host/path\", with * at the end of the path, and *. (hosts below) or * (the host "
		 "and those below) at its front. The most specific route wins." },
	{ .path = "workers[].vars", .type = DIRECTIVE_MAP, .read = config_read_vars,
	  .example = "{ TEAM = \"edge\" }",
	  .doc = "What the worker finds in env: texts, numbers, booleans." },
	{ .path = "workers[].allow_pass_through", .type = DIRECTIVE_BOOL, .fallback = "false",
	  .offset = WORKER(allow_pass_through),
	  .doc = "Whether ctx:passThroughOnException() may let a request pass when the worker fails." },

	{ .path = "headers", .type = DIRECTIVE_SECTION,
	  .doc = "What origins get. Whatever is switched on, clients' own copies of these headers are "
		 "removed." },
	{ .path = "headers.managed_transform", .type = DIRECTIVE_BOOL, .fallback = "false",
	  .offset = CONFIG(headers.managed_transform), .doc = "Cloudflare's cf-cert-* headers." },
	{ .path = "headers.client_cert", .type = DIRECTIVE_BOOL, .fallback = "false",
	  .offset = CONFIG(headers.client_cert), .doc = "Client-Cert and Client-Cert-Chain (RFC 9440)." },
	{ .path = "headers.forward_certificate", .type = DIRECTIVE_BOOL, .fallback = "false",
	  .offset = CONFIG(headers.forward_certificate),
	  .doc = "Cf-Client-Cert-Der-Base64 and Cf-Client-Cert-Sha256." },
	{ .path = "headers.owned", .type = DIRECTIVE_LIST, .read = config_read_owned,
	  .example = "{ \"x-client-\" }",
	  .doc = "More names, and prefixes that end in \"-\", that are always removed from what clients "
		 "send, \"_\" counting as \"-\"." },

	{ .path = "refusals", .type = DIRECTIVE_SECTION, .doc = "What a refused client sees." },
	{ .path = "refusals.detail", .type = DIRECTIVE_SWITCH, .fallback = "\"reason\"",
	  .words = detail_words, .offset = CONFIG(refusals_reason),
	  .doc = "\"reason\" names the reason and the decision's id, \"id\" only the id." },

	{ .path = "decisions", .type = DIRECTIVE_SECTION, .doc = "One JSON line a decision." },
	{ .path = "decisions.log", .type = DIRECTIVE_TEXT, .fallback = "\"stdout\"",
	  .offset = CONFIG(decisions_log), .doc = "\"stdout\", \"stderr\" or a file." },
	{ .path = "decisions.level", .type = DIRECTIVE_WORD, .fallback = "\"off\"",
	  .words = level_words, .offset = CONFIG(decisions_level),
	  .doc = "Which ones: \"off\", \"denials\" or \"all\"." },
	{ .path = NULL },
};

const char *directive_key(const struct directive *directive)
{
	const char *dot = strrchr(directive->path, '.');

	return dot ? dot + 1 : directive->path;
}

bool directive_is_in(const struct directive *directive, const char *section)
{
	const char *key = directive_key(directive);
	size_t len = strlen(section);

	if (key == directive->path)
		return len == 0;
	return len && (size_t)(key - directive->path) == len + 1 &&
	       memcmp(directive->path, section, len) == 0;
}
