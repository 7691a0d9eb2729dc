/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PIECE 16384

static enum err read_all(int fd, size_t max, struct buf *out)
{
	size_t total = 0;

	for (;;) {
		uint8_t *p = buf_want(out, PIECE);
		ssize_t n;

		if (!p)
			return buf_err(out);
		n = read(fd, p, PIECE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? ERR_IO : ERR_OK;
		total += (size_t)n;
		if (total > max)
			return ERR_LIMIT;
		buf_added(out, (size_t)n);
	}
}

enum err file_read(const char *path, size_t max, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	enum err err;
	int saved;

	if (fd < 0)
		return ERR_IO;
	err = read_all(fd, max, out);
	saved = errno;
	close(fd);
	errno = saved;
	return err;
}
