/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd_control.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli.h"
#include "core/config_address.h"
#include "core/config_file.h"
#include "core/tree.h"
#include "front/control.h"
#include "script/config_lua.h"

#define CONTROL_DEFAULT "unix:/run/mtlsguard/control.sock"

/* The first entry of listen.control in the order that config_read_listen reads it, or NULL. */
static const struct tree *first_entry(const struct tree *root, bool *said)
{
	const struct tree *listen = root->kind == TREE_TABLE ? tree_get(root, "listen") : NULL;
	const struct tree *control = listen && listen->kind == TREE_TABLE ? tree_get(listen, "control") : NULL;
	const struct tree *entry = NULL;

	*said = control != NULL;
	if (control && control->kind == TREE_TABLE && control->table->item_count)
		entry = &control->table->items[0];
	if (entry && entry->kind == TREE_TABLE && entry->table->item_count)
		entry = &entry->table->items[0];
	return entry && entry->kind == TREE_TEXT ? entry : NULL;
}

/* As control_ask takes it; NULL when it is no unix socket. */
static char *address_of(const struct tree *entry, const char *path)
{
	struct listen_entry address = { 0 };
	struct buf b = buf_capped(0);
	char *folder = config_file_dir(path), *joined = NULL, *text = NULL;
	const char *why;

	if (!address_read_listen(entry->text, &address, &why) && address.kind != ADDRESS_TCP) {
		if (address.kind == ADDRESS_ABSTRACT)
			buf_printf(&b, "unix:@%s", address.host);
		else
			buf_printf(&b, "unix:%s", joined = config_file_join(folder, address.host));
		text = mem_dup(buf_slice(&b));
	}
	free(address.host);
	free(joined);
	free(folder);
	buf_fini(&b);
	return text;
}

/*
 * Only this one value is looked at: the rest of the configuration may hold the
 * very faults that the agent is to tell.
 */
static char *find_address(const char *command, const struct control_target *target)
{
	const char *path = target->config ? target->config : CONFIG_DEFAULT_PATH;
	struct diag_list diag = { 0 };
	struct tree_doc *doc;
	char *absolute, *address = NULL;
	const struct tree *entry;
	bool said = true;

	if (target->address)
		return mem_dup(slice_str(target->address));
	absolute = config_file_absolute(path);
	if (config_lua_read(absolute, &diag, &doc)) {
		cli_sort_faults(&diag);
		cli_print_faults(stderr, &diag, false);
	} else {
		entry = first_entry(&doc->root, &said);
		if (entry)
			address = address_of(entry, absolute);
		else if (!said)
			address = mem_dup(SLICE_LIT(CONTROL_DEFAULT));
	}
	if (!address)
		fprintf(stderr, "mtlsguard %s: %s does not say where the agent listens\n"
				"    say it with --control, for example --control " CONTROL_DEFAULT "\n",
			command, path);
	tree_doc_free(doc);
	free(absolute);
	diag_fini(&diag);
	return address;
}

json_t *control_target_ask(const char *command, const struct control_target *target, json_t *request,
			   int seconds)
{
	char *address = find_address(command, target);
	const char *error = NULL;
	json_t *answer;

	if (!address) {
		json_decref(request);
		return NULL;
	}
	answer = control_ask(address, request, seconds, &error);
	if (!answer)
		fprintf(stderr, "mtlsguard %s: %s\n", command, error);
	free(address);
	return answer;
}

bool control_fine(const char *command, const json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));

	if (json_is_true(json_object_get(answer, "ok")))
		return true;
	if (error)
		fprintf(stderr, "mtlsguard %s: %s\n", command, error);
	return false;
}
