/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BASE_FILE_H
#define MTLSGUARD_BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"

/*
 * Appends a file's bytes to out, at most max of them. ERR_IO (errno says why;
 * EISDIR for what is no file), ERR_LIMIT when it is larger. Blocks.
 */
enum err file_read(const char *path, size_t max, struct buf *out) MUST_USE;

#endif
