/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_CANON_H
#define MTLSGUARD_CORE_CANON_H

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * A host as every stage sees it: lower case, port and one trailing dot taken
 * off. ERR_FORMAT for an empty one, for what holds a comma, a blank or any
 * other byte that no host has, for an empty label; ERR_MEMORY. *out is in the
 * arena, or is raw itself when nothing had to change.
 */
enum err canon_host(struct arena *arena, struct slice raw, struct slice *out) MUST_USE;

/*
 * A path as every stage sees it: RFC 3986 6.2.2 (escapes of unreserved
 * characters decoded, other escapes in upper case, dot segments removed), "\"
 * read as "/", and runs of "/" joined, as Cloudflare's URL normalization does.
 * ERR_FORMAT when it does not begin with "/", holds an escaped "/", "\" or NUL,
 * a control character, a broken escape, or climbs above the root; ERR_MEMORY.
 * *out is in the arena, or is raw itself when nothing had to change.
 */
enum err canon_path(struct arena *arena, struct slice raw, struct slice *out) MUST_USE;

#endif
