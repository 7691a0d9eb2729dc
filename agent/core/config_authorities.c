/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/config_file.h"
#include "core/config_read.h"
#include "core/deny_text.h"

#define CA_FILE_MAX ((size_t)16 << 20)
#define NAME_MAX_BYTES 128

static bool is_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] < 0x20 || name.ptr[i] == 0x7f || name.ptr[i] == '"')
			return false;
	return name.len > 0 && name.len <= NAME_MAX_BYTES && utf8_valid(name);
}

static void read_authority(struct config_build *build, const struct config_at *at,
			   struct authority_conf *authority)
{
	struct config_at member;

	authority->name = mem_dup(slice_str(at->key));
	authority->line = config_line_of(at);
	authority->file = config_file_of(build, at);
	if (!is_name(slice_str(at->key)))
		config_fault(build, at, NULL, "a name has 1 to 128 printable characters");
	config_read_section(build, at, "authorities[]", authority);
	if (at->value->kind != TREE_TABLE)
		return;
	member = config_member(at, "certificates");
	if (authority->certificates)
		config_load_file(build, &member, authority->certificates, CA_FILE_MAX,
				 &authority->certificates_text, &authority->certificates_len);
	member = config_member(at, "intermediates");
	if (authority->intermediates)
		config_load_file(build, &member, authority->intermediates, CA_FILE_MAX,
				 &authority->intermediates_text, &authority->intermediates_len);
}

void config_read_authorities(struct config_build *build, const struct config_at *at, size_t offset,
			     void *target)
{
	struct config *config = target;
	const struct tree_table *table;

	(void)offset;
	if (!at->value || !config_is_map(build, at) || !config_is_filled(build, at))
		return;
	table = at->value->table;
	config->authorities = mem_array(table->member_count, sizeof(*config->authorities));
	config->authority_count = table->member_count;
	for (size_t i = 0; i < table->member_count; i++) {
		struct config_at member = { .up = at, .key = table->members[i].key,
					    .value = &table->members[i].value };

		read_authority(build, &member, &config->authorities[i]);
	}
}

static void add_entry(struct revocation_conf *revocation, const struct deny_text *text)
{
	size_t n = revocation->deny_count + 1;

	revocation->deny = mem_grow(revocation->deny, n * sizeof(*revocation->deny));
	revocation->deny[revocation->deny_count] = (struct deny_entry){
		.kind = text->kind, .octets = (uint8_t *)mem_dup(slice_of(text->octets, text->len)),
		.len = text->len };
	revocation->deny_count = n;
}

static void add_text(char ***texts, size_t *count, char *text)
{
	*texts = mem_grow(*texts, (*count + 1) * sizeof(**texts));
	(*texts)[(*count)++] = text;
}

static void add_deny_file(struct config_build *build, const struct config_at *at,
			  struct revocation_conf *revocation, struct slice path)
{
	char *text;

	if (path.len == 0 || memchr(path.ptr, 0, path.len)) {
		config_fault(build, at, "\"file:lists/denied.txt\"", "\"file:\" needs a path");
		return;
	}
	text = mem_dup(path);
	add_text(&revocation->deny_files, &revocation->deny_file_count,
		 config_file_join(build->dir, text));
	free(text);
}

static void read_deny_entry(struct config_build *build, const struct config_at *at,
			    struct revocation_conf *revocation)
{
	struct deny_text entries[DENY_TEXT_MAX];
	enum deny_fault fault;
	struct slice text;
	size_t count;

	if (at->value->kind == TREE_NUMBER) {
		config_fault(build, at, NULL, "write serials as texts: a number loses digits");
		return;
	}
	if (!config_is_text(build, at, &text))
		return;
	if (slice_starts(text, SLICE_LIT("file:"))) {
		add_deny_file(build, at, revocation, slice_sub(text, 5, text.len));
		return;
	}
	fault = deny_text_read(text, entries, &count);
	if (fault)
		config_fault(build, at, deny_fault_hint(fault), "\"%.*s\" %s", SLICE_FMT(text),
			     deny_fault_text(fault));
	for (size_t i = 0; i < count; i++)
		add_entry(revocation, &entries[i]);
	if (count == DENY_TEXT_MAX)
		config_note(build, at, DIAG_LINT, "write \"dec:\" in front, or the hex form with colons",
			    "\"%.*s\" has only digits: it is read as a hex serial and as a decimal one",
			    SLICE_FMT(text));
}

void config_read_deny(struct config_build *build, const struct config_at *at, size_t offset,
		      void *target)
{
	struct authority_conf *authority = target;

	(void)offset;
	if (!at->value || !config_is_list(build, at))
		return;
	for (size_t i = 0; i < at->value->table->item_count; i++) {
		struct config_at item = { .up = at, .item = i + 1,
					  .value = &at->value->table->items[i] };

		read_deny_entry(build, &item, &authority->revocation);
	}
}

#define URL_MAX 2048

static bool is_url_text(struct slice text)
{
	size_t host = slice_find(text, ':') + 3;

	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= 0x20 || text.ptr[i] >= 0x7f)
			return false;
	return text.len > host && text.len <= URL_MAX && text.ptr[host] != '/';
}

static bool has_scheme(struct slice text)
{
	size_t colon = slice_find(text, ':');

	return colon > 1 && slice_starts(slice_sub(text, colon, text.len), SLICE_LIT("://"));
}

static void read_crl(struct config_build *build, const struct config_at *at,
		     struct revocation_conf *revocation)
{
	struct slice text;
	char *copy;

	if (!config_is_text(build, at, &text))
		return;
	if (memchr(text.ptr, 0, text.len)) {
		config_fault(build, at, NULL, "it holds a NUL");
		return;
	}
	copy = mem_dup(text);
	if (crl_is_url(copy) && is_url_text(text)) {
		add_text(&revocation->crls, &revocation->crl_count, copy);
		return;
	}
	if (has_scheme(text))
		config_fault(build, at, "\"https://pki.example.com/partners.crl\"",
			     "\"%.*s\" is no http or https URL", SLICE_FMT(text));
	else
		add_text(&revocation->crls, &revocation->crl_count, config_file_join(build->dir, copy));
	free(copy);
}

void config_read_crls(struct config_build *build, const struct config_at *at, size_t offset,
		      void *target)
{
	struct authority_conf *authority = target;

	(void)offset;
	if (!at->value || !config_is_list(build, at))
		return;
	for (size_t i = 0; i < at->value->table->item_count; i++) {
		struct config_at item = { .up = at, .item = i + 1,
					  .value = &at->value->table->items[i] };

		read_crl(build, &item, &authority->revocation);
	}
}
