/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_BYTES_H
#define TESTS_LIB_BYTES_H

#include "base/buf.h"
#include "base/slice.h"

/*
 * Bytes as protocol texts print them: hex digits in pairs, "text" in quotes,
 * blanks anywhere. Appended to out; a fault in the text ends the test program.
 */
void bytes_put(struct buf *out, const char *text);

/* The same as a view that lives until the program ends. */
struct slice bytes(const char *text);

/* Fails the running cmocka test, showing both in hex, when they differ. */
void assert_bytes(struct slice got, struct slice wanted);
#define assert_slice(got, literal) assert_bytes(got, SLICE_LIT(literal))

#endif
