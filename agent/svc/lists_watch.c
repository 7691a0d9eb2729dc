/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop_io.h"
#include "svc/revoker_inside.h"

/*
 * Files are watched by their folder, since the list that matters next has not
 * its name yet. What is seen there is only a reason to look whether the file is
 * another one than was read: links to links, and folders swapped by a link,
 * need no rules of their own. Whatever inotify does not see (network file
 * systems, a folder that comes later) a look each second finds.
 */
#define POLL_NS INT64_C(1000000000)
/* A wall clock that has moved so far beside the other one was set, or the machine has slept. */
#define JUMP_NS INT64_C(2000000000)

static struct file_mark mark_of(const char *path)
{
	struct stat info;

	if (stat(path, &info))
		return (struct file_mark){ 0 };
	return (struct file_mark){ info.st_dev, info.st_ino, info.st_size, info.st_mtim };
}

static bool is_same(const struct file_mark *a, const struct file_mark *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

void watch_note(struct source *source)
{
	source->seen = source->polled = mark_of(source->name);
}

static void look(struct revoker *revoker, struct source *source)
{
	struct file_mark now = mark_of(source->name);

	if (!is_same(&now, &source->seen))
		source_due(revoker, source);
}

/* By polling, only what has stayed the same for one turn is read: it is probably whole. */
static void poll_file(struct revoker *revoker, struct source *source)
{
	struct file_mark now = mark_of(source->name);
	bool has_settled = is_same(&now, &source->polled);

	source->polled = now;
	if (has_settled && !is_same(&now, &source->seen))
		source_due(revoker, source);
	if (source->watch < 0)
		watch_add(revoker, source);
}

static bool has_jumped(struct revoker *revoker)
{
	int64_t apart = clock_wall_ns() - clock_mono_ns(), by = apart - revoker->clocks_apart;

	if (by > -JUMP_NS && by < JUMP_NS)
		return false;
	log_warning("the clock was set: when lists are looked for is planned again (%lld s)", (long long)(by / POLL_NS));
	revoker->clocks_apart = apart;
	return true;
}

static void replan_all(struct revoker *revoker)
{
	struct authority *authority, *next;

	HASH_ITER(hh, revoker->authorities, authority, next)
		for (struct source *source = authority->sources; source; source = source->next)
			source_replan(revoker, source);
}

static void on_poll(void *arg)
{
	struct revoker *revoker = arg;
	struct authority *authority, *next;

	if (has_jumped(revoker))
		replan_all(revoker);
	HASH_ITER(hh, revoker->authorities, authority, next)
		for (struct source *source = authority->sources; source; source = source->next)
			if (source_is_file(source))
				poll_file(revoker, source);
	loop_timer_set(revoker->poll_timer, POLL_NS);
}

static void look_by_watch(struct revoker *revoker, int watch, bool has_gone)
{
	struct authority *authority, *next;

	HASH_ITER(hh, revoker->authorities, authority, next)
		for (struct source *source = authority->sources; source; source = source->next) {
			if (!source_is_file(source) || source->watch != watch)
				continue;
			if (has_gone)
				source->watch = -1;
			look(revoker, source);
		}
}

static void on_inotify(void *arg)
{
	struct revoker *revoker = arg;
	_Alignas(struct inotify_event) char bytes[16384];
	ssize_t n;

	while ((n = read(revoker->inotify, bytes, sizeof(bytes))) > 0) {
		int last = -1;

		for (char *at = bytes; at < bytes + n;) {
			const struct inotify_event *event = (const struct inotify_event *)(void *)at;

			/* A folder full of changes is looked at once for all of them. */
			if (event->wd != last || event->mask & IN_IGNORED)
				look_by_watch(revoker, event->wd, event->mask & IN_IGNORED);
			last = event->wd;
			at += sizeof(*event) + event->len;
		}
	}
}

bool watch_open(struct revoker *revoker)
{
	revoker->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	revoker->clocks_apart = clock_wall_ns() - clock_mono_ns();
	revoker->poll_timer = loop_timer_new(revoker->loop, on_poll, revoker);
	loop_timer_set(revoker->poll_timer, POLL_NS);
	if (revoker->inotify < 0) {
		log_warning("cannot watch files of revocation lists: %s; looking at them each second",
			    strerror(errno));
		return true;
	}
	revoker->inotify_io = loop_io_new(revoker->loop, revoker->inotify, on_inotify, revoker);
	return true;
}

void watch_close(struct revoker *revoker)
{
	loop_io_free(revoker->inotify_io);
	loop_timer_free(revoker->poll_timer);
	if (revoker->inotify >= 0)
		close(revoker->inotify);
}

void watch_add(struct revoker *revoker, struct source *source)
{
	char *folder, *slash;

	source->watch = -1;
	if (revoker->inotify < 0)
		return;
	folder = mem_dup(slice_str(source->name));
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	source->watch = inotify_add_watch(revoker->inotify, slash ? folder : ".",
					  IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR);
	free(folder);
}
