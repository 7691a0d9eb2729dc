/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "front/control.h"

#define ANSWER_MAX ((size_t)64 * 1024 * 1024)
#define PIECE 16384

static _Thread_local char error_text[512];

static void fail(const char **error, const char *address, const char *what)
{
	snprintf(error_text, sizeof(error_text), "%s: %s", address, what);
	*error = error_text;
}

/* Length of the address, 0 when it is none. */
static socklen_t fill_address(const char *text, struct sockaddr_un *out)
{
	size_t len;

	if (strncmp(text, "unix:", 5) == 0)
		text += 5;
	len = strlen(text);
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (len < 2 || len >= sizeof(out->sun_path) || (text[0] != '/' && text[0] != '@' && text[0] != '.'))
		return 0;
	memcpy(out->sun_path, text, len);
	if (text[0] != '@')
		return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	/* The listener binds the whole address, as HAProxy's abns@ does. */
	out->sun_path[0] = '\0';
	return sizeof(*out);
}

static int connect_to(const char *address, int seconds, const char **error)
{
	struct timeval patience = { .tv_sec = seconds };
	struct sockaddr_un sun;
	socklen_t len = fill_address(address, &sun);
	int fd;

	if (!len) {
		fail(error, address, "not a control address, write unix:/PATH or unix:@NAME");
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sun, len) == 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
		return fd;
	}
	fail(error, address, errno == ENOENT || errno == ECONNREFUSED ?
		     "no agent listens there, is it running?" : strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool send_line(int fd, json_t *request)
{
	char *line = json_dumps(request, JSON_COMPACT);
	struct buf b = buf_capped(0);
	bool sent = false;

	if (line) {
		buf_str(&b, line);
		buf_u8(&b, '\n');
		sent = send(fd, b.ptr, b.len, MSG_NOSIGNAL) == (ssize_t)b.len;
	}
	buf_fini(&b);
	free(line);
	return sent;
}

static bool receive_line(int fd, struct buf *out)
{
	errno = 0;
	for (;;) {
		uint8_t *p = buf_want(out, PIECE);
		ssize_t n = p ? recv(fd, p, PIECE, 0) : -1;

		if (n < 0 && p && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 && out->len > 0;
		buf_added(out, (size_t)n);
		if (slice_find(buf_slice(out), '\n') < out->len)
			return true;
	}
}

json_t *control_ask(const char *address, json_t *request, int seconds, const char **error)
{
	int fd = connect_to(address, seconds, error);
	struct buf in = buf_capped(ANSWER_MAX);
	json_t *answer = NULL;

	if (fd >= 0 && (!send_line(fd, request) || !receive_line(fd, &in)))
		fail(error, address, errno == EAGAIN ? "the agent does not answer" :
						       "the agent closed the connection, are you its user or root?");
	else if (fd >= 0 && !(answer = json_loadb((const char *)in.ptr, in.len, 0, NULL)))
		fail(error, address, "what answers there is no mtlsguard agent");
	if (fd >= 0)
		close(fd);
	buf_fini(&in);
	json_decref(request);
	return answer;
}
