/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd.h"

#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "config_load.h"
#include "core/snapshot.h"
#include "haproxy_need.h"

struct options {
	const char *config, *certificate, *bundles;
	bool json, tcp;
};

struct part {
	const char *name;
	int (*print)(const struct options *o, const struct snapshot *snapshot);
};

/* The message's arguments on one line, as a spoe-message takes it, and above it why those that are needed are. */
static int print_args(const struct options *o, const struct snapshot *snapshot)
{
	json_t *list = json_array();
	struct haproxy_need need;
	const struct haproxy_arg *args;
	size_t count;

	haproxy_need_init(&need, snapshot);
	args = o->tcp ? need.connection_args : need.args;
	count = o->tcp ? need.connection_arg_count : need.arg_count;
	for (size_t i = 0; i < count; i++) {
		const struct haproxy_arg *arg = &args[i];

		json_array_append_new(list, json_pack("{s:s, s:s?, s:b, s:s}", "name", arg->name, "sample",
						      arg->sample, "required", arg->required, "why", arg->why));
		if (!o->json && arg->required)
			printf("    # %s %s\n", arg->name, arg->why);
		if (!o->json && !arg->sample)
			printf("    # give it a sample: %s=…\n", arg->name);
	}
	if (o->json) {
		haproxy_need_fini(&need);
		return cli_print_json(list);
	}
	json_decref(list);
	fputs("    args", stdout);
	for (size_t i = 0; i < count; i++)
		if (args[i].sample)
			printf(" %s=%s", args[i].name, args[i].sample);
	putchar('\n');
	haproxy_need_fini(&need);
	return EXIT_FINE;
}

static void add_line(json_t *lines, const char *section, const char *line)
{
	json_array_append_new(lines, json_pack("{s:s, s:s}", "section", section, "line", line));
}

static void add_deletions(json_t *lines, const struct haproxy_need *need)
{
	bool cf_cert = false;

	for (size_t i = 0; i < need->owned_count; i++) {
		bool is_cf_cert = strncmp(need->owned[i], HAPROXY_CF_CERT, sizeof(HAPROXY_CF_CERT) - 1) == 0;
		struct buf b = buf_capped(0);

		if (is_cf_cert && cf_cert)
			continue;
		cf_cert |= is_cf_cert;
		buf_str(&b, "http-request del-header ");
		haproxy_owned_regex(&b, need->owned[i]);
		buf_str(&b, " -m reg");
		buf_u8(&b, '\0');
		add_line(lines, "frontend", (const char *)b.ptr);
		buf_fini(&b);
	}
}

/*
 * Where a HAProxy beside the agent finds that listener. 0.0.0.0 would be the
 * address that its client asked for; a port that only the start of the agent
 * tells is for the reader to fill in.
 */
static void put_address(struct buf *b, const struct listen_entry *entry)
{
	bool v6 = strchr(entry->host, ':');
	bool any = entry->host[strspn(entry->host, "0.:")] == '\0';
	const char *host = !any ? entry->host : v6 ? "::1" : "127.0.0.1";

	buf_printf(b, v6 ? "[%s]:" : "%s:", host);
	if (entry->port)
		buf_printf(b, "%u", entry->port);
	else
		buf_str(b, "PORT");
}

static void add_server(json_t *lines, const struct listen_entry *entry, size_t number)
{
	struct buf b = buf_capped(0);

	buf_printf(&b, "server agent%zu ", number);
	if (entry->kind == ADDRESS_UNIX)
		buf_printf(&b, "unix@%s", entry->host);
	else if (entry->kind == ADDRESS_ABSTRACT)
		buf_printf(&b, "abns@%s", entry->host);
	else
		put_address(&b, entry);
	buf_str(&b, " check inter 500ms fall 2 rise 1");
	if (entry->has_tls)
		buf_str(&b, " ssl verify required ca-file FILE");
	if (entry->has_tls && entry->tls.client_authorities)
		buf_str(&b, " crt FILE");
	if (number > 1)
		buf_str(&b, " backup");
	buf_u8(&b, '\0');
	add_line(lines, "backend mtlsguard", (const char *)b.ptr);
	buf_fini(&b);
}

struct front_line {
	const char *section, *line;
};

static void add_lines(json_t *lines, const struct front_line *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add_line(lines, list[i].section, list[i].line);
}

#define ADD_LINES(lines, list) add_lines(lines, list, sizeof(list) / sizeof((list)[0]))
#define ID_FORMAT "unique-id-format %{+X}o\\ %ci:%cp_%fi:%fp_%Ts_%rt:%pid"
#define TLS                                                                                     \
	" ssl crt /etc/haproxy/server.pem ca-file /etc/haproxy/any-ca.pem verify optional "     \
	"crt-ignore-err all ca-ignore-err all no-ca-names"
#define FILTER "filter spoe engine mtlsguard config /etc/haproxy/spoe-mtlsguard.conf"

