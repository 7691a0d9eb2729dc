/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_CONFIG_FILE_H
#define MTLSGUARD_CORE_CONFIG_FILE_H

#include "base/err.h"
#include "base/slice.h"

/*
 * Reads a regular file of at most max bytes whole; *out is malloc'd with a NUL
 * behind it. On failure *why gets words for people ("No such file or
 * directory", "it is over 65536 bytes") in static or per-thread storage:
 * ERR_IO, ERR_TYPE (no regular file), ERR_LIMIT. Never blocks on a FIFO.
 */
enum err config_file_read(const char *path, size_t max, char **out, size_t *len,
			  const char **why) MUST_USE;

/* path itself when it is absolute, else dir/path ("" and "." are no prefix). malloc'd. */
char *config_file_join(const char *dir, const char *path);

/* The folder of a path, "" when it names none. malloc'd. */
char *config_file_dir(const char *path);

/* path made absolute by the working directory; symbolic links stay. malloc'd. */
char *config_file_absolute(const char *path);

#endif
