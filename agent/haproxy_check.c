/* SPDX-License-Identifier: Apache-2.0 */
#include "haproxy_check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"

#define FILE_MAX (8u << 20)

/* The branches that are supported, and 3.1, where the engine changed. */
static const unsigned versions[] = { 206, 300, 301, 302, 304 };

struct run {
	const struct haproxy_files *files;
	const char *path;
	const struct haproxy_need *need;
	struct diag_list *diag;
	bool asked; /* some section asks this agent */
};

static bool is_known(const struct diag_list *diag, const char *file, unsigned number, const char *message)
{
	for (size_t i = 0; i < diag->count; i++) {
		const struct diag *old = &diag->items[i];

		if (old->file && old->line == number && strcmp(old->file, file) == 0 &&
		    strcmp(old->message, message) == 0)
			return true;
	}
	return false;
}

void haproxy_fault(struct haproxy_check *check, enum diag_severity severity, const char *file,
		   unsigned number, const char *related_file, unsigned related, const char *hint,
		   const char *fmt, ...)
{
	struct buf message = buf_capped(0);
	char words[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(words, sizeof(words), fmt, args);
	va_end(args);
	buf_str(&message, words);
	if (related_file && related)
		buf_printf(&message, " (%s:%u)", related_file, related);
	else if (related_file)
		buf_printf(&message, " (%s)", related_file);
	buf_u8(&message, '\0');
	/* The same line read as another version of HAProxy is the same fault. */
	if (!is_known(check->diag, file, number, (const char *)message.ptr))
		diag_add(check->diag, severity, file, number, hint, "%s", (const char *)message.ptr);
	buf_fini(&message);
}

static bool read_file(const char *path, struct buf *out)
{
	FILE *file = fopen(path, "rb");
	bool fine = file != NULL;

	while (fine) {
		uint8_t *room = buf_want(out, 65536);
		size_t n = room ? fread(room, 1, 65536, file) : 0;

		buf_added(out, n);
		if (n == 0)
			break;
	}
	if (file) {
		fine = !ferror(file) && !buf_err(out);
		fclose(file);
	}
	return fine;
}

/* A file that the configuration at `front` names: as named, else the one of that name beside it. */
static bool read_named(void *arg, const char *front, const char *name, struct buf *path, struct buf *text)
{
	const char *folder_end = strrchr(front, '/'), *base = strrchr(name, '/');

	(void)arg;
	buf_str(path, name);
	if (read_file(name, text))
		return true;
	buf_reset(path);
	buf_reset(text);
	if (folder_end)
		buf_put(path, slice_of(front, (size_t)(folder_end + 1 - front)));
	buf_str(path, base ? base + 1 : name);
	buf_u8(path, '\0');
	return read_file((const char *)path->ptr, text);
}

static void add_rules(struct haproxy_check *check, const struct haproxy_section *section)
{
	for (size_t i = 0; i < section->count; i++)
		check->rules[check->rule_count++] = &check->front->lines[section->first + i];
}

/* Those that it names, else the last ones that stand above it. */
static const struct haproxy_section *defaults_of(const struct haproxy_check *check)
{
	const struct haproxy_section *found = NULL;

	if (check->section->from[0])
		return haproxy_cfg_section(check->front, "defaults", check->section->from);
	for (size_t i = 0; i < check->front->section_count; i++) {
		const struct haproxy_section *section = &check->front->sections[i];

		if (strcmp(section->kind, "defaults") == 0 && section->number < check->section->number)
			found = section;
	}
	return found;
}

/* The section's lines in the order in which HAProxy runs them: those of its defaults come first. */
static void collect_rules(struct haproxy_check *check)
{
	const struct haproxy_section *defaults = defaults_of(check);

	check->rule_count = 0;
	check->rules = mem_array(check->section->count + (defaults ? defaults->count : 0) + 1,
				 sizeof(const struct haproxy_line *));
	if (defaults)
		add_rules(check, defaults);
	add_rules(check, check->section);
}

static void check_filter(struct run *run, struct haproxy_check *check, const char *name)
{
	struct buf path = buf_capped(0), text = buf_capped(FILE_MAX);
	bool found = run->files->read(run->files->arg, run->path, name, &path, &text);
	const char *file;
	struct haproxy_cfg spoe;

	buf_u8(&path, '\0');
	file = (const char *)path.ptr;
	if (!found) {
		haproxy_fault(check, DIAG_ERROR, run->path, check->filter->number, NULL, 0, NULL,
			      "the SPOE file %s cannot be read: %s", name, strerror(errno));
	} else if (haproxy_cfg_read(buf_slice(&text), file, check->version, &spoe)) {
		haproxy_fault(check, DIAG_ERROR, file, 0, run->path, check->filter->number, NULL,
			      "the SPOE file is too large");
		haproxy_cfg_fini(&spoe);
	} else {
		check->spoe = &spoe;
		run->asked |= haproxy_check_section(check);
		haproxy_cfg_fini(&spoe);
	}
	buf_fini(&path);
	buf_fini(&text);
}

static void check_section(struct run *run, const struct haproxy_cfg *front, unsigned version,
			  const struct haproxy_section *section)
{
	struct haproxy_check base = { .front = front, .need = run->need, .diag = run->diag,
				      .version = version, .section = section };

	collect_rules(&base);
	for (size_t i = 0; i < base.rule_count; i++) {
		struct haproxy_check check = base;
		const char *name;

		check.filter = base.rules[i];
		name = haproxy_line_after(check.filter, "config");
		if (haproxy_line_is(check.filter, "filter", "spoe") && name)
			check_filter(run, &check, name);
	}
	free(base.rules);
}

static void check_version(struct run *run, struct slice text, unsigned version)
{
	struct haproxy_cfg front;

	if (haproxy_cfg_read(text, run->path, version, &front)) {
		diag_add(run->diag, DIAG_ERROR, run->path, 0, NULL, "the file is too large");
		haproxy_cfg_fini(&front);
		return;
	}
	for (size_t i = 0; i < front.section_count; i++) {
		const char *kind = front.sections[i].kind;

		if (strcmp(kind, "frontend") == 0 || strcmp(kind, "listen") == 0 || strcmp(kind, "backend") == 0)
			check_section(run, &front, version, &front.sections[i]);
	}
	haproxy_cfg_fini(&front);
}

void haproxy_check_text(const char *path, struct slice text, const struct haproxy_files *files,
			const struct haproxy_need *need, struct diag_list *diag)
{
	struct run run = { .files = files, .path = path, .need = need, .diag = diag };
	const char *name = strrchr(path, '/');
	bool only_new = strstr(name ? name : path, "3.4") != NULL;
	size_t errors = diag->errors;

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (!only_new || versions[i] >= 304)
			check_version(&run, text, versions[i]);
	if (!run.asked && diag->errors == errors)
		diag_add(diag, DIAG_ERROR, path, 0,
			 "mtlsguard haproxy front prints the lines that a front needs",
			 "nothing here asks mtlsguard: no \"filter spoe\" with the message check-client-cert or "
			 "check-client-connection");
}

void haproxy_check_need(const char *path, const struct haproxy_need *need, struct diag_list *diag)
{
	static const struct haproxy_files files = { read_named, NULL };
	struct buf text = buf_capped(FILE_MAX);

	if (read_file(path, &text))
		haproxy_check_text(path, buf_slice(&text), &files, need, diag);
	else
		diag_add(diag, DIAG_ERROR, path, 0, NULL, "cannot be read: %s",
			 buf_err(&text) ? "too large" : strerror(errno));
	buf_fini(&text);
}

void haproxy_check(const char *path, const struct snapshot *snapshot, struct diag_list *diag)
{
	struct haproxy_need need;

	if (!snapshot) {
		haproxy_check_need(path, NULL, diag);
		return;
	}
	haproxy_need_init(&need, snapshot);
	haproxy_check_need(path, &need, diag);
	haproxy_need_fini(&need);
}
