/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of x86 and most others. */
#define CACHE_LINE ((size_t)64)
#define HUGE_PAGE ((size_t)2 << 20)

static void *must(void *ptr)
{
	if (!ptr) {
		fputs("mtlsguard: out of memory\n", stderr);
		abort();
	}
	return ptr;
}

void *mem_new(size_t n)
{
	return must(calloc(1, n ? n : 1));
}

void *mem_array(size_t count, size_t size)
{
	return must(calloc(count ? count : 1, size ? size : 1));
}

void *mem_scattered(size_t count, size_t size)
{
	size_t n, whole, align;
	void *items;

	if (__builtin_mul_overflow(count, size, &n) || __builtin_add_overflow(n, HUGE_PAGE, &whole))
		must(NULL);
	align = n >= HUGE_PAGE ? HUGE_PAGE : CACHE_LINE;
	whole = n / align * align + align;
	items = must(aligned_alloc(align, whole));
	/* Where that is not to be had, small ones do. */
	if (n >= HUGE_PAGE)
		madvise(items, n, MADV_HUGEPAGE);
	memset(items, 0, n);
	return items;
}

void *mem_grow(void *ptr, size_t n)
{
	return must(realloc(ptr, n ? n : 1));
}

void mem_zero(void *ptr, size_t n)
{
	/* Once the whole program is optimised, the size would be known here again. */
	__asm__ volatile("" : "+r"(n));
	memset(ptr, 0, n);
}

char *mem_dup(struct slice s)
{
	char *copy = must(malloc(s.len + 1));

	if (s.len)
		memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return copy;
}

void *mem_pages(size_t n)
{
	void *pages = mmap(NULL, n ? n : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return must(pages == MAP_FAILED ? NULL : pages);
}

void mem_pages_free(void *pages, size_t n)
{
	if (pages)
		munmap(pages, n ? n : 1);
}

void mem_spend(struct slice bytes)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)bytes.ptr + page - 1) / page * page;
	uintptr_t to = ((uintptr_t)bytes.ptr + bytes.len) / page * page;

	if (bytes.len && from < to)
		madvise((void *)from, to - from, MADV_DONTNEED);
}