static void add_http_front(json_t *lines, const struct haproxy_need *need)
{
	static const struct front_line before[] = {
		{ "global", "tune.maxrewrite 8192" },
		{ "global", "lua-load-per-thread /etc/haproxy/mtlsguard.lua" },
		{ "frontend", ID_FORMAT },
		{ "frontend", "bind :443" TLS " alpn h2,http/1.1" },
	};
	static const struct front_line behind[] = {
		{ "frontend", FILTER },
		{ "frontend", "http-request send-spoe-group mtlsguard check" },
		{ "frontend", "http-request lua.mtlsguard" },
		{ "frontend", "http-request deny deny_status 503 unless { var(txn.mtls.verdict) -m str allow }" },
		{ "frontend", "http-response lua.mtlsguard" },
	};

	ADD_LINES(lines, before);
	add_deletions(lines, need);
	ADD_LINES(lines, behind);
}

static void add_tcp_front(json_t *lines)
{
	static const struct front_line front[] = {
		{ "frontend", "mode tcp" },
		{ "frontend", ID_FORMAT },
		{ "frontend", "bind :8883" TLS },
		{ "frontend", FILTER },
		{ "frontend", "tcp-request inspect-delay 2s" },
		{ "frontend", "tcp-request content reject unless { ssl_fc_sni -i mqtt.example.com }" },
		{ "frontend", "tcp-request content send-spoe-group mtlsguard connection" },
		{ "frontend", "tcp-request content reject if { var(txn.mtls.error) -m found }" },
		{ "frontend", "tcp-request content reject unless { var(txn.mtls.verdict) -m str allow }" },
	};

	ADD_LINES(lines, front);
}

/* What a front of the user's own needs, in the order in which it has to stand there. */
static json_t *front_lines(const struct options *o, const struct snapshot *snapshot,
			   const struct haproxy_need *need)
{
	static const struct front_line backend[] = {
		{ "backend mtlsguard", ".if version_atleast(3.1)" },
		{ "backend mtlsguard", "mode spop" },
		{ "backend mtlsguard", ".else" },
		{ "backend mtlsguard", "mode tcp" },
		{ "backend mtlsguard", ".endif" },
		{ "backend mtlsguard", "option spop-check" },
		{ "backend mtlsguard", "timeout connect 500ms" },
		{ "backend mtlsguard", "timeout check 1s" },
		{ "backend mtlsguard", "timeout server 1m" },
	};
	const struct config *config = snapshot_config(snapshot);
	json_t *lines = json_array();

	if (o->tcp)
		add_tcp_front(lines);
	else
		add_http_front(lines, need);
	ADD_LINES(lines, backend);
	for (size_t i = 0; i < config->listen_count[LISTEN_SPOP]; i++)
		add_server(lines, &config->listen[LISTEN_SPOP][i], i + 1);
	return lines;
}

static int print_front(const struct options *o, const struct snapshot *snapshot)
{
	const char *section = "";
	struct haproxy_need need;
	json_t *lines, *item;
	size_t i;

	haproxy_need_init(&need, snapshot);
	lines = front_lines(o, snapshot, &need);
	haproxy_need_fini(&need);
	if (o->json)
		return cli_print_json(lines);
	json_array_foreach(lines, i, item) {
		const char *name = json_string_value(json_object_get(item, "section"));
		const char *line = json_string_value(json_object_get(item, "line"));

		if (strcmp(section, name) != 0)
			printf("%s# %s\n", section[0] ? "\n" : "", name);
		section = name;
		printf("%s%s\n", line[0] == '.' ? "" : "    ", line);
	}
	json_decref(lines);
	return EXIT_FINE;
}

/* One file of announced authorities: the authority's own, or a bundle that has to be made of several. */
static void announce(const struct options *o, const struct config *config, const struct host_conf *host,
		     struct buf *file, bool *bundle)
{
	*bundle = host->authority_count > 1;
	if (*bundle)
		buf_printf(file, "%s/set-%u.pem", o->bundles, host->rule.set);
	else
		buf_str(file, config->authorities[host->authorities[0]].certificates);
	buf_u8(file, '\0');
}

static json_t *crt_list_line(const struct options *o, const struct config *config,
			     const struct host_conf *host)
{
	json_t *files = json_array(), *object;
	struct buf file = buf_capped(0);
	bool bundle = false;

	for (size_t i = 0; i < host->authority_count; i++)
		json_array_append_new(files, json_string(config->authorities[host->authorities[i]].certificates));
	if (host->authority_count)
		announce(o, config, host, &file, &bundle);
	object = json_pack("{s:s, s:s, s:s?, s:b, s:o}", "certificate", o->certificate, "host", host->pattern,
			   "ca_file", (const char *)file.ptr, "bundle", bundle, "authorities", files);
	buf_fini(&file);
	return object;
}

