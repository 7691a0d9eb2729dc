/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_PKI_NAMES_H
#define MTLSGUARD_PKI_NAMES_H

#include <stdbool.h>

#include "base/err.h"
#include "base/slice.h"

/*
 * Distinct distinguished names, numbered in the order in which they came. Two
 * spellings that RFC 5280 7.1 calls equal are one name. Filled by one thread;
 * after that any may look.
 */
struct names;

#define NAMES_MAX 1024

struct names *names_new(void);
void names_free(struct names *names); /* NULL is fine */

/* The number of the name (one whole DER Name), which is put in when it is new. ERR_FORMAT: it is none; ERR_LIMIT:
 * there are NAMES_MAX others. */
enum err names_add(struct names *names, struct slice der, size_t *number) MUST_USE;

/* False when it is not in, or no name. */
bool names_find(const struct names *names, struct slice der, size_t *number);

size_t names_count(const struct names *names);

#endif
