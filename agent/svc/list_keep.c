/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

#include "svc/list_job.h"

#define DRAFT ".new"

static bool write_all(int fd, struct slice bytes)
{
	while (bytes.len) {
		ssize_t n = write(fd, bytes.ptr, bytes.len);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			bytes = slice_sub(bytes, (size_t)n, bytes.len);
	}
	return true;
}

/* The rename is safe on disk only when its folder is. */
static void sync_folder(const char *path)
{
	char *folder = strdup(path), *slash = folder ? strrchr(folder, '/') : NULL;
	int fd;

	if (slash) {
		*slash = '\0';
		fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0) {
			fsync(fd);
			close(fd);
		}
	}
	free(folder);
}

static char *draft_of(const char *path)
{
	char *draft = NULL;

	return asprintf(&draft, "%s" DRAFT, path) < 0 ? NULL : draft;
}

static enum err fail(const char *draft)
{
	int saved = errno;

	unlink(draft);
	errno = saved;
	return ERR_IO;
}

enum err list_draft(const char *path, struct slice bytes)
{
	char *draft = draft_of(path);
	enum err err = ERR_OK;
	int fd, saved;

	if (!draft)
		return ERR_MEMORY;
	fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || !write_all(fd, bytes))
		err = ERR_IO;
	saved = errno;
	if (fd >= 0 && close(fd) && !err)
		err = ERR_IO;
	else
		errno = saved;
	if (err)
		fail(draft);
	free(draft);
	return err;
}

static bool sync_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool good = fd >= 0 && fsync(fd) == 0;
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return good;
}

char *list_outdated_path(const char *path)
{
	char *outdated = NULL;

	return asprintf(&outdated, "%s.outdated", path) < 0 ? NULL : outdated;
}

/* A name needs no room on a disk that is full. */
void list_outdate(const char *path)
{
	char *outdated = list_outdated_path(path);

	if (outdated && rename(path, outdated) == 0)
		sync_folder(path);
	free(outdated);
}

static void remove_outdated(const char *path)
{
	char *outdated = list_outdated_path(path);

	if (outdated)
		unlink(outdated);
	free(outdated);
}

enum err list_keep(const char *path)
{
	char *draft = draft_of(path);
	enum err err = ERR_OK;

	if (!draft)
		return ERR_MEMORY;
	/* Whoever finds the name after a crash must find the bytes. */
	if (!sync_file(draft) || rename(draft, path)) {
		err = fail(draft);
	} else {
		remove_outdated(path);
		sync_folder(path);
	}
	free(draft);
	return err;
}

void list_sweep(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL)
		if (slice_ends(slice_str(entry->d_name), SLICE_LIT(DRAFT)))
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
}

void list_drop(const char *path)
{
	char *draft = draft_of(path);

	if (draft)
		unlink(draft);
	free(draft);
}

char *list_copy_path(const char *folder, const char *authority, enum source_kind kind, const char *name)
{
	XXH128_hash_t hash;
	char *text = NULL, *path = NULL;

	if (asprintf(&text, "%s\n%s\n%s", authority, source_kind_name(kind), name) < 0)
		return NULL;
	hash = XXH3_128bits(text, strlen(text));
	if (asprintf(&path, "%s/%016llx%016llx.crl", folder, (unsigned long long)hash.high64,
		     (unsigned long long)hash.low64) < 0)
		path = NULL;
	free(text);
	return path;
}