static void print_crt_list_line(const json_t *line)
{
	const char *host = json_string_value(json_object_get(line, "host"));
	const char *file = json_string_value(json_object_get(line, "ca_file"));
	const json_t *files = json_object_get(line, "authorities");

	if (json_is_true(json_object_get(line, "bundle"))) {
		fputs("# cat", stdout);
		for (size_t i = 0; i < json_array_size(files); i++)
			printf(" %s", json_string_value(json_array_get(files, i)));
		printf(" > %s\n", file);
	}
	fputs(json_string_value(json_object_get(line, "certificate")), stdout);
	if (file)
		printf(" [verify optional ca-file %s]", file);
	else
		fputs(" [verify none]", stdout);
	/* The first line of a list serves every name that no other line has. */
	if (strcmp(host, "*") != 0)
		printf(" %s", host);
	putchar('\n');
}

/* No client names an address in its handshake (RFC 6066 3), and HAProxy takes "[::1]" for options. */
static bool is_address(const char *host)
{
	return host[0] == '[' || host[strspn(host, "0123456789.")] == '\0';
}

static int print_crt_list(const struct options *o, const struct snapshot *snapshot)
{
	const struct config *config = snapshot_config(snapshot);
	json_t *list = json_array(), *line;
	size_t i;

	if (!o->json)
		puts("# bind :443 ssl crt-list FILE crt-ignore-err all ca-ignore-err all alpn h2,http/1.1");
	for (size_t h = 0; h < config->host_count; h++) {
		if (is_address(config->hosts[h].pattern)) {
			if (!o->json)
				printf("# %s is an address, which no client names: the first line serves it\n",
				       config->hosts[h].pattern);
			continue;
		}
		line = crt_list_line(o, config, &config->hosts[h]);
		if (strcmp(config->hosts[h].pattern, "*") == 0)
			json_array_insert_new(list, 0, line);
		else
			json_array_append_new(list, line);
	}
	if (o->json)
		return cli_print_json(list);
	json_array_foreach(list, i, line)
		print_crt_list_line(line);
	json_decref(list);
	return EXIT_FINE;
}

static const struct part parts[] = {
	{ "args", print_args },
	{ "front", print_front },
	{ "crt-list", print_crt_list },
};

static const struct part *find_part(const struct cli_list *arguments)
{
	for (size_t i = 0; arguments->count == 1 && i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strcmp(parts[i].name, arguments->items[0]) == 0)
			return &parts[i];
	return NULL;
}

static int print_part(const struct options *o, const struct part *part)
{
	const char *path = o->config ? o->config : CONFIG_DEFAULT_PATH;
	struct snapshot *snapshot = NULL;
	struct diag_list diag = { 0 };
	struct config *config;
	int code = EXIT_FAULT;

	if (config_load(path, &diag, &config) == ERR_OK &&
	    snapshot_build(config, NULL, &diag, &snapshot) == ERR_OK)
		code = part->print(o, snapshot);
	cli_sort_faults(&diag);
	if (code != EXIT_FINE)
		cli_print_faults(stderr, &diag, false);
	snapshot_unref(snapshot);
	diag_fini(&diag);
	return code;
}

int cmd_haproxy(int argc, char **argv)
{
	struct options o = { 0 };
	struct cli_list arguments = { 0 };
	const struct cli_option rows[] = {
		{ "config", 'c', "FILE", "the configuration (" CONFIG_DEFAULT_PATH ")", NULL, &o.config, NULL },
		{ "certificate", 0, "PEM", "crt-list: the server's (/etc/haproxy/server.pem)", NULL,
		  &o.certificate, NULL },
		{ "bundles", 0, "FOLDER", "crt-list: of CA bundles (/etc/haproxy/mtlsguard)", NULL, &o.bundles,
		  NULL },
		{ "tcp", 0, NULL, "args, front: for TCP mode, which has connections and no requests", &o.tcp, NULL,
		  NULL },
		{ "json", 0, NULL, "print JSON", &o.json, NULL, NULL },
		{ 0 },
	};
	const struct cli_command command = {
		"haproxy", "args|front|crt-list",
		"What HAProxy must send and hold for this configuration. args: the line of the SPOE\n"
		"message. front: the lines that a front of your own needs, the deletion of client\n"
		"headers among them. crt-list: a line a host, for those who want clients to be told\n"
		"the authorities of the host, or not to be asked on hosts without any.",
		rows,
	};
	int code = cli_parse(&command, argc, argv, &arguments);
	const struct part *part = find_part(&arguments);

	if (!o.certificate)
		o.certificate = "/etc/haproxy/server.pem";
	if (!o.bundles)
		o.bundles = "/etc/haproxy/mtlsguard";
	if (code == CLI_GO_ON && o.tcp && part && part->print == print_crt_list)
		code = cli_wrong("haproxy", "--tcp is for args and front; crt-list is the same for both");
	if (code == CLI_GO_ON)
		code = part ? print_part(&o, part) :
			      cli_wrong("haproxy", "say one of args, front and crt-list");
	cli_list_fini(&arguments);
	return code;
}
