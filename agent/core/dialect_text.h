/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_DIALECT_TEXT_H
#define MTLSGUARD_CORE_DIALECT_TEXT_H

#include "base/err.h"
#include "base/slice.h"

/* What the decoders of dialect.h share; nobody else includes it. */

/* Decodes every %XX of text into out, which has room for text.len. ERR_FORMAT. */
enum err dialect_unescape(struct slice text, uint8_t *out, size_t *len) MUST_USE;

/* The quanta of four digits that text begins with, three octets each. Returns how many characters they are. */
size_t dialect_whole_quanta(struct slice text, uint8_t *out);

/* Four base64 digits, the last one or two of them perhaps "=". Returns the octets (1 to 3), 0: not base64. */
size_t dialect_quantum(const uint8_t *four, uint8_t *out);

/*
 * All of text as base64 (RFC 4648 4), padded, without blanks, and nothing
 * empty. out has room for three octets a four of text. ERR_FORMAT.
 */
enum err dialect_base64(struct slice text, uint8_t *out, size_t *len) MUST_USE;

#endif
