/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/reader.h"

_Noreturn void die(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

union address {
	struct sockaddr any;
	struct sockaddr_un un;
	struct sockaddr_in in;
};

static socklen_t parse_address(const char *text, union address *out)
{
	memset(out, 0, sizeof(*out));
	if (strncmp(text, "unix:", 5) == 0) {
		const char *path = text + 5;
		if (strlen(path) >= sizeof(out->un.sun_path))
			die("%s: this path is too long for a socket", path);
		out->un.sun_family = AF_UNIX;
		memcpy(out->un.sun_path, path, strlen(path) + 1);
		return sizeof(out->un);
	}
	const char *colon = strrchr(text, ':');
	char host[64] = "";
	if (!colon || (size_t)(colon - text) >= sizeof(host))
		die("%s: write unix:PATH or HOST:PORT", text);
	memcpy(host, text, (size_t)(colon - text));
	out->in.sin_family = AF_INET;
	out->in.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	if (inet_pton(AF_INET, host, &out->in.sin_addr) != 1)
		die("%s: not an IPv4 address", host);
	return sizeof(out->in);
}

void peer_unblock(int fd)
{
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		die("fcntl: %s", strerror(errno));
}

void peer_no_delay(int fd)
{
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
}

static int make_socket(const union address *address, int flags)
{
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd < 0)
		die("socket: %s", strerror(errno));
	peer_no_delay(fd);
	return fd;
}

int peer_connect(const char *text)
{
	union address address;
	socklen_t len = parse_address(text, &address);
	int fd = make_socket(&address, 0);
	if (connect(fd, &address.any, len) != 0) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int peer_listen(const char *text)
{
	union address address;
	socklen_t len = parse_address(text, &address);
	int fd = make_socket(&address, SOCK_NONBLOCK);
	if (address.any.sa_family == AF_UNIX)
		unlink(address.un.sun_path);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(fd, &address.any, len) != 0 || listen(fd, 1024) != 0)
		die("%s: %s", text, strerror(errno));
	return fd;
}

size_t peer_begin_frame(struct buf *out, uint8_t type)
{
	size_t at = out->len;
	buf_u32(out, 0);
	buf_u8(out, type);
	buf_u32(out, 1);
	return at;
}

void peer_end_frame(struct buf *out, size_t at)
{
	buf_patch_u32(out, at, (uint32_t)(out->len - at - 4));
}

static void put_key_string(struct buf *out, const char *key, const char *value)
{
	buf_varstr(out, slice_str(key));
	buf_u8(out, 8);
	buf_varstr(out, slice_str(value));
}

static void put_frame_size(struct buf *out)
{
	buf_varstr(out, slice_str("max-frame-size"));
	buf_u8(out, 3);
	buf_varint(out, FRAME_SIZE);
}

void peer_put_hello(struct buf *out, const char *capabilities)
{
	size_t at = peer_begin_frame(out, FRAME_HELLO);
	buf_u8(out, 0);
	buf_u8(out, 0);
	put_key_string(out, "supported-versions", "2.0");
	put_frame_size(out);
	put_key_string(out, "capabilities", capabilities);
	put_key_string(out, "engine-id", "967d3b24-4619-407a-8c40-e0406ef25fd6");
	peer_end_frame(out, at);
}

void peer_put_agent_hello(struct buf *out)
{
	size_t at = peer_begin_frame(out, FRAME_AGENT_HELLO);
	buf_u8(out, 0);
	buf_u8(out, 0);
	put_key_string(out, "version", "2.0");
	put_frame_size(out);
	put_key_string(out, "capabilities", "pipelining");
	peer_end_frame(out, at);
}

/* Reads exactly len bytes; false at the end of the stream. */
static bool read_all(int fd, uint8_t *into, size_t len)
{
	while (len > 0) {
		ssize_t n = read(fd, into, len);
		if (n <= 0)
			return false;
		into += n;
		len -= (size_t)n;
	}
	return true;
}

int peer_shake_hands(const char *text, const char *capabilities)
{
	uint8_t storage[512], answer[FRAME_SIZE];
	struct buf hello = buf_fixed(storage, sizeof(storage));
	int fd = peer_connect(text);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_sec = 5 },
		   sizeof(struct timeval));
	peer_put_hello(&hello, capabilities);
	bool good = write(fd, hello.ptr, hello.len) == (ssize_t)hello.len && read_all(fd, answer, 4);
	struct reader head = reader_of(slice_of(answer, 4));
	uint32_t len = reader_u32(&head);
	good = good && len >= 7 && len <= sizeof(answer) && read_all(fd, answer, len) &&
	       answer[0] == FRAME_AGENT_HELLO;
	if (good)
		return fd;
	close(fd);
	errno = EPROTO;
	return -1;
}

int64_t peer_cpu_ns(pid_t pid)
{
	clockid_t clock;
	struct timespec now;
	if (pid == 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &now) != 0)
		return 0;
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
