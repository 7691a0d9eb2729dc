/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/config_dir.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "config_load.h"
#include "lib/certs.h"

struct config_dir {
	char path[256];
	char file[512];
	char *faults;
};

static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

struct config_dir *config_dir_new(void)
{
	const char *base = getenv("TMPDIR");
	struct config_dir *dir = mem_new(sizeof(*dir));

	snprintf(dir->path, sizeof(dir->path), "%s/mtlsguard-XXXXXX", base ? base : "/tmp");
	must(mkdtemp(dir->path) != NULL, dir->path);
	return dir;
}

struct config_dir *config_dir_with_ca(void)
{
	struct config_dir *dir = config_dir_new();
	struct certs *ca = certs_ca("/CN=Test CA", NULL);

	config_dir_put(dir, "ca.pem", ca->pem);
	certs_free(ca);
	return dir;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void config_dir_free(struct config_dir *dir)
{
	nftw(dir->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(dir->faults);
	free(dir);
}

const char *config_dir_path(const struct config_dir *dir)
{
	return dir->path;
}

const char *config_dir_file(struct config_dir *dir, const char *name)
{
	snprintf(dir->file, sizeof(dir->file), "%s/%s", dir->path, name);
	return dir->file;
}

void config_dir_put(struct config_dir *dir, const char *name, const char *text)
{
	char path[512];
	FILE *file;

	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(path, sizeof(path), "%s/%.*s", dir->path, (int)(slash - name), name);
		mkdir(path, 0700);
	}
	snprintf(path, sizeof(path), "%s/%s", dir->path, name);
	file = fopen(path, "w");
	must(file && fputs(text, file) >= 0 && fclose(file) == 0, path);
}

/* Without the folder's path, wherever it stands. */
static void put_short(struct buf *out, const struct config_dir *dir, const char *text)
{
	size_t len = strlen(dir->path);

	for (; *text; text++) {
		if (strncmp(text, dir->path, len) == 0 && text[len] == '/') {
			text += len;
			continue;
		}
		buf_u8(out, (uint8_t)*text);
	}
}

char *config_dir_text(const struct config_dir *dir, const struct diag_list *list)
{
	struct buf out = buf_capped(0);
	char *text;

	for (size_t i = 0; i < list->count; i++) {
		const struct diag *diag = &list->items[i];

		put_short(&out, dir, diag->file ? diag->file : "-");
		buf_printf(&out, ":%u: %s: ", diag->line, diag_severity_name(diag->severity));
		put_short(&out, dir, diag->message);
		if (diag->hint)
			buf_printf(&out, " (%s)", diag->hint);
		buf_u8(&out, '\n');
	}
	text = mem_dup(buf_slice(&out));
	buf_fini(&out);
	return text;
}

struct config *config_dir_load(struct config_dir *dir, const char *text)
{
	struct diag_list list = { 0 };
	struct config *config;
	enum err err;

	config_dir_put(dir, "main.lua", text);
	err = config_load(config_dir_file(dir, "main.lua"), &list, &config);
	free(dir->faults);
	dir->faults = config_dir_text(dir, &list);
	if (!err != !list.errors || !err != (config != NULL)) {
		fprintf(stderr, "config_load: %s with %zu errors\n", err_name(err), list.errors);
		exit(1);
	}
	diag_fini(&list);
	return config;
}

const char *config_dir_faults(const struct config_dir *dir)
{
	return dir->faults ? dir->faults : "";
}

void config_dir_says(struct config_dir *dir, const char *text, const char *wanted)
{
	struct config *config = config_dir_load(dir, text);

	assert_string_equal(config_dir_faults(dir), wanted);
	config_free(config);
}

struct config *config_dir_take(struct config_dir *dir, const char *text)
{
	struct config *config = config_dir_load(dir, text);

	if (!config)
		fail_msg("%s", config_dir_faults(dir));
	return config;
}
