/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection at a time that does its worst, for as long as it is told; when
 * the agent closes it, it comes back. Says at the end what it did.
 *
 *   stall    half a frame, then nothing
 *   mute     connects and says nothing
 *   deaf     requests without end, and never reads an answer
 *   flood    requests without end, answers read and thrown away
 *   rubbish  random bytes, before and behind a handshake
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/mix.h"
#include "bench/peer.h"

#define CHUNK 65536
/* A closed connection is opened again after this long, so that the attack stays one connection. */
#define PAUSE_US 1000

enum kind { BAD_STALL, BAD_MUTE, BAD_DEAF, BAD_FLOOD, BAD_RUBBISH, BAD_COUNT };

static const char *const kinds[BAD_COUNT] = { "stall", "mute", "deaf", "flood", "rubbish" };

struct bad {
	enum kind kind;
	const char *address;
	struct mix mix;
	int64_t end;
	uint8_t out[CHUNK];
	size_t out_len, out_at;
	uint64_t connections, bytes, frames, seed;
};

static uint64_t random_next(struct bad *bad)
{
	bad->seed ^= bad->seed << 13;
	bad->seed ^= bad->seed >> 7;
	bad->seed ^= bad->seed << 17;
	return bad->seed;
}

static void stage_frames(struct bad *bad)
{
	for (;;) {
		const struct mix_item *item = &bad->mix.items[bad->frames % bad->mix.count];
		if (bad->out_len + item->len > CHUNK)
			return;
		unsigned number = (unsigned)(bad->frames % MIX_NUMBER_COUNT);
		mix_stamp(item, bad->out + bad->out_len, number, number, bad->frames++);
		bad->out_len += item->len;
	}
}

static void stage_rubbish(struct bad *bad)
{
	for (bad->out_len = 0; bad->out_len < 512; bad->out_len++)
		bad->out[bad->out_len] = (uint8_t)random_next(bad);
	/* Often a length that looks right, so that the bytes behind it are read at all. */
	if (random_next(bad) % 4)
		memcpy(bad->out, "\0\0\x01\xfc\x03\0\0\0\x01", 9);
}

static void stage(struct bad *bad)
{
	bad->out_at = bad->out_len = 0;
	if (bad->kind == BAD_DEAF || bad->kind == BAD_FLOOD)
		stage_frames(bad);
	else if (bad->kind == BAD_RUBBISH)
		stage_rubbish(bad);
}

/* Reads and forgets. False when the agent has closed. */
static bool swallow(int fd)
{
	static uint8_t in[CHUNK];
	ssize_t n = read(fd, in, sizeof(in));
	return n > 0 || (n < 0 && errno == EAGAIN);
}

static bool push(struct bad *bad, int fd)
{
	if (bad->out_at == bad->out_len)
		stage(bad);
	ssize_t n = write(fd, bad->out + bad->out_at, bad->out_len - bad->out_at);
	if (n < 0)
		return errno == EAGAIN;
	bad->out_at += (size_t)n;
	bad->bytes += (uint64_t)n;
	return true;
}

/* One connection's life. A deaf one never reads, and so learns of the end by its writes alone. */
static void live(struct bad *bad, int fd)
{
	bool pushes = bad->kind != BAD_STALL && bad->kind != BAD_MUTE;
	short events = (short)((bad->kind == BAD_DEAF ? 0 : POLLIN) | (pushes ? POLLOUT : 0));
	bad->out_at = bad->out_len = 0;
	if (bad->kind == BAD_STALL) {
		ssize_t n = write(fd, bad->mix.items[0].frame, bad->mix.items[0].len / 2);
		bad->bytes += n > 0 ? (uint64_t)n : 0;
	}
	peer_unblock(fd);
	while (clock_mono_ns() < bad->end) {
		struct pollfd entry = { .fd = fd, .events = events };
		if (poll(&entry, 1, 20) < 0)
			return;
		if ((entry.revents & POLLIN) && !swallow(fd))
			return;
		if ((entry.revents & POLLOUT) && !push(bad, fd))
			return;
		if ((entry.revents & (POLLHUP | POLLERR)) && !(entry.revents & POLLIN))
			return;
	}
}

static void run(struct bad *bad)
{
	while (clock_mono_ns() < bad->end) {
		bool shakes = bad->kind != BAD_MUTE &&
			      (bad->kind != BAD_RUBBISH || bad->connections % 2);
		int fd = shakes ? peer_shake_hands(bad->address, CAPABILITIES_OLD) :
				  peer_connect(bad->address);
		bad->connections++;
		if (fd >= 0) {
			live(bad, fd);
			close(fd);
		}
		usleep(PAUSE_US);
	}
	printf("{\"kind\": \"%s\", \"connections\": %" PRIu64 ", \"bytes\": %" PRIu64 "}\n",
	       kinds[bad->kind], bad->connections, bad->bytes);
}

static enum kind parse_kind(const char *name)
{
	enum kind kind = 0;
	while (kind < BAD_COUNT && strcmp(kinds[kind], name) != 0)
		kind++;
	return kind;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "connect", required_argument, NULL, 'a' },
						 { "mix", required_argument, NULL, 'm' },
						 { "kind", required_argument, NULL, 'k' },
						 { "seconds", required_argument, NULL, 's' },
						 { NULL, 0, NULL, 0 } };
	static struct bad bad = { .kind = BAD_COUNT, .seed = 88172645463325252 };
	const char *mix = NULL;
	double seconds = 3;
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 'a': bad.address = optarg; break;
		case 'm': mix = optarg; break;
		case 'k': bad.kind = parse_kind(optarg); break;
		case 's': seconds = strtod(optarg, NULL); break;
		default: break;
		}
	}
	if (!bad.address || !mix || bad.kind == BAD_COUNT || seconds <= 0 || seconds > 600)
		die("usage: bad --kind stall|mute|deaf|flood|rubbish --connect ADDRESS --mix FILE "
		    "[--seconds 3]");
	signal(SIGPIPE, SIG_IGN);
	bad.mix = mix_read(mix, mix_spop);
	bad.end = clock_mono_ns() + (int64_t)(seconds * 1e9);
	run(&bad);
	return 0;
}
