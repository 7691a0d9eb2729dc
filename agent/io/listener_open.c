/* SPDX-License-Identifier: Apache-2.0 */
#include "io/listener_open.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"

#define BACKLOG 4096

static _Thread_local char why[512];

static enum err fail(enum err err, const char *fmt, ...) PRINTF_LIKE(2, 3);

static enum err fail(enum err err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	return err;
}

static enum err open_socket(int family, struct listener_socket *out)
{
	out->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return out->fd < 0 ? fail(ERR_IO, "cannot make a socket: %s", strerror(errno)) : ERR_OK;
}

static enum err bind_tcp(const struct addrinfo *to, struct listener_socket *out)
{
	struct sockaddr_storage got;
	socklen_t len = sizeof(got);
	int on = 1;

	if (open_socket(to->ai_family, out))
		return ERR_IO;
	if (setsockopt(out->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return fail(ERR_IO, "SO_REUSEADDR: %s", strerror(errno));
	/* "::" means IPv6 only, so that 0.0.0.0 can stand beside it whatever the system's default. */
	if (to->ai_family == AF_INET6 &&
	    setsockopt(out->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		return fail(ERR_IO, "IPV6_V6ONLY: %s", strerror(errno));
	if (bind(out->fd, to->ai_addr, to->ai_addrlen) < 0 || listen(out->fd, BACKLOG) < 0)
		return fail(ERR_IO, "%s", strerror(errno));
	memset(&got, 0, sizeof(got));
	if (getsockname(out->fd, (struct sockaddr *)&got, &len) < 0)
		return fail(ERR_IO, "getsockname: %s", strerror(errno));
	/* The port stands at the same place in both families. */
	out->port = ntohs(((struct sockaddr_in *)&got)->sin_port);
	return ERR_OK;
}

static enum err open_tcp(const struct listener_address *address, struct listener_socket *out)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
				  .ai_socktype = SOCK_STREAM };
	struct addrinfo *to = NULL;
	char port[8];
	enum err err;

	snprintf(port, sizeof(port), "%u", (unsigned)address->port);
	if (!address->host || !*address->host || getaddrinfo(address->host, port, &hints, &to))
		return fail(ERR_RANGE, "\"%s\" is no numeric IPv4 or IPv6 address",
			    address->host ? address->host : "");
	err = bind_tcp(to, out);
	freeaddrinfo(to);
	return err;
}

static enum err open_abstract(const struct listener_address *address, struct listener_socket *out)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = address->host ? strlen(address->host) : 0;

	if (len == 0 || len >= sizeof(to.sun_path))
		return fail(ERR_RANGE, "an abstract name has 1 to %zu bytes", sizeof(to.sun_path) - 1);
	memcpy(to.sun_path + 1, address->host, len);
	if (open_socket(AF_UNIX, out))
		return ERR_IO;
	/* HAProxy's abns@ connects to the name padded with NULs to the whole length. */
	if (bind(out->fd, (struct sockaddr *)&to, sizeof(to)) < 0 || listen(out->fd, BACKLOG) < 0)
		return fail(ERR_IO, "%s", strerror(errno));
	return ERR_OK;
}

/* Makes the directory that the socket lies in; one step, as for a file of /run. */
static enum err make_parent(const char *path)
{
	struct slice parent = slice_str(path);
	char *dir;
	enum err err = ERR_OK;

	while (parent.len && parent.ptr[parent.len - 1] != '/')
		parent.len--;
	if (parent.len < 2)
		return ERR_OK;
	dir = mem_dup(slice_sub(parent, 0, parent.len - 1));
	if (mkdir(dir, 0755) == 0) {
		/* Whatever the umask says: clients must be able to get through. */
		if (chmod(dir, 0755) < 0)
			err = fail(ERR_IO, "cannot set the mode of directory %s: %s", dir, strerror(errno));
	} else if (errno != EEXIST) {
		err = fail(ERR_IO, "cannot make directory %s: %s", dir, strerror(errno));
	}
	free(dir);
	return err;
}

/* Tells by connecting whether anybody serves the socket that lies there. */
static enum err probe(const struct sockaddr_un *to)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int fault = 0;

