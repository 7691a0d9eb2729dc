/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

#include "svc/list_job.h"

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

enum err list_keep(const char *path, struct slice bytes)
{
	char *draft = NULL;
	int fd, saved;
	bool good;

	if (asprintf(&draft, "%s.new", path) < 0)
		return ERR_MEMORY;
	fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	good = fd >= 0 && write_all(fd, bytes) && fsync(fd) == 0;
	saved = errno;
	if (fd >= 0 && close(fd) && good) {
		good = false;
		saved = errno;
	}
	if (good && rename(draft, path)) {
		good = false;
		saved = errno;
	}
	if (good)
		sync_folder(path);
	else
		unlink(draft);
	free(draft);
	errno = saved;
	return good ? ERR_OK : ERR_IO;
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
