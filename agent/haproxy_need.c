/* SPDX-License-Identifier: Apache-2.0 */
#include "haproxy_need.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/mem.h"
#include "core/owned.h"

/* Names of a configuration and a few words about each: far below this. */
#define ARENA_MAX (64u << 20)

static char *text(struct haproxy_need *need, struct slice s)
{
	struct slice copy = arena_copy(&need->arena, s);

	if (!copy.ptr)
		abort();
	return (char *)(uintptr_t)copy.ptr;
}

static char *textf(struct haproxy_need *need, const char *before, struct slice name, const char *after)
{
	struct buf b = buf_capped(0);
	char *out;

	buf_str(&b, before);
	buf_put(&b, name);
	buf_str(&b, after);
	out = text(need, buf_slice(&b));
	buf_fini(&b);
	return out;
}

static void add_to(struct haproxy_arg **args, size_t *count, const struct haproxy_arg *arg)
{
	for (size_t i = 0; i < *count; i++) {
		struct haproxy_arg *before = &(*args)[i];

		if (strcmp(before->name, arg->name) != 0)
			continue;
		if (arg->required && !before->required)
			*before = *arg;
		return;
	}
	*args = mem_grow(*args, (*count + 1) * sizeof(**args));
	(*args)[(*count)++] = *arg;
}

static void add_arg(struct haproxy_need *need, const struct haproxy_arg *arg)
{
	add_to(&need->args, &need->arg_count, arg);
}

static void add_known(struct haproxy_need *need, bool verifies)
{
	const struct haproxy_arg known[] = {
		{ "cert", "ssl_c_der", "is what is decided on", true, 0 },
		{ "used", "ssl_c_used", "tells a certificate that got lost from none at all", false, 0 },
		{ "chain", "ssl_c_chain_der", "brings the intermediates that a client sends along", verifies, 0 },
		{ "resumed", "ssl_fc_is_resumed", "says that the intermediates of an earlier handshake count", verifies, 0 },
		{ "tls_version", "ssl_fc_protocol", "is for the log", false, 0 },
		{ "tls_cipher", "ssl_fc_cipher", "is for the log", false, 0 },
		{ "early", "ssl_fc_has_early", "refuses TLS early data (425)", false, 0 },
		{ "src", "src", "is for the log", false, 0 },
		{ "src_port", "src_port", "is for the log", false, 0 },
		{ "id", "unique-id", "joins our log with HAProxy's", false, 0 },
	};
	const struct haproxy_arg of_requests[] = {
		{ "sni", "ssl_fc_sni", "tells a connection made for another host (421)", false, 0 },
		{ "method", "method", "is always needed", true, 0 },
		{ "scheme", "ssl_fc,iif(https,http)", "is for the log", false, 0 },
		{ "host", "req.fhdr(host)", "finds the host's entry", true, 0 },
		{ "path", "path", "is always needed", true, 0 },
		{ "query", "query", "is for the log", false, 0 },
		{ "version", "req.ver", "is for the log", false, 0 },
		{ "hdr_accept", "req.fhdr(accept)", "chooses between JSON, text and HTML for refusals", false, 0 },
	};
	const struct haproxy_arg name = { "sni", "ssl_fc_sni", "finds the host's entry", true, 0 };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		add_arg(need, &known[i]);
		add_to(&need->connection_args, &need->connection_arg_count, &known[i]);
	}
	for (size_t i = 0; i < sizeof(of_requests) / sizeof(of_requests[0]); i++)
		add_arg(need, &of_requests[i]);
	add_to(&need->connection_args, &need->connection_arg_count, &name);
}

static bool is_word(uint8_t c)
{
	return isalnum(c) || c == '_';
}

/* The place behind the next occurrence of `word` as a whole word, or len when there is none. */
static size_t find_word(struct slice s, size_t from, struct slice word)
{
	for (size_t i = from; i + word.len <= s.len; i++) {
		if (!slice_eq(slice_sub(s, i, word.len), word) || (i && is_word(s.ptr[i - 1])))
			continue;
		if (i + word.len == s.len || !is_word(s.ptr[i + word.len]))
			return i + word.len;
	}
	return s.len;
}

