/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_BASE_MEM_H
#define MTLSGUARD_BASE_MEM_H

#include "base/slice.h"

/*
 * Memory of process or connection lifetime. When the system has none left the
 * process ends with a message: a supervisor's restart is cleaner than a half
 * built state, and an absent agent denies. Request memory comes from an arena.
 */

/* n zeroed bytes; free() them. */
void *mem_new(size_t n);

/* An array of count zeroed items of `size` bytes; aborts when the product overflows. */
void *mem_array(size_t count, size_t size);

/*
 * An array as of mem_array() whose items are read one here, one there: none begins in the middle of a cache line
 * that it could have for itself, and a large array stands on huge pages where the system has some, since a
 * processor remembers few places of small ones. free() it.
 */
void *mem_scattered(size_t count, size_t size);

/* realloc; the new part is not zeroed. */
void *mem_grow(void *ptr, size_t n);

/* memset(ptr, 0, n) by the library: what compilers make of larger fixed sizes ("rep stos") is slow to start. */
void mem_zero(void *ptr, size_t n);

/* n zeroed bytes in pages of their own, which go back to the system at once when they are freed, whoever allocates
 * meanwhile. For what is large and lives for long. */
void *mem_pages(size_t n);
void mem_pages_free(void *pages, size_t n); /* NULL is fine; n as it was made */

/* Gives the whole pages inside bytes back to the system; from then on they read as zeros. Only for private pages
 * without a file (mmap) that are the caller's. */
void mem_spend(struct slice bytes);

/* A NUL-terminated copy of s; bytes after an inner NUL are kept. free() it. */
char *mem_dup(struct slice s);

#endif
