/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/mem.h"
#include "core/config_address.h"
#include "core/config_file.h"
#include "core/config_read.h"

#define MODE_DEFAULT 0660
#define MODE_CONTROL 0600
#define TLS_FILE_MAX ((size_t)16 << 20)

static void check_kind(struct config_build *build, const struct config_at *at,
		       enum listen_kind kind, const struct listen_entry *entry)
{
	if (kind == LISTEN_CONTROL && entry->kind == ADDRESS_TCP)
		config_fault(build, at, "use \"unix:/path\"",
			     "control needs a unix socket: it asks who its peer is");
	if (kind == LISTEN_ADMIN && entry->kind == ADDRESS_TCP && !address_is_loopback(entry))
		config_note(build, at, DIAG_WARNING, "restrict it with peers, or use 127.0.0.1",
			    "admin has no authentication, and %s is reached from other machines",
			    entry->text);
	if (kind == LISTEN_HTTP && entry->kind == ADDRESS_TCP && !address_is_loopback(entry) &&
	    !entry->network_count && !entry->tls.client_authorities)
		config_note(build, at, DIAG_WARNING,
			    "restrict it with peers or with tls and client_authorities, or use 127.0.0.1",
			    "whoever reaches %s says which certificate its client has shown", entry->text);
	if (entry->kind == ADDRESS_ABSTRACT)
		config_note(build, at, DIAG_WARNING, entry->uid_count ? NULL : "set peers to the uids that may connect",
			    "an abstract socket has no permissions: every local user reaches %s",
			    entry->text);
}

static void read_address(struct config_build *build, const struct config_at *at,
			 struct listen_entry *entry)
{
	struct slice text;
	const char *why;
	char *joined;

	if (!config_is_text(build, at, &text))
		return;
	entry->text = mem_dup(text);
	if (address_read_listen(text, entry, &why)) {
		config_fault(build, at, NULL, "\"%s\" is no address: %s", entry->text, why);
		return;
	}
	if (entry->kind != ADDRESS_UNIX)
		return;
	joined = config_file_join(build->dir, entry->host);
	free(entry->host);
	entry->host = joined;
}

/* The certificate is part of what the configuration says; its key says nothing more. */
static void read_tls(struct config_build *build, const struct config_at *at,
		     enum listen_kind kind, struct listen_entry *entry)
{
	struct config_at tls = config_member(at, "tls"), member;
	char *text;
	size_t len;

	entry->has_tls = tls.value != NULL;
	if (!tls.value || tls.value->kind != TREE_TABLE)
		return;
	if (kind == LISTEN_ADMIN || kind == LISTEN_CONTROL || (entry->host && entry->kind != ADDRESS_TCP)) {
		config_fault(build, &tls, NULL, "TLS is for TCP addresses of spop, grpc and http");
		return;
	}
	member = config_member(&tls, "certificate");
	if (entry->tls.certificate &&
	    config_load_file(build, &member, entry->tls.certificate, TLS_FILE_MAX, &text, &len))
		free(text);
	member = config_member(&tls, "client_authorities");
	if (entry->tls.client_authorities &&
	    config_load_file(build, &member, entry->tls.client_authorities, TLS_FILE_MAX, &text, &len))
		free(text);
}

/* Keys that say something about the address: they need to know which kind it is. */
static void check_options(struct config_build *build, const struct config_at *at,
			  enum listen_kind kind, const struct listen_entry *entry)
{
	struct config_at mode = config_member(at, "mode"), group = config_member(at, "group"),
			 peers = config_member(at, "peers"), chain = config_member(at, "chain"),
			 dialect = config_member(at, "dialect");

	if (chain.value && kind != LISTEN_GRPC)
		config_fault(build, &chain, NULL, "chain is for grpc: %s",
			     kind == LISTEN_HTTP ? "the dialect fixes where an http entry finds it" :
						   "HAProxy sends it as an argument");
	if (dialect.value && kind != LISTEN_HTTP)
		config_fault(build, &dialect, NULL, "dialect is for http");
	if (!entry->host)
		return;
	if (mode.value && entry->kind != ADDRESS_UNIX)
		config_fault(build, &mode, NULL, "only the file of a unix socket has permissions");
	if (group.value && entry->kind != ADDRESS_UNIX)
		config_fault(build, &group, NULL, "only the file of a unix socket has a group");
	if (entry->uid_count && entry->kind == ADDRESS_TCP)
		config_fault(build, &peers, "name networks", "a TCP peer has no uid");
	if (entry->network_count && entry->kind != ADDRESS_TCP)
		config_fault(build, &peers, "name uids, as numbers",
			     "the peer of a unix socket has no network address");
}