static struct slice skip(struct slice s, size_t n)
{
	s = slice_sub(s, n, s.len);
	while (s.len && isspace(s.ptr[0]))
		s = slice_sub(s, 1, s.len);
	return s;
}

static struct slice leading_word(struct slice s)
{
	size_t n = 0;

	while (n < s.len && is_word(s.ptr[n]))
		n++;
	return slice_sub(s, 0, n);
}

/* How the worker's fetch function calls the request: the first parameter of "function M.fetch(…" or "fetch = function(…". */
static struct slice request_name(struct slice source)
{
	for (size_t at = 0; (at = find_word(source, at, SLICE_LIT("fetch"))) < source.len;) {
		struct slice s = skip(source, at), name;
		bool defines = false;

		if (slice_starts(s, SLICE_LIT("="))) {
			s = skip(s, 1);
			defines = slice_eq(leading_word(s), SLICE_LIT("function"));
			if (defines)
				s = skip(s, sizeof("function") - 1);
		} else {
			for (size_t i = at; i > 0 && source.ptr[i - 1] != '\n' && !defines; i--)
				defines = slice_starts(slice_sub(source, i - 1, source.len), SLICE_LIT("function"));
		}
		if (!defines || !slice_starts(s, SLICE_LIT("(")))
			continue;
		name = leading_word(skip(s, 1));
		if (name.len)
			return name;
	}
	return SLICE_LIT("request");
}

static void need_of_worker(struct haproxy_need *need, const struct worker_conf *worker, const char *name,
			   const char *sample, const char *what)
{
	char *why = textf(need, "is read by worker ", slice_str(worker->name), what);
	struct haproxy_arg arg = { name, sample, why, true, worker->line };

	add_arg(need, &arg);
}

/* request.headers:get("x") needs that one only; request.headers in any other place needs them all. */
static void headers_need(struct haproxy_need *need, const struct worker_conf *worker, struct slice use)
{
	static const struct slice reads[] = { SLICE_INIT(":get("), SLICE_INIT(":has(") };
	struct buf name = buf_capped(0), sample = buf_capped(0);
	struct slice header = SLICE_EMPTY;

	if (slice_starts(use, SLICE_LIT(":set(")) || slice_starts(use, SLICE_LIT(":append(")) ||
	    slice_starts(use, SLICE_LIT(":delete(")))
		return;
	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
		struct slice argument = skip(use, reads[i].len);

		if (!slice_starts(use, reads[i]) || !argument.len || !strchr("\"'", argument.ptr[0]))
			continue;
		header = slice_sub(argument, 1, argument.len);
		header = slice_sub(header, 0, slice_find(header, argument.ptr[0]));
	}
	if (header.len == 0 || header.len > 64) {
		need_of_worker(need, worker, "headers", "req.hdrs_bin", " (request.headers)");
		return;
	}
	buf_str(&name, "hdr_");
	buf_str(&sample, "req.fhdr(");
	for (size_t i = 0; i < header.len; i++) {
		uint8_t c = ascii_lower(header.ptr[i]);

		buf_u8(&name, is_word(c) ? c : '_');
		buf_u8(&sample, c);
	}
	buf_str(&sample, ")");
	need_of_worker(need, worker, text(need, buf_slice(&name)), text(need, buf_slice(&sample)), "");
	buf_fini(&name);
	buf_fini(&sample);
}

static void use_of_request(struct haproxy_need *need, const struct worker_conf *worker, struct slice use)
{
	struct slice property, rest;

	if (!slice_starts(use, SLICE_LIT(".")))
		return;
	property = leading_word(skip(use, 1));
	rest = slice_sub(skip(use, 1), property.len, use.len);
	if (slice_eq(property, SLICE_LIT("url"))) {
		need_of_worker(need, worker, "scheme", "ssl_fc,iif(https,http)", " (request.url)");
		need_of_worker(need, worker, "query", "query", " (request.url)");
	} else if (slice_eq(property, SLICE_LIT("headers"))) {
		headers_need(need, worker, rest);
	} else if (slice_eq(property, SLICE_LIT("args")) && slice_starts(rest, SLICE_LIT("."))) {
		property = leading_word(skip(rest, 1));
		if (property.len)
			need_of_worker(need, worker, text(need, property), NULL, " (request.args)");
	}
}

