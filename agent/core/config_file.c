/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static _Thread_local char reason[64];

/* Reads until the end, not to the size that fstat told: files may grow, and those of /proc have none. */
static enum err read_all(int fd, size_t max, char **out, size_t *len, const char **why)
{
	size_t room = 4096, n = 0;
	char *text = mem_new(room + 1);
	ssize_t got;

	while ((got = read(fd, text + n, room - n)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			*why = strerror(errno);
			free(text);
			return ERR_IO;
		}
		n += (size_t)got;
		if (n > max) {
			snprintf(reason, sizeof(reason), "it is over %zu bytes", max);
			*why = reason;
			free(text);
			return ERR_LIMIT;
		}
		if (n == room) {
			room *= 2;
			text = mem_grow(text, room + 1);
		}
	}
	text[n] = '\0';
	*out = text;
	*len = n;
	return ERR_OK;
}

enum err config_file_read(const char *path, size_t max, char **out, size_t *len, const char **why)
{
	struct stat st;
	enum err err = ERR_IO;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, &st) < 0) {
		*why = strerror(errno);
	} else if (!S_ISREG(st.st_mode)) {
		*why = S_ISDIR(st.st_mode) ? "it is a folder" : "it is no regular file";
		err = ERR_TYPE;
	} else {
		err = read_all(fd, max, out, len, why);
	}
	if (fd >= 0)
		close(fd);
	return err;
}

char *config_file_join(const char *dir, const char *path)
{
	size_t n = strlen(dir) + strlen(path) + 2;
	char *joined;

	if (path[0] == '/' || !dir[0] || strcmp(dir, ".") == 0)
		return mem_dup(slice_str(path));
	joined = mem_new(n);
	snprintf(joined, n, "%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", path);
	return joined;
}

char *config_file_dir(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return mem_dup(SLICE_EMPTY);
	return mem_dup(slice_of(path, slash == path ? 1 : (size_t)(slash - path)));
}

char *config_file_absolute(const char *path)
{
	char *cwd, *joined;

	if (path[0] == '/')
		return mem_dup(slice_str(path));
	cwd = getcwd(NULL, 0);
	joined = config_file_join(cwd ? cwd : "/", strncmp(path, "./", 2) == 0 ? path + 2 : path);
	free(cwd);
	return joined;
}