	if (fd < 0)
		return fail(ERR_IO, "cannot make a socket: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		fault = errno;
	close(fd);
	if (fault == ECONNREFUSED || fault == ENOENT)
		return ERR_OK;
	if (fault == 0 || fault == EAGAIN || fault == EPROTOTYPE)
		return fail(ERR_IO, "another process serves it already; stop that one, or use another path");
	return fail(ERR_IO, "a socket is there and cannot be tried: %s", strerror(fault));
}

static enum err clear_path(const struct sockaddr_un *to)
{
	struct stat st;
	enum err err;

	if (lstat(to->sun_path, &st) < 0)
		return errno == ENOENT ? ERR_OK : fail(ERR_IO, "%s", strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return fail(ERR_IO, "something that is no socket is there; move it away");
	err = probe(to);
	if (err)
		return err;
	if (unlink(to->sun_path) < 0 && errno != ENOENT)
		return fail(ERR_IO, "cannot remove the dead socket: %s", strerror(errno));
	return ERR_OK;
}

/* The group of that name, or of that number. */
static bool find_group(const char *name, gid_t *out)
{
	struct group entry, *found = NULL;
	char room[4096];
	uint64_t number;

	if (getgrnam_r(name, &entry, room, sizeof(room), &found) == 0 && found) {
		*out = found->gr_gid;
		return true;
	}
	if (!slice_to_u64(slice_str(name), UINT32_MAX - 1, &number))
		return false;
	*out = (gid_t)number;
	return true;
}

bool listener_group_exists(const char *name)
{
	gid_t ignored;

	return find_group(name, &ignored);
}

static enum err set_rights(const struct listener_address *address, const char *path)
{
	gid_t group = (gid_t)-1;

	if (address->group) {
		if (!find_group(address->group, &group))
			return fail(ERR_IO, "there is no group \"%s\"", address->group);
		if (lchown(path, (uid_t)-1, group) < 0)
			return fail(ERR_IO, "cannot give it to group %s: %s", address->group,
				    strerror(errno));
	}
	if (chmod(path, address->mode & 0777) < 0)
		return fail(ERR_IO, "cannot set its mode: %s", strerror(errno));
	return ERR_OK;
}

static enum err open_unix(const struct listener_address *address, struct listener_socket *out)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = address->host ? strlen(address->host) : 0;
	struct stat st;

	if (len == 0 || len >= sizeof(to.sun_path))
		return fail(ERR_RANGE, "the path of a unix socket has 1 to %zu bytes",
			    sizeof(to.sun_path) - 1);
	memcpy(to.sun_path, address->host, len);
	if (make_parent(to.sun_path) || clear_path(&to) || open_socket(AF_UNIX, out))
		return ERR_IO;
	if (bind(out->fd, (struct sockaddr *)&to, sizeof(to)) < 0 || lstat(to.sun_path, &st) < 0)
		return fail(ERR_IO, "%s", strerror(errno));
	out->path = mem_dup(slice_str(to.sun_path));
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	/* Nobody can connect before it listens, so its rights are right from the first moment. */
	if (set_rights(address, to.sun_path))
		return ERR_IO;
	if (listen(out->fd, BACKLOG) < 0)
		return fail(ERR_IO, "%s", strerror(errno));
	return ERR_OK;
}

enum err listener_open(const struct listener_address *address, struct listener_socket *out,
		       const char **error)
{
	enum err err;

	*out = (struct listener_socket){ .fd = -1 };
	if (address->kind == LISTENER_UNIX)
		err = open_unix(address, out);
	else if (address->kind == LISTENER_ABSTRACT)
		err = open_abstract(address, out);
	else
		err = open_tcp(address, out);
	if (err) {
		listener_close(out);
		*error = why;
	}
	return err;
}

void listener_close(struct listener_socket *s)
{
	struct stat st;

	if (s->path && lstat(s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino)
		unlink(s->path);
	if (s->fd >= 0)
		close(s->fd);
	free(s->path);
	*s = (struct listener_socket){ .fd = -1 };
}
