/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/bulk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define FIRST_ROOM (64u * 1024)

struct bulk_budget {
	struct bulk_budget *above;
	size_t max; /* of held */
	_Atomic size_t held; /* bytes, and one for whoever made it, until that ends it */
};

struct bulk_budget *bulk_budget_new(struct bulk_budget *above, size_t max)
{
	struct bulk_budget *budget = mem_new(sizeof(*budget));

	budget->above = above;
	budget->max = max + 1;
	atomic_init(&budget->held, 1);
	return budget;
}

static void release(struct bulk_budget *budget, size_t len)
{
	if (atomic_fetch_sub(&budget->held, len) == len)
		free(budget);
}

void bulk_budget_end(struct bulk_budget *budget)
{
	release(budget, 1);
}

static void budget_give(struct bulk_budget *budget, size_t len)
{
	while (budget && len) {
		struct bulk_budget *above = budget->above;

		release(budget, len);
		budget = above;
	}
}

static bool budget_take(struct bulk_budget *budget, size_t len)
{
	if (!budget)
		return true;
	if (atomic_fetch_add_explicit(&budget->held, len, memory_order_relaxed) + len <= budget->max &&
	    budget_take(budget->above, len))
		return true;
	atomic_fetch_sub_explicit(&budget->held, len, memory_order_relaxed);
	return false;
}

static enum err grow(struct bulk *bulk, size_t need)
{
	size_t room = bulk->room ? bulk->room : FIRST_ROOM;
	void *ptr;

	while (room < need)
		room *= 2;
	if (room == bulk->room)
		return ERR_OK;
	if (bulk->ptr)
		ptr = mremap(bulk->ptr, bulk->room, room, MREMAP_MAYMOVE);
	else
		ptr = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ptr == MAP_FAILED)
		return ERR_MEMORY;
	bulk->ptr = ptr;
	bulk->room = room;
	return ERR_OK;
}

enum err bulk_put(struct bulk *bulk, struct slice bytes, size_t max)
{
	enum err err;

	if (bulk->len > max || bytes.len > max - bulk->len)
		return ERR_LIMIT;
	if (bytes.len == 0)
		return ERR_OK;
	if (!budget_take(bulk->budget, bytes.len))
		return ERR_MEMORY;
	err = grow(bulk, bulk->len + bytes.len);
	if (err) {
		budget_give(bulk->budget, bytes.len);
		return err;
	}
	memcpy(bulk->ptr + bulk->len, bytes.ptr, bytes.len);
	bulk->len += bytes.len;
	return ERR_OK;
}

/* The size that the file has now is only a hint: it may grow or shrink while it is read. */
static enum err read_all(struct bulk *bulk, int fd, size_t max)
{
	struct stat info;
	enum err err = ERR_OK;

	if (fstat(fd, &info) || !S_ISREG(info.st_mode)) {
		errno = errno ? errno : EINVAL;
		return ERR_IO;
	}
	if (info.st_size > 0 && (uint64_t)info.st_size <= max)
		err = grow(bulk, (size_t)info.st_size + 1);
	while (!err) {
		ssize_t n;

		if (bulk->len == bulk->room)
			err = bulk->len > max ? ERR_LIMIT : grow(bulk, bulk->len + 1);
		if (err)
			break;
		n = read(fd, bulk->ptr + bulk->len, bulk->room - bulk->len);
		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		bulk->len += (size_t)n;
	}
	return !err && bulk->len > max ? ERR_LIMIT : err;
}

enum err bulk_read(struct bulk *bulk, const char *path, size_t max)
{
	/* Without O_NONBLOCK a FIFO would hold the thread for ever. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), saved;
	enum err err;

	*bulk = (struct bulk){ 0 };
	if (fd < 0)
		return ERR_IO;
	errno = 0;
	err = read_all(bulk, fd, max);
	saved = errno;
	close(fd);
	if (err)
		bulk_fini(bulk);
	errno = saved;
	return err;
}

void bulk_fini(struct bulk *bulk)
{
	if (bulk->ptr)
		munmap(bulk->ptr, bulk->room);
	budget_give(bulk->budget, bulk->len);
	*bulk = (struct bulk){ .budget = bulk->budget };
}