static void read_entry(struct config_build *build, const struct config_at *at,
		       enum listen_kind kind, struct listen_entry *entry)
{
	struct config_at first = { .up = at, .item = 1 }, absent = *at;

	entry->line = config_line_of(at);
	entry->file = config_file_of(build, at);
	entry->mode = kind == LISTEN_CONTROL ? MODE_CONTROL : MODE_DEFAULT;
	if (at->value->kind == TREE_TEXT) {
		read_address(build, at, entry);
		absent.value = NULL;
		config_read_section(build, &absent, "listen[]", entry);
	} else if (at->value->kind != TREE_TABLE || at->value->table->item_count != 1) {
		config_fault(build, at, "{ \"127.0.0.1:9640\", … }",
			     "it must be an address, or a table with one address first");
		return;
	} else {
		first.value = &at->value->table->items[0];
		read_address(build, &first, entry);
		config_read_section(build, at, "listen[]", entry);
		read_tls(build, at, kind, entry);
		check_options(build, at, kind, entry);
	}
	if (entry->host)
		check_kind(build, at, kind, entry);
}

static bool same_address(const struct listen_entry *a, const struct listen_entry *b)
{
	return a->host && b->host && a->kind == b->kind && strcmp(a->host, b->host) == 0 &&
	       (a->kind != ADDRESS_TCP || (a->port == b->port && a->port != 0));
}

static void check_twice(struct config_build *build, const struct config_at *at,
			const struct listen_entry *entry)
{
	const struct config *config = build->config;

	for (size_t kind = 0; kind < LISTEN_KIND_COUNT; kind++)
		for (size_t i = 0; i < config->listen_count[kind]; i++)
			if (&config->listen[kind][i] != entry &&
			    same_address(&config->listen[kind][i], entry)) {
				config_fault(build, at, NULL, "\"%s\" is listened on twice",
					     entry->text);
				return;
			}
}

void config_read_listen(struct config_build *build, const struct config_at *at, size_t kind,
			void *target)
{
	struct config *config = target;
	size_t count;

	if (!config_is_list(build, at))
		return;
	count = at->value->table->item_count;
	config->listen[kind] = mem_array(count, sizeof(*config->listen[kind]));
	for (size_t i = 0; i < count; i++) {
		struct config_at item = { .up = at, .item = i + 1,
					  .value = &at->value->table->items[i] };

		read_entry(build, &item, (enum listen_kind)kind, &config->listen[kind][i]);
		check_twice(build, &item, &config->listen[kind][i]);
		config->listen_count[kind] = i + 1;
	}
}

void config_read_mode(struct config_build *build, const struct config_at *at, size_t offset,
		      void *target)
{
	struct listen_entry *entry = target;
	struct slice text;
	unsigned mode = 0;
	bool good;

	(void)offset;
	if (!at->value || !config_is_text(build, at, &text))
		return;
	good = text.len == 3 || (text.len == 4 && text.ptr[0] == '0');
	for (size_t i = 0; good && i < text.len; i++) {
		good = text.ptr[i] >= '0' && text.ptr[i] <= '7';
		mode = mode << 3 | (text.ptr[i] & 7u);
	}
	if (!good)
		config_fault(build, at, "write it like \"0660\"",
			     "\"%.*s\" are no permission bits", SLICE_FMT(text));
	else
		entry->mode = mode;
}

static void read_peer(struct config_build *build, const struct config_at *at,
		      struct listen_entry *entry)
{
	double number = at->value->number;
	struct slice text;

	if (at->value->kind == TREE_NUMBER) {
		if (number >= 0 && number < 4294967295.0 && number <= (double)(uint32_t)number)
			entry->uids[entry->uid_count++] = (uint32_t)number;
		else
			config_fault(build, at, NULL, "%.10g is no uid", number);
		return;
	}
	if (!config_is_text(build, at, &text))
		return;
	if (address_read_network(text, &entry->networks[entry->network_count]))
		entry->network_count++;
	else
		config_fault(build, at, "write uids as numbers, networks like \"10.0.0.0/8\"",
			     "\"%.*s\" is no network, or has bits behind its prefix", SLICE_FMT(text));
}

void config_read_peers(struct config_build *build, const struct config_at *at, size_t offset,
		       void *target)
{
	struct listen_entry *entry = target;
	size_t count;

	(void)offset;
	if (!at->value || !config_is_list(build, at) || !config_is_filled(build, at))
		return;
	count = at->value->table->item_count;
	entry->uids = mem_array(count, sizeof(*entry->uids));
	entry->networks = mem_array(count, sizeof(*entry->networks));
	for (size_t i = 0; i < count; i++) {
		struct config_at item = { .up = at, .item = i + 1,
					  .value = &at->value->table->items[i] };

		read_peer(build, &item, entry);
	}
}
