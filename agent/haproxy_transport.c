/* SPDX-License-Identifier: Apache-2.0 */
#include "haproxy_check.h"

#include <stdlib.h>

#include "base/buf.h"

/* What carries question and answer: the TLS side of the front, the room for headers, the way to the agent. */

#define REWRITE_SHIPPED 8192

static const char *file_of(const struct haproxy_check *check)
{
	return check->front->file;
}

static const struct haproxy_line *global_line(const struct haproxy_check *check, const char *keyword)
{
	const struct haproxy_line *found = NULL;

	for (size_t s = 0; s < check->front->section_count; s++) {
		const struct haproxy_section *section = &check->front->sections[s];

		for (size_t i = 0; strcmp(section->kind, "global") == 0 && i < section->count; i++)
			if (haproxy_line_is(&check->front->lines[section->first + i], keyword, NULL))
				found = &check->front->lines[section->first + i];
	}
	return found;
}

static bool ignores_all(const struct haproxy_line *bind, const char *keyword)
{
	const char *list = haproxy_line_after(bind, keyword);

	return list && strcmp(list, "all") == 0;
}

static void check_bind(struct haproxy_check *check, const struct haproxy_line *bind)
{
	static const char *const lists[] = { "crt-ignore-err", "ca-ignore-err" };
	const char *verify = haproxy_line_after(bind, "verify");

	if (!haproxy_line_has(bind, "ssl")) {
		if (check->connection)
			haproxy_fault(check, DIAG_WARNING, file_of(check), bind->number, file_of(check),
				      check->asks->number, "ssl crt FILE verify optional ca-file FILE no-ca-names",
				      "this bind ends no TLS, so neither a certificate nor a name is ever seen");
		return;
	}
	if ((!verify || strcmp(verify, "none") == 0) && !haproxy_line_has(bind, "crt-list")) {
		haproxy_fault(check, DIAG_WARNING, file_of(check), bind->number, file_of(check),
			      check->asks->number, "verify optional ca-file FILE no-ca-names",
			      "this bind asks no client for a certificate, so none is ever decided on");
		return;
	}
	for (size_t i = 0; i < 2; i++)
		if (!ignores_all(bind, lists[i]))
			haproxy_fault(check, DIAG_ERROR, file_of(check), bind->number, file_of(check),
				      check->asks->number, "crt-ignore-err all ca-ignore-err all",
				      "certificate errors are not ignored (%s all is missing): the handshake fails, and "
				      "mtlsguard is never asked", lists[i]);
}

static void check_room(struct haproxy_check *check)
{
	const struct haproxy_line *line = global_line(check, "tune.maxrewrite");
	const struct haproxy_section *global = haproxy_cfg_section(check->front, "global", NULL);
	long room = line && line->count > 1 ? atol(line->words[1]) : 0;

	if (room >= REWRITE_SHIPPED)
		return;
	if (!line)
		haproxy_fault(check, DIAG_ERROR, file_of(check),
			      global ? global->number : check->asks->number, file_of(check),
			      check->asks->number, "tune.maxrewrite 8192, in the global section",
			      "no room for headers behind an upload: tune.maxrewrite is at its default of 1024");
	else
		haproxy_fault(check, room < REWRITE_SHIPPED / 2 ? DIAG_ERROR : DIAG_WARNING, file_of(check),
			      line->number, file_of(check), check->asks->number, "tune.maxrewrite 8192",
			      "little room for headers behind an upload: tune.maxrewrite is %ld", room);
}

/* The path of a unix address that stands in the file system, NULL for any other address. */
static const char *socket_path(const char *address)
{
	if (strncmp(address, "unix@", 5) == 0)
		address += 5;
	return address[0] == '/' ? address : NULL;
}

static bool is_listened_at(const struct haproxy_need *need, struct slice path)
{
	for (size_t i = 0; i < need->socket_count; i++)
		if (slice_eq(slice_str(need->sockets[i]), path))
			return true;
	return false;
}

static void check_socket(struct haproxy_check *check, const struct haproxy_line *server, const char *path)
{
	const struct haproxy_line *chroot = global_line(check, "chroot");
	struct buf seen = buf_capped(0);

	if (chroot && chroot->count > 1 && strcmp(chroot->words[1], "/") != 0)
		buf_put(&seen, slice_str(chroot->words[1]));
	while (seen.len && seen.ptr[seen.len - 1] == '/')
		seen.len--;
	buf_str(&seen, path);
	if (check->need && !is_listened_at(check->need, buf_slice(&seen)))
		haproxy_fault(check, chroot ? DIAG_ERROR : DIAG_WARNING, file_of(check), server->number,
			      file_of(check), chroot ? chroot->number : check->asks->number,
			      "let the agent listen inside the chroot (listen.spop), or use 127.0.0.1:9640",
			      "HAProxy looks for this socket at %.*s, where the agent does not listen",
			      SLICE_FMT(buf_slice(&seen)));
	buf_fini(&seen);
}

static void check_server(struct haproxy_check *check, const struct haproxy_line *server)
{
	const char *path = server->count > 2 ? socket_path(server->words[2]) : NULL;

	if (path)
		check_socket(check, server, path);
	if (!haproxy_line_has(server, "check"))
		haproxy_fault(check, DIAG_WARNING, file_of(check), server->number, file_of(check),
			      check->asks->number, "check inter 500ms fall 2 rise 1, with option spop-check",
			      "without health checks each request waits the whole processing timeout for a dead agent");
}

static void check_backend(struct haproxy_check *check)
{
	const struct haproxy_section *backend = NULL;
	const struct haproxy_line *use = NULL;

	for (size_t i = 0; i < check->agent->count; i++)
		if (haproxy_line_is(&check->spoe->lines[check->agent->first + i], "use-backend", NULL))
			use = &check->spoe->lines[check->agent->first + i];
	if (use && use->count > 1)
		backend = haproxy_cfg_section(check->front, "backend", use->words[1]);
	/* It may stand in another of HAProxy's files. */
	for (size_t i = 0; backend && i < backend->count; i++)
		if (haproxy_line_is(&check->front->lines[backend->first + i], "server", NULL))
			check_server(check, &check->front->lines[backend->first + i]);
}

void haproxy_check_transport(struct haproxy_check *check)
{
	for (size_t i = 0; i < check->rule_count; i++)
		if (haproxy_line_is(check->rules[i], "bind", NULL))
			check_bind(check, check->rules[i]);
	if (!check->connection)
		check_room(check);
	check_backend(check);
}