/* A line comment of Lua is no use of anything. Long comments are taken for code, which asks for too much at worst. */
static struct slice without_comments(struct slice source, struct buf *b)
{
	while (source.len) {
		struct slice line = slice_cut(&source, '\n');

		for (size_t i = 0; i + 1 < line.len; i++)
			if (line.ptr[i] == '-' && line.ptr[i + 1] == '-')
				line.len = i;
		buf_put(b, line);
		buf_u8(b, '\n');
	}
	return buf_slice(b);
}

static void scan_worker(struct haproxy_need *need, const struct worker_conf *worker)
{
	static const struct {
		struct slice property;
		const char *arg, *sample, *what;
	} cf[] = {
		{ SLICE_INIT("tlsVersion"), "tls_version", "ssl_fc_protocol", " (cf.tlsVersion)" },
		{ SLICE_INIT("tlsCipher"), "tls_cipher", "ssl_fc_cipher", " (cf.tlsCipher)" },
		{ SLICE_INIT("httpProtocol"), "version", "req.ver", " (cf.httpProtocol)" },
	};
	struct buf code = buf_capped(0);
	struct slice source = without_comments(slice_of(worker->source, worker->source_len), &code);
	struct slice name = request_name(source);

	for (size_t i = 0; i < sizeof(cf) / sizeof(cf[0]); i++)
		if (find_word(source, 0, cf[i].property) < source.len)
			need_of_worker(need, worker, cf[i].arg, cf[i].sample, cf[i].what);
	for (size_t at = 0; (at = find_word(source, at, name)) < source.len;)
		use_of_request(need, worker, slice_sub(source, at, source.len));
	buf_fini(&code);
}

static void find_owned(struct haproxy_need *need, const struct config *config)
{
	struct owned_names *names = owned_names_new(config);
	const char *name;

	for (size_t i = 0; (name = owned_names_get(names, i)) != NULL; i++) {
		need->owned = mem_grow(need->owned, (i + 1) * sizeof(*need->owned));
		need->owned[need->owned_count++] = text(need, slice_str(name));
	}
	owned_names_free(names);
}

static void find_sockets(struct haproxy_need *need, const struct config *config)
{
	for (size_t i = 0; i < config->listen_count[LISTEN_SPOP]; i++) {
		const struct listen_entry *entry = &config->listen[LISTEN_SPOP][i];

		if (entry->kind != ADDRESS_UNIX)
			continue;
		need->sockets = mem_grow(need->sockets, (need->socket_count + 1) * sizeof(*need->sockets));
		need->sockets[need->socket_count++] = text(need, slice_str(entry->host));
	}
}

void haproxy_need_init(struct haproxy_need *need, const struct snapshot *snapshot)
{
	const struct config *config = snapshot_config(snapshot);
	bool verifies = false;

	*need = (struct haproxy_need){ .deadline_ns = config->deadline_ns };
	arena_init(&need->arena, ARENA_MAX);
	need->config_file = text(need, slice_str(config->file));
	need->host_count = config->host_count;
	for (size_t i = 0; i < config->host_count; i++)
		verifies |= config->hosts[i].authority_count > 0;
	add_known(need, verifies);
	for (size_t i = 0; i < config->worker_count; i++)
		scan_worker(need, &config->workers[i]);
	find_owned(need, config);
	find_sockets(need, config);
}

void haproxy_need_fini(struct haproxy_need *need)
{
	free(need->args);
	free(need->connection_args);
	free(need->owned);
	free(need->sockets);
	arena_fini(&need->arena);
	*need = (struct haproxy_need){ 0 };
}

void haproxy_owned_regex(struct buf *out, const char *owned)
{
	struct slice name = slice_str(owned);

	if (slice_starts(name, slice_str(HAPROXY_CF_CERT)))
		name = slice_str(HAPROXY_CF_CERT);

	buf_u8(out, '^');
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = ascii_lower(name.ptr[i]);

		if (c == '-' || c == '_')
			buf_str(out, "[-_]");
		else
			/* Any character for one that an expression, or HAProxy's quoting, takes for more. */
			buf_u8(out, isalnum(c) ? c : '.');
	}
	if (!slice_ends(name, SLICE_LIT("-")))
		buf_u8(out, '$');
}
