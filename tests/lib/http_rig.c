/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http_rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "lib/io.h"

static void on_closed(void *arg)
{
	struct http_rig *end = arg;

	end->closed++;
}

struct http_rig *http_rig_new(void)
{
	static const struct rig_file files[] = { { "w.lua", "return {}\n" }, { NULL, NULL } };
	struct http_rig *end = mem_new(sizeof(*end));

	end->rig = rig_new("return { hosts = { [\"api.example.com\"] = { require = \"none\" },"
			   " [\"w.example.com\"] = { require = \"none\" }, [\"v.example.com\"] = {} },"
			   " headers = { managed_transform = true }, decisions = { level = \"all\" },"
			   " workers = { { name = \"w\", script = \"w.lua\", routes = { \"w.example.com/*\" } } } }",
			   files);
	rig_mono_ns = clock_mono_ns();
	end->loop = loop_new();
	end->server = http_server_new(end->loop, end->rig->engine);
	http_server_on_closed(end->server, on_closed, end);
	end->got = buf_capped(0);
	end->fd = -1;
	http_rig_connect(end, NULL, HTTP_ENVOY);
	return end;
}

void http_rig_free(struct http_rig *end)
{
	http_server_free(end->server);
	if (end->fd >= 0)
		close(end->fd);
	loop_free(end->loop);
	rig_free(end->rig);
	buf_fini(&end->got);
	free(end);
}

void http_rig_connect(struct http_rig *end, struct tls_server *tls, enum http_dialect dialect)
{
	int fds[2];

	if (end->fd >= 0)
		close(end->fd);
	io_pair_tcp(fds);
	end->fd = fds[1];
	end->eof = false;
	http_rig_forget(end);
	http_server_accept(end->server, fds[0], tls, dialect);
}

void http_rig_forget(struct http_rig *end)
{
	buf_reset(&end->got);
	buf_u8(&end->got, '\0');
}

static void read_some(struct http_rig *end)
{
	uint8_t room[65536];
	ssize_t n;

	while (!end->eof && (n = read(end->fd, room, sizeof(room))) != 0) {
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			break;
		end->got.len--;
		buf_put(&end->got, slice_of(room, (size_t)n));
		buf_u8(&end->got, '\0');
	}
	end->eof = true;
}

static size_t answers(const struct http_rig *end)
{
	const char *at = (const char *)end->got.ptr;
	size_t count = 0;

	while ((at = strstr(at, "HTTP/1.1 ")) != NULL) {
		count += strncmp(at, "HTTP/1.1 100", 12) != 0;
		at++;
	}
	return count;
}

static bool has_heard(void *arg)
{
	struct http_rig *end = arg;

	read_some(end);
	return end->eof || answers(end) >= end->want;
}

static bool has_ended(void *arg)
{
	struct http_rig *end = arg;

	read_some(end);
	return end->eof;
}

bool http_rig_say(struct http_rig *end, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	while (len) {
		ssize_t n = send(end->fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return false;
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		} else {
			io_turn(end->loop, 1);
		}
	}
	return true;
}

size_t http_rig_hear(struct http_rig *end, size_t count, int ms)
{
	end->want = count;
	(void)io_until(end->loop, has_heard, end, ms);
	return answers(end);
}

bool http_rig_ends(struct http_rig *end, int ms)
{
	return io_until(end->loop, has_ended, end, ms);
}
