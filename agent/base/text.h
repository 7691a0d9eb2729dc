/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BASE_TEXT_H
#define MTLSGUARD_BASE_TEXT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/* Hex digits of s, two a byte, upper or lower case, appended to b. */
void text_hex(struct buf *b, struct slice s, bool upper);

/* Hex (any case, nothing else) to bytes appended to b. ERR_FORMAT. */
enum err text_unhex(struct buf *b, struct slice hex) MUST_USE;

/* RFC 4648 section 4, padded, no line breaks, appended to b. */
void text_base64(struct buf *b, struct slice s);

/* Length of the UTF-8 character at the front of s (RFC 3629: no surrogates,
 * no overlong forms): 1 to 4, or 0 when there is none. */
size_t utf8_length(struct slice s);

/* True when all of s is UTF-8. */
bool utf8_valid(struct slice s);

/* RFC 9110 5.6.2: one or more token characters. */
bool text_is_token(struct slice s);

/* A control character other than tab is in it. */
bool text_has_control(struct slice s);

/* RFC 9110 5.5: no control characters but tab, no blank or tab at either end. */
bool text_is_field_value(struct slice s);

/*
 * The candidate nearest to word by edit distance, for "did you mean", or NULL
 * when none is near enough (a third of the word's length, at least 2). names
 * ends with NULL.
 */
const char *text_nearest(struct slice word, const char *const *names);

/* "2026-01-31T00:00:00Z" (RFC 3339, with offset or Z) or epoch seconds. False otherwise. */
bool text_to_time(struct slice s, int64_t *out);

#endif
